"""Responses: one at a time, those that VAD starts included (rules 7 and 8)."""

from __future__ import annotations

from controller.sansio.events import Speech, ToolCall, ToolsCalled
from controller.sansio.realtime import (
    asking,
    billing,
    cutting,
    failing,
    hearing,
    reading,
    serving,
    showing,
)
from controller.sansio.realtime.codec import FinishedResponse, ResponseCreated, ResponseDone
from controller.sansio.realtime.parts import TAKEN_UP, Ask, Phase, Request
from controller.sansio.realtime.state import FINISHED_LIMIT, Out, Turn, TurnState, TurnTerms
from controller.sansio.value import replace

# --- a response begins -------------------------------------------------------------------------


def created(terms: TurnTerms, turns: TurnState, event: ResponseCreated, now: float) -> Turn:
    """A response has the floor. Is it ours?"""
    response = event.response
    is_active = turns.phase is Phase.RESPONDING and response.id == turns.current_id
    if is_active or response.id in turns.finished or reading.is_aside(response):
        return turns, ()  # said twice, or beside the conversation
    mark = reading.mark(response.metadata)
    outs: tuple[Out, ...] = ()
    if mark in turns.unwanted and not _is_current(turns, mark):
        turns, outs = _give_way(terms, replace(turns, cut_off=True), now)
    elif turns.phase is not Phase.REQUESTED or not _may_be_ours(turns, mark):
        # Nobody is to speak while a hang-up or a referral is on its way: the hold may not be taken.
        turns, outs = _give_way(terms, replace(turns, cut_off=turns.silent), now)
        turns, dropped = _take_up(turns, mark)
        outs = (*outs, *dropped)
    turns = replace(
        turns,
        phase=Phase.RESPONDING,
        phase_until=now + terms.pace.finish,
        word_until=now + terms.pace.first_word,
        current_id=response.id,
        confirmed=turns.current is not None and mark is not None,
        echoes=turns.echoes or mark is not None,
        unanswered=False,
        caller_until=None,
    )
    turns = asking.seen(turns, response.id)
    if turns.cut_off:
        turns, cancelled = cutting.cancel(terms, turns, now)
        return turns, (*cancelled, *outs)
    return turns, outs


def _is_current(turns: TurnState, mark: str | None) -> bool:
    return turns.current is not None and mark in turns.current.marks


def _may_be_ours(turns: TurnState, mark: str | None) -> bool:
    """Tell whether a response is that of the current request.

    Without a mark it may well be, unless the far end is known to echo them.
    """
    return not turns.echoes if mark is None else _is_current(turns, mark)


def _take_up(turns: TurnState, mark: str | None) -> Turn:
    """A response came for a request that was given up already: it is that request's after all.

    Any other answers what was said: no second answer is asked for, and no apology.
    """
    late = next((each for each in turns.queue if mark in each.marks), None)
    if late is not None:
        queue = tuple(each for each in turns.queue if each is not late)
        return replace(turns, current=late, queue=queue), ()
    done_for = tuple(each for each in turns.queue if each.ask in TAKEN_UP or each.is_fallback)
    return asking.drop(replace(turns, committed=False), done_for)


