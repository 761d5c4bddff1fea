"""Client events, as the documents show them."""

from __future__ import annotations

import json

from controller.sansio.commands import SendFrame
from controller.sansio.events import ToolOutput
from controller.sansio.realtime import frames


def body(frame: SendFrame) -> dict[str, object]:
    read: dict[str, object] = json.loads(frame.frame)
    assert read.pop("type") == frame.type
    assert read.pop("event_id") == "e1"
    return read


def test_the_next_turn_is_asked_for_with_a_mark_alone() -> None:
    assert body(frames.response_create("e1")) == {
        "response": {"metadata": {"controller_request": "e1"}}
    }


def test_words_of_ours_are_said_without_tools() -> None:
    response = body(frames.response_create("e1", "Greet."))["response"]
    assert response == {
        "metadata": {"controller_request": "e1"},
        "instructions": "Greet.",
        "tool_choice": "none",
    }


def test_a_response_is_cancelled_by_its_id_where_that_is_known() -> None:
    assert body(frames.response_cancel("e1", "r1")) == {"response_id": "r1"}
    assert body(frames.response_cancel("e1", None)) == {}


def test_what_is_still_to_be_played_is_cleared_whole() -> None:
    assert body(frames.output_clear("e1")) == {}


def test_an_approval_names_its_request() -> None:
    given = body(frames.approval("e1", "a1", approve=True, reason=None))
    assert given == {
        "item": {
            "type": "mcp_approval_response",
            "approval_request_id": "a1",
            "approve": True,
        }
    }


def test_a_tool_output_names_its_call() -> None:
    assert body(frames.tool_output("e1", ToolOutput("t1", '"open"'))) == {
        "item": {"type": "function_call_output", "call_id": "t1", "output": '"open"'}
    }


def test_a_note_for_the_model_is_a_system_message() -> None:
    assert body(frames.system_message("e1", "Listen.")) == {
        "item": {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "Listen."}],
        }
    }


def test_an_update_carries_its_session() -> None:
    assert body(frames.session_update("e1", {"type": "realtime"})) == {
        "session": {"type": "realtime"}
    }


def test_what_is_sent_is_not_shown() -> None:
    assert "Greet" not in repr(frames.response_create("e1", "Greet."))
