"""The queue of what is to be said: priorities, places, and the caller who goes first."""

from __future__ import annotations

import pytest

from controller.sansio.commands import (
    GiveToolOutputs,
    HoldTurns,
    Priority,
    ReleaseTurns,
    Say,
    StopSpeaking,
    Unsay,
)
from controller.sansio.events import (
    CallerPaused,
    ChannelLost,
    FaultReported,
    SilenceTimedOut,
    SpeechHeard,
    ToolOutput,
)
from controller.sansio.realtime import Phase
from controller.sansio.realtime.asking import QUEUE_LIMIT
from tests.sansio.driving import TurnStory, message, only, sent, turning, types

STARTED, PAUSED, COMMITTED = (
    f"input_audio_buffer.{word}" for word in ("speech_started", "speech_stopped", "committed")
)
TURN = GiveToolOutputs((ToolOutput("t1", "open"),), respond=True)


def busy() -> TurnStory:
    """VAD's own response has the floor."""
    story = turning()
    story.begins("r0", ours=False)
    return story


def waiting(story: TurnStory) -> list[str]:
    return [request.say_id or str(request.ask) for request in story.turns.value.queue]


def unheard(outs: tuple[object, ...]) -> list[str]:
    return [each.say_id for each in only(SpeechHeard, outs) if not each.certain]


# --- priorities --------------------------------------------------------------------------------


def test_the_highest_priority_goes_first_and_first_come_first_served_within_one() -> None:
    story = busy()
    story.receive(Say("prompt", "Still there?", priority=Priority.PROMPT))
    story.receive(TURN)
    story.receive(Say("turn", "And.", priority=Priority.TURN))
    story.receive(Say("disclosure", "A machine.", priority=Priority.DISCLOSURE))
    story.receive(Say("one", "One.", priority=Priority.OPERATOR))
    story.receive(Say("two", "Two.", priority=Priority.OPERATOR))
    assert waiting(story) == ["disclosure", "one", "two", "tools", "turn", "prompt"]


def test_what_is_put_back_goes_before_its_equals_and_not_before_the_higher() -> None:
    story = turning()
    story.receive(Say("first", "First."))
    story.receive(Say("second", "Second."))
    story.receive(Say("operator", "Now.", priority=Priority.OPERATOR))
    story.begins("r1")
    story.finishes("r1", status="failed")
    assert waiting(story) == ["operator", "first", "second"]


def test_a_queue_that_is_full_drops_the_newest_of_the_lowest_priority() -> None:
    story = busy()
    for number in range(QUEUE_LIMIT - 1):
        story.receive(Say(f"w{number}", "Wait."))
    story.receive(Say("prompt", "Still there?", priority=Priority.PROMPT))
    outs = story.receive(Say("operator", "Now.", priority=Priority.OPERATOR))
    assert outs == (FaultReported("too_many_requests"), SpeechHeard("prompt", certain=False))
    assert unheard(story.receive(Say("other", "Now.", priority=Priority.OPERATOR))) == ["w14"]
    assert waiting(story)[:3] == ["operator", "other", "w0"]


def test_a_turn_is_never_dropped_for_words() -> None:
    story = busy()
    story.receive(TURN)
    for number in range(QUEUE_LIMIT + 1):
        story.receive(Say(f"w{number}", "Wait."))
    assert waiting(story)[0] == "tools"


def test_one_response_answers_the_outputs_of_a_failed_turn_and_those_that_came_meanwhile() -> None:
    story = turning()
    story.receive(TURN)
    story.receive(GiveToolOutputs((ToolOutput("t2", "open"),), respond=True))
    story.begins("r1")
    story.finishes("r1", status="failed")
    assert waiting(story) == ["tools"]


# --- last words --------------------------------------------------------------------------------


def test_last_words_drop_what_waits_and_nothing_is_asked_for_after_them() -> None:
    story = busy()
    story.receive(Say("one", "One.", priority=Priority.DISCLOSURE))
    story.receive(TURN)
    assert unheard(story.receive(Say("bye", "Bye.", priority=Priority.LAST))) == ["one"]
    story.receive(Say("later", "Later.", priority=Priority.DISCLOSURE))
    story.receive(TURN)
    assert waiting(story) == ["bye", "later"]
    assert "Bye." in sent(story.finishes("r0"), "response.create")[0]["response"]["instructions"]
    story.begins("r1")
    assert "response.create" not in types(story.finishes("r1", message()))
    assert "response.create" not in types(story.wait())
    assert story.turns.deadline is None


def test_a_call_that_goes_on_after_its_last_words_says_what_waited_and_answers_the_turn() -> None:
    story = turning()
    story.receive(Say("bye", "Bye.", priority=Priority.LAST))
    story.begins("r1")
    story.finishes("r1", message())
    story.receive(TURN)
    assert story.turns.phase is Phase.IDLE
    (create,) = sent(story.receive(ReleaseTurns()), "response.create")
    assert "instructions" not in create["response"]


def test_two_last_words_are_said_one_after_the_other() -> None:
    story = busy()
    story.receive(Say("sorry", "Sorry.", priority=Priority.LAST))
    assert story.receive(Say("bye", "Bye.", priority=Priority.LAST)) == ()
    assert waiting(story) == ["sorry", "bye"]


