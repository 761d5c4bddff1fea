"""A socket, a session, and what a lost one leaves to be done (rules 6 and 12)."""

from __future__ import annotations

from controller.sansio.events import ChannelOpened, Ready
from controller.sansio.realtime import configuring, holding, posting
from controller.sansio.realtime.asking import enqueue, is_waiting
from controller.sansio.realtime.codec import SessionCreated, SessionUpdated
from controller.sansio.realtime.parts import Ask, Phase, Request, Update
from controller.sansio.realtime.state import Out, Turn, TurnState, TurnTerms
from controller.sansio.value import replace


def opened(_terms: TurnTerms, turns: TurnState, _event: ChannelOpened, _now: float) -> Turn:
    """A socket, not yet a session; the call's machine watches the time."""
    return replace(turns, phase=Phase.OPENING, phase_until=None), ()


def created(terms: TurnTerms, turns: TurnState, _event: SessionCreated, now: float) -> Turn:
    """The session is proven."""
    first = turns.sessions == 0
    turns = replace(turns, phase=Phase.IDLE, sessions=turns.sessions + 1)
    return _begun(terms, turns, now) if first else _reattached(terms, turns)


def _begun(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    hold = terms.pace.hold if terms.agent.disclosure is False else terms.pace.hold_disclosure
    turns = replace(
        turns,
        speak_after=now + terms.pace.greeting_delay,
        hold_until=now + hold if turns.held else None,
    )
    sent: tuple[Out, ...] = ()
    if configuring.is_due(turns):
        turns, sent = configuring.update(terms, turns)
    return turns, (*sent, Ready())


def _reattached(terms: TurnTerms, turns: TurnState) -> Turn:
    """Restore turn detection before anything else (rule 6); then what may have got lost."""
    owed: tuple[Out, ...] = ()
    if turns.held and turns.hold_until is not None and not is_waiting(turns, Ask.SAY):
        # What is left of the first words goes unprotected: nobody can tell how much that is.
        turns, owed = holding.let_go(turns)
    turns, restored = configuring.update(terms, turns, lifts=not turns.held)
    turns, posted = posting.post_again(turns)
    turns, noted = posting.send_notes(turns)
    turns, asked = _unanswered(turns)
    return turns, (*restored, *posted, *noted, *owed, *asked, Ready())


def _unanswered(turns: TurnState) -> Turn:
    """Answer the caller's latest turn, unless a response to it is known or will see it.

    Should one have begun while the socket was away, ours gives way to it.
    """
    if not turns.unanswered:
        return turns, ()
    turns = replace(turns, unanswered=False)
    if turns.held or turns.last:
        return replace(turns, committed=True), ()
    if is_waiting(turns, Ask.TOOLS) or holding.is_answering(turns):
        return turns, ()
    return enqueue(turns, Request(Ask.CALLER))


def updated(_terms: TurnTerms, turns: TurnState, _event: SessionUpdated, _now: float) -> Turn:
    """Our update was taken. What was said before it came into force is answered by nobody else."""
    turns, lifts = configuring.taken(turns)
    return holding.answer_the_caller(turns) if lifts else (turns, ())


def refused(terms: TurnTerms, turns: TurnState, update: Update) -> Turn:
    """Send another form; a hold that cannot be lifted would mute the caller's turns."""
    again = configuring.refused(terms, turns, update)
    if again is not None:
        return again
    deaf = update.lifts and not update.remainder
    turns = replace(turns, update=None, remainder_due=False, dirty=(), deaf=deaf)
    turns = configuring.configured(turns)
    return holding.answer_the_caller(turns) if deaf else (turns, ())
