"""The end of a call: last words, hang-up, outcome (rules 9 and 12)."""

from __future__ import annotations

from controller.sansio.call import opening, words
from controller.sansio.call.state import (
    CallState,
    Channel,
    Closing,
    Ending,
    State,
    Step,
    effect,
)
from controller.sansio.commands import (
    CallCommand,
    CloseChannel,
    CutOff,
    HangUpCall,
    HoldTurns,
    Outcome,
    Priority,
    ReportOutcome,
    Say,
    StopSpeaking,
)
from controller.sansio.events import (
    HangUpFailed,
    HangUpRequested,
    LineEnded,
    OwnershipLost,
    Speech,
)
from controller.sansio.value import replace

# --- towards the end ---------------------------------------------------------------------------


def end(call: CallState, outcome: Outcome, detail: str | None = None) -> Step:
    """Report the one outcome; nothing leaves ENDED."""
    evidence = opening.unsettled(call)
    call = replace(
        call,
        state=State.ENDED,
        outcome=outcome,
        channel=Channel.CLOSED,
        step_at=None,
        attach_at=None,
    )
    return call, (CloseChannel(), *evidence, ReportOutcome(outcome, detail))


def hang_up(
    call: CallState, outcome: Outcome, now: float, *, tries: int = 1, detail: str | None = None
) -> Step:
    """Ask the line to end the call: closing the channel would not (rule 12).

    The line may need several attempts; the model says nothing meanwhile, asked or not.
    """
    call, effect_id = effect(call, "hang_up")
    quiet: tuple[CallCommand, ...] = (StopSpeaking(), CutOff(), HoldTurns())
    if call.channel is not Channel.READY:
        # Nobody is to attach to a call that is being hung up.
        closed = (CloseChannel(),) if call.channel is not Channel.CLOSED else ()
        quiet = (*closed, StopSpeaking())
        call = replace(call, channel=Channel.CLOSED)
    call = replace(
        call,
        state=State.ENDING,
        ending=Ending(Closing.HANGING_UP, outcome, detail, tries=tries),
        step_at=now + call.terms.limits.request,
        attach_at=None,
    )
    return call, (*quiet, HangUpCall(effect_id))


def gone(call: CallState, _now: float) -> Step:
    """The telephone call is over; say how, as far as anybody can know."""
    step = None if call.ending is None else call.ending.step
    if step in {Closing.REFERRING, Closing.REFERRED}:
        # To the target or away: REFER reports nothing, so we claim nothing (rule 10).
        return end(call, Outcome.REFERRED_UNCONFIRMED)
    if step in {Closing.HANGING_UP, Closing.RETRYING}:
        return end(call, closing(call).outcome, closing(call).detail)
    if call.provider_ending:
        return end(call, Outcome.PROVIDER_ENDED, "session_expired")
    if call.answered_at is None:
        return end(call, Outcome.CALLER_GONE)
    return end(call, Outcome.CALLER_HUNG_UP)


def left(call: CallState, now: float) -> Step:
    """404 where a session was: the call is over. Where it is to be made sure, hang up all the same.

    Were that 404 wrong, the caller would go on talking to a model that nobody drives. After a
    referral nobody is hung up: the caller may be on the way to the target.
    """
    step = None if call.ending is None else call.ending.step
    is_referred = step in {Closing.REFERRING, Closing.REFERRED}
    if not call.terms.limits.confirm_end or is_referred or call.provider_ending:
        return gone(call, now)
    return hang_up(call, Outcome.CALLER_HUNG_UP, now)


# --- last words --------------------------------------------------------------------------------


def after_words(
    call: CallState,
    *,
    outcome: Outcome,
    heard: tuple[str, Speech],
    now: float,
) -> Step:
    """Hang up after the words of a response were heard; if it had none, ask for some (rule 9)."""
    say_id, speech = heard
    last = Ending(Closing.WORDS, outcome, say_id=say_id)
    call = replace(call, state=State.ENDING, ending=last, step_at=now + call.terms.limits.words)
    match speech:
        case Speech.UNHEARD:
            return call, (StopSpeaking(),)  # what waits to be said does not follow a goodbye
        case Speech.HEARD:
            return hang_up(call, outcome, now)
        case Speech.SILENT:  # pragma: no branch - the last of all
            return say_last(call, words.GOODBYE)


def goodbye(
    call: CallState, text: str, outcome: Outcome, now: float, *, detail: str | None = None
) -> Step:
    """Say why the call ends and goodbye, and hang up when that was heard."""
    last = Ending(Closing.WORDS, outcome, detail)
    call = replace(call, state=State.ENDING, ending=last, step_at=now + call.terms.limits.words)
    call, said = say_last(call, text)
    return call, (HoldTurns(), *said)


def say_last(call: CallState, text: str) -> Step:
    """Ask for the words that the end in progress waits for."""
    says = call.says + 1
    say_id = f"last-{says}"
    call = replace(call, says=says, ending=replace(closing(call), say_id=say_id))
    return call, (Say(say_id, text, priority=Priority.LAST),)


# --- hang-up -----------------------------------------------------------------------------------


def line_ended(call: CallState, _event: LineEnded, now: float) -> Step:
    """Our hang-up landed, or the line says by itself that the call is over."""
    return gone(call, now)


def hang_up_failed(call: CallState, _event: HangUpFailed, now: float) -> Step:
    """Hang up again, twice at most: a call that nobody ended goes on to be billed (rule 3)."""
    last = closing(call)
    if last.step is not Closing.HANGING_UP:
        return call, ()
    if last.tries >= call.terms.limits.hang_up_tries:
        return end(call, Outcome.CLEANUP_UNCONFIRMED, last.outcome)
    last = replace(last, step=Closing.RETRYING)
    return replace(call, ending=last, step_at=now + call.terms.limits.hang_up_retry), ()


def hang_up_requested(call: CallState, _event: HangUpRequested, now: float) -> Step:
    """Leave out what is left of the end, unless it is the hang-up itself."""
    if closing(call).step in {Closing.ANSWER, Closing.HANGING_UP, Closing.RETRYING}:
        return call, ()
    return hang_up(call, Outcome.WE_HUNG_UP, now)


# --- ownership ---------------------------------------------------------------------------------


def ownership_lost(call: CallState, _event: OwnershipLost, _now: float) -> Step:
    """Another process has the call: touch nothing more."""
    call = replace(call, state=State.RELEASED, channel=Channel.CLOSED, step_at=None, attach_at=None)
    return call, (CloseChannel(),)


def closing(call: CallState) -> Ending:
    """Return the end in progress; for ENDING alone."""
    assert call.ending is not None  # noqa: S101 - ENDING is entered with an Ending alone
    return call.ending
