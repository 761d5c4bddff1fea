"""The tools that are ours, beside `hang_up` and `transfer`: digits, waiting, and so on.

Each takes a tool call and returns its output, or None where that is still to come.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from controller.sansio.agent import (
    COLLECT_DIGITS,
    HAND_OFF,
    NO_TRANSCRIPT,
    WAIT_FOR_CALLER,
    Keypad,
)
from controller.sansio.call import answers, words
from controller.sansio.call.state import CallState, State, Step, effect, ignore
from controller.sansio.call.work import Entry
from controller.sansio.commands import (
    AllowSilence,
    Approve,
    Become,
    CallCommand,
    CollectDigits,
    GiveToolOutputs,
    Inject,
    ReportHandOff,
    ReportNoTranscript,
    RunTool,
)
from controller.sansio.events import ApprovalRequested, DigitsEntered, ToolCall, ToolOutput
from controller.sansio.value import replace

MOST_DIGITS = 64
"""Of one entry, asked for or not."""
MOST_HAND_OFFS = 5
"""Of one call: two agents that send a caller to and fro must find an end."""
APPROVALS_LIMIT = 256
TERMINATORS = ("#", "*", "none")

Taken: TypeAlias = tuple[CallState, ToolOutput | None, tuple[CallCommand, ...]]
"""The call, the output if there is one already, and what is to be done."""


# --- digits ------------------------------------------------------------------------------------


def collect_digits(call: CallState, tool_call: ToolCall) -> Taken:
    """Have the caller's keys taken as one entry; `entered` answers."""
    wanted = _collection(tool_call, call.terms.keypad)
    if isinstance(wanted, str):
        return call, answers.error(tool_call.tool_call_id, wanted), ()
    if call.work.entry is not None:
        return call, answers.error(tool_call.tool_call_id, "already_collecting"), ()
    entry = Entry(wanted.request_id, wanted.sensitive)
    return replace(call, work=replace(call.work, entry=entry)), None, (wanted,)


def _collection(tool_call: ToolCall, keypad: Keypad) -> CollectDigits | str:
    """Return what the model asks for, or the word for what is wrong with it."""
    given = answers.arguments(tool_call)
    if given is None:
        return "invalid_arguments"
    purpose = given.get("purpose")
    if not isinstance(purpose, str) or not purpose.strip():
        return "invalid_purpose"
    most = _or(given.get("max_digits"), keypad.max_digits)
    if type(most) is not int or not 1 <= most <= MOST_DIGITS:
        return "invalid_max_digits"
    terminator = _or(given.get("terminator"), keypad.terminator)
    if terminator != keypad.terminator and terminator not in TERMINATORS:
        return "invalid_terminator"
    sensitive = _or(given.get("sensitive"), other=False)
    if not isinstance(sensitive, bool):
        return "invalid_sensitive"
    if sensitive and keypad.sensitive_tool is None:
        return "sensitive_not_available"
    return CollectDigits(
        request_id=tool_call.tool_call_id,
        max_digits=most,
        terminator="" if terminator == "none" else str(terminator),
        first_digit_timeout=keypad.first_digit_timeout,
        inter_digit_timeout=keypad.inter_digit_timeout,
        sensitive=sensitive,
    )


def _or(given: object, other: object) -> object:
    """Return what was given; models write null for what they leave out."""
    return other if given is None else given


def entered(call: CallState, event: DigitsEntered, entry: Entry) -> Taken:
    """Answer the tool call that asked for digits.

    Sensitive ones go to the configured tool and nowhere else: what is kept of them is their number
    (operations, O13).
    """
    call = replace(call, work=replace(call.work, entry=None))
    name = entry.tool_call_id
    digits = event.digits[:MOST_DIGITS]
    if not digits:
        return call, answers.error(name, "no_digits"), ()
    if not entry.is_sensitive:
        return call, answers.digits(name, digits, event.end.value), ()
    tool = call.terms.keypad.sensitive_tool
    if tool is None:  # of the agent before: the call was handed on meanwhile
        return call, answers.error(name, "sensitive_not_available"), ()
    if call.state is State.ENDING:
        return call, answers.error(name, "call_is_ending"), ()
    work = call.work.spoken_for(name) if call.terms.tool(tool).speak_while_waiting else call.work
    work = replace(work, counted=(*work.counted, (name, len(digits))))
    call, effect_id = effect(replace(call, work=work), "tool")
    run = ToolCall(name, tool, json.dumps({"digits": digits}))
    return call, None, (RunTool(effect_id, run, call.terms.agent, is_sensitive=True),)


