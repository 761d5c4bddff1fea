"""The end of a call: last words, referral, hang-up, outcome (rules 9, 10 and 12)."""

from __future__ import annotations

from controller.sansio.agent import other_uri_form
from controller.sansio.call import words
from controller.sansio.call.state import (
    CallState,
    Channel,
    Closing,
    Ending,
    State,
    Step,
    Transfer,
    effect,
)
from controller.sansio.commands import (
    CallCommand,
    CloseChannel,
    HangUpCall,
    HoldTurns,
    Inject,
    Outcome,
    ReleaseTurns,
    ReportOutcome,
    Say,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    AnswerResult,
    DeadlineReached,
    HangUpFailed,
    HangUpRequested,
    LineEnded,
    OwnershipLost,
    Speech,
    SpeechHeard,
    TransferDone,
    TransferFailed,
    TransferUnproven,
)
from controller.sansio.value import replace

# --- towards the end ---------------------------------------------------------------------------


def end(call: CallState, outcome: Outcome, detail: str | None = None) -> Step:
    """Report the one outcome; nothing leaves ENDED."""
    call = replace(
        call,
        state=State.ENDED,
        outcome=outcome,
        channel=Channel.CLOSED,
        step_at=None,
        attach_at=None,
    )
    return call, (CloseChannel(), ReportOutcome(outcome, detail))


def hang_up(call: CallState, outcome: Outcome, now: float, *, tries: int = 1) -> Step:
    """Ask the line to end the call: closing the channel would not (rule 12)."""
    call, effect_id = effect(call, "hang_up")
    closed: tuple[CallCommand, ...] = ()
    if call.channel is not Channel.READY:
        # Nobody is to attach to a call that is being hung up.
        closed = (CloseChannel(),) if call.channel is not Channel.CLOSED else ()
        call = replace(call, channel=Channel.CLOSED)
    call = replace(
        call,
        state=State.ENDING,
        ending=Ending(Closing.HANGING_UP, outcome, tries=tries),
        step_at=now + call.terms.limits.request,
        attach_at=None,
    )
    return call, (*closed, StopSpeaking(), HangUpCall(effect_id))


def gone(call: CallState, _now: float) -> Step:
    """The telephone call is over; say how, as far as anybody can know."""
    closing = call.ending
    if closing is not None and closing.step in {Closing.REFERRING, Closing.REFERRED}:
        # To the target or away: REFER reports nothing, so we claim nothing (rule 10).
        return end(call, Outcome.REFERRED_UNCONFIRMED)
    if closing is not None and closing.step in {Closing.HANGING_UP, Closing.RETRYING}:
        return end(call, closing.outcome)
    if call.provider_ending:
        return end(call, Outcome.PROVIDER_ENDED, "session_expired")
    if call.answered_at is None:
        return end(call, Outcome.CALLER_GONE)
    return end(call, Outcome.CALLER_HUNG_UP)


def unattached(call: CallState, now: float) -> Step:
    """The channel cannot be opened, and nobody said that the call is over."""
    if call.ending is not None:
        # Last words cannot be heard: go on to what they announced. A referral runs its time.
        return proceed(call, now) if call.ending.step is Closing.WORDS else (call, ())
    if call.answered_at is not None:
        return hang_up(call, Outcome.SIDEBAND_LOST, now)
    if call.doubt is AnswerResult.CONFLICT:
        return hang_up(call, Outcome.OTHER_OWNER, now)
    outcome = Outcome.ATTACH_FAILED if call.doubt is None else Outcome.ACCEPT_UNKNOWN
    return hang_up(call, outcome, now)


# --- last words --------------------------------------------------------------------------------


def after_words(
    call: CallState,
    *,
    outcome: Outcome,
    transfer: Transfer | None,
    heard: tuple[str, Speech],
    now: float,
) -> Step:
    """End after the words of a response were heard; if it had none, ask for some (rule 9)."""
    say_id, speech = heard
    closing = Ending(Closing.WORDS, outcome, say_id=say_id, transfer=transfer)
    call = replace(call, state=State.ENDING, ending=closing, step_at=now + call.terms.limits.words)
    match speech:
        case Speech.UNHEARD:
            return call, ()
        case Speech.HEARD:
            return proceed(call, now)
        case Speech.SILENT:  # pragma: no branch - the last of all
            return _say_last(call, closing, words.GOODBYE if transfer is None else words.CONNECTING)


def time_is_up(call: CallState, now: float) -> Step:
    """End because the call has lasted long enough, with a word of why."""
    closing = Ending(Closing.WORDS, Outcome.MAX_DURATION)
    call = replace(call, state=State.ENDING, ending=closing, step_at=now + call.terms.limits.words)
    call, commands = _say_last(call, closing, words.TIME_IS_UP)
    return call, (HoldTurns(), *commands)


def _say_last(call: CallState, closing: Ending, text: str) -> Step:
    says = call.says + 1
    say_id = f"last-{says}"
    return replace(call, says=says, ending=replace(closing, say_id=say_id)), (Say(say_id, text),)


