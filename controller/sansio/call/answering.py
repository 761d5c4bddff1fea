"""From the offer to an answer or a refusal: PENDING, ACCEPTING, REJECTING.

The table of accept results is design section 4; its sources are in the facts on OpenAI's calls.
"""

from __future__ import annotations

from controller.sansio.call import attaching, ending
from controller.sansio.call.state import CallState, Closing, Ending, State, Step, effect
from controller.sansio.commands import (
    AnswerCall,
    AnswerForm,
    Outcome,
    RaiseAlarm,
    RejectCall,
)
from controller.sansio.events import (
    Admitted,
    Answered,
    AnswerFailed,
    AnswerResult,
    DeadlineReached,
    HangUpRequested,
    Refused,
    RejectSettled,
)
from controller.sansio.value import replace

ANSWER_TRIES = 2
"""Of each form: an answer that could not be sent is sent once more."""
REJECT_TRIES = 2


def admitted(call: CallState, _event: Admitted, now: float) -> Step:
    """Answer with the agent's whole session config."""
    return _answer(replace(call, state=State.ACCEPTING), AnswerForm.FULL, now)


def refused(call: CallState, event: Refused, now: float) -> Step:
    """Refuse with the policy's SIP code."""
    return _refuse(call, event.status_code, Outcome.REJECTED, None, now)


def undecided(call: CallState, _event: DeadlineReached | HangUpRequested, now: float) -> Step:
    """Refuse: a caller who hears nothing but ringing is worse off than one who is told."""
    return _refuse(call, call.terms.capacity_code, Outcome.REJECTED, "undecided", now)


def _answer(call: CallState, form: AnswerForm, now: float) -> Step:
    call, effect_id = effect(call, "answer")
    call = replace(
        call,
        form=form,
        answer_tries=call.answer_tries + 1,
        answer_again=False,
        step_at=now + call.terms.limits.request,
    )
    return call, (AnswerCall(effect_id, form),)


def _refuse(
    call: CallState, status_code: int, outcome: Outcome, detail: str | None, now: float
) -> Step:
    call, effect_id = effect(call, "reject")
    call = replace(
        call,
        state=State.REJECTING,
        refusal=(status_code, outcome, detail),
        refusal_tries=call.refusal_tries + 1,
        step_at=now + call.terms.limits.request,
    )
    return call, (RejectCall(effect_id, status_code),)


def answered(call: CallState, _event: Answered, now: float) -> Step:
    """Attach. A 200 is no conversation yet: the far end may still drop the call (rule 4)."""
    call = replace(call, state=State.ATTACHING, step_at=None, answer_again=False)
    return attaching.begin(call, now)


def answered_late(call: CallState, _event: Answered, _now: float) -> Step:
    """The answer that was in doubt did land; the channel is on its way already."""
    return replace(call, doubt=None), ()


def answer_failed(call: CallState, event: AnswerFailed, now: float) -> Step:
    """Do what the table of accept results says."""
    if call.answer_again:
        return call, ()  # of the attempt that failed already: nothing is on its way
    match event.result:
        case AnswerResult.REFUSED if call.form is AnswerForm.FULL:
            return _answer(replace(call, answer_tries=0), AnswerForm.MINIMAL, now)
        case AnswerResult.REFUSED | AnswerResult.OTHER:
            # Nobody will answer: tell the caller's trunk now rather than let it ring.
            code = call.terms.capacity_code
            return _refuse(call, code, Outcome.ACCEPT_FAILED, "answer_refused", now)
        case AnswerResult.CAPACITY:
            code = call.terms.capacity_code
            return _refuse(call, code, Outcome.REJECTED, "provider_capacity", now)
        case AnswerResult.DENIED:
            call, commands = ending.end(call, Outcome.ACCEPT_FAILED, "answer_denied")
            return call, (RaiseAlarm("answer_denied"), *commands)
        case AnswerResult.GONE:
            return ending.end(call, Outcome.CALLER_GONE)
        case AnswerResult.UNREACHABLE if call.answer_tries < ANSWER_TRIES:
            # Nothing was sent: the only failure after which a second try cannot answer twice.
            retry_at = now + call.terms.limits.answer_retry
            return replace(call, step_at=retry_at, answer_again=True), ()
        case AnswerResult.UNREACHABLE:
            return ending.end(call, Outcome.ACCEPT_FAILED, "unreachable")
        case AnswerResult.CONFLICT | AnswerResult.UNKNOWN:  # pragma: no branch - the last of all
            # It may have landed (our own earlier try, a lost reply): the channel will tell.
            call = replace(call, state=State.ATTACHING, step_at=None, doubt=event.result)
            return attaching.begin(call, now)


def answer_overdue(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """Send an answer that could not be sent before; or take a silent one as not known."""
    if call.answer_again:
        return _answer(call, call.form, now)
    return answer_failed(call, AnswerFailed(AnswerResult.UNKNOWN), now)


def hang_up_requested(call: CallState, _event: HangUpRequested, now: float) -> Step:
    """Wait for the answer to settle, then hang up: a hang-up could overtake it."""
    if call.answer_again:  # nothing is on its way
        return _refuse(call, call.terms.capacity_code, Outcome.WE_HUNG_UP, None, now)
    step = Ending(Closing.ANSWER, Outcome.WE_HUNG_UP)
    step_at = now + call.terms.limits.request
    return replace(call, state=State.ENDING, ending=step, step_at=step_at), ()


def settled_while_ending(call: CallState, event: Answered | AnswerFailed, now: float) -> Step:
    """ENDING, because the end was asked for before the answer settled: now it did."""
    if call.ending is None or call.ending.step is not Closing.ANSWER:
        return call, ()
    match event:
        case AnswerFailed(AnswerResult.GONE):
            return ending.end(call, Outcome.CALLER_GONE)
        case Answered() | AnswerFailed(AnswerResult.UNKNOWN | AnswerResult.CONFLICT):
            return ending.hang_up(call, call.ending.outcome, now)
        case _:
            code = call.terms.capacity_code
            return _refuse(replace(call, ending=None), code, Outcome.WE_HUNG_UP, None, now)


def reject_settled(call: CallState, event: RejectSettled, now: float) -> Step:
    """End; or refuse once more if the refusal did not arrive."""
    assert call.refusal is not None  # noqa: S101 - REJECTING is entered by _refuse alone
    status_code, outcome, detail = call.refusal
    if event.certain:
        return ending.end(call, outcome, detail)
    if call.refusal_tries < REJECT_TRIES:
        return _refuse(call, status_code, outcome, detail, now)
    if outcome is Outcome.REJECTED:
        return ending.end(call, Outcome.CLEANUP_UNCONFIRMED, "reject_unconfirmed")
    return ending.end(call, outcome, "reject_unconfirmed")


def reject_overdue(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """Take a silent rejection as one that did not arrive."""
    return reject_settled(call, RejectSettled(certain=False), now)