def unasked(call: CallState, event: DigitsEntered) -> Step:
    """Tell the model of keys that it did not ask for, and let it answer; with the next socket."""
    note = words.keys_pressed(event.digits[:MOST_DIGITS])
    return call, (Inject(note), GiveToolOutputs((), respond=True))


# --- waiting -----------------------------------------------------------------------------------


def wait_for_caller(call: CallState, tool_call: ToolCall) -> Taken:
    """Say nothing: the caller talks to somebody else, or looks for something (O10)."""
    output = answers.done(tool_call.tool_call_id)
    return call, output, (AllowSilence(call.terms.awaited),)


# --- no transcript -----------------------------------------------------------------------------


def no_transcript(call: CallState, tool_call: ToolCall) -> Taken:
    """Have no word of the call kept (operations, O8); a second time there is nothing to do."""
    output = answers.done(tool_call.tool_call_id)
    if call.transcript_refused:
        return call, output, ()
    return replace(call, transcript_refused=True), output, (ReportNoTranscript(),)


# --- handing on --------------------------------------------------------------------------------


def hand_off(call: CallState, name: str) -> Step:
    """Go on with another agent, who speaks next. Does nothing where that cannot be."""
    if _reason_against(call, name) is not None:
        return call, ()
    call, commands = _become(call, name)
    return call, (*commands, GiveToolOutputs((), respond=True))


def handoff(call: CallState, tool_call: ToolCall) -> Taken:
    """Go on with another agent; the response that follows the output is that agent's."""
    given = answers.arguments(tool_call) or {}
    name = given.get("agent")
    reason = _reason_against(call, name)
    if reason is not None or not isinstance(name, str):
        return call, answers.error(tool_call.tool_call_id, reason or "unknown_agent"), ()
    call, commands = _become(call, name)
    return call, answers.done(tool_call.tool_call_id, you_are_now=name), commands


def _reason_against(call: CallState, name: object) -> str | None:
    if not isinstance(name, str) or name not in call.terms.colleagues:
        return "unknown_agent"
    return "too_many_hand_offs" if call.work.hand_offs >= MOST_HAND_OFFS else None


def _become(call: CallState, name: str) -> tuple[CallState, tuple[CallCommand, ...]]:
    work = replace(call.work, hand_offs=call.work.hand_offs + 1)
    commands = (Become(name), ReportHandOff(name), Inject(words.handed_on(name)))
    return replace(call, work=work), commands


# --- approvals ---------------------------------------------------------------------------------


def approval_requested(call: CallState, event: ApprovalRequested, _now: float) -> Step:
    """Approve what the agent's file approves, and refuse the rest; each request once."""
    answered = call.work.approvals
    if event.request_id in answered:
        return ignore(call)
    work = replace(call.work, approvals=(*answered, event.request_id)[-APPROVALS_LIMIT:])
    reason = None
    if call.state is State.ENDING:
        reason = words.CALL_IS_ENDING
    elif (event.server, event.tool) not in call.terms.approved:
        reason = words.NOT_APPROVED
    approve = Approve(event.request_id, approve=reason is None, reason=reason)
    return replace(call, work=work), (approve,)


HANDLERS: Mapping[str, Callable[[CallState, ToolCall], Taken]] = MappingProxyType(
    {
        COLLECT_DIGITS: collect_digits,
        WAIT_FOR_CALLER: wait_for_caller,
        HAND_OFF: handoff,
        NO_TRANSCRIPT: no_transcript,
    }
)
"""`hang_up` and `transfer` begin the end, and are in `tooling`; `take_message` is run by the
shell."""
