"""The conversation: ACTIVE. First words, the operator, and time."""

from __future__ import annotations

from controller.sansio.call import attaching, ending, words
from controller.sansio.call.state import CallState, Step
from controller.sansio.commands import Outcome, ReleaseTurns
from controller.sansio.events import DeadlineReached, HangUpRequested, SpeechHeard
from controller.sansio.value import replace


def speech_heard(call: CallState, event: SpeechHeard, _now: float) -> Step:
    """After the disclosure the greeting; after the first words the caller's turn (rule 6).

    The same words may be reported heard more than once; what follows them follows once.
    """
    if event.say_id != call.awaiting:
        return call, ()
    call, words = (
        attaching.greet(call)
        if call.awaiting == attaching.DISCLOSURE
        else (replace(call, awaiting=None), ())
    )
    return call, words or (ReleaseTurns(),)


def deadline(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """The call has lasted long enough: say so, say goodbye, hang up."""
    return ending.goodbye(call, words.TIME_IS_UP, Outcome.MAX_DURATION, now)


def hang_up_requested(call: CallState, _event: HangUpRequested, now: float) -> Step:
    """Hang up at once."""
    return ending.hang_up(call, Outcome.WE_HUNG_UP, now)
