"""What fails: once more, then a line of apology (rule 7), then `ModelFailed`. What never comes.

The call is told that the model has failed when the line of apology fails too, or three responses in
a row, whatever they were for: it can send the caller to somebody else.
"""

from __future__ import annotations

from controller.sansio.commands import Priority
from controller.sansio.events import (
    ChannelLost,
    DeadlineReached,
    FaultReported,
    ModelFailed,
)
from controller.sansio.realtime import asking, cutting, frames, hearing, reading, showing
from controller.sansio.realtime.codec import FinishedResponse
from controller.sansio.realtime.parts import TAKEN_UP, Ask, Phase, Request
from controller.sansio.realtime.state import Out, Turn, TurnState, TurnTerms, number
from controller.sansio.value import replace

TRIES = 2
"""A response that failed is asked for once more (rule 7)."""
FAILURES = 3
"""Responses in a row, for whatever they were asked."""
FALLBACK = (
    "Tell the caller in one short sentence, in the language of the conversation, that you had a "
    "technical problem, and ask them to say that again."
)
HELLO = "Say hello to the caller in one short sentence, and ask how you can help. Say nothing else."
RATE_LIMITED = "rate_limit_exceeded"


def freed(turns: TurnState) -> TurnState:
    """No response is active any more."""
    return replace(
        turns,
        phase=Phase.IDLE,
        phase_until=None,
        current=None,
        current_id=None,
        word_until=None,
        confirmed=False,
        cut_off=False,
    )


def succeeded(turns: TurnState) -> TurnState:
    """The model has answered."""
    return replace(turns, failures=0, has_failed=False)


def code_of(response: FinishedResponse) -> str:
    """Return why a response failed, as a word."""
    details = reading.details(response)
    code = details.error.code if details.error is not None else details.reason
    return reading.word(code) if code else "response_failed"


def report(response: FinishedResponse) -> tuple[FaultReported, ...]:
    """Put on record that a response failed after it had said something."""
    return (FaultReported(code_of(response)),) if response.status == "failed" else ()


def failed(
    terms: TurnTerms, turns: TurnState, request: Request | None, code: str, now: float
) -> Turn:
    """Ask once more, then apologise: the caller would hear nothing at all (rule 7)."""
    fault = FaultReported(code)
    request = request or Request(Ask.CALLER, tries=1)
    is_in_vain = request.is_fallback and request.tries >= TRIES
    turns, in_a_row = _count(turns, code, is_in_vain=is_in_vain)
    if in_a_row:
        turns, owed = asking.give_up(turns, request)
        return turns, (fault, *owed, *in_a_row)
    turns = replace(turns, speak_after=now + _pause(terms, turns, code, now))
    if request.tries >= TRIES:
        if turns.held and request.ask is not Ask.SAY and not request.stopped:
            return replace(turns, committed=True), (fault,)  # it is asked for upon the release
        is_first = request.priority is Priority.GREETING and not request.is_fallback
        if request.stopped or (request.ask is Ask.SAY and not is_first):
            turns, owed = asking.give_up(turns, request)
            return turns, (fault, *owed)
        turns, request = _hello(turns, request) if is_first else _apology(turns, request)
    turns, owed = asking.put_first(turns, request)
    return turns, (fault, *owed)


def _hello(turns: TurnState, greeting: Request) -> tuple[TurnState, Request]:
    """Greet in fewer words: a caller who hears nothing at all says nothing, and hangs up."""
    return turns, replace(greeting, text=HELLO, tries=0, is_fallback=True)


def _apology(turns: TurnState, request: Request) -> tuple[TurnState, Request]:
    """Apologise in place of an answer."""
    fallbacks = turns.fallbacks + 1
    name = f"fallback-{fallbacks}"
    apology = Request(Ask.SAY, name, FALLBACK, marks=request.marks, is_fallback=True)
    return replace(turns, fallbacks=fallbacks), apology


