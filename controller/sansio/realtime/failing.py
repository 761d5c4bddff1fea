"""What fails: once more, then a line of apology (rule 7); what never comes; what is lost."""

from __future__ import annotations

from controller.sansio.events import (
    ChannelLost,
    DeadlineReached,
    FaultReported,
)
from controller.sansio.realtime import frames, hearing, reading
from controller.sansio.realtime.asking import put_back, put_first, unheard
from controller.sansio.realtime.codec import FinishedResponse
from controller.sansio.realtime.state import (
    Ask,
    Out,
    Phase,
    Request,
    Turn,
    TurnState,
    TurnTerms,
    number,
)
from controller.sansio.value import replace

TRIES = 2
"""A response that failed is asked for once more (rule 7)."""
FALLBACK = (
    "Tell the caller in one short sentence, in the language of the conversation, that you had a "
    "technical problem, and ask them to say that again."
)


def freed(turns: TurnState) -> TurnState:
    """No response is active any more."""
    return replace(
        turns,
        phase=Phase.IDLE,
        phase_until=None,
        current=None,
        current_id=None,
        confirmed=False,
    )


def failed(
    terms: TurnTerms,
    turns: TurnState,
    request: Request | None,
    response: FinishedResponse | None,
    now: float,
) -> Turn:
    """Ask once more, then apologise: the caller would hear nothing at all (rule 7)."""
    error = reading.details(response).error if response is not None else None
    code = error.code if error is not None and error.code else "response_failed"
    report = FaultReported(reading.word(code))
    request = request or Request(Ask.CALLER, tries=1)
    turns = replace(turns, speak_after=now + terms.pace.retry)
    if request.tries >= TRIES:
        if request.ask is Ask.SAY or request.stopped or turns.held:
            return turns, (report, *unheard(request))
        fallbacks = turns.fallbacks + 1
        turns = replace(turns, fallbacks=fallbacks)
        instructions = f"{terms.agent.instructions}\n\n{FALLBACK}"
        request = Request(Ask.SAY, f"fallback-{fallbacks}", instructions)
    turns, owed = put_first(turns, request)
    return turns, (report, *owed)


def refused(terms: TurnTerms, turns: TurnState, code: str, now: float) -> Turn:
    """Our request was refused for another reason than a conflict: it will not get better."""
    request = replace(turns.current or Request(Ask.CALLER), tries=TRIES)
    turns, outs = failed(terms, freed(turns), request, None, now)
    return turns, (FaultReported(code), *outs)


def never_started(terms: TurnTerms, turns: TurnState, _event: DeadlineReached, now: float) -> Turn:
    """`response.created` never came: treat the request as failed."""
    request = turns.current
    return failed(terms, freed(turns), request, None, now)


def never_finished(terms: TurnTerms, turns: TurnState, _event: DeadlineReached, now: float) -> Turn:
    """`response.done` never came: cancel whatever is active, and go on."""
    request, known = turns.current, turns.current_id
    turns, event_id = number(freed(turns))
    owed: tuple[Out, ...] = ()
    if known is not None:
        say_id = request.say_id if request is not None else ""
        ids = (known, say_id or hearing.say_id_of(turns, known))
        turns, owed = hearing.generated(terms, turns, ids, characters=0, now=now)
    cancel = frames.response_cancel(event_id, known)
    return turns, (cancel, FaultReported("response_overdue"), *owed)


def lost(terms: TurnTerms, turns: TurnState, _event: ChannelLost, now: float) -> Turn:
    """The socket is gone; what was being said may have been heard, and is not said again."""
    request, known = turns.current, turns.current_id
    was_requested = turns.phase is Phase.REQUESTED
    turns = replace(freed(turns), phase=Phase.DETACHED, update=None)
    turns, owed = hearing.abandoned(terms, turns, now)
    if request is None:
        return turns, owed
    if request.ask is Ask.SAY:
        if hearing.is_followed(turns, owed, request):
            return turns, owed
        ids = (known or request.say_id, request.say_id)
        turns, more = hearing.generated(terms, turns, ids, characters=None, now=now)
    else:
        # A turn that was only asked for is asked for again; a conflict would be recovered from.
        turns, more = put_back(turns, request) if was_requested else (turns, ())
    return turns, (*owed, *more)
