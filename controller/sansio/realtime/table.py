"""The state table of turns, as data; the rules are those of the call's table.

One more rule: once the call has followed what an input means to it, a request that waits is sent if
the phase is IDLE (`pump`), so IDLE may become REQUESTED at the end of any step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.realtime import (
    asking,
    attaching,
    billing,
    codec,
    configuring,
    cutting,
    failing,
    hearing,
    holding,
    posting,
    serving,
    showing,
    speaking,
    timing,
)
from controller.sansio.realtime.parts import Phase
from controller.sansio.realtime.state import Handler


@dataclass(frozen=True, slots=True)
class Row:
    """What one input does in one phase."""

    handle: Handler
    to: frozenset[Phase]
    """Where it may lead, beside staying."""


def _row(handle: Handler, *to: Phase) -> Row:
    return Row(handle, frozenset(to))


_P = Phase

_WISHES: dict[type, Row] = {
    cmd.Say: _row(asking.say),
    cmd.Unsay: _row(asking.unsay),
    cmd.CutOff: _row(cutting.cut_off),
    cmd.GiveToolOutputs: _row(posting.give_outputs),
    cmd.Approve: _row(posting.approve),
    cmd.Inject: _row(posting.inject),
    cmd.StopSpeaking: _row(holding.stop_speaking),
    cmd.HoldTurns: _row(holding.hold),
    cmd.ReleaseTurns: _row(holding.release),
    cmd.Configure: _row(configuring.configure),
    cmd.Reconfigure: _row(configuring.reconfigure),
    cmd.Become: _row(configuring.become),
}
"""Commands of the call, taken in every phase: what cannot be sent now waits."""

_HEARD: dict[type, Row] = {
    codec.AudioStarted: _row(hearing.started),
    codec.AudioStopped: _row(hearing.stopped),
    codec.AudioCleared: _row(hearing.cleared),
    codec.SpeechStarted: _row(holding.speech_started),
    codec.SpeechStopped: _row(holding.speech_stopped),
    codec.IdleTimeout: _row(holding.timed_out),
    codec.SpeechCommitted: _row(holding.speech_committed),
    codec.CallerTranscript: _row(hearing.caller_said),
    codec.CallerTranscriptFailed: _row(hearing.caller_unknown),
    codec.AgentTranscript: _row(hearing.agent_said),
    codec.DigitReceived: _row(hearing.digit),
    codec.ItemAdded: _row(serving.item_seen),
    codec.ItemDone: _row(serving.item_seen),
    codec.OutputItemAdded: _row(showing.shown),
    codec.ServerListed: _row(serving.listed),
    codec.ServerNotListed: _row(serving.not_listed),
    codec.ServerCallCompleted: _row(serving.completed),
    codec.ServerCallFailed: _row(serving.failed),
    codec.LimitsUpdated: _row(billing.limits_updated),
    codec.SessionUpdated: _row(attaching.updated),
    ev.ChannelLost: _row(failing.lost, _P.DETACHED),
}
"""What an attached session may say at any time."""

TABLE: Mapping[Phase, Mapping[type, Row]] = MappingProxyType(
    {
        _P.DETACHED: {
            **_WISHES,
            ev.ChannelOpened: _row(attaching.opened, _P.OPENING),
            ev.DeadlineReached: _row(timing.tick),
        },
        _P.OPENING: {
            **_WISHES,
            codec.SessionCreated: _row(attaching.created, _P.IDLE),
            codec.ServerError: _row(timing.error),
            ev.ChannelLost: _row(failing.lost, _P.DETACHED),
            ev.DeadlineReached: _row(timing.tick),
        },
        _P.CONFIGURING: {
            **_WISHES,
            **_HEARD,
            codec.SessionUpdated: _row(attaching.updated, _P.IDLE),
            codec.ResponseCreated: _row(speaking.created, _P.RESPONDING),
            codec.ResponseDone: _row(speaking.done),
            codec.ServerError: _row(timing.error, _P.IDLE),
            ev.DeadlineReached: _row(timing.tick, _P.IDLE),
        },
        _P.IDLE: {
            **_WISHES,
            **_HEARD,
            cmd.Configure: _row(configuring.configure, _P.CONFIGURING),
            cmd.Reconfigure: _row(configuring.reconfigure, _P.CONFIGURING),
            cmd.Become: _row(configuring.become, _P.CONFIGURING),
            codec.ResponseCreated: _row(speaking.created, _P.RESPONDING),
            codec.ResponseDone: _row(speaking.done),
            codec.ServerError: _row(timing.error),
            ev.DeadlineReached: _row(timing.tick),
        },
        _P.REQUESTED: {
            **_WISHES,
            **_HEARD,
            codec.ResponseCreated: _row(speaking.created, _P.RESPONDING),
            codec.ResponseDone: _row(speaking.done, _P.IDLE),
            codec.ServerError: _row(timing.error, _P.IDLE, _P.RESPONDING),
            ev.DeadlineReached: _row(timing.tick, _P.IDLE),
        },
        _P.RESPONDING: {
            **_WISHES,
            **_HEARD,
            codec.ResponseCreated: _row(speaking.created),
            codec.ResponseDone: _row(speaking.done, _P.IDLE),
            codec.ServerError: _row(timing.error),
            ev.DeadlineReached: _row(timing.tick, _P.IDLE),
        },
    }
)


def transitions() -> Iterator[tuple[Phase, Phase, str]]:
    """Yield every move that the table allows: from, to, and the inputs that cause it."""
    for phase, rows in TABLE.items():
        for to in Phase:
            causes = [each.__name__ for each, row in rows.items() if to in row.to]
            if causes:
                yield phase, to, ", ".join(causes)


def diagram() -> str:
    """Draw the table as a Mermaid state diagram."""
    lost = ev.ChannelLost.__name__
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.DETACHED.name}"]
    lines += [
        f"    {phase.name} --> {to.name}: {causes}"
        for phase, to, causes in transitions()
        if causes != lost
    ]
    lines.append(f"    {Phase.IDLE.name} --> {Phase.REQUESTED.name}: a request waits")
    lines.append(f"    note right of {Phase.DETACHED.name}: from any phase, {lost}")
    return "\n".join(lines) + "\n"
