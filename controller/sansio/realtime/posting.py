"""What we put into the conversation: tool outputs, approvals, notes for the model.

Each is kept until the far end shows it as an item of the conversation; what is not acknowledged is
posted again after a reattach, twice at most.
"""

from __future__ import annotations

from controller.sansio.commands import Approve, GiveToolOutputs, Inject, SendFrame
from controller.sansio.events import FaultReported
from controller.sansio.realtime import frames
from controller.sansio.realtime.asking import enqueue
from controller.sansio.realtime.codec import Item
from controller.sansio.realtime.parts import ATTACHED, Approval, Ask, Posted, Request
from controller.sansio.realtime.state import KEPT_LIMIT, Out, Turn, TurnState, TurnTerms, number
from controller.sansio.value import replace

POSTS_LIMIT = 3
"""Once, and twice again after a reattach."""


def give_outputs(
    _terms: TurnTerms, turns: TurnState, command: GiveToolOutputs, _now: float
) -> Turn:
    """Post every output, then ask for one response (rule 8)."""
    given = tuple(Posted(output) for output in command.outputs)
    sent: tuple[Out, ...] = ()
    if turns.phase in ATTACHED:
        turns, given, sent = _post_outputs(turns, given)
    turns = replace(turns, outputs=(*turns.outputs, *given)[-KEPT_LIMIT:])
    if not command.respond:
        return turns, sent
    turns, refused = enqueue(turns, Request(Ask.TOOLS, tells=not given))
    return turns, (*sent, *refused)


def _post_outputs(
    turns: TurnState, given: tuple[Posted, ...]
) -> tuple[TurnState, tuple[Posted, ...], tuple[Out, ...]]:
    sent, posted = [], []
    for each in given:
        turns, event_id = number(turns)
        sent.append(frames.tool_output(event_id, each.output))
        posted.append(replace(each, event_ids=(*each.event_ids, event_id)))
    return turns, tuple(posted), tuple(sent)


def approve(_terms: TurnTerms, turns: TurnState, command: Approve, _now: float) -> Turn:
    """Answer the model's request to use a tool of an MCP server, then ask for one response."""
    answer = Approval(command.request_id, command.approve, command.reason)
    sent: tuple[Out, ...] = ()
    if turns.phase in ATTACHED:
        turns, (answer,), sent = _post_approvals(turns, (answer,))
    turns = replace(turns, approvals=(*turns.approvals, answer)[-KEPT_LIMIT:])
    turns, refused = enqueue(turns, Request(Ask.SERVER))
    return turns, (*sent, *refused)


def _post_approvals(
    turns: TurnState, given: tuple[Approval, ...]
) -> tuple[TurnState, tuple[Approval, ...], tuple[Out, ...]]:
    sent, posted = [], []
    for each in given:
        turns, event_id = number(turns)
        answer, reason = each.approve, each.reason
        sent.append(frames.approval(event_id, each.request_id, approve=answer, reason=reason))
        posted.append(replace(each, event_ids=(*each.event_ids, event_id)))
    return turns, tuple(posted), tuple(sent)


def post_again(turns: TurnState) -> Turn:
    """Post what is not known to have arrived; give up what never seems to arrive."""
    outputs = tuple(each for each in turns.outputs if len(each.event_ids) < POSTS_LIMIT)
    approvals = tuple(each for each in turns.approvals if len(each.event_ids) < POSTS_LIMIT)
    lost = len(turns.outputs) + len(turns.approvals) - len(outputs) - len(approvals)
    turns, outputs, sent = _post_outputs(turns, outputs)
    turns, approvals, more = _post_approvals(turns, approvals)
    turns = replace(turns, outputs=outputs, approvals=approvals)
    return turns, (*sent, *more, *(FaultReported("item_unacknowledged") for _ in range(lost)))


def arrived(turns: TurnState, item: Item) -> TurnState:
    """An item of ours is in the conversation: it need not be posted again."""
    match item.type:
        case "function_call_output":
            left = [each for each in turns.outputs if each.output.tool_call_id != item.call_id]
            return replace(turns, outputs=tuple(left))
        case "mcp_approval_response":
            request_id = item.approval_request_id
            kept = [each for each in turns.approvals if each.request_id != request_id]
            return replace(turns, approvals=tuple(kept))
        case _:
            return turns


def refused(turns: TurnState, event_id: str | None) -> TurnState:
    """An item was refused, perhaps because the conversation has it already: keep it no longer."""
    outputs = tuple(each for each in turns.outputs if event_id not in each.event_ids)
    approvals = tuple(each for each in turns.approvals if event_id not in each.event_ids)
    if len(outputs) == len(turns.outputs) and len(approvals) == len(turns.approvals):
        return turns
    return replace(turns, outputs=outputs, approvals=approvals)


def inject(_terms: TurnTerms, turns: TurnState, command: Inject, _now: float) -> Turn:
    """Tell the model something; at once, or with the next socket."""
    turns = replace(turns, notes=(*turns.notes, command.text)[-KEPT_LIMIT:])
    return send_notes(turns) if turns.phase in ATTACHED else (turns, ())


def send_notes(turns: TurnState) -> tuple[TurnState, tuple[SendFrame, ...]]:
    """Send the notes that wait."""
    sent = []
    for text in turns.notes:
        turns, event_id = number(turns)
        sent.append(frames.system_message(event_id, text))
    return replace(turns, notes=()), tuple(sent)