def test_a_turn_that_failed_before_the_last_words_is_not_tried_after_them() -> None:
    story = turning()
    story.receive(TURN)
    story.receive(Say("bye", "Bye.", priority=Priority.LAST))
    story.begins("r1")
    story.finishes("r1", status="failed")
    assert waiting(story) == ["bye"]
    assert story.turns.value.committed


# --- dropped -----------------------------------------------------------------------------------


def test_words_that_wait_can_be_dropped_and_others_cannot() -> None:
    story = busy()
    story.receive(Say("one", "One."))
    story.receive(Say("two", "Two."))
    assert story.receive(Unsay("one")) == (SpeechHeard("one", certain=False),)
    assert story.receive(Unsay("one")) == ()
    assert waiting(story) == ["two"]
    story.finishes("r0")
    assert story.receive(Unsay("two")) == ()
    assert story.turns.value.current is not None


def test_a_response_that_begins_for_words_that_were_dropped_is_cancelled() -> None:
    story = turning()
    story.receive(Say("words", "Words."))
    story.wait()
    assert unheard(story.receive(Unsay("words"))) == ["words"]
    assert types(story.begins("late")) == ["response.cancel", "output_audio_buffer.clear"]
    story.finishes("late", message(), status="cancelled")
    assert unheard(tuple(story.outs)).count("words") == 1


def test_a_response_that_nobody_wants_takes_no_turn_away() -> None:
    story = turning()
    story.receive(Say("words", "Words."))
    story.wait()
    mark = story.mark
    story.receive(Unsay("words"), after=1.0)
    story.receive(HoldTurns())
    story.hears(COMMITTED)
    story.receive(ReleaseTurns())
    assert story.turns.phase is Phase.REQUESTED
    late = {"id": "late", "metadata": {"controller_request": mark}}
    assert "response.cancel" in types(story.hears("response.created", response=late))
    assert waiting(story) == ["caller"]
    assert types(story.finishes("late", status="cancelled")) == ["response.create"]


def test_a_response_that_nobody_wants_ends_words_whose_own_end_was_lost() -> None:
    story = turning()
    story.receive(Say("given up", "Words."))
    story.wait()
    mark = story.mark
    story.receive(Unsay("given up"), after=1.0)
    story.receive(Say("words", "Words."))
    story.begins("r1")
    late = {"id": "late", "metadata": {"controller_request": mark}}
    assert unheard(story.hears("response.created", response=late)) == ["words"]


def test_words_that_are_tried_again_are_over_when_the_call_falls_silent() -> None:
    story = turning()
    story.receive(Say("words", "Words."))
    story.wait()
    assert unheard(story.receive(StopSpeaking())) == ["words"]


# --- the caller goes first ---------------------------------------------------------------------


def speaking_caller() -> TurnStory:
    story = turning()
    story.hears(STARTED)
    return story


@pytest.mark.parametrize("priority", [Priority.PROMPT, Priority.TURN, Priority.GREETING])
def test_nothing_is_asked_for_while_the_caller_speaks(priority: Priority) -> None:
    story = speaking_caller()
    assert story.receive(Say("words", "Words.", priority=priority)) == ()
    began = story.now
    assert types(story.wait()) == ["response.create"]
    assert story.now - began == 15.0


@pytest.mark.parametrize("priority", [Priority.OPERATOR, Priority.DISCLOSURE, Priority.LAST])
def test_what_somebody_wants_said_now_does_not_wait_for_the_caller(priority: Priority) -> None:
    story = speaking_caller()
    outs = story.receive(Say("words", "Words.", priority=priority))
    assert types(outs) == ["response.create"]


def test_the_first_words_do_not_wait_for_a_caller_whose_speech_is_held() -> None:
    story = turning()
    story.receive(HoldTurns())
    story.hears(STARTED)
    assert types(story.receive(Say("words", "Words."))) == ["response.create"]


def test_vads_own_answer_goes_before_ours_when_the_caller_pauses() -> None:
    story = speaking_caller()
    story.receive(TURN)
    assert story.hears(PAUSED) == (CallerPaused(),)
    assert story.hears(COMMITTED) == ()
    story.begins("r1", ours=False)
    assert types(story.finishes("r1", message())) == ["response.create"]


def test_ours_is_asked_for_where_vad_answers_nothing_after_all() -> None:
    story = speaking_caller()
    story.receive(TURN)
    story.hears(PAUSED)
    began = story.now
    assert types(story.wait()) == ["response.create"]
    assert story.now - began == pytest.approx(0.25)


def test_the_providers_idle_timer_is_reported_and_its_response_goes_first() -> None:
    story = turning()
    assert story.hears("input_audio_buffer.timeout_triggered") == (SilenceTimedOut(),)
    assert "response.create" not in types(story.receive(TURN))


def test_a_caller_who_was_speaking_when_the_socket_was_lost_holds_nothing_up() -> None:
    story = speaking_caller()
    story.receive(ChannelLost())
    assert story.turns.value.caller_until is None


def test_a_prompt_that_waits_is_no_answer_to_the_caller() -> None:
    story = turning()
    story.receive(HoldTurns())
    story.begins("r0", ours=False)
    story.hears(COMMITTED)
    story.receive(Say("prompt", "Still there?", priority=Priority.PROMPT))
    story.receive(ReleaseTurns())
    assert waiting(story) == ["caller", "prompt"]
