"""Tools: what the model calls is run, and every call gets an output (rules 8 and 9).

All tools of a response start at once; their outputs are posted together, after the last, and one
response is asked for. Nothing runs twice for one `tool_call_id`, whatever is said twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

from controller.sansio.agent import HAND_OFF, HANG_UP, NO_TRANSCRIPT, TRANSFER, WAIT_FOR_CALLER
from controller.sansio.call import answers, built_in, ending, fillers, referring
from controller.sansio.call.built_in import Taken
from controller.sansio.call.state import CallState, State, Step, effect, ignore
from controller.sansio.call.work import Batch, Earlier
from controller.sansio.commands import (
    CallCommand,
    GiveToolOutputs,
    HoldTurns,
    Outcome,
    RunTool,
)
from controller.sansio.events import (
    DigitsEntered,
    ToolCall,
    ToolCallsLost,
    ToolFinished,
    ToolOutput,
    ToolsCalled,
)
from controller.sansio.value import replace

# --- a response calls tools --------------------------------------------------------------------


class _Asked(NamedTuple):
    """One tool call of a response, and what speaks against it."""

    tool_call: ToolCall
    refusal: str | None = None
    """Word of an error."""
    is_last: bool = False
    """It begins the end, once its output is given."""


def tools_called(call: CallState, event: ToolsCalled, now: float) -> Step:
    """Run what is new; `hang_up` and `transfer` are ours and begin the end (rules 8 and 9)."""
    fresh = _unseen(call, event)
    if not fresh:
        return ignore(call)
    asked = tuple(_judged(call, fresh))
    closing = next((each.tool_call for each in asked if each.is_last), None)
    call = _remember(call, fresh)
    call, outputs, commands = _take_all(call, asked)
    # After `wait_for_caller` alone there is nothing to say.
    waits = [_is_ours(call, each) and each.name == WAIT_FOR_CALLER for each in fresh]
    respond = closing is None and not all(waits)
    call, given = _batch(call, fresh, outputs, respond=respond, is_last=closing is not None)
    call = fillers.began(call, now)
    if closing is None:
        return call, (*commands, *given)
    heard = (event.say_id, event.speech)
    if closing.name == TRANSFER:
        target = referring.target_named(closing)
        call, last = referring.begin(call, target, heard=heard, now=now)
    else:
        call, last = ending.after_words(call, outcome=Outcome.WE_HUNG_UP, heard=heard, now=now)
    return call, (HoldTurns(), *given, *commands, *last)


def tools_called_while_ending(call: CallState, event: ToolsCalled, _now: float) -> Step:
    """ENDING: every tool call gets an output, and none is run; a refusal still counts (O8)."""
    fresh = _unseen(call, event)
    call, outputs, commands = _take_all(
        _remember(call, fresh),
        [
            _Asked(each, None if _is_no_transcript(call, each) else "call_is_ending")
            for each in fresh
        ],
    )
    given = (GiveToolOutputs(outputs, respond=False),) if outputs else ()
    return call, (*commands, *given)


def tool_calls_lost(call: CallState, event: ToolCallsLost, _now: float) -> Step:
    """Answer what was never said to be complete: nothing of it is run, now or later (rule 8)."""
    lost = [name for name in dict.fromkeys(event.tool_call_ids) if name not in call.work.seen]
    seen = call.work.seen | set(lost[: _room(call)])
    call = replace(call, work=replace(call.work, seen=seen))
    outputs = tuple(answers.error(name, "connection_lost") for name in lost)
    respond = call.ending is None
    return call, (GiveToolOutputs(outputs, respond),) if outputs else ()


def _unseen(call: CallState, event: ToolsCalled) -> tuple[ToolCall, ...]:
    """The calls of an event that never came before, each once."""
    fresh = {each.tool_call_id: each for each in event.calls}
    return tuple(each for name, each in fresh.items() if name not in call.work.seen)


def _remember(call: CallState, fresh: tuple[ToolCall, ...]) -> CallState:
    """Never run these again. What is over the limit is not run at all and need not be known."""
    known = call.work.seen | {each.tool_call_id for each in fresh[: _room(call)]}
    return replace(call, work=replace(call.work, seen=known))


def _room(call: CallState) -> int:
    return max(0, call.terms.limits.tool_calls - len(call.work.seen))


def _judged(call: CallState, fresh: tuple[ToolCall, ...]) -> Iterable[_Asked]:
    """Say which calls are refused, whatever they ask, and which one begins the end.

    The first `hang_up` or `transfer` that can be followed is; it needs no room, for the end must be
    possible when everything else is used up. Nor does `no_transcript`: it is followed whatever else
    the response calls, for it is the caller's to decide (operations, O8).
    """
    unfit = {
        each.tool_call_id: reason
        for each in fresh
        if _is_transfer(call, each) and (reason := referring.request(call, each)) is not None
    }
    ends = [each for each in fresh if _is_end(call, each) and each.tool_call_id not in unfit]
    hand_offs = [each for each in fresh if _is_ours(call, each) and each.name == HAND_OFF]
    room = _room(call)
    for count, each in enumerate(fresh, 1):
        if each in ends[:1]:
            yield _Asked(each, is_last=True)
        elif _is_no_transcript(call, each):
            yield _Asked(each)
        elif each.tool_call_id in unfit:
            yield _Asked(each, unfit[each.tool_call_id])
        elif each in ends or (ends and _is_ours(call, each)):
            yield _Asked(each, "call_is_ending")
        elif count > room:
            yield _Asked(each, "too_many_tool_calls")
        elif each in hand_offs[1:]:
            yield _Asked(each, "already_handed_off")
        else:
            yield _Asked(each)


def _is_ours(call: CallState, tool_call: ToolCall) -> bool:
    return tool_call.name in built_in.HANDLERS and tool_call.name in call.terms.built_in


def _is_no_transcript(call: CallState, tool_call: ToolCall) -> bool:
    return tool_call.name == NO_TRANSCRIPT and _is_ours(call, tool_call)


def _is_end(call: CallState, tool_call: ToolCall) -> bool:
    is_hang_up = tool_call.name == HANG_UP and HANG_UP in call.terms.built_in
    return is_hang_up or _is_transfer(call, tool_call)


def _is_transfer(call: CallState, tool_call: ToolCall) -> bool:
    is_known = bool(call.terms.offered or call.terms.returned_from)
    can = TRANSFER in call.terms.built_in and is_known
    return can and tool_call.name == TRANSFER


# --- one tool call -----------------------------------------------------------------------------


def _take_all(
    call: CallState, asked: Iterable[_Asked]
) -> tuple[CallState, tuple[ToolOutput, ...], tuple[CallCommand, ...]]:
    """Take tool calls in their order; return the outputs that are there already."""
    outputs: list[ToolOutput] = []
    commands: list[CallCommand] = []
    for each in asked:
        call, output, more = _take(call, each)
        outputs += () if output is None else (output,)
        commands += more
    return call, tuple(outputs), tuple(commands)


def _take(call: CallState, asked: _Asked) -> Taken:
    """Answer a tool call, or start what will."""
    tool_call = asked.tool_call
    if asked.refusal is not None:
        return call, answers.error(tool_call.tool_call_id, asked.refusal), ()
    if asked.is_last:
        return call, answers.done(tool_call.tool_call_id), ()
    if _is_ours(call, tool_call):
        return built_in.HANDLERS[tool_call.name](call, tool_call)
    return _run_or_recall(call, tool_call)


def _run_or_recall(call: CallState, tool_call: ToolCall) -> Taken:
    """Run a tool, unless it ran with the same arguments and says that once is enough."""
    name = tool_call.tool_call_id
    on_duplicate = call.terms.tool(tool_call.name).on_duplicate
    if on_duplicate == "run":
        return _run(call, tool_call)
    key = _key(call.terms.agent, tool_call)
    run = call.work.run_of(key)
    if run is None:
        run = Earlier(key, name, is_reused=on_duplicate == "reuse")
        return _run(replace(call, work=call.work.remembering(run)), tool_call)
    if run.is_reused and run.is_running:
        return replace(call, work=call.work.sharing(run, name)), None, ()
    if run.is_reused and run.output is not None:
        return call, ToolOutput(name, run.output), ()
    return call, answers.error(name, "already_done"), ()


def _run(call: CallState, tool_call: ToolCall) -> Taken:
    call, effect_id = effect(call, "tool")
    return call, None, (RunTool(effect_id, tool_call, call.terms.agent),)


def _key(agent: str, tool_call: ToolCall) -> str:
    """Hash what makes two calls the same: whose tool, which, and the arguments by their meaning."""
    try:
        given = json.loads(tool_call.arguments.strip() or "{}")
        meant = json.dumps(given, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        meant = tool_call.arguments
    whole = json.dumps([agent, tool_call.name, meant])
    return hashlib.sha256(whole.encode()).hexdigest()


def _batch(
    call: CallState,
    fresh: tuple[ToolCall, ...],
    outputs: tuple[ToolOutput, ...],
    *,
    respond: bool,
    is_last: bool,
) -> Step:
    """Post what is answered already, or let it wait for the rest.

    The end waits for no tool: its own output goes first, the others follow unasked.
    """
    answered = {each.tool_call_id for each in outputs}
    running = tuple(each for each in fresh if each.tool_call_id not in answered)
    given = (GiveToolOutputs(outputs, respond),) if outputs and (is_last or not running) else ()
    if not running:
        return call, given
    waiting = frozenset(each.tool_call_id for each in running)
    speaks = frozenset(
        each.tool_call_id
        for each in running
        if not _is_ours(call, each) and call.terms.tool(each.name).speak_while_waiting
    )
    calls = tuple(each.tool_call_id for each in fresh)
    batch = Batch(calls, waiting, () if is_last else outputs, respond, speaks)
    work = replace(call.work, batches=(*call.work.batches, batch))
    return replace(call, work=work), given


# --- outputs come ------------------------------------------------------------------------------


def tool_finished(call: CallState, event: ToolFinished, _now: float) -> Step:
    """Take an output. One that nobody waits for came late, or was said twice."""
    output = answers.bounded(event.output)
    name = output.tool_call_id
    work, others = call.work.ran(output)
    if not call.work.waits_for(name) and not others:
        return ignore(call)
    counts = dict(work.counted)
    if (count := counts.pop(name, None)) is not None:
        output = answers.counted(output, count)
    call = replace(call, work=replace(work, counted=tuple(counts.items())))
    return _answered(call, output, *(ToolOutput(each, output.output) for each in others))


def digits_entered(call: CallState, event: DigitsEntered, now: float) -> Step:
    """Give the model the digits that it asked for, or that the caller entered unasked."""
    if event.request_id is None:
        if call.state is not State.ENDING and event.digits:
            return built_in.unasked(call, event)
        return ignore(call)
    entry = call.work.entry
    if entry is None or entry.tool_call_id != event.request_id:
        return ignore(call)
    call, output, commands = built_in.entered(call, event, entry)
    if output is None:
        return fillers.began(call, now), commands
    call, given = _answered(call, output)
    return call, (*commands, *given)


def _answered(call: CallState, *outputs: ToolOutput) -> Step:
    """Post the outputs of a response after its last tool, then ask for one response (rule 8)."""
    work = call.work
    complete: list[Batch] = []
    for each in outputs:
        work, batch = work.answered(each)
        complete += () if batch is None else (batch,)
    call, unsaid = fillers.ended(replace(call, work=work))
    if not complete:
        return call, unsaid
    posted = tuple(output for batch in complete for output in batch.in_order)
    respond = call.ending is None and any(batch.respond for batch in complete)
    return call, (*unsaid, GiveToolOutputs(posted, respond))


def tick(call: CallState, now: float) -> Step:
    """Do what is due while tools run."""
    return fillers.tick(call, now)