def _count(turns: TurnState, code: str, *, is_in_vain: bool = False) -> Turn:
    """One more failure. When there is no more to try, the call is told, once."""
    failures = turns.failures + 1
    if failures < FAILURES and not is_in_vain:
        return replace(turns, failures=failures), ()
    outs: tuple[Out, ...] = () if turns.has_failed else (ModelFailed(code),)
    return replace(turns, failures=0, has_failed=True), outs


def _pause(terms: TurnTerms, turns: TurnState, code: str, now: float) -> float:
    """Return the seconds before another try: a rate limit needs its time."""
    if code != RATE_LIMITED:
        return terms.pace.retry
    known = turns.tokens_reset_at - now
    return min(max(terms.pace.rate_limit, known), terms.pace.rate_limit_longest)


def refused(terms: TurnTerms, turns: TurnState, code: str, now: float) -> Turn:
    """Our request was refused for another reason than a conflict: it will not get better."""
    request = turns.current or Request(Ask.CALLER)
    if code != RATE_LIMITED:
        request = replace(request, tries=TRIES)
    return failed(terms, freed(turns), request, code, now)


def never_started(terms: TurnTerms, turns: TurnState, _event: DeadlineReached, now: float) -> Turn:
    """`response.created` never came: treat the request as failed."""
    return failed(terms, freed(turns), turns.current, "response_not_started", now)


def never_heard(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """The caller hears nothing of the active response: cut it off, and treat it as failed.

    What is still played of another goes first; that has an end.
    """
    if turns.current_id is not None and hearing.is_playing(turns, turns.current_id):
        return replace(turns, word_until=None), ()
    if turns.voices:
        return replace(turns, word_until=now + terms.pace.first_word), ()
    request = turns.current
    turns, cancelled = cutting.cancel(terms, replace(turns, current=None), now)
    turns, outs = failed(terms, turns, request, "response_stuck", now)
    return turns, (*cancelled, *outs)


def never_finished(terms: TurnTerms, turns: TurnState, _event: DeadlineReached, now: float) -> Turn:
    """`response.done` never came: cancel whatever is active, and go on."""
    request, known, was_cut = turns.current, turns.current_id, turns.cut_off
    turns, event_id = number(freed(turns))
    outs: tuple[Out, ...] = (
        frames.response_cancel(event_id, known),
        FaultReported("response_overdue"),
    )
    if known is None:
        return turns, outs
    was_said = hearing.is_playing(turns, known)
    say_id = request.say_id if request is not None else ""
    ids = (known, say_id or hearing.say_id_of(turns, known))
    turns, owed = hearing.generated(terms, turns, ids, characters=0, now=now)
    if was_cut:
        turns, over = hearing.cut_off(turns)
        return turns, (*outs, *owed, *over)
    if was_said:
        return turns, (*outs, *owed)
    turns, in_a_row = _count(turns, "response_overdue")
    return turns, (*outs, *owed, *in_a_row)


def lost(terms: TurnTerms, turns: TurnState, _event: ChannelLost, now: float) -> Turn:
    """The socket is gone; what was being said may have been heard, and is not said again."""
    request, known = turns.current, turns.current_id
    was_requested = turns.phase is Phase.REQUESTED
    turns = replace(freed(turns), phase=Phase.DETACHED, update=None, caller_until=None)
    turns, owed = hearing.abandoned(terms, turns, now)
    turns, unrun = showing.lost(turns)
    owed = (*owed, *unrun)
    if request is None or hearing.is_followed(turns, owed, request):
        return turns, owed
    more: tuple[Out, ...] = ()
    if request.ask is Ask.SAY:
        ids = (known or request.say_id, request.say_id)
        turns, more = hearing.generated(terms, turns, ids, characters=None, now=now)
    elif was_requested and request.ask in TAKEN_UP:
        turns = replace(turns, unanswered=True)  # whoever answered it meanwhile is not known
    elif was_requested:
        # A turn that was only asked for is asked for again; a conflict would be recovered from.
        turns, more = asking.put_back(turns, request)
    return turns, (*owed, *more)
