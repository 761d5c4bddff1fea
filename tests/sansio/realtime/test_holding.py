"""The session: proving it, configuring it, and whose speech counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.commands import (
    Configure,
    GiveToolOutputs,
    HoldTurns,
    ReleaseTurns,
    Say,
    StopSpeaking,
)
from controller.sansio.events import (
    CallerSpoke,
    ChannelLost,
    ChannelOpened,
    Ready,
    SpeechHeard,
    ToolOutput,
)
from controller.sansio.realtime import Phase, Turns
from tests.sansio.driving import (
    AGENT,
    START,
    TurnStory,
    message,
    sent,
    server,
    turning,
    types,
)


def held_story() -> TurnStory:
    """The first words are ours, and wait for the line to open."""
    story = TurnStory(Turns(AGENT, now=START, held=True))
    story.receive(ChannelOpened())
    story.hears("session.created")
    return story


def reattached(story: TurnStory) -> tuple[object, ...]:
    story.receive(ChannelLost())
    story.receive(ChannelOpened(), after=1.0)
    return story.hears("session.created")


def detection(body: dict[str, object]) -> dict[str, object]:
    session = body["session"]
    assert isinstance(session, dict)
    found = session["audio"]["input"]["turn_detection"]
    assert isinstance(found, dict)
    return found


def refuse(story: TurnStory, event_id: object, **more: object) -> tuple[object, ...]:
    fault = {"type": "invalid_request_error", "code": "unknown_parameter", **more}
    return story.hears("error", error={**fault, "event_id": event_id})


def last_update(story: TurnStory) -> dict[str, object]:
    return sent(story.outs, "session.update")[-1]


# --- the first session -------------------------------------------------------------------------


def test_a_session_is_proven_by_session_created_alone() -> None:
    story = TurnStory(Turns(AGENT, now=START, held=True))
    assert story.receive(ChannelOpened()) == ()
    assert story.hears("session.updated") == ()
    assert story.hears("session.created") == (Ready(),)
    assert story.hears("session.created") == ()


def test_the_first_words_wait_half_a_second_for_the_line_to_open() -> None:
    story = held_story()
    assert story.receive(Say("greeting", "Greet.")) == ()
    assert story.turns.deadline == START + 0.5
    assert types(story.wait()) == ["response.create"]


@pytest.mark.parametrize(("disclosure", "seconds"), [(False, 8.0), ("A machine speaks.", 12.0)])
def test_the_hold_fails_open(disclosure: str, seconds: float) -> None:
    agent = replace(AGENT, disclosure=disclosure or False)
    story = TurnStory(Turns(agent, now=START, held=True))
    story.receive(ChannelOpened())
    story.hears("session.created")
    assert story.turns.deadline == START + seconds
    (update,) = sent(story.wait(), "session.update")
    assert detection(update)["create_response"] is True
    assert not story.turns.value.held


def test_release_answers_once_what_the_caller_said_meanwhile() -> None:
    story = held_story()
    story.hears("input_audio_buffer.committed", after=1.0)
    story.hears("input_audio_buffer.committed")
    assert types(story.receive(ReleaseTurns())) == ["session.update", "response.create"]
    assert story.receive(ReleaseTurns()) == ()


def test_release_asks_for_nothing_where_nothing_was_said() -> None:
    story = held_story()
    assert types(story.receive(ReleaseTurns(), after=1.0)) == ["session.update"]


def test_words_that_wait_take_up_what_the_caller_said() -> None:
    story = held_story()
    story.hears("input_audio_buffer.committed", after=1.0)
    story.receive(Say("greeting", "Greet."))
    story.receive(Say("more", "More."))
    story.receive(ReleaseTurns())
    assert [request.say_id for request in story.turns.value.queue] == ["more"]


def test_what_is_said_before_the_release_is_in_force_is_answered_too() -> None:
    story = held_story()
    story.receive(ReleaseTurns(), after=1.0)
    story.hears("input_audio_buffer.committed")
    assert types(story.hears("session.updated")) == ["response.create"]


def test_what_is_said_after_the_release_is_vads_to_answer() -> None:
    story = held_story()
    story.receive(ReleaseTurns(), after=1.0)
    story.hears("session.updated")
    story.hears("input_audio_buffer.committed")
    assert story.hears("session.updated") == ()
    assert not story.turns.value.committed


def test_a_release_that_is_never_taken_leaves_no_turn_unanswered() -> None:
    story = held_story()
    story.receive(ReleaseTurns(), after=1.0)
    story.hears("input_audio_buffer.committed")
    assert types(story.wait()) == ["response.create"]
    story.begins("r1")
    story.finishes("r1", message())
    assert types(story.hears("input_audio_buffer.committed")) == ["response.create"]


def test_a_release_that_is_taken_late_gives_the_turns_back_to_vad() -> None:
    story = held_story()
    story.receive(ReleaseTurns(), after=1.0)
    assert story.wait() == ()
    assert story.turns.value.deaf
    story.hears("session.updated")
    assert story.hears("input_audio_buffer.committed") == ()


def test_a_release_that_is_lost_with_its_socket_is_not_waited_for() -> None:
    story = held_story()
    story.receive(ReleaseTurns(), after=1.0)
    story.receive(ChannelLost())
    assert story.turns.deadline is None


def test_the_caller_is_noticed() -> None:
    assert turning().hears("input_audio_buffer.speech_started") == (CallerSpoke(),)


# --- the rest of the config --------------------------------------------------------------------


def test_nothing_is_said_under_half_a_config() -> None:
    story = turning()
    (update,) = sent(story.receive(Configure()), "session.update")
    assert "tools" in update["session"]
    assert story.receive(Say("greeting", "Greet.")) == ()
    assert types(story.hears("session.updated")) == ["response.create"]


def test_an_update_that_is_never_taken_is_waited_for_only_so_long() -> None:
    story = turning()
    story.receive(Configure())
    story.receive(Say("greeting", "Greet."))
    began = story.now
    assert types(story.wait()) == ["response.create"]
    assert story.now == began + 2.0


def test_a_refused_config_is_sent_once_more_without_numbers_and_with_its_tools() -> None:
    story = turning()
    story.receive(Configure())
    (again,) = sent(refuse(story, last_update(story)["event_id"]), "session.update")
    assert "threshold" not in detection(again)
    assert again["session"]["tools"][0]["name"] == "opening_hours"
    assert sent(refuse(story, again["event_id"])) == []
    assert story.turns.phase is Phase.IDLE


def test_a_refusal_counts_after_an_update_that_came_unasked() -> None:
    story = turning()
    story.receive(Configure())
    story.hears("session.updated")
    (again,) = sent(refuse(story, last_update(story)["event_id"]), "session.update")
    assert "tools" in again["session"]


def test_a_refusal_without_an_id_is_told_by_its_parameter() -> None:
    story = turning()
    story.receive(HoldTurns())
    assert sent(refuse(story, None, param="session.audio.input.turn_detection.threshold"))
    story.hears("session.updated")
    assert not sent(refuse(story, None, param="session.audio"))
    assert not sent(refuse(story, None, param="response.metadata"))


def test_the_refusal_of_an_older_update_no_longer_matters() -> None:
    story = turning()
    story.receive(HoldTurns())
    older = last_update(story)["event_id"]
    story.receive(ReleaseTurns())
    assert sent(refuse(story, older)) == []
    assert not story.turns.value.plain


def test_an_answer_to_each_turn_is_asked_for_where_the_hold_cannot_be_lifted() -> None:
    story = held_story()
    story.receive(ReleaseTurns(), after=1.0)
    refuse(story, last_update(story)["event_id"])
    story.hears("input_audio_buffer.committed")
    assert types(refuse(story, last_update(story)["event_id"])[1:]) == ["response.create"]
    story.begins("r1")
    story.finishes("r1", message())
    assert types(story.hears("input_audio_buffer.committed")) == ["response.create"]


def test_configure_during_a_response_is_sent_at_once_and_disturbs_nothing() -> None:
    story = turning()
    story.receive(Say("greeting", "Greet."))
    assert types(story.receive(Configure())) == ["session.update"]
    assert story.turns.phase is Phase.REQUESTED


def test_configure_without_a_socket_goes_with_the_update_after_the_reattach() -> None:
    story = turning()
    story.receive(ChannelLost())
    assert story.receive(Configure()) == ()
    story.receive(ChannelOpened())
    (update,) = sent(story.hears("session.created"), "session.update")
    assert "tools" in update["session"]


# --- the hold of last words --------------------------------------------------------------------


def test_last_words_are_held_until_they_are_released_and_other_turns_dropped() -> None:
    story = turning()
    story.receive(Say("one", "One."))
    story.receive(GiveToolOutputs((ToolOutput("t1", "open"),), respond=True))
    (update,) = sent(story.receive(HoldTurns()), "session.update")
    assert detection(update)["interrupt_response"] is False
    assert story.turns.value.queue == ()
    assert story.receive(HoldTurns()) == ()
    story.begins("r1")
    story.finishes("r1", message())
    assert types(story.receive(ReleaseTurns())) == ["session.update", "response.create"]


def test_a_hold_without_a_socket_is_sent_with_the_reattach() -> None:
    story = turning()
    story.receive(ChannelLost())
    assert story.receive(HoldTurns()) == ()
    assert story.receive(ReleaseTurns()) == ()
    story.receive(HoldTurns())
    story.receive(ChannelOpened())
    (update,) = sent(story.hears("session.created"), "session.update")
    assert detection(update)["create_response"] is False


def test_nothing_that_waited_is_said_after_stop_speaking() -> None:
    story = turning()
    story.receive(Say("one", "One."))
    story.receive(Say("two", "Two."))
    assert story.receive(StopSpeaking()) == (SpeechHeard("two", certain=False),)
    assert story.receive(Say("three", "Three.")) == ()
    story.begins("r1")
    story.finishes("r1", message())
    assert story.turns.phase is Phase.IDLE
    assert types(story.receive(ReleaseTurns())) == ["response.create"]


def test_a_hold_that_fails_open_leaves_a_hang_up_silent() -> None:
    story = held_story()
    story.hears("input_audio_buffer.committed")
    story.receive(StopSpeaking())
    assert types(story.wait()) == ["session.update"]
    assert story.turns.value.silent


# --- reattached --------------------------------------------------------------------------------


def test_the_first_act_of_every_reattach_is_to_restore_turn_detection() -> None:
    story = turning()
    story.receive(GiveToolOutputs((ToolOutput("t1", "open"),), respond=False))
    outs = reattached(story)
    assert types(outs) == ["session.update", "conversation.item.create"]
    assert detection(sent(outs)[0])["create_response"] is True
    assert outs[-1] == Ready()


def test_a_greeting_that_may_have_been_heard_no_longer_holds_after_a_reattach() -> None:
    story = held_story()
    story.receive(Say("greeting", "Greet."))
    story.wait()
    story.hears("input_audio_buffer.committed")
    outs = reattached(story)
    assert types(outs) == ["session.update", "response.create"]
    first, second = sent(outs)
    assert detection(first)["create_response"] is True
    assert "instructions" not in second["response"]


def test_a_greeting_that_was_never_asked_for_is_still_protected_and_said() -> None:
    story = held_story()
    story.receive(Say("greeting", "Greet."))
    outs = reattached(story)
    assert types(outs) == ["session.update", "response.create"]
    first, second = sent(outs)
    assert detection(first)["create_response"] is False
    assert "Greet." in second["response"]["instructions"]


def test_a_hold_of_last_words_outlives_a_reattach() -> None:
    story = turning()
    story.receive(HoldTurns())
    assert detection(sent(reattached(story))[0])["create_response"] is False


def test_a_server_event_without_a_session_means_nothing() -> None:
    story = TurnStory(Turns(AGENT, now=START, held=False))
    assert story.receive(server("session.created")) == ()
    assert story.turns.value.ignored == 1
