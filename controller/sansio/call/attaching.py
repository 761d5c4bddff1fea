"""The channel to the model: opening it, losing it, getting it back (rules 4 and 12).

Used in ATTACHING, and in ENDING where the channel tells whether the caller has left.
"""

from __future__ import annotations

from controller.sansio.call import closing, ending
from controller.sansio.call.state import CallState, Channel, Closing, State, Step
from controller.sansio.commands import (
    AnswerForm,
    CallCommand,
    CloseChannel,
    Configure,
    OpenChannel,
    Outcome,
    ReportAnswered,
    ReportReattached,
    Say,
)
from controller.sansio.events import (
    AttachFailed,
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    HangUpRequested,
    LineEnded,
    ProviderEnding,
    Ready,
)
from controller.sansio.value import replace

FIRST_WAIT = 0.2
LONGEST_WAIT = 2.0
"""Seconds between attempts: 0.2, 0.4, 0.8, 1.6, 2, 2 …: a 404 right after accept is seen in the
field and passes within seconds (facts on the sideband, "Connection")."""

GREETING = "greeting"
DISCLOSURE = "disclosure"


def begin(call: CallState, now: float) -> Step:
    """Start attaching: a first time, or again after a loss."""
    limits = call.terms.limits
    window = limits.attach if call.answered_at is None else limits.reattach
    return _open(replace(call, attach_tries=0, attach_until=now + window), now)


def _open(call: CallState, now: float) -> Step:
    call = replace(
        call,
        channel=Channel.OPENING,
        attach_tries=call.attach_tries + 1,
        attach_at=now + call.terms.limits.attach_try,
    )
    return call, (OpenChannel(call.attach_tries),)


def opened(call: CallState, _event: ChannelOpened, now: float) -> Step:
    """Wait for the session to prove itself."""
    if call.channel in {Channel.OPEN, Channel.READY}:
        return call, ()  # said twice
    if call.channel is not Channel.OPENING:
        return call, (CloseChannel(),)  # an attempt that was given up already
    return replace(call, channel=Channel.OPEN, attach_at=now + call.terms.limits.session), ()


def failed(call: CallState, event: AttachFailed, now: float) -> Step:
    """Try again while there is time. 404 where there was a session is the end of the call."""
    if call.channel is not Channel.OPENING:
        return call, ()
    if event.gone and call.answered_at is not None:
        return ending.gone(call, now)
    return _again(call, now)


def lost(call: CallState, _event: ChannelLost, now: float) -> Step:
    """Attach again at once; whether the caller has left is told by the attempt.

    A channel that is lost again within the time for reattaching waits like one that was refused:
    a far end that drops every session must not be hammered.
    """
    if call.channel is Channel.READY:
        is_flapping = call.losses > 0 and now < call.attach_until
        state = State.ATTACHING if call.ending is None else call.state
        call = replace(call, state=state, losses=call.losses + 1)
        if not is_flapping:
            return begin(call, now)
        return _again(replace(call, attach_until=now + call.terms.limits.reattach), now)
    if call.channel is Channel.OPEN:
        return _again(call, now)
    return call, ()


def lost_while_ending(call: CallState, event: ChannelLost, now: float) -> Step:
    """ENDING: whether the caller has left matters until we hang up; then the line tells."""
    if call.ending is not None and call.ending.step in {Closing.HANGING_UP, Closing.RETRYING}:
        return replace(call, channel=Channel.CLOSED), ()
    return lost(call, event, now)


def overdue_while_ending(call: CallState, event: DeadlineReached, now: float) -> Step:
    """ENDING: the channel's time, or the end's."""
    if call.attach_at is not None and now >= call.attach_at:
        return overdue(call, now)
    return closing.overdue(call, event, now)


def _again(call: CallState, now: float) -> Step:
    wait = min(FIRST_WAIT * 2 ** min(call.attach_tries - 1, 8), LONGEST_WAIT)
    if now + wait >= call.attach_until:
        return closing.unattached(replace(call, channel=Channel.CLOSED, attach_at=None), now)
    return replace(call, channel=Channel.WAITING, attach_at=now + wait), ()


def overdue(call: CallState, now: float) -> Step:
    """Act on `attach_at`: the next attempt is due, or the current step took too long."""
    if call.channel is Channel.WAITING:
        return _open(call, now)
    call, commands = _again(call, now)
    return call, (CloseChannel(), *commands)


def ready(call: CallState, _event: Ready, now: float) -> Step:
    """The session is proven: greet, or go on where the channel was lost."""
    if call.channel is not Channel.OPEN:
        return call, ()
    state = State.ACTIVE if call.ending is None else call.state
    call = replace(call, state=state, channel=Channel.READY, attach_at=None, doubt=None)
    if call.answered_at is not None:
        return call, (ReportReattached(),)
    call = replace(call, answered_at=now, end_at=now + call.terms.max_duration)
    commands: list[CallCommand] = [ReportAnswered()]
    if call.form is AnswerForm.MINIMAL:
        commands.append(Configure())
    call, spoken = first_words(call)
    return call, (*commands, *spoken)


def first_words(call: CallState) -> Step:
    """The disclosure, then the greeting; turns are held from the answer until both were heard."""
    if call.terms.disclosure is not None:
        words = Say(DISCLOSURE, call.terms.disclosure, verbatim=True)
        return replace(call, awaiting=DISCLOSURE), (words,)
    return greet(call)


def greet(call: CallState) -> Step:
    """The greeting, for an agent that has one."""
    if call.terms.greeting is None:
        return replace(call, awaiting=None), ()
    return replace(call, awaiting=GREETING), (Say(GREETING, call.terms.greeting),)


def deadline(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """ATTACHING: the next attempt, or the end of the call's longest duration."""
    if call.end_at is not None and now >= call.end_at:
        return ending.hang_up(call, Outcome.MAX_DURATION, now)
    return overdue(call, now)


def hang_up_requested(call: CallState, _event: HangUpRequested, now: float) -> Step:
    """Hang up; nobody listens to a goodbye."""
    return ending.hang_up(call, Outcome.WE_HUNG_UP, now)


def line_ended(call: CallState, _event: LineEnded, now: float) -> Step:
    """The line itself says that the call is over."""
    return ending.gone(call, now)


def provider_ending(call: CallState, _event: ProviderEnding, _now: float) -> Step:
    """Remember why the channel will close."""
    return replace(call, provider_ending=True), ()