def _give_way(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Another response has the floor: ours waits."""
    current, turns = turns.current, replace(turns, current=None)
    if current is not None and turns.phase is Phase.REQUESTED:
        return asking.give_way(turns, current)
    turns, owed = hearing.abandoned(terms, turns, now)  # the response.done of ours never came
    said = current is not None and hearing.is_followed(turns, owed, current)
    return turns, owed if said or current is None else (*owed, *asking.unheard(current))


def conflict(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Ours was refused because a response is active: wait for that one's end (rule 7)."""
    current = turns.current or Request(Ask.CALLER)
    until = now + terms.pace.conflict
    if turns.phase is Phase.RESPONDING:
        # A response that bore no mark was taken for ours: it was VAD's.
        turns = hearing.disowned(turns, turns.current_id)
        until = max(until, turns.phase_until or until)
    turns, outs = asking.give_way(turns, current)
    was_asked = turns.phase is Phase.REQUESTED
    turns = replace(turns, phase=Phase.RESPONDING, phase_until=until, current=None)
    if turns.cut_off and was_asked:
        turns, cancelled = cutting.cancel(terms, turns, now)  # whatever it is that is active
        return turns, (*cancelled, *outs)
    return turns, outs


# --- a response ends ---------------------------------------------------------------------------


def done(terms: TurnTerms, turns: TurnState, event: ResponseDone, now: float) -> Turn:
    """A response was generated, cut off, or failed. Every one of them is billed."""
    response = event.response
    if response.id in turns.finished:
        return turns, ()
    turns = replace(turns, finished=(*turns.finished, response.id)[-FINISHED_LIMIT:])
    turns = showing.settled(turns, response.id)
    outs: tuple[Out, ...] = (billing.of_response(response),)
    if reading.is_aside(response) and response.id != turns.current_id:
        return turns, outs
    active = _has_floor(turns, response)
    request = turns.current if active else None
    was_cut, unborn = active and turns.cut_off, turns.phase is Phase.REQUESTED
    if active:
        turns = failing.freed(turns)
    say_id = request.say_id if request is not None else ""
    say_id = say_id or hearing.say_id_of(turns, response.id)
    turns, words, silent = _words(terms, turns, response, say_id, now)
    outs += words
    if was_cut:
        turns, over = _was_cut_off(turns, unborn=unborn)
        outs += over
    if response.status in {"failed", "incomplete"} and silent and active and not was_cut:
        code = failing.code_of(response)
        turns, more = failing.failed(terms, turns, request, code, now)
        return turns, (*outs, *more)
    turns, more = _ended(terms, turns, response, say_id, silent=silent)
    outs += more
    if silent and request is not None:
        outs += asking.unheard(request)
    return turns, outs


def _has_floor(turns: TurnState, response: FinishedResponse) -> bool:
    """Tell whether a finished response is the active one, or ours whose beginning was lost."""
    if turns.phase is Phase.REQUESTED:
        return _is_current(turns, reading.mark(response.metadata))
    return turns.phase is Phase.RESPONDING and turns.current_id in {None, response.id}


def _was_cut_off(turns: TurnState, *, unborn: bool) -> Turn:
    """What we cancelled is over at once; what was never seen to begin is yet to be cleared."""
    turns, over = hearing.cut_off(turns)
    if not (unborn and over):
        return turns, over
    turns, cleared = cutting.clear(turns)
    return turns, (*cleared, *over)


def _words(
    terms: TurnTerms, turns: TurnState, response: FinishedResponse, say_id: str, now: float
) -> tuple[TurnState, tuple[Out, ...], bool]:
    """Follow the words of a finished response to the caller's ear; say whether it had none."""
    found = (reading.words(item) for item in reading.items(response))
    spoken = [words for words in found if words is not None]
    if not spoken and not hearing.is_playing(turns, response.id):
        return turns, (), True
    is_whole = response.status != "cancelled"
    turns, outs = hearing.generated(
        terms,
        turns,
        (response.id, say_id),
        characters=sum(map(len, spoken)) or None if is_whole else 0,
        now=now,
        words=" ".join(spoken) if is_whole and spoken and all(spoken) else None,
    )
    return turns, outs, False


def _ended(
    terms: TurnTerms, turns: TurnState, response: FinishedResponse, say_id: str, *, silent: bool
) -> Turn:
    """Go on after a response that did not fail, or not before it had said something."""
    if response.status == "cancelled":
        return turns, ()
    if response.status == "completed" or not silent:
        # One that is incomplete and spoke has reached its longest output, which is no failure.
        turns = failing.succeeded(turns)
    if response.status != "completed":
        return turns, failing.report(response)
    turns, outs = _told(turns, response, silent=silent)
    turns, asked = serving.response_done(terms, turns, response)
    return turns, (*outs, *_tool_calls(turns, response, say_id, silent=silent), *asked)


_CALLS = frozenset({"function_call", "mcp_call", "mcp_approval_request"})


def _told(turns: TurnState, response: FinishedResponse, *, silent: bool) -> Turn:
    """Ask for no second answer to tool outputs that this response, not asked for, has used."""
    if silent and not any(item.type in _CALLS for item in reading.items(response)):
        return turns, ()
    return asking.answered(turns, response.id)


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
