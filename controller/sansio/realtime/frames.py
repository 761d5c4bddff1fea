"""Client events of the Realtime API: what we send.

Every one has an `event_id`, which the far end echoes in `error.event_id`: that is how a refusal is
told apart from the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from controller.sansio.commands import SendFrame
from controller.sansio.events import ToolOutput

MARK = "controller_request"
"""Metadata key that ties a response to our request: VAD's own responses have none."""


def event(type_: str, event_id: str, **fields: Any) -> SendFrame:
    """Return one client event as a frame."""
    body = {"type": type_, "event_id": event_id, **fields}
    return SendFrame(type_, msgspec.json.encode(body).decode())


def session_update(event_id: str, session: Mapping[str, Any]) -> SendFrame:
    """`session.update`; the session must name its type, which the caller has put in."""
    return event("session.update", event_id, session=session)


def response_create(event_id: str, instructions: str | None = None) -> SendFrame:
    """`response.create`: the next turn, or with instructions words of ours and no tools."""
    response: dict[str, Any] = {"metadata": {MARK: event_id}}
    if instructions is not None:
        response |= {"instructions": instructions, "tool_choice": "none"}
    return event("response.create", event_id, response=response)


def response_cancel(event_id: str, response_id: str | None) -> SendFrame:
    """`response.cancel` of one response, or of whatever is active."""
    named = {} if response_id is None else {"response_id": response_id}
    return event("response.cancel", event_id, **named)


def output_clear(event_id: str) -> SendFrame:
    """`output_audio_buffer.clear` (WebRTC and SIP only), sent after `response.cancel`."""
    return event("output_audio_buffer.clear", event_id)


def tool_output(event_id: str, output: ToolOutput) -> SendFrame:
    """`conversation.item.create` with the output of a tool."""
    item = {
        "type": "function_call_output",
        "call_id": output.tool_call_id,
        "output": output.output,
    }
    return event("conversation.item.create", event_id, item=item)


def system_message(event_id: str, text: str) -> SendFrame:
    """`conversation.item.create` with something for the model alone."""
    item = {
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": text}],
    }
    return event("conversation.item.create", event_id, item=item)


def approval(event_id: str, request_id: str, *, approve: bool, reason: str | None) -> SendFrame:
    """`conversation.item.create` with our answer to an `mcp_approval_request`."""
    item: dict[str, Any] = {
        "type": "mcp_approval_response",
        "approval_request_id": request_id,
        "approve": approve,
    }
    if reason is not None:
        item["reason"] = reason
    return event("conversation.item.create", event_id, item=item)
