"""What is said while the caller waits for a tool.

A filler is counted from when the floor is free, and dropped where somebody else takes the floor:
it is never said on top of the agent's own words or the caller's. It has the lowest priority, so
that everything else goes first.
"""

from __future__ import annotations

from controller.sansio.call import words
from controller.sansio.call.state import CallState, Step
from controller.sansio.call.work import Lull
from controller.sansio.commands import CallCommand, Priority, Say, Unsay
from controller.sansio.events import FloorFree, FloorTaken
from controller.sansio.value import replace


def began(call: CallState, now: float) -> CallState:
    """Count from now on, if the caller waits for something that fillers are said for.

    What began later starts the count anew: the caller has heard the model since.
    """
    if not call.work.is_spoken_for:
        return call
    lull = call.work.lull
    since = None if lull.free_at is None else now
    return _with(call, replace(lull, since=since, fillers=0))


def ended(call: CallState) -> Step:
    """Stop counting where nobody waits any more; what was not said yet need not be."""
    if call.work.is_spoken_for:
        return call, ()
    return _with(call, Lull(free_at=call.work.lull.free_at)), _unsaid(call)


def _unsaid(call: CallState) -> tuple[CallCommand, ...]:
    filler = call.work.lull.filler
    return () if filler is None else (Unsay(filler),)


def floor_taken(call: CallState, _event: FloorTaken, _now: float) -> Step:
    """Somebody speaks. If it is not the filler itself, that need not be said any more.

    If it is, it was asked for already and the wish to drop it has no effect.
    """
    return _with(call, replace(call.work.lull, free_at=None)), _unsaid(call)


def floor_free(call: CallState, _event: FloorFree, now: float) -> Step:
    """Nobody speaks: whoever waits for a tool hears silence from now on."""
    lull = call.work.lull
    since = now if lull.since is None and call.work.is_spoken_for else lull.since
    return _with(call, replace(lull, free_at=now, since=since, filler=None)), ()


def tick(call: CallState, now: float) -> Step:
    """Say the filler that is due, if one is."""
    due = call.work.due(call.terms.filler)
    if due is None or now < due:
        return call, ()
    lull = call.work.lull
    says = call.says + 1
    say_id = f"filler-{says}"
    text = words.STILL_WORKING if lull.fillers else words.FILLER
    call = replace(_with(call, replace(lull, fillers=lull.fillers + 1, filler=say_id)), says=says)
    return call, (Say(say_id, text, priority=Priority.PROMPT),)


def _with(call: CallState, lull: Lull) -> CallState:
    return replace(call, work=replace(call.work, lull=lull))
