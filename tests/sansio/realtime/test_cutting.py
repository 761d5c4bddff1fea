"""Cutting a response off: what is said makes way for something that cannot wait."""

from __future__ import annotations

import pytest

from controller.sansio.commands import CutOff, HoldTurns, Priority, ReleaseTurns, Say, StopSpeaking
from controller.sansio.events import ChannelLost, SpeechHeard, ToolsCalled
from controller.sansio.realtime import Phase
from tests.sansio.driving import (
    TurnStory,
    function_call,
    message,
    one,
    only,
    response,
    sent,
    turning,
    types,
)

CANCELLED = ["response.cancel", "output_audio_buffer.clear"]
CONFLICT = "conversation_already_has_active_response"
OPERATOR = Say("operator", "Now.", priority=Priority.OPERATOR)
UNHEARD = SpeechHeard("words", certain=False)


def asked() -> TurnStory:
    story = turning()
    story.receive(Say("words", "Say it."))
    return story


def responding() -> TurnStory:
    story = asked()
    story.begins("r1")
    story.hears("output_audio_buffer.started", response_id="r1")
    return story


def conflict(story: TurnStory) -> tuple[object, ...]:
    return story.hears("error", error={"code": CONFLICT, "event_id": story.mark})


def test_an_active_response_is_cancelled_by_its_id_and_its_audio_thrown_away_after_that() -> None:
    story = responding()
    outs = story.receive(CutOff())
    assert types(outs) == CANCELLED
    assert sent(outs)[0]["response_id"] == "r1"
    assert story.receive(CutOff()) == ()


def test_what_was_cut_off_is_over_when_it_is_done_and_the_queue_goes_on() -> None:
    story = responding()
    story.receive(CutOff())
    assert story.receive(OPERATOR) == ()
    outs = story.finishes("r1", message(), status="cancelled")
    assert types(outs) == ["response.create"]
    assert one(SpeechHeard, outs) == UNHEARD
    assert story.turns.value.voices == ()


def test_what_had_stopped_before_it_was_done_is_over_once() -> None:
    story = responding()
    story.receive(CutOff())
    story.hears("output_audio_buffer.cleared", response_id="r1")
    story.finishes("r1", message(), status="cancelled")
    assert only(SpeechHeard, story.outs) == [UNHEARD]


def test_a_response_of_vads_is_cut_off_as_well() -> None:
    story = turning()
    story.begins("r1", ours=False)
    assert types(story.receive(CutOff())) == CANCELLED
    story.finishes("r1", status="cancelled")
    assert story.turns.phase is Phase.IDLE
    assert story.turns.deadline is None


def test_a_response_that_has_not_begun_is_cancelled_when_it_begins() -> None:
    story = asked()
    assert story.receive(CutOff()) == ()
    story.receive(OPERATOR)
    outs = story.begins("r1")
    assert types(outs) == CANCELLED
    assert sent(outs)[0]["response_id"] == "r1"
    assert types(story.finishes("r1", status="cancelled")) == ["response.create"]
    assert UNHEARD in story.outs


def test_a_response_that_was_cut_off_and_never_begins_is_not_asked_for_again() -> None:
    story = asked()
    story.receive(CutOff())
    assert UNHEARD in story.wait()
    assert story.turns.deadline is None


def test_a_response_that_was_cut_off_and_is_only_seen_to_end_is_cleared() -> None:
    story = asked()
    story.receive(CutOff())
    outs = story.finishes("r1", message(), mark=story.mark)
    assert types(outs) == ["output_audio_buffer.clear"]
    assert UNHEARD in outs


def test_a_failure_of_what_was_cut_off_is_none() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.receive(CutOff())
    story.finishes("r1", status="failed")
    assert story.turns.deadline is None
    assert story.turns.value.failures == 0


def test_vads_response_that_comes_in_place_of_what_was_cut_off_is_left_alone() -> None:
    story = asked()
    story.receive(CutOff())
    other = response("r0", "in_progress", mark="of_another")
    outs = story.hears("response.created", **other)
    assert types(outs) == []
    assert UNHEARD in outs
    assert types(story.finishes("r0", message())) == []


def test_whatever_is_active_instead_of_what_was_cut_off_is_cancelled() -> None:
    story = asked()
    story.receive(CutOff())
    outs = conflict(story)
    assert types(outs) == CANCELLED
    assert "response_id" not in sent(outs)[0]
    assert UNHEARD in outs
    story.finishes("r0", message(), status="cancelled")
    assert story.turns.phase is Phase.IDLE


def test_what_was_taken_for_ours_and_is_cut_off_is_cancelled_once() -> None:
    story = asked()
    story.begins("r0", ours=False)
    story.receive(CutOff())
    assert types(conflict(story)) == []
    assert UNHEARD in story.outs


def test_words_that_are_only_played_are_cleared_without_a_cancel() -> None:
    story = responding()
    story.finishes("r1", message())
    outs = story.receive(CutOff())
    assert types(outs) == ["output_audio_buffer.clear"]
    assert UNHEARD in outs
    assert only(SpeechHeard, story.hears("output_audio_buffer.cleared", response_id="r1")) == []
    assert story.turns.value.voices == ()


def test_words_that_are_played_while_others_are_asked_for_are_cleared_at_once() -> None:
    story = responding()
    story.receive(Say("more", "More."))
    story.finishes("r1", message())
    assert types(story.receive(CutOff())) == ["output_audio_buffer.clear"]
    assert types(story.begins("r2")) == CANCELLED


def test_where_nothing_is_said_nothing_is_cut_off() -> None:
    assert turning().receive(CutOff()) == ()


def test_without_a_socket_nothing_can_be_cut_off() -> None:
    story = responding()
    story.receive(ChannelLost())
    assert story.receive(CutOff()) == ()
    assert UNHEARD in story.wait()


def test_a_cancel_that_is_not_answered_is_repeated_and_the_floor_freed() -> None:
    story = responding()
    story.receive(CutOff())
    began = story.now
    outs = story.wait()
    assert story.now - began == 5.0
    assert "response.cancel" in types(outs)
    assert UNHEARD in outs
    assert story.turns.phase is Phase.IDLE


@pytest.mark.parametrize(("status", "calls"), [("cancelled", 0), ("completed", 1)])
def test_only_a_response_that_was_complete_before_the_cancel_calls_tools(
    status: str, calls: int
) -> None:
    story = responding()
    story.receive(CutOff())
    story.hears("error", error={"code": "response_cancel_not_active"})
    outs = story.finishes("r1", message(), function_call("t1"), status=status)
    assert len(only(ToolsCalled, outs)) == calls


def test_a_response_that_vad_starts_while_nobody_is_to_speak_is_cut_off() -> None:
    story = turning()
    story.receive(StopSpeaking())
    story.receive(HoldTurns())
    outs = story.begins("r1", ours=False)
    assert types(outs) == ["response.cancel", "output_audio_buffer.clear"]
    story.finishes("r1", status="cancelled")
    story.receive(ReleaseTurns())
    assert types(story.begins("r2", ours=False)) == []