def speech_heard(call: CallState, event: SpeechHeard, now: float) -> Step:
    """Go on once the last words were heard, or must have been."""
    closing = _closing(call)
    if closing.step is not Closing.WORDS or event.say_id != closing.say_id:
        return call, ()
    return proceed(call, now)


def proceed(call: CallState, now: float) -> Step:
    """Do what the last words announced: transfer, or hang up."""
    closing = _closing(call)
    if closing.transfer is None:
        return hang_up(call, closing.outcome, now)
    return _refer(call, closing.transfer, now)


# --- referral ----------------------------------------------------------------------------------


def _refer(call: CallState, transfer: Transfer, now: float) -> Step:
    call, effect_id = effect(call, "transfer")
    call = replace(
        call,
        ending=Ending(Closing.REFERRING, Outcome.REFERRED_UNCONFIRMED, transfer=transfer),
        step_at=now + call.terms.limits.request,
    )
    return call, (StopSpeaking(), TransferCall(effect_id, transfer.target, transfer.uri))


def transfer_unproven(call: CallState, _event: TransferUnproven, now: float) -> Step:
    """Relayed, or perhaps: be silent and see whether the caller leaves (rule 10)."""
    closing = _closing(call)
    if closing.step is not Closing.REFERRING:
        return call, ()
    until = now + call.terms.limits.refer
    closing = replace(closing, step=Closing.REFERRED)
    return replace(call, ending=closing, step_at=until, refer_after=until), ()


def transfer_done(call: CallState, _event: TransferDone, _now: float) -> Step:
    """The carrier proved it. Without a referral on its way there is nothing to prove."""
    if _closing(call).step not in {Closing.REFERRING, Closing.REFERRED}:
        return call, ()
    return end(call, Outcome.TRANSFERRED)


def transfer_failed(call: CallState, event: TransferFailed, now: float) -> Step:
    """Try the URI's other form after a definite HTTP error, else go back to the caller."""
    transfer = _closing(call).transfer
    if _closing(call).step is not Closing.REFERRING or transfer is None:
        return call, ()
    other = None if transfer.other_form else other_uri_form(transfer.uri)
    if event.http_status is not None and other is not None:
        return _refer(call, replace(transfer, uri=other, other_form=True), now)
    return back_to_the_caller(call, now)


def back_to_the_caller(call: CallState, now: float) -> Step:
    """The transfer led nowhere and the caller is still there: apologise and go on."""
    if call.channel is Channel.CLOSED:
        return hang_up(call, Outcome.SIDEBAND_LOST, now)
    says = call.says + 1
    state = State.ACTIVE if call.channel is Channel.READY else State.ATTACHING
    call = replace(call, state=state, ending=None, step_at=None, says=says, awaiting=None)
    apology = Say(f"apology-{says}", words.BACK_AGAIN)
    return call, (Inject(words.TRANSFER_FAILED), apology, ReleaseTurns())


# --- hang-up -----------------------------------------------------------------------------------


def line_ended(call: CallState, _event: LineEnded, now: float) -> Step:
    """Our hang-up landed, or the line says by itself that the call is over."""
    return gone(call, now)


def hang_up_failed(call: CallState, _event: HangUpFailed, now: float) -> Step:
    """Hang up again, twice at most: a call that nobody ended goes on to be billed (rule 3)."""
    closing = _closing(call)
    if closing.step is not Closing.HANGING_UP:
        return call, ()
    if closing.tries >= call.terms.limits.hang_up_tries:
        return end(call, Outcome.CLEANUP_UNCONFIRMED, closing.outcome)
    closing = replace(closing, step=Closing.RETRYING)
    return replace(call, ending=closing, step_at=now + call.terms.limits.hang_up_retry), ()


def hang_up_requested(call: CallState, _event: HangUpRequested, now: float) -> Step:
    """Leave out what is left of the end, unless it is the hang-up itself."""
    if _closing(call).step in {Closing.ANSWER, Closing.HANGING_UP, Closing.RETRYING}:
        return call, ()
    return hang_up(call, Outcome.WE_HUNG_UP, now)


# --- time and ownership ------------------------------------------------------------------------


def overdue(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """Act on `step_at`."""
    closing = _closing(call)
    match closing.step:
        case Closing.ANSWER:
            return hang_up(call, closing.outcome, now)
        case Closing.WORDS:
            return proceed(call, now)
        case Closing.REFERRING:
            return transfer_unproven(call, TransferUnproven(), now)
        case Closing.REFERRED:
            return back_to_the_caller(call, now)
        case Closing.HANGING_UP:
            return hang_up_failed(call, HangUpFailed(), now)
        case Closing.RETRYING:  # pragma: no branch - the last of all
            return hang_up(call, closing.outcome, now, tries=closing.tries + 1)


def ownership_lost(call: CallState, _event: OwnershipLost, _now: float) -> Step:
    """Another process has the call: touch nothing more."""
    call = replace(call, state=State.RELEASED, channel=Channel.CLOSED, step_at=None, attach_at=None)
    return call, (CloseChannel(),)


def _closing(call: CallState) -> Ending:
    assert call.ending is not None  # noqa: S101 - ENDING is entered with an Ending alone
    return call.ending
