"""The channel to the model: opening it, losing it, getting it back (rules 4 and 12).

Used in ATTACHING, and in ENDING where the channel tells whether the caller has left.
"""

from __future__ import annotations

from controller.sansio.call import closing, ending, lasting, opening, words
from controller.sansio.call.state import CallState, Channel, Closing, State, Step
from controller.sansio.commands import (
    AnswerForm,
    CallCommand,
    CloseChannel,
    Configure,
    Inject,
    OpenChannel,
    ReportAnswered,
    ReportReattached,
)
from controller.sansio.events import (
    AttachFailed,
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    IncidentDeclared,
    LineEnded,
    ProviderEnding,
    Ready,
)
from controller.sansio.value import replace

FIRST_WAIT = 0.2
LONGEST_WAIT = 2.0
"""Seconds between attempts: 0.2, 0.4, 0.8, 1.6, 2, 2 …: a 404 right after accept is seen in the
field and passes within seconds (facts on the sideband, "Connection")."""

SESSION_LENGTH = 3540.0
"""Seconds after which a session that closes with 1001 has reached its longest duration, an hour."""
GOING_AWAY = 1001
"""Close code (RFC 6455 §7.4.1)."""


def begin(call: CallState, now: float) -> Step:
    """Start attaching: a first time, or again after a loss."""
    limits = call.terms.limits
    if call.answered_at is None:
        until = now + limits.attach
    else:
        until = max(now + limits.reattach, call.incident_until)
    if call.ending is not None and call.ending.step is Closing.REFERRED and call.step_at:
        until = max(until, call.step_at)  # it shows whether the caller has left
    return _open(replace(call, attach_tries=0, attach_until=until), now)


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
        return ending.left(call, now)
    return _again(call, now)


def lost(call: CallState, event: ChannelLost, now: float) -> Step:
    """Attach again at once; whether the caller has left is told by the attempt.

    A channel that is lost again within the time for reattaching waits like one that was refused:
    a far end that drops every session must not be hammered.
    """
    if call.channel is Channel.READY:
        is_flapping = bool(call.losses) and now < call.attach_until
        state = State.ATTACHING if call.ending is None else call.state
        call = _remember(replace(call, state=state), event, now)
        if _is_lost_too_often(call, now):
            return closing.unattached(replace(call, channel=Channel.CLOSED), now)
        if not is_flapping:
            return begin(call, now)
        until = max(now + call.terms.limits.reattach, call.incident_until)
        return _again(replace(call, attach_until=until), now)
    if call.channel is Channel.OPEN:
        return _again(call, now)
    return call, ()


def _remember(call: CallState, event: ChannelLost, now: float) -> CallState:
    """Keep when the channel was lost, and whether that is the provider's hour.

    The provider closes a session with 1001 when it has lasted an hour, and tells nobody before.
    """
    assert call.answered_at is not None  # noqa: S101 - a proven session is an answer
    is_over = event.code == GOING_AWAY and now >= call.answered_at + SESSION_LENGTH
    return replace(
        call,
        losses=(*call.losses, now)[-call.terms.limits.losses :],
        provider_ending=call.provider_ending or is_over,
    )


def _is_lost_too_often(call: CallState, now: float) -> bool:
    """Tell whether a channel is proven and cut again and again; an incident is no reason."""
    limits = call.terms.limits
    is_often = len(call.losses) >= limits.losses and now - call.losses[0] <= limits.losses_within
    return is_often and now >= call.incident_until


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
    if now < call.incident_until:
        wait = LONGEST_WAIT  # many calls want the same at once
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
    call = replace(call, provider_ending=False)
    if call.answered_at is not None:
        return call, (ReportReattached(),)
    call = replace(call, answered_at=now)
    commands: list[CallCommand] = [ReportAnswered()]
    if call.form is AnswerForm.MINIMAL:
        commands.append(Configure())
    if call.terms.returned_from:
        commands.append(Inject(words.RETURNED))
    call, spoken = opening.begin(call)
    return call, (*commands, *spoken)


def deadline(call: CallState, _event: DeadlineReached, now: float) -> Step:
    """ATTACHING: the end of the call's longest duration, its warning, or the next attempt."""
    if lasting.is_due(call.end_at, now):
        return lasting.time_is_up_unheard(call, now)
    if lasting.is_due(call.warn_at, now):
        return lasting.warn(call, now)
    return overdue(call, now)


def line_ended(call: CallState, _event: LineEnded, now: float) -> Step:
    """The line itself says that the call is over."""
    return ending.gone(call, now)


def provider_ending(call: CallState, _event: ProviderEnding, _now: float) -> Step:
    """Remember why the channel will close."""
    return replace(call, provider_ending=True), ()


def incident_declared(call: CallState, event: IncidentDeclared, _now: float) -> Step:
    """Many calls lost their channel: it will be back, so hang nobody up for it (O15)."""
    call = replace(call, incident_until=max(call.incident_until, event.until))
    if call.answered_at is None:
        return call, ()
    return replace(call, attach_until=max(call.attach_until, event.until)), ()
