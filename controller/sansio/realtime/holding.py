"""The session: proving it, configuring it, and whose speech counts (rule 6).

While turns are held, the caller's speech starts no response and cuts nothing off. The hold fails
open: whatever becomes of the words that it protects, the caller gets the floor.
"""

from __future__ import annotations

from controller.sansio.commands import (
    Configure,
    HoldTurns,
    Inject,
    ReleaseTurns,
    SendFrame,
    StopSpeaking,
)
from controller.sansio.events import CallerSpoke, ChannelOpened, Ready
from controller.sansio.realtime import asking, frames, session
from controller.sansio.realtime.asking import enqueue, is_waiting, unheard
from controller.sansio.realtime.codec import (
    SessionCreated,
    SessionUpdated,
    SpeechCommitted,
    SpeechStarted,
)
from controller.sansio.realtime.state import (
    ATTACHED,
    KEPT_LIMIT,
    Ask,
    Out,
    Phase,
    Request,
    Turn,
    TurnState,
    TurnTerms,
    Update,
    number,
)
from controller.sansio.value import replace


def opened(_terms: TurnTerms, turns: TurnState, _event: ChannelOpened, _now: float) -> Turn:
    """A socket, not yet a session; the call's machine watches the time."""
    return replace(turns, phase=Phase.OPENING, phase_until=None), ()


def created(terms: TurnTerms, turns: TurnState, _event: SessionCreated, now: float) -> Turn:
    """The session is proven. After a loss, restore turn detection before anything else (rule 6)."""
    first = turns.sessions == 0
    turns = replace(turns, phase=Phase.IDLE, sessions=turns.sessions + 1)
    if first:
        hold = terms.pace.hold if terms.agent.disclosure is False else terms.pace.hold_disclosure
        turns = replace(
            turns,
            speak_after=now + terms.pace.greeting_delay,
            hold_until=now + hold if turns.held else None,
        )
        return turns, (Ready(),)
    owed: tuple[Out, ...] = ()
    if turns.held and turns.hold_until is not None and not is_waiting(turns, Ask.SAY):
        # What is left of the first words goes unprotected: nobody can tell how much that is.
        turns, owed = _let_go(turns)
    turns, restored = update(terms, turns, lifts=not turns.held)
    turns, posted = asking.post(turns, turns.outputs)
    turns, noted = _note(turns)
    return turns, (*restored, *posted, *noted, *owed, Ready())


def configure(terms: TurnTerms, turns: TurnState, _command: Configure, now: float) -> Turn:
    """Send what the minimal answer left out, and wait for it to be taken before speaking."""
    turns = replace(turns, remainder_due=True)
    if turns.phase not in ATTACHED:
        return turns, ()  # it goes with the update after the reattach
    turns, sent = update(terms, turns)
    if turns.phase is not Phase.IDLE:
        return turns, sent
    until = now + terms.pace.configure
    return replace(turns, phase=Phase.CONFIGURING, phase_until=until), sent


def update(
    terms: TurnTerms, turns: TurnState, *, lifts: bool = False
) -> tuple[TurnState, tuple[SendFrame, ...]]:
    """Send `session.update` with the turn detection as it should be, and what else is due."""
    turns, event_id = number(turns)
    write = session.remainder if turns.remainder_due else session.detection_update
    body = write(terms.agent, held=turns.held, plain=turns.plain)
    due = turns.now + terms.pace.lift if lifts else None
    sent = Update(event_id, remainder=turns.remainder_due, lifts=lifts, due=due)
    return replace(turns, update=sent, deaf=False), (frames.session_update(event_id, body),)


def updated(_terms: TurnTerms, turns: TurnState, _event: SessionUpdated, _now: float) -> Turn:
    """Our update was taken. What was said before it came into force is answered by nobody else."""
    if turns.update is None or turns.update.is_taken:
        return configured(turns)
    lifts = turns.update.lifts
    taken = replace(turns.update, is_taken=True, due=None)
    turns = replace(turns, update=taken, remainder_due=False, deaf=False)
    turns, _ = configured(turns)
    return _answer_the_caller(turns) if lifts else (turns, ())


def configured(turns: TurnState) -> Turn:
    """Speak now; with the config that we have, if the rest of it never came."""
    if turns.phase is not Phase.CONFIGURING:
        return turns, ()
    return replace(turns, phase=Phase.IDLE, phase_until=None), ()


