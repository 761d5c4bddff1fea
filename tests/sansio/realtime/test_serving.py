"""MCP servers: lists, approvals, calls, and what the model tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from controller.sansio.commands import Approve, HoldTurns, ReleaseTurns, StopSpeaking
from controller.sansio.events import (
    ApprovalRequested,
    ChannelLost,
    ChannelOpened,
    FaultReported,
    ServerToolCalled,
    ServerToolsListed,
)
from controller.sansio.realtime import Pace, Turns
from tests.sansio.driving import (
    SILENT_AGENT,
    START,
    TurnStory,
    message,
    one,
    only,
    response,
    sent,
    turning,
    types,
)

ADDED, DONE = "conversation.item.added", "conversation.item.done"


def mcp_call(item_id: str = "c1", **more: Any) -> dict[str, Any]:
    fields = {"id": item_id, "server_label": "crm", "name": "find", "arguments": "{}"}
    return {"type": "mcp_call", **fields, **more}


def request(item_id: str = "a1") -> dict[str, Any]:
    fields = {"id": item_id, "server_label": "crm", "name": "delete", "arguments": "{}"}
    return {"type": "mcp_approval_request", **fields}


def finished(story: TurnStory, item_id: str | None = "c1", word: str = "completed") -> Any:
    return story.hears(f"response.mcp_call.{word}", item_id=item_id, output_index=0)


def called(*output: dict[str, Any]) -> TurnStory:
    """A response of VAD's is done, with what it had."""
    story = turning()
    story.begins("r1", ours=False)
    for item in output:
        if item["type"] == "mcp_call":
            story.hears(ADDED, item=item)
    story.finishes("r1", *output)
    return story


# --- lists -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "failed"), [("completed", False), ("failed", True)])
def test_a_list_of_tools_is_reported_with_its_servers_label(word: str, *, failed: bool) -> None:
    story = turning()
    item = {"type": "mcp_list_tools", "id": "l1", "server_label": "crm"}
    assert story.hears(ADDED, item=item) == ()
    assert story.hears(DONE, item=item) == ()
    assert story.hears(f"mcp_list_tools.{word}", item_id="l1") == (
        ServerToolsListed("crm", failed=failed),
    )


def test_a_list_that_nobody_announced_has_no_label() -> None:
    outs = turning().hears("mcp_list_tools.failed", item_id="l9")
    assert outs == (ServerToolsListed("", failed=True),)


def test_an_item_of_ours_is_no_servers() -> None:
    item = {"type": "function_call_output", "id": "o1", "call_id": "t1"}
    assert turning().hears(ADDED, item=item) == ()


def test_an_item_without_an_id_says_nothing() -> None:
    assert turning().hears(ADDED, item={"type": "mcp_call", "server_label": "crm"}) == ()


# --- approvals ---------------------------------------------------------------------------------


def test_a_request_for_approval_is_reported_once() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.hears(ADDED, item=request())
    story.hears(DONE, item=request())
    story.finishes("r1", request())
    assert only(ApprovalRequested, story.outs) == [ApprovalRequested("a1", "crm", "delete")]


def test_a_request_that_only_the_finished_response_shows_is_reported() -> None:
    assert one(ApprovalRequested, called(request()).outs).request_id == "a1"


def test_an_approval_is_posted_and_then_one_response_asked_for() -> None:
    outs = turning().receive(Approve("a1", approve=False, reason="Not by phone."))
    posted, _ = sent(outs)
    assert posted["item"] == {
        "type": "mcp_approval_response",
        "approval_request_id": "a1",
        "approve": False,
        "reason": "Not by phone.",
    }
    assert types(outs) == ["conversation.item.create", "response.create"]


def reattached(story: TurnStory) -> tuple[object, ...]:
    story.receive(ChannelLost())
    story.receive(ChannelOpened(), after=1.0)
    return story.hears("session.created")


def test_an_approval_without_a_socket_waits_for_one() -> None:
    story = turning()
    story.receive(ChannelLost())
    assert story.receive(Approve("a1", approve=True)) == ()
    story.receive(ChannelOpened())
    outs = story.hears("session.created")
    assert types(outs) == ["session.update", "conversation.item.create", "response.create"]
    assert "reason" not in sent(outs)[1]["item"]


