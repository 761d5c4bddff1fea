"""What time alone does, and what the far end's `error` events mean."""

from __future__ import annotations

from controller.sansio.events import DeadlineReached, FaultReported, ProviderEnding
from controller.sansio.realtime import (
    attaching,
    configuring,
    failing,
    hearing,
    holding,
    posting,
    reading,
    speaking,
)
from controller.sansio.realtime.codec import Fault, ServerError
from controller.sansio.realtime.parts import Phase, Update
from controller.sansio.realtime.state import Out, Turn, TurnState, TurnTerms

CONFLICT = "conversation_already_has_active_response"
CANCELLED_NOTHING = "response_cancel_not_active"
EXPIRED = "session_expired"


def tick(terms: TurnTerms, turns: TurnState, event: DeadlineReached, now: float) -> Turn:
    """Act on every instant that has passed."""
    turns, outs = hearing.overdue(terms, turns, event, now)
    if turns.held and turns.hold_until is not None and turns.hold_until <= now:
        turns, more = holding.fail_open(terms, turns)
        outs += more
    update = turns.update
    if update is not None and update.due is not None and update.due <= now:
        turns, more = holding.unlifted(turns, update)
        outs += more
    if turns.word_until is not None and turns.word_until <= now:
        turns, more = failing.never_heard(terms, turns, now)
        outs += more
    if turns.phase_until is not None and turns.phase_until <= now:
        turns, more = _give_up(terms, turns, event, now)
        outs += more
    return turns, outs


def _give_up(terms: TurnTerms, turns: TurnState, event: DeadlineReached, now: float) -> Turn:
    match turns.phase:
        case Phase.REQUESTED:
            return failing.never_started(terms, turns, event, now)
        case Phase.RESPONDING:
            return failing.never_finished(terms, turns, event, now)
        case _:
            return configuring.configured(turns), ()


def error(terms: TurnTerms, turns: TurnState, event: ServerError, now: float) -> Turn:
    """Most errors are recoverable, and the socket stays open: find out what was refused."""
    fault = event.error
    code = reading.word(fault.code or fault.type)
    if code == CANCELLED_NOTHING:
        return turns, ()  # a benign race (rule 7)
    if code == EXPIRED:
        return turns, (ProviderEnding(),)
    report: tuple[Out, ...] = (FaultReported(code),)
    if turns.update is not None and _is_of(turns.update, fault):
        turns, outs = attaching.refused(terms, turns, turns.update)
        return turns, (*report, *outs)
    turns = posting.refused(turns, fault.event_id)
    if turns.current is None or turns.confirmed:
        return turns, report  # nothing that we asked for is unanswered
    if code == CONFLICT and (fault.event_id is None or fault.event_id in turns.current.marks):
        return speaking.conflict(terms, turns, now)
    if turns.phase is Phase.REQUESTED and fault.event_id == turns.current.marks[-1]:
        return failing.refused(terms, turns, code, now)
    return turns, report


def _is_of(update: Update, fault: Fault) -> bool:
    """Tell whether our latest `session.update` was refused; `param` tells it where no id does."""
    if fault.event_id is not None:
        return fault.event_id == update.event_id
    return not update.is_taken and (fault.param or "").startswith("session.")
