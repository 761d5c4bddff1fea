"""How long a call may last: a warning, then the goodbye, or the hand-over to the fallback.

The provider ends a session after an hour whatever we do; `limits.session_length` comes before that
(operations, Defaults).
"""

from __future__ import annotations

from controller.sansio.call import ending, opening, referring, words
from controller.sansio.call.state import CallState, Step
from controller.sansio.commands import Inject, Outcome, Priority, Say
from controller.sansio.value import replace


def is_due(instant: float | None, now: float) -> bool:
    """Tell whether an instant has come."""
    return instant is not None and instant <= now


def warn(call: CallState, now: float) -> Step:
    """Tell the model, and the caller when nobody speaks, how much time is left."""
    assert call.end_at is not None  # noqa: S101 - a warning is due only before an end
    left = call.end_at - now
    says = call.says + 1
    call = replace(call, is_warned=True, says=says)
    prompt = Say(f"warning-{says}", words.warn_caller(left), priority=Priority.PROMPT)
    call, said = opening.say(call, prompt)
    return call, (Inject(words.time_left(left)), *said)


def hand_on(call: CallState, now: float) -> Step:
    """The first words were all that was to be said: to the fallback, or goodbye."""
    if referring.reachable(call, call.terms.fallback):
        return referring.hand_on(call, now)
    return ending.goodbye(call, words.NOBODY_REACHED, Outcome.TRANSFER_FAILED, now)


def time_is_up(call: CallState, now: float) -> Step:
    """End with a word of why."""
    if call.terms.hands_on:  # the first words came to nothing
        return hand_on(call, now)
    if _hands_over(call):
        return referring.at_the_end(call, now)
    return ending.goodbye(call, words.TIME_IS_UP, Outcome.MAX_DURATION, now)


def time_is_up_unheard(call: CallState, now: float) -> Step:
    """The same while the channel is being opened again: nobody would hear a word."""
    if _hands_over(call):
        outcome = Outcome.MAX_DURATION
        return referring.last_resort(call, outcome=outcome, now=now, detail="transfer_failed")
    return ending.hang_up(call, Outcome.MAX_DURATION, now)


def _hands_over(call: CallState) -> bool:
    is_wanted = call.terms.at_the_end == "transfer"
    return is_wanted and referring.reachable(call, call.terms.fallback)
