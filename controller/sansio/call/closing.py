"""The steps of an end in progress: what ends each of them, and what follows."""

from __future__ import annotations

from controller.sansio.call import ending, opening, referring
from controller.sansio.call.state import CallState, Closing, Step
from controller.sansio.commands import Outcome
from controller.sansio.events import (
    AnswerResult,
    DeadlineReached,
    HangUpFailed,
    SpeechHeard,
    TransferUnproven,
)


def speech_heard(call: CallState, event: SpeechHeard, now: float) -> Step:
    """Go on once the last words were heard, or must have been."""
    closing = ending.closing(call)
    if closing.step is not Closing.WORDS or event.say_id != closing.say_id:
        return opening.heard_while_ending(call, event)
    return proceed(call, now)


def proceed(call: CallState, now: float) -> Step:
    """Do what the last words announced: transfer, or hang up."""
    closing = ending.closing(call)
    if closing.transfer is None:
        return ending.hang_up(call, closing.outcome, now, detail=closing.detail)
    return referring.refer(call, now)


def unattached(call: CallState, now: float) -> Step:
    """The channel cannot be opened, and nobody said that the call is over."""
    if call.ending is not None:
        # Last words cannot be heard: go on to what they announced. A referral runs its time.
        return proceed(call, now) if call.ending.step is Closing.WORDS else (call, ())
    if call.answered_at is not None:
        if referring.reachable(call, call.terms.fallback):
            return referring.last_resort(call, outcome=Outcome.SIDEBAND_LOST, now=now)
        return ending.hang_up(call, Outcome.SIDEBAND_LOST, now)
    if call.doubt is AnswerResult.CONFLICT:
        return ending.hang_up(call, Outcome.OTHER_OWNER, now)
    outcome = Outcome.ATTACH_FAILED if call.doubt is None else Outcome.ACCEPT_UNKNOWN
    return ending.hang_up(call, outcome, now)


def overdue(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """Act on `step_at`."""
    closing = ending.closing(call)
    match closing.step:
        case Closing.ANSWER:
            return ending.hang_up(call, closing.outcome, now)
        case Closing.WORDS:
            return proceed(call, now)
        case Closing.REFERRING:
            return referring.transfer_unproven(call, TransferUnproven(), now)
        case Closing.REFERRED:
            return referring.stayed(call, now)
        case Closing.HANGING_UP:
            return ending.hang_up_failed(call, HangUpFailed(), now)
        case Closing.RETRYING:  # pragma: no branch - the last of all
            return ending.hang_up(
                call, closing.outcome, now, tries=closing.tries + 1, detail=closing.detail
            )
