"""Responses: one at a time, those that VAD starts included (rules 7 and 8).

A request waits in a queue until no response is active. What the far end refuses because it is
itself responding goes back to the front; what fails is asked for once more, then a line of apology
takes its place.
"""

from __future__ import annotations

from controller.sansio.events import (
    Speech,
    ToolCall,
    ToolsCalled,
    UsageReported,
)
from controller.sansio.realtime import failing, hearing, reading
from controller.sansio.realtime.asking import put_back, unheard
from controller.sansio.realtime.codec import (
    FinishedResponse,
    ResponseCreated,
    ResponseDone,
)
from controller.sansio.realtime.state import (
    FINISHED_LIMIT,
    Ask,
    Out,
    Phase,
    Turn,
    TurnState,
    TurnTerms,
)
from controller.sansio.value import replace

# --- a response begins -------------------------------------------------------------------------


def created(terms: TurnTerms, turns: TurnState, event: ResponseCreated, now: float) -> Turn:
    """A response has the floor. Is it ours?"""
    response = event.response
    is_active = turns.phase is Phase.RESPONDING and response.id == turns.current_id
    if is_active or response.id in turns.finished:
        return turns, ()  # said twice
    mark = reading.mark(response.metadata)
    outs: tuple[Out, ...] = ()
    if turns.phase is not Phase.REQUESTED or not _may_be_ours(turns, mark):
        turns, outs = _give_way(terms, turns, now)
        turns = _take_up(turns, mark)
    turns = replace(
        turns,
        phase=Phase.RESPONDING,
        phase_until=now + terms.pace.finish,
        current_id=response.id,
        confirmed=turns.current is not None and mark is not None,
        echoes=turns.echoes or mark is not None,
    )
    return turns, outs


def _may_be_ours(turns: TurnState, mark: str | None) -> bool:
    """Tell whether a response is that of the current request.

    Without a mark it may well be, unless the far end is known to echo them.
    """
    if mark is None:
        return not turns.echoes
    return turns.current is not None and mark in turns.current.marks


def _take_up(turns: TurnState, mark: str | None) -> TurnState:
    """A response came for a request that was given up already: it is that request's after all."""
    late = next((each for each in turns.queue if mark in each.marks), None)
    if late is None:
        return replace(turns, committed=False)  # whoever responds answers what was said
    queue = tuple(each for each in turns.queue if each is not late)
    return replace(turns, current=late, queue=queue)


def _give_way(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Another response has the floor: ours waits, and one answer to the caller is enough."""
    queue = tuple(request for request in turns.queue if request.ask is not Ask.CALLER)
    current, turns = turns.current, replace(turns, current=None, queue=queue)
    if current is not None and turns.phase is Phase.REQUESTED:
        return put_back(turns, current)
    turns, owed = hearing.abandoned(terms, turns, now)  # the response.done of ours never came
    said = current is not None and hearing.is_followed(turns, owed, current)
    return turns, owed if said or current is None else (*owed, *unheard(current))


def conflict(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Ours was refused because a response is active: wait for that one's end (rule 7)."""
    current = turns.current
    until = now + terms.pace.conflict
    if turns.phase is Phase.RESPONDING:
        # A response that bore no mark was taken for ours: it was VAD's.
        turns = hearing.disowned(turns, turns.current_id)
        until = max(until, turns.phase_until or until)
    turns = replace(turns, phase=Phase.RESPONDING, phase_until=until, current=None)
    return (turns, ()) if current is None else put_back(turns, current)


# --- a response ends ---------------------------------------------------------------------------


def done(terms: TurnTerms, turns: TurnState, event: ResponseDone, now: float) -> Turn:
    """A response was generated, cut off, or failed."""
    response = event.response
    if response.id in turns.finished:
        return turns, ()
    turns = replace(turns, finished=(*turns.finished, response.id)[-FINISHED_LIMIT:])
    outs: tuple[Out, ...] = (UsageReported(reading.usage(response)),)
    active = _has_floor(turns, response)
    request = turns.current if active else None
    if active:
        turns = failing.freed(turns)
    say_id = request.say_id if request is not None else ""
    say_id = say_id or hearing.say_id_of(turns, response.id)
    turns, words, silent = _words(terms, turns, response, say_id, now)
    outs += words
    match response.status:
        case "completed":
            outs += _tool_calls(turns, response, say_id, silent=silent)
        case "failed" | "incomplete" if silent and active:
            turns, more = failing.failed(terms, turns, request, response, now)
            return turns, (*outs, *more)
    if silent and request is not None:
        outs += unheard(request)
    return turns, outs


def _has_floor(turns: TurnState, response: FinishedResponse) -> bool:
    """Tell whether a finished response is the active one, or ours whose beginning was lost."""
    if turns.phase is Phase.REQUESTED:
        mark = reading.mark(response.metadata)
        return turns.current is not None and mark in turns.current.marks
    return turns.phase is Phase.RESPONDING and turns.current_id in {None, response.id}


def _words(
    terms: TurnTerms, turns: TurnState, response: FinishedResponse, say_id: str, now: float
) -> tuple[TurnState, tuple[Out, ...], bool]:
    """Follow the words of a finished response to the caller's ear; say whether it had none."""
    spoken = [
        words for item in reading.items(response) if (words := reading.words(item)) is not None
    ]
    if not spoken and not hearing.is_playing(turns, response.id):
        return turns, (), True
    characters = 0 if response.status == "cancelled" else sum(map(len, spoken)) or None
    ids = (response.id, say_id)
    turns, outs = hearing.generated(terms, turns, ids, characters=characters, now=now)
    return turns, outs, False


def _tool_calls(
    turns: TurnState, response: FinishedResponse, say_id: str, *, silent: bool
) -> tuple[Out, ...]:
    """Collect the finished function calls of a completed response, and of no other (rule 8)."""
    calls = tuple(
        ToolCall(item.call_id, item.name, item.arguments or "{}")
        for item in reading.items(response)
        if item.type == "function_call"
        and item.call_id
        and item.name
        and item.status in {"completed", None}
    )
    if not calls:
        return ()
    if silent:
        return (ToolsCalled(say_id, Speech.SILENT, calls),)
    playing = hearing.is_playing(turns, response.id)
    return (ToolsCalled(say_id, Speech.UNHEARD if playing else Speech.HEARD, calls),)
