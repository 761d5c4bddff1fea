"""What is known of one call, as one frozen value.

Instants are Unix seconds, durations seconds. Deadlines are absolute, so that a value that was
stored survives a restart. Handlers (`answering`, `attaching`, `talking`, `ending`) take a value, an
event and the instant, and return the next value with the commands that it obliges: a `Step`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeAlias

from controller.sansio.call.terms import Terms
from controller.sansio.call.work import Work
from controller.sansio.commands import AnswerForm, CallCommand, DisclosureResult, Outcome, Say
from controller.sansio.events import AnswerResult
from controller.sansio.value import Value, replace


class State(StrEnum):
    """Where a call stands (design section 4)."""

    PENDING = "pending"
    """Claimed; the decision is not taken yet."""
    ACCEPTING = "accepting"
    """The answer is on its way to the line."""
    REJECTING = "rejecting"
    """The refusal is on its way to the line."""
    ATTACHING = "attaching"
    """Answered, or perhaps; the channel to the model is not proven, or was lost."""
    ACTIVE = "active"
    """Caller and model talk."""
    ENDING = "ending"
    """The end was asked for: last words, referral, hang-up."""
    ENDED = "ended"
    """Over; exactly one outcome was reported."""
    RELEASED = "released"
    """Another process owns the call: no outcome, no hang-up, no further command."""


TERMINAL = frozenset({State.ENDED, State.RELEASED})


class Channel(StrEnum):
    """The socket to the model, as far as the call's machine cares."""

    CLOSED = "closed"
    OPENING = "opening"
    WAITING = "waiting"
    """Between two attempts."""
    OPEN = "open"
    """Open, but the session is not proven."""
    READY = "ready"


class Closing(StrEnum):
    """The step of an end in progress."""

    ANSWER = "answer"
    """The end was asked for while the answer was on its way."""
    WORDS = "words"
    """The last words are being spoken."""
    REFERRING = "referring"
    """The transfer is on its way to the line."""
    REFERRED = "referred"
    """Relayed; the caller should leave us now. Silence meanwhile (rule 10)."""
    HANGING_UP = "hanging_up"
    RETRYING = "retrying"
    """Between two hang-ups."""


class InVain(StrEnum):
    """What follows a transfer that led nowhere, when no target is left."""

    TALK = "talk"
    """An apology, and the conversation goes on."""
    GOODBYE = "goodbye"
    """The call has lasted long enough."""
    HANG_UP = "hang_up"
    """Nobody could talk with the caller."""


class Transfer(Value, frozen=True):
    """Where the caller is to go."""

    target: str
    uri: str
    asked: str = ""
    """The target that was asked for; its chain is followed where this one cannot be reached."""
    in_vain: InVain = InVain.TALK
    other_form: bool = False
    """The URI is already the second form of the target's (`tel:` for `sip:`)."""

    def __repr__(self) -> str:
        """Leave out the URI: it holds a telephone number."""
        return f"Transfer(target={self.target!r}, other_form={self.other_form})"


class Ending(Value, frozen=True):
    """An end in progress."""

    step: Closing
    outcome: Outcome
    """If the hang-up that this leads to succeeds."""
    detail: str | None = None
    """Of the outcome."""
    say_id: str | None = None
    """The words that must be heard first."""
    transfer: Transfer | None = None
    """What follows the words: this, or else a hang-up."""
    tries: int = 0


class Opening(Value, frozen=True):
    """The first words of ours: what is being said of them, and what was heard."""

    awaiting: str | None = None
    """The words that are being spoken, until they were heard once."""
    attempts: int = 0
    """Of the disclosure."""
    evidence: DisclosureResult | None = None
    """Of the disclosure, the best so far."""
    is_disclosed: bool = False
    """The disclosure was heard, or given up; reported."""
    is_greeted: bool = False
    """The greeting was asked for, or is not wanted any more."""
    later: tuple[Say, ...] = ()
    """Words that wait until the disclosure was heard."""


