"""What a response shows before it is done, and what becomes of one that shows nothing."""

from __future__ import annotations

import pytest

from controller.sansio.commands import GiveToolOutputs, Say
from controller.sansio.events import (
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    FaultReported,
    SpeechHeard,
    ToolCallsLost,
    ToolOutput,
)
from controller.sansio.realtime import Phase
from tests.sansio.driving import TurnStory, function_call, message, one, only, sent, turning, types


def asked() -> TurnStory:
    """Words of ours were asked for."""
    story = turning()
    story.receive(Say("words", "Say it."))
    return story


# --- what is never heard -----------------------------------------------------------------------


def test_words_of_which_nothing_is_heard_are_cut_off_and_asked_for_once_more() -> None:
    story = asked()
    story.begins("r1")
    story.hears("response.output_item.added", response_id="r1", item=message())
    began = story.now
    outs = story.wait()
    assert story.now - began == 10.0
    assert [each["type"] for each in sent(outs)] == ["response.cancel", "output_audio_buffer.clear"]
    assert sent(outs)[0]["response_id"] == "r1"
    assert FaultReported("response_stuck") in outs
    assert story.finishes("r1", status="cancelled", mark=story.mark)[1:] == ()
    assert types(story.wait()) == ["response.create"]
    story.begins("r2")
    story.finishes("r2", message())
    heard = only(SpeechHeard, story.hears("output_audio_buffer.stopped"))
    assert heard == [SpeechHeard("words", certain=True, words="Good day.")]


def test_a_cancel_that_nobody_answers_does_not_keep_the_words_waiting() -> None:
    story = asked()
    story.begins("r1")
    story.wait()
    began = story.now
    assert types(story.wait()) == ["response.cancel", "response.create"]
    assert story.now - began == 5.0
    assert story.turns.value.failures == 1


def test_words_that_are_heard_have_their_time() -> None:
    story = asked()
    story.begins("r1")
    story.hears("output_audio_buffer.started", response_id="r1", after=9.0)
    story.receive(DeadlineReached(), after=2.0)
    assert types(story.outs)[-1] == "response.create"
    assert story.turns.phase is Phase.RESPONDING


def test_words_that_wait_behind_others_that_are_played_are_not_stuck() -> None:
    story = turning()
    story.begins("r0", ours=False)
    story.hears("output_audio_buffer.started", response_id="r0")
    story.receive(Say("words", "Say it."))
    story.finishes("r0", message("a" * 150))  # played for 25.5 seconds at most
    story.begins("r1")
    began = story.now
    story.wait()
    story.wait()
    assert types(story.outs)[-1] == "response.create"
    story.hears("output_audio_buffer.stopped", response_id="r0")
    assert types(story.wait()) == ["response.cancel", "output_audio_buffer.clear"]
    assert story.now - began == 30.0


def test_a_turn_that_shows_an_item_is_at_work_for_a_while() -> None:
    story = turning()
    story.receive(GiveToolOutputs((ToolOutput("t1", "open"),), respond=True))
    story.begins("r1")
    began = story.now
    item = {"type": "mcp_call", "id": "m1"}
    story.hears("response.output_item.added", response_id="r1", item=item, after=4.0)
    story.hears("response.output_item.added", item=item, after=1.0)
    outs = story.wait()
    assert types(outs) == ["response.cancel", "output_audio_buffer.clear"]
    assert story.now - began == 35.0


def test_a_turn_that_goes_on_showing_items_has_an_end_all_the_same() -> None:
    story = turning()
    story.begins("r1", ours=False)
    began = story.now
    for _ in range(6):
        item = {"type": "mcp_call", "id": "m1"}
        story.hears("response.output_item.added", response_id="r1", item=item, after=9.0)
    outs = story.wait()
    assert story.now - began == 60.0
    assert FaultReported("response_overdue") in outs
    assert story.turns.value.failures == 1


@pytest.mark.parametrize("response_id", ["r0", "r9"])
def test_an_item_of_another_response_is_no_sign_of_life(response_id: str) -> None:
    story = turning()
    story.begins("r0", ours=False)
    story.finishes("r0", message())
    story.hears("output_audio_buffer.stopped", response_id="r0")
    story.begins("r1", ours=False)
    began = story.now
    story.hears("response.output_item.added", response_id=response_id, item=message(), after=4.0)
    story.wait()
    assert story.now - began == 10.0


def test_an_item_of_no_response_is_nothing() -> None:
    story = turning()
    story.hears("response.output_item.added", item=function_call("t1"))
    assert story.turns.value.open_calls == ()


# --- tool calls that get lost ------------------------------------------------------------------


def shows(story: TurnStory, response_id: str, *names: str) -> None:
    for name in names:
        item = function_call(name)
        story.hears("response.output_item.added", response_id=response_id, item=item)


def test_tool_calls_that_were_shown_are_lost_with_the_socket() -> None:
    story = turning()
    story.begins("r1", ours=False)
    shows(story, "r1", "t1", "t2")
    assert one(ToolCallsLost, story.receive(ChannelLost())) == ToolCallsLost(("t1", "t2"))
    story.receive(ChannelOpened())
    story.hears("session.created")
    assert only(ToolCallsLost, story.receive(ChannelLost())) == []


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_tool_calls_of_a_response_that_is_done_are_not_lost(status: str) -> None:
    story = turning()
    story.begins("r1", ours=False)
    shows(story, "r1", "t1")
    story.finishes("r1", function_call("t1"), status=status)
    shows(story, "r1", "t1")  # said again
    assert only(ToolCallsLost, story.receive(ChannelLost())) == []
