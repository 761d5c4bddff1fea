"""Whose speech counts (rule 6).

While turns are held, the caller's speech starts no response and cuts nothing off. The hold fails
open: whatever becomes of the words that it protects, the caller gets the floor. While the caller
speaks, we ask for no response, and fail open likewise.
"""

from __future__ import annotations

from controller.sansio.commands import HoldTurns, Priority, ReleaseTurns, StopSpeaking
from controller.sansio.events import CallerPaused, CallerSpoke, SilenceTimedOut
from controller.sansio.realtime import configuring
from controller.sansio.realtime.asking import drop, enqueue
from controller.sansio.realtime.codec import (
    IdleTimeout,
    SpeechCommitted,
    SpeechStarted,
    SpeechStopped,
)
from controller.sansio.realtime.parts import ATTACHED, Ask, Request, Update
from controller.sansio.realtime.state import Out, Turn, TurnState, TurnTerms
from controller.sansio.value import replace

# --- the hold ----------------------------------------------------------------------------------


def hold(terms: TurnTerms, turns: TurnState, _command: HoldTurns, _now: float) -> Turn:
    """No other turn starts while the last words are spoken (rule 9): drop those that wait."""
    waiting = tuple(request for request in turns.queue if request.ask is Ask.SAY)
    already = turns.held
    owed = turns.committed or len(waiting) < len(turns.queue)
    turns = replace(turns, held=True, hold_until=None, queue=waiting, committed=owed)
    if already or turns.phase not in ATTACHED:
        return turns, ()
    return configuring.update(terms, turns)


def release(terms: TurnTerms, turns: TurnState, _command: ReleaseTurns, _now: float) -> Turn:
    """Give the caller the floor, and let turns be asked for again."""
    turns = replace(turns, silent=False, last=False)
    return fail_open(terms, turns) if turns.held else answer_the_caller(turns)


def fail_open(terms: TurnTerms, turns: TurnState) -> Turn:
    """Give the caller the floor; answer what was said meanwhile, once.

    Time does this too, but never lifts the silence of a hang-up or a referral.
    """
    turns, owed = let_go(turns)
    sent: tuple[Out, ...] = ()
    if turns.phase in ATTACHED:
        turns, sent = configuring.update(terms, turns, lifts=True)
    return turns, (*sent, *owed)


def let_go(turns: TurnState) -> Turn:
    """Hold no longer."""
    return answer_the_caller(replace(turns, held=False, hold_until=None))


def answer_the_caller(turns: TurnState) -> Turn:
    """Ask once for the turn that is owed; words that wait will take up what the caller said.

    A prompt or a filler would not: it is no answer.
    """
    if turns.held or turns.last or not turns.committed:
        return turns, ()
    turns = replace(turns, committed=False)
    if is_answering(turns):
        return turns, ()
    return enqueue(turns, Request(Ask.CALLER))


def is_answering(turns: TurnState) -> bool:
    """Tell whether words wait that will take up what the caller said."""
    says = (each for each in turns.queue if each.ask is Ask.SAY)
    return any(each.priority >= Priority.TURN for each in says)


def unlifted(turns: TurnState, update: Update) -> Turn:
    """The update that gives the caller the floor is not taken: do not wait for it any longer.

    Should it be in force all the same, VAD's response is there first and ours gives way.
    """
    turns = replace(turns, update=replace(update, due=None), deaf=True)
    return answer_the_caller(turns)


def stop_speaking(_terms: TurnTerms, turns: TurnState, _command: StopSpeaking, _now: float) -> Turn:
    """Ask for nothing more: the call is being hung up or handed over."""
    current = None if turns.current is None else replace(turns.current, stopped=True)
    return drop(replace(turns, silent=True, current=current), turns.queue)


# --- the caller --------------------------------------------------------------------------------


def speech_started(terms: TurnTerms, turns: TurnState, _event: SpeechStarted, now: float) -> Turn:
    """The caller speaks; the far end itself stops and truncates what it plays."""
    return replace(turns, caller_until=now + terms.pace.caller), (CallerSpoke(),)


def speech_stopped(terms: TurnTerms, turns: TurnState, _event: SpeechStopped, now: float) -> Turn:
    """The caller pauses."""
    return _paused(terms, turns, now), (CallerPaused(),)


def timed_out(terms: TurnTerms, turns: TurnState, _event: IdleTimeout, now: float) -> Turn:
    """The provider's idle timer fired: it makes the model speak, unless turns are held."""
    return _paused(terms, turns, now), (SilenceTimedOut(),)


def speech_committed(
    terms: TurnTerms, turns: TurnState, _event: SpeechCommitted, now: float
) -> Turn:
    """Remember what nobody will answer by itself, or ask for the answer at once."""
    turns = replace(_paused(terms, turns, now), unanswered=True)
    turns = replace(turns, committed=not _is_vads(turns))
    return answer_the_caller(turns) if turns.deaf else (turns, ())


def _paused(terms: TurnTerms, turns: TurnState, now: float) -> TurnState:
    """Let VAD's response begin before we ask for another: the two would collide."""
    until = now + terms.pace.yielding if _is_vads(turns) else None
    return replace(turns, caller_until=until)


def _is_vads(turns: TurnState) -> bool:
    """Tell whether the far end answers the caller by itself."""
    unlifted = turns.update is not None and turns.update.lifts and not turns.update.is_taken
    return not (turns.held or unlifted or turns.deaf)
