"""MCP servers: OpenAI calls their tools by itself, and asks us only for approval.

Whether OpenAI lets the model go on by itself once such a tool has answered is not documented. So we
ask for a response (`Pace.follow_up`) when the tool has answered, its response is done, and
nothing was said after the call; any response that begins by itself meanwhile takes that up
(`Ask.SERVER`), so that one call never gets two answers.
"""

from __future__ import annotations

from controller.sansio.events import ApprovalRequested, ServerToolCalled, ServerToolsListed
from controller.sansio.realtime import posting, reading
from controller.sansio.realtime.asking import enqueue
from controller.sansio.realtime.codec import (
    FinishedResponse,
    Item,
    ItemAdded,
    ItemDone,
    ServerCallCompleted,
    ServerCallFailed,
    ServerListed,
    ServerNotListed,
)
from controller.sansio.realtime.parts import Ask, Request, ServerCall
from controller.sansio.realtime.state import KEPT_LIMIT, Out, Turn, TurnState, TurnTerms
from controller.sansio.value import replace


def item_seen(terms: TurnTerms, turns: TurnState, event: ItemAdded | ItemDone, _now: float) -> Turn:
    """An item has arrived or is complete, ours or a server's."""
    return _seen(terms, posting.arrived(turns, event.item), event.item)


def _seen(terms: TurnTerms, turns: TurnState, item: Item) -> Turn:
    if item.id is None:
        return turns, ()
    match item.type:
        case "mcp_list_tools":
            others = tuple(each for each in turns.lists if each[0] != item.id)
            lists = (*others, (item.id, item.server_label or ""))[-KEPT_LIMIT:]
            return replace(turns, lists=lists), ()
        case "mcp_approval_request":
            return _asked(turns, item.id, item)
        case "mcp_call":
            turns = _known(turns, item.id, item)
            if reading.is_null(item.output) and reading.is_null(item.error):
                return turns, ()  # it is still running
            return _answered(terms, turns, item.id, failed=not reading.is_null(item.error))
        case _:
            return turns, ()


def _asked(turns: TurnState, item_id: str, item: Item) -> Turn:
    if item_id in turns.requested:
        return turns, ()
    turns = replace(turns, requested=(*turns.requested, item_id)[-KEPT_LIMIT:])
    return turns, (ApprovalRequested(item_id, item.server_label or "", item.name or ""),)


def listed(_terms: TurnTerms, turns: TurnState, event: ServerListed, _now: float) -> Turn:
    """The model knows a server's tools."""
    return turns, (ServerToolsListed(_label(turns, event.item_id), failed=False),)


def not_listed(_terms: TurnTerms, turns: TurnState, event: ServerNotListed, _now: float) -> Turn:
    """The model goes on without a server's tools."""
    return turns, (ServerToolsListed(_label(turns, event.item_id), failed=True),)


def _label(turns: TurnState, item_id: str | None) -> str:
    return next((label for known, label in turns.lists if known == item_id), "")


def completed(terms: TurnTerms, turns: TurnState, event: ServerCallCompleted, _now: float) -> Turn:
    """A server's tool has given its output."""
    return _answered(terms, turns, event.item_id, failed=False)


def failed(terms: TurnTerms, turns: TurnState, event: ServerCallFailed, _now: float) -> Turn:
    """A server's tool has failed."""
    return _answered(terms, turns, event.item_id, failed=True)


def _answered(terms: TurnTerms, turns: TurnState, item_id: str | None, *, failed: bool) -> Turn:
    """A tool has answered: report it once, and have the model tell what it found."""
    if item_id is None:
        return turns, ()
    call = _call(turns, item_id) or ServerCall(item_id, "", "")
    if call.is_finished:
        return turns, ()
    turns = _keep(turns, replace(call, is_finished=True))
    report = ServerToolCalled(call.server, call.tool, failed=failed)
    turns, asked = _follow_up(terms, turns, call.response_id)
    return turns, (report, *asked)


def response_done(terms: TurnTerms, turns: TurnState, response: FinishedResponse) -> Turn:
    """Look for calls and requests in a completed response; tell what has not been told."""
    outs: tuple[Out, ...] = ()
    untold: list[str] = []
    for item in reading.items(response):
        if reading.words(item) is not None:
            untold = []  # said after the call: it was told
        if item.type == "mcp_call" and item.id is not None:
            untold.append(item.id)
        turns, more = _seen(terms, turns, item)
        outs += more
    for call in turns.server_calls:
        if call.item_id in untold:
            turns = _keep(turns, replace(call, response_id=response.id))
    turns, asked = _follow_up(terms, turns, response.id)
    return turns, (*outs, *asked)


def _follow_up(terms: TurnTerms, turns: TurnState, response_id: str) -> Turn:
    """Ask for one response once the last call of a response has answered."""
    calls = [each for each in turns.server_calls if each.response_id == response_id]
    if not (response_id and calls and all(each.is_finished for each in calls)):
        return turns, ()
    if not terms.pace.follow_up:
        return turns, ()
    if turns.held:
        return replace(turns, committed=True), ()  # no other turn starts while turns are held
    return enqueue(turns, Request(Ask.SERVER))


def _known(turns: TurnState, item_id: str, item: Item) -> TurnState:
    call = _call(turns, item_id) or ServerCall(item_id, "", "")
    server, tool = item.server_label or call.server, item.name or call.tool
    return _keep(turns, replace(call, server=server, tool=tool))


def _call(turns: TurnState, item_id: str) -> ServerCall | None:
    return next((each for each in turns.server_calls if each.item_id == item_id), None)


def _keep(turns: TurnState, call: ServerCall) -> TurnState:
    others = tuple(each for each in turns.server_calls if each.item_id != call.item_id)
    return replace(turns, server_calls=(*others, call)[-KEPT_LIMIT:])