def test_an_approval_is_posted_again_until_it_is_acknowledged() -> None:
    story = turning()
    story.receive(StopSpeaking())
    story.receive(Approve("a1", approve=True))
    story.receive(Approve("a2", approve=True))
    answer = {"type": "mcp_approval_response", "approval_request_id": "a1"}
    story.hears(ADDED, item=answer)
    (again,) = sent(reattached(story), "conversation.item.create")
    assert again["item"]["approval_request_id"] == "a2"
    assert len(sent(reattached(story), "conversation.item.create")) == 1
    outs = reattached(story)
    assert sent(outs, "conversation.item.create") == []
    assert FaultReported("item_unacknowledged") in outs
    assert story.turns.value.approvals == ()


def test_an_approval_that_is_refused_is_not_posted_again() -> None:
    story = turning()
    (posted,) = sent(story.receive(Approve("a1", approve=True)), "conversation.item.create")
    story.hears("error", error={"code": "invalid_value", "event_id": posted["event_id"]})
    assert story.turns.value.approvals == ()


# --- calls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "failed"), [("completed", False), ("failed", True)])
def test_a_call_is_reported_once_and_its_answer_told(word: str, *, failed: bool) -> None:
    story = called(mcp_call())
    outs = finished(story, word=word)
    assert one(ServerToolCalled, outs) == ServerToolCalled("crm", "find", failed=failed)
    assert types(outs) == ["response.create"]
    assert finished(story, word=word) == ()


def test_a_call_that_answered_before_its_response_was_done_is_told_after_it() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.hears(ADDED, item=mcp_call())
    assert types(finished(story)) == []
    assert types(story.finishes("r1", mcp_call())) == ["response.create"]


@pytest.mark.parametrize(
    ("fields", "failed"),
    [({"output": "found"}, False), ({"error": {"type": "http_error"}}, True)],
)
def test_a_call_whose_item_shows_the_answer_needs_no_other_event(
    fields: dict[str, Any], *, failed: bool
) -> None:
    story = called(mcp_call(**fields))
    assert one(ServerToolCalled, story.outs).failed is failed
    assert types(story.outs)[-1] == "response.create"


def test_a_call_that_was_told_in_the_same_response_is_not_told_again() -> None:
    story = called(mcp_call(output="found"), message("I found it."))
    assert "response.create" not in types(story.outs)


def test_words_before_a_call_do_not_tell_its_answer() -> None:
    story = called(message("One moment."), mcp_call(output="found"))
    assert types(story.outs)[-1] == "response.create"


def test_one_response_tells_the_answers_of_all_calls_of_a_response() -> None:
    story = called(mcp_call("c1"), mcp_call("c2"))
    assert types(finished(story, "c1")) == []
    assert types(finished(story, "c2")) == ["response.create"]


def test_a_response_that_begins_by_itself_tells_the_answer_instead_of_ours() -> None:
    story = called(mcp_call())
    finished(story)
    story.hears("response.created", **response("r2", "in_progress", mark="of_another"))
    error = {"code": "conversation_already_has_active_response", "event_id": story.mark}
    story.hears("error", error=error)
    assert "response.create" not in types(story.finishes("r2", message()))
    assert story.turns.value.queue == ()


def test_a_conflict_means_that_the_far_end_tells_the_answer() -> None:
    story = called(mcp_call())
    finished(story)
    error = {"code": "conversation_already_has_active_response", "event_id": story.mark}
    story.hears("error", error=error)
    assert "response.create" not in types(story.finishes("r2", message()))


@pytest.mark.parametrize("status", ["cancelled", "incomplete"])
def test_the_calls_of_a_response_that_was_cut_short_are_left_to_the_next(status: str) -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.finishes("r1", message(), mcp_call(output="found"), status=status)
    assert "response.create" not in types(story.outs)


def test_an_answer_that_comes_while_turns_are_held_is_told_when_they_are_released() -> None:
    story = called(mcp_call())
    story.receive(HoldTurns())
    assert types(finished(story)) == []
    assert types(story.receive(ReleaseTurns())) == ["session.update", "response.create"]


def test_a_call_that_nobody_announced_is_reported_by_what_is_known() -> None:
    story = turning()
    assert finished(story, "c9") == (ServerToolCalled("", "", failed=False),)
    assert finished(story, None) == ()


def test_a_far_end_that_goes_on_by_itself_can_be_left_to_it() -> None:
    turns = Turns(SILENT_AGENT, now=START, held=False, pace=Pace(follow_up=False))
    story = TurnStory(turns)
    story.receive(ChannelOpened())
    story.hears("session.created")
    story.now += 1.0
    story.begins("r1", ours=False)
    story.finishes("r1", mcp_call(output="found"))
    assert "response.create" not in types(story.outs)
