"""Tools: what the model calls is run, and every call gets an output (rules 8 and 9)."""

from __future__ import annotations

import json

from controller.sansio.agent import HANG_UP, TRANSFER
from controller.sansio.call import ending
from controller.sansio.call.state import CallState, Step, Transfer, effect
from controller.sansio.call.work import Batch
from controller.sansio.commands import (
    CallCommand,
    GiveToolOutputs,
    HoldTurns,
    Outcome,
    RunTool,
)
from controller.sansio.events import ToolCall, ToolFinished, ToolOutput, ToolsCalled
from controller.sansio.value import replace


def tools_called(call: CallState, event: ToolsCalled, now: float) -> Step:
    """Run what is new; `hang_up` and `transfer` are ours and begin the end (rules 8 and 9)."""
    fresh = _unseen(call, event)
    room = call.terms.limits.tool_calls - len(call.work.seen)
    call = _remember(call, fresh)
    answered: list[ToolOutput] = []
    running: list[ToolCall] = []
    closing: ToolCall | None = None
    for count, each in enumerate(fresh, 1):
        if (problem := _unfit(call, each, now)) is not None:
            answered.append(_error(each, problem))
        elif not _is_ours(call, each.name):
            if count <= room:
                running.append(each)
            else:
                answered.append(_error(each, "too_many_tool_calls"))
        elif closing is None:
            closing = each
            answered.append(ToolOutput(each.tool_call_id, json.dumps({"ok": True})))
        else:
            answered.append(_error(each, "call_is_ending"))
    call, commands = _batch(call, tuple(running), tuple(answered), respond=closing is None)
    if closing is None:
        return call, commands
    call, last = ending.after_words(
        call,
        outcome=Outcome.WE_HUNG_UP,
        transfer=_transfer(call, closing),
        heard=(event.say_id, event.speech),
        now=now,
    )
    return call, (HoldTurns(), *commands, *last)


def _unseen(call: CallState, event: ToolsCalled) -> tuple[ToolCall, ...]:
    """The calls of an event that never came before, each once."""
    fresh = {each.tool_call_id: each for each in event.calls}
    return tuple(each for name, each in fresh.items() if name not in call.work.seen)


def _remember(call: CallState, fresh: tuple[ToolCall, ...]) -> CallState:
    """Never run these again. What is over the limit is not run at all and need not be known."""
    room = max(0, call.terms.limits.tool_calls - len(call.work.seen))
    known = call.work.seen | {each.tool_call_id for each in fresh[:room]}
    return replace(call, work=replace(call.work, seen=known))


def _is_ours(call: CallState, name: str) -> bool:
    return (name == HANG_UP and HANG_UP in call.terms.built_in) or (
        name == TRANSFER and _can_transfer(call)
    )


def _can_transfer(call: CallState) -> bool:
    return TRANSFER in call.terms.built_in and bool(call.terms.offered)


def _unfit(call: CallState, tool_call: ToolCall, now: float) -> str | None:
    """Say why a call of `transfer` cannot be followed."""
    if tool_call.name != TRANSFER or not _can_transfer(call):
        return None
    if _transfer(call, tool_call) is None:
        return "unknown_target"
    return "transfer_just_tried" if now < call.refer_after else None


def _transfer(call: CallState, tool_call: ToolCall) -> Transfer | None:
    if tool_call.name != TRANSFER:
        return None
    try:
        arguments = json.loads(tool_call.arguments)
    except (ValueError, RecursionError):
        return None
    name = arguments.get("target") if isinstance(arguments, dict) else None
    is_offered = isinstance(name, str) and name in call.terms.offered
    target = call.terms.target(name) if is_offered else None
    return None if target is None else Transfer(target.name, target.uri)


def _error(tool_call: ToolCall, reason: str) -> ToolOutput:
    return ToolOutput(tool_call.tool_call_id, json.dumps({"error": reason}))


def _batch(
    call: CallState,
    running: tuple[ToolCall, ...],
    answered: tuple[ToolOutput, ...],
    *,
    respond: bool,
) -> Step:
    """Start the tools of one response; what is answered already waits for them."""
    if not running:
        return call, (GiveToolOutputs(answered, respond),) if answered else ()
    commands: list[CallCommand] = []
    if not respond and answered:
        # The end waits for no tool: its own output goes first, the others follow unasked.
        commands.append(GiveToolOutputs(answered, respond=False))
        answered = ()
    waiting = frozenset(each.tool_call_id for each in running)
    call = replace(call, work=call.work.begun(Batch(waiting, answered, respond)))
    for each in running:
        call, effect_id = effect(call, "tool")
        commands.append(RunTool(effect_id, each))
    return call, tuple(commands)


def tool_finished(call: CallState, event: ToolFinished, _now: float) -> Step:
    """Post the outputs of a response after its last tool, then ask for one response (rule 8)."""
    tool_call_id = event.output.tool_call_id
    batch = next((each for each in call.work.batches if tool_call_id in each.waiting), None)
    if batch is None:
        return call, ()
    outputs = (*batch.outputs, event.output)
    waiting = batch.waiting - {tool_call_id}
    if waiting:
        left = Batch(waiting, outputs, batch.respond)
        return replace(call, work=call.work.went_on(batch, left)), ()
    respond = batch.respond and call.ending is None
    return replace(call, work=call.work.closed(batch)), (GiveToolOutputs(outputs, respond),)


def tools_called_while_ending(call: CallState, event: ToolsCalled, _now: float) -> Step:
    """ENDING: every tool call gets an output, and none is run."""
    fresh = _unseen(call, event)
    call = _remember(call, fresh)
    return _batch(call, (), tuple(_error(each, "call_is_ending") for each in fresh), respond=False)
