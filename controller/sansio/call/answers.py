"""What the machine itself answers to a tool call, and how much of a tool's own answer it passes on.

An error is `{"error": word, "message": sentence}`: the word for tests and records, the sentence for
the model, which tells it what to do instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from controller.sansio import tool_output
from controller.sansio.events import ToolCall, ToolOutput

MAX_OUTPUT_BYTES = 32 * 1024
"""Of UTF-8. Tools and the shell cut sooner; this keeps any frame within reason."""

MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "already_collecting": "The caller is entering digits already. Wait for those.",
        "already_done": "This was called before in this call with the same arguments. Its result "
        "stands above, or will come; do not call it again.",
        "already_handed_off": "The call was handed on in this turn already.",
        "call_is_ending": "The call is ending. Nothing was done.",
        "connection_lost": "The connection was lost before the tool could be run. Call it "
        "again if it is still needed.",
        "invalid_arguments": "The arguments are not a JSON object. Nothing was done.",
        "invalid_max_digits": "max_digits must be a whole number from 1 to 64.",
        "invalid_purpose": "purpose must be a text that says what the digits are for.",
        "invalid_sensitive": "sensitive must be true or false.",
        "invalid_terminator": 'terminator must be "#", "*" or "none".',
        "no_digits": "The caller entered no digits. Ask whether they want to say it instead.",
        "sensitive_not_available": "Digits that nobody may keep cannot be taken here. Do not ask "
        "for them, and do not let the caller say them.",
        "target_closed": "Nobody can be reached there now. Tell the caller, and offer something "
        "else.",
        "too_many_hand_offs": "This call was handed on too often already. Go on yourself.",
        "too_many_tool_calls": "Too many tools were called in this call. Go on without.",
        "target_returned": "The caller was just sent back from there. Offer something else.",
        "transfer_just_tried": "A transfer was tried just now and did not go through. Offer "
        "something else.",
        "unknown_agent": "There is no colleague of that name. Nothing was done.",
        "unknown_target": "There is no target of that name. Nothing was done.",
    }
)

UNKNOWN = "It cannot be done."


def error(tool_call_id: str, word: str) -> ToolOutput:
    """Answer that nothing was done, and why."""
    return ToolOutput(tool_call_id, tool_output.failed(word, MESSAGES.get(word, UNKNOWN)))


def done(tool_call_id: str, **more: object) -> ToolOutput:
    """Answer that it was done."""
    return _json(tool_call_id, {"ok": True, **more})


def digits(tool_call_id: str, entered: str, ended_by: str) -> ToolOutput:
    """Answer with what the caller entered."""
    return _json(tool_call_id, {"digits": entered, "ended_by": ended_by})


def counted(output: ToolOutput, count: int) -> ToolOutput:
    """Answer with the number of digits that a tool got, and what it said to them (O13)."""
    return _json(output.tool_call_id, {"count": count, "result": bounded(output).output})


def _json(tool_call_id: str, answer: Mapping[str, object]) -> ToolOutput:
    return ToolOutput(tool_call_id, json.dumps(answer))


def bounded(output: ToolOutput) -> ToolOutput:
    """Return a tool's output, cut with a note where it is longer than any frame should be."""
    return ToolOutput(output.tool_call_id, tool_output.bounded(output.output, MAX_OUTPUT_BYTES))


def is_error(output: ToolOutput) -> bool:
    """Tell whether a tool answered with an error, as ours and the shell's are written."""
    return output.output.startswith('{"error"')


def arguments(tool_call: ToolCall) -> Mapping[str, Any] | None:
    """Return the arguments of a tool call; None where the model wrote no JSON object."""
    try:
        given = json.loads(tool_call.arguments.strip() or "{}")
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None
