"""From generated to heard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.commands import Say
from controller.sansio.events import (
    ChannelLost,
    Digit,
    Speech,
    SpeechHeard,
    ToolsCalled,
    TranscriptAdded,
    VoiceHeard,
)
from controller.sansio.realtime import Turns
from controller.sansio.realtime.state import KEPT_LIMIT
from tests.sansio.driving import (
    SILENT_AGENT,
    START,
    TurnStory,
    function_call,
    message,
    one,
    only,
    turning,
)

STARTED, STOPPED, CLEARED = (
    f"output_audio_buffer.{word}" for word in ("started", "stopped", "cleared")
)


def saying(text: str = "Good day.") -> TurnStory:
    """Words of ours are being generated."""
    story = turning()
    story.receive(Say("words", text))
    story.begins("r1")
    return story


def heard(outs: tuple[object, ...]) -> list[tuple[str, bool]]:
    return [(each.say_id, each.certain) for each in only(SpeechHeard, outs)]


def test_words_are_heard_when_playback_stops_after_they_were_generated() -> None:
    story = saying()
    story.hears(STARTED, response_id="r1")
    assert heard(story.finishes("r1", message())) == []
    assert heard(story.hears(STOPPED, response_id="r1")) == [("words", True)]
    assert heard(story.hears(STOPPED, response_id="r1")) == []


def test_the_first_word_of_a_call_is_reported_once() -> None:
    story = saying()
    assert story.hears(STARTED, response_id="r1") == (VoiceHeard(),)
    story.finishes("r1", message())
    story.hears(STOPPED, response_id="r1")
    story.begins("r2", ours=False)
    assert story.hears(STARTED, response_id="r2") == ()


def test_playback_that_runs_dry_meanwhile_is_only_a_pause() -> None:
    story = saying()
    story.hears(STARTED, response_id="r1")
    assert heard(story.hears(STOPPED, response_id="r1")) == []
    story.hears(STARTED, response_id="r1")
    assert heard(story.finishes("r1", message())) == []
    assert heard(story.hears(STOPPED, response_id="r1")) == [("words", True)]


def test_playback_that_stopped_before_the_response_was_done_is_heard_by_then() -> None:
    story = saying()
    story.hears(STOPPED, response_id="r1")
    assert heard(story.finishes("r1", message())) == [("words", True)]


def test_playback_that_does_not_name_its_response_is_of_the_active_one() -> None:
    story = saying()
    story.hears(STARTED)
    story.finishes("r1", message())
    assert heard(story.hears(STOPPED)) == [("words", True)]


def test_playback_without_any_response_means_nothing() -> None:
    story = turning()
    assert story.hears(STARTED) == ()
    assert story.hears(STOPPED) == ()
    assert story.hears(STOPPED, response_id="r9") == ()
    assert story.turns.value.voices == ()


def test_what_was_thrown_away_is_over_but_not_for_certain() -> None:
    story = saying()
    story.hears(STARTED, response_id="r1")
    story.hears(CLEARED, response_id="r1")
    assert heard(story.finishes("r1", message(), status="cancelled")) == [("words", False)]


def test_what_is_cut_off_after_it_was_generated_is_over_at_once() -> None:
    story = saying()
    story.finishes("r1", message())
    assert heard(story.hears(CLEARED, response_id="r1")) == [("words", False)]


@pytest.mark.parametrize(
    ("is_playing", "text", "seconds"),
    [
        (False, "x" * 50, 2.0 + 5.0),
        (False, "x" * 500, 12.0),
        (False, "", 12.0),
        (True, "x" * 50, 3.0 + 7.5),
        (True, "x" * 500, 45.0),
        (True, "", 45.0),
    ],
)
def test_words_whose_end_is_never_reported_are_over_by_the_length_of_them(
    text: str, seconds: float, *, is_playing: bool
) -> None:
    story = saying()
    if is_playing:
        story.hears(STARTED, response_id="r1")
    story.finishes("r1", message(text))
    began = story.now
    assert heard(story.wait()) == [("words", False)]
    assert story.now - began == pytest.approx(seconds)


def test_a_slow_voice_has_more_time() -> None:
    agent = replace(SILENT_AGENT, speed=0.5)
    story = replace(saying(), turns=Turns(agent, now=START, held=False))
    story.receive(Say("words", "Words."))
    story = turning(agent)
    story.receive(Say("words", "Words."))
    story.begins("r1")
    story.finishes("r1", message("x" * 20))
    began = story.now
    story.wait()
    assert story.now - began == pytest.approx(2.0 + 0.1 * 20 / 0.5)


def test_playback_that_begins_late_is_given_its_time_once() -> None:
    story = saying()
    story.finishes("r1", message("x" * 50))
    story.hears(STARTED, response_id="r1", after=6.0)
    assert story.turns.deadline == pytest.approx(story.now + 10.5)
    story.hears(STARTED, response_id="r1", after=6.0)
    assert heard(story.wait()) == [("words", False)]


def test_playback_of_a_response_that_nobody_announced_ends_by_itself() -> None:
    story = turning()
    story.hears(STARTED, response_id="r9")
    assert heard(story.wait()) == [("r9", False)]
    assert story.turns.value.voices == ()


def test_playback_of_words_that_count_as_heard_is_not_followed_again() -> None:
    story = saying()
    story.finishes("r1", message())
    story.wait()
    assert story.hears(STARTED, response_id="r1") == ()
    assert story.turns.deadline is None


def test_a_flood_of_responses_pushes_no_words_out_unheard() -> None:
    story = saying()
    story.finishes("r1", message())
    outs = [story.hears(STARTED, response_id=f"x{number}") for number in range(KEPT_LIMIT)]
    assert heard(outs[-1]) == [("words", False)]
    assert len(story.turns.value.voices) == KEPT_LIMIT


@pytest.mark.parametrize(
    ("playback", "speech"),
    [((), Speech.UNHEARD), ((STARTED,), Speech.UNHEARD), ((STARTED, STOPPED), Speech.HEARD)],
)
def test_the_words_of_a_response_with_tools(playback: tuple[str, ...], speech: Speech) -> None:
    story = turning()
    story.begins("r1", ours=False)
    for type_ in playback:
        story.hears(type_, response_id="r1")
    outs = story.finishes("r1", message(), function_call("t1"))
    called = one(ToolsCalled, outs)
    assert (called.say_id, called.speech) == ("r1", speech)


def test_a_response_with_tools_alone_is_silent() -> None:
    story = turning()
    story.begins("r1", ours=False)
    assert one(ToolsCalled, story.finishes("r1", function_call("t1"))).speech is Speech.SILENT


def test_words_that_were_being_said_when_the_socket_was_lost_are_over_in_time() -> None:
    story = saying()
    story.hears(STARTED, response_id="r1")
    assert heard(story.receive(ChannelLost())) == []
    assert heard(story.wait()) == [("words", False)]


def test_words_that_had_stopped_when_the_socket_was_lost_were_heard() -> None:
    story = saying()
    story.hears(STARTED, response_id="r1")
    story.hears(STOPPED, response_id="r1")
    assert heard(story.receive(ChannelLost())) == [("words", True)]
    assert story.turns.deadline is None


def test_vads_words_are_forgotten_in_time_after_a_loss() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.hears(STARTED, response_id="r1")
    story.receive(ChannelLost())
    story.wait()
    assert story.turns.value.voices == ()


def test_transcripts_and_digits_are_passed_on_unshown() -> None:
    story = turning()
    said = "conversation.item.input_audio_transcription.completed"
    (caller,) = story.hears(said, item_id="i1", transcript="My name")
    (agent,) = story.hears("response.output_audio_transcript.done", item_id="i2", transcript="Hi")
    (digit,) = story.hears("input_audio_buffer.dtmf_event_received", event="5")
    assert caller == TranscriptAdded("caller", "i1", "My name")
    assert agent == TranscriptAdded("agent", "i2", "Hi")
    assert digit == Digit("5")
    assert "name" not in repr(caller)
    assert "5" not in repr(digit)


# --- the words themselves ----------------------------------------------------------------------


def words(outs: tuple[object, ...]) -> str | None:
    return one(SpeechHeard, outs).words


def test_what_was_heard_is_told_with_its_words() -> None:
    story = saying()
    story.finishes("r1", message("A machine"), function_call("t1"), message("speaks."))
    outs = story.hears(STOPPED, response_id="r1")
    assert words(outs) == "A machine speaks."
    assert "machine" not in repr(outs)


def test_words_that_stopped_before_they_were_done_are_told() -> None:
    story = saying()
    story.hears(STOPPED, response_id="r1")
    assert words(story.finishes("r1", message("All of it."))) == "All of it."


def test_words_whose_end_is_not_reported_are_told_all_the_same() -> None:
    story = saying()
    story.finishes("r1", message("All of it."))
    assert words(story.wait()) == "All of it."


def test_words_that_are_not_known_whole_are_not_told() -> None:
    story = saying()
    story.finishes("r1", message("A machine"), message(""))
    assert words(story.hears(STOPPED, response_id="r1")) is None


@pytest.mark.parametrize("status", ["cancelled", "completed"])
def test_words_that_were_cut_off_are_not_told(status: str) -> None:
    story = saying()
    story.hears(STARTED, response_id="r1")
    story.finishes("r1", message("All of it."), status=status)
    assert words(story.hears(CLEARED, response_id="r1")) is None


def test_the_words_of_vads_response_are_told_too() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.finishes("r1", message("We open at nine."))
    assert words(story.hears(STOPPED, response_id="r1")) == "We open at nine."