class CallState(Value, frozen=True):
    """One call. Field names are stored: change them with a migration only."""

    terms: Terms
    state: State = State.PENDING
    now: float = 0.0
    """The latest instant seen; time never goes back here."""
    step_at: float | None = None
    """When the current step is given up."""
    attach_at: float | None = None
    """When the channel's current step is given up, or the next attempt is due."""

    form: AnswerForm = AnswerForm.FULL
    answer_tries: int = 0
    answer_again: bool = False
    """Nothing is on its way: the answer is sent again at `step_at`."""
    doubt: AnswerResult | None = None
    """The answer may have landed: the channel will tell."""
    refusal: tuple[int, Outcome, str | None] | None = None
    """SIP code, outcome and detail of a rejection in progress."""
    refusal_tries: int = 0

    channel: Channel = Channel.CLOSED
    attach_tries: int = 0
    attach_until: float = 0.0
    losses: tuple[float, ...] = ()
    """When a proven session lost its channel: the latest `limits.losses` instants."""
    incident_until: float = 0.0
    """Until then a lost channel is everybody's, and nobody is hung up for it (operations, O15)."""
    answered_at: float | None = None
    """First proof of a session; None: the call was never answered."""
    opening: Opening = Opening()
    is_warned: bool = False
    """The caller was told that the time is nearly up."""
    is_spent: bool = False
    """The budget is; the call ends as soon as a transfer in progress has come to nothing."""
    provider_ending: bool = False
    """The session, not the caller, is over if the channel closes now."""

    work: Work = Work()
    transcript_refused: bool = False
    """The caller does not agree that their words are kept, and this was reported (operations, O8).
    Whoever takes a call up from a snapshot owes its new record the same."""
    refer_after: float = 0.0
    """No referral before this instant."""
    tried: frozenset[str] = frozenset()
    """Targets to which a referral was sent: each is tried once a call."""
    ending: Ending | None = None
    says: int = 0
    effects: int = 0
    """Effects asked for so far; numbers the next one."""
    outcome: Outcome | None = None
    ignored: int = 0
    """Events that meant nothing in the state in which they came."""

    @property
    def end_at(self) -> float | None:
        """When the conversation has lasted long enough; None before the answer."""
        if self.answered_at is None:
            return None
        return self.answered_at + min(self.terms.max_duration, self.terms.limits.session_length)

    @property
    def warn_at(self) -> float | None:
        """When the caller is told that it nearly has; None: not, or not any more."""
        before, end_at = self.terms.warn_before, self.end_at
        if end_at is None or self.answered_at is None or self.is_warned or before <= 0:
            return None
        at = end_at - before
        return at if at > self.answered_at else None

    @property
    def deadline(self) -> float | None:
        """When `DeadlineReached` is due; None exactly in a terminal state."""
        state = self.state
        if state in TERMINAL:
            return None
        instants = [self.step_at, self.attach_at]
        if state is State.ACTIVE or state is State.ATTACHING:
            instants += [self.end_at, self.warn_at]
        if state is State.ACTIVE:
            instants.append(self.work.due(self.terms.filler))
        return min([instant for instant in instants if instant is not None])

    def is_due(self, now: float) -> bool:
        """Tell whether the deadline has passed: a timer may fire for one that has moved since."""
        return self.deadline is not None and self.deadline <= now


Step: TypeAlias = tuple[CallState, tuple[CallCommand, ...]]
Handler: TypeAlias = Callable[[CallState, Any, float], Step]


def ignore(call: CallState) -> Step:
    """Count what means nothing now, though it may in this state."""
    return replace(call, ignored=call.ignored + 1), ()


def effect(call: CallState, verb: str) -> tuple[CallState, str]:
    """Number an outside effect: the same history gives the same `effect_id`."""
    number = call.effects + 1
    return replace(call, effects=number), f"{verb}-{number}"