def update_refused(terms: TurnTerms, turns: TurnState) -> Turn:
    """Send the plain form once; a hold that cannot be lifted would mute the caller's turns."""
    refused = turns.update or Update("")
    if not turns.plain:
        turns = replace(turns, plain=True, remainder_due=refused.remainder)
        return update(terms, turns, lifts=refused.lifts)
    deaf = refused.lifts and not refused.remainder
    turns = replace(turns, update=None, remainder_due=False, deaf=deaf)
    turns, _ = configured(turns)
    return _answer_the_caller(turns) if deaf else (turns, ())


def unlifted(turns: TurnState, update: Update) -> Turn:
    """The update that gives the caller the floor is not taken: do not wait for it any longer.

    Should it be in force all the same, VAD's response is there first and ours gives way.
    """
    turns = replace(turns, update=replace(update, due=None), deaf=True)
    return _answer_the_caller(turns)


def hold(terms: TurnTerms, turns: TurnState, _command: HoldTurns, _now: float) -> Turn:
    """No other turn starts while the last words are spoken (rule 9): drop those that wait."""
    waiting = tuple(request for request in turns.queue if request.ask is Ask.SAY)
    already = turns.held
    owed = turns.committed or len(waiting) < len(turns.queue)
    turns = replace(turns, held=True, hold_until=None, queue=waiting, committed=owed)
    return (turns, ()) if already or turns.phase not in ATTACHED else update(terms, turns)


def release(terms: TurnTerms, turns: TurnState, _command: ReleaseTurns, _now: float) -> Turn:
    """Give the caller the floor, and let turns be asked for again."""
    return fail_open(terms, replace(turns, silent=False))


def fail_open(terms: TurnTerms, turns: TurnState) -> Turn:
    """Give the caller the floor; answer what was said meanwhile, once.

    Time does this too, but never lifts the silence of a hang-up or a referral.
    """
    if not turns.held:
        return turns, ()
    turns, owed = _let_go(turns)
    sent: tuple[Out, ...] = ()
    if turns.phase in ATTACHED:
        turns, sent = update(terms, turns, lifts=True)
    return turns, (*sent, *owed)


def _let_go(turns: TurnState) -> Turn:
    return _answer_the_caller(replace(turns, held=False, hold_until=None))


def _answer_the_caller(turns: TurnState) -> Turn:
    """Ask once for the turn that is owed; words that wait will take up what the caller said."""
    if turns.held or not turns.committed:
        return turns, ()
    turns = replace(turns, committed=False)
    if is_waiting(turns, Ask.SAY):
        return turns, ()
    return enqueue(turns, Request(Ask.CALLER))


def stop_speaking(_terms: TurnTerms, turns: TurnState, _command: StopSpeaking, _now: float) -> Turn:
    """Ask for nothing more: the call is being hung up or handed over."""
    owed = tuple(out for request in turns.queue for out in unheard(request))
    current = None if turns.current is None else replace(turns.current, stopped=True)
    return replace(turns, silent=True, queue=(), current=current), owed


def speech_started(_terms: TurnTerms, turns: TurnState, _event: SpeechStarted, _now: float) -> Turn:
    """The caller speaks; the far end itself stops and truncates what it plays."""
    return turns, (CallerSpoke(),)


def speech_committed(
    _terms: TurnTerms, turns: TurnState, _event: SpeechCommitted, _now: float
) -> Turn:
    """Remember what nobody will answer by itself, or ask for the answer at once."""
    unlifted = turns.update is not None and turns.update.lifts and not turns.update.is_taken
    turns = replace(turns, committed=turns.held or unlifted or turns.deaf)
    return _answer_the_caller(turns) if turns.deaf else (turns, ())


def inject(_terms: TurnTerms, turns: TurnState, command: Inject, _now: float) -> Turn:
    """Tell the model something; at once, or with the next socket."""
    turns = replace(turns, notes=(*turns.notes, command.text)[-KEPT_LIMIT:])
    return _note(turns) if turns.phase in ATTACHED else (turns, ())


def _note(turns: TurnState) -> tuple[TurnState, tuple[SendFrame, ...]]:
    sent = []
    for text in turns.notes:
        turns, event_id = number(turns)
        sent.append(frames.system_message(event_id, text))
    return replace(turns, notes=()), tuple(sent)
