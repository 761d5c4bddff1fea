"""What a response shows before it is done: that it lives, and tool calls that could get lost.

A socket that is lost takes `response.done` with it: the far end repeats nothing after a reattach,
and the model waits for an output that nobody owes it. So tool calls are remembered from the moment
at which they are shown.
"""

from __future__ import annotations

from controller.sansio.events import ToolCallsLost
from controller.sansio.realtime.codec import OutputItemAdded
from controller.sansio.realtime.parts import Ask
from controller.sansio.realtime.state import KEPT_LIMIT, Turn, TurnState, TurnTerms
from controller.sansio.value import replace


def shown(terms: TurnTerms, turns: TurnState, event: OutputItemAdded, now: float) -> Turn:
    """A response has begun its next item."""
    item, response_id = event.item, event.response_id or turns.current_id
    if response_id is None or response_id in turns.finished:
        return turns, ()
    if item.type == "function_call" and item.call_id:
        opened = (*turns.open_calls, (response_id, item.call_id))[-KEPT_LIMIT:]
        turns = replace(turns, open_calls=opened)
    is_ours_to_hear = turns.current is not None and turns.current.ask is Ask.SAY
    if response_id == turns.current_id and turns.word_until is not None and not is_ours_to_hear:
        turns = replace(turns, word_until=now + terms.pace.working)
    return turns, ()


def settled(turns: TurnState, response_id: str) -> TurnState:
    """A response is done: it has said itself what it calls."""
    left = tuple(each for each in turns.open_calls if each[0] != response_id)
    return replace(turns, open_calls=left) if turns.open_calls else turns


def lost(turns: TurnState) -> Turn:
    """Nobody will say what became of the calls that were shown: they are not run (rule 8)."""
    if not turns.open_calls:
        return turns, ()
    names = tuple(name for _, name in turns.open_calls)
    return replace(turns, open_calls=()), (ToolCallsLost(names),)
