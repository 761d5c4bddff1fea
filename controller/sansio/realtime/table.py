"""The state table of turns, as data; the rules are those of the call's table.

One more rule: after every input, a request that waits is sent if the phase is IDLE (`pump`), so
IDLE may become REQUESTED at the end of any step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.realtime import asking, codec, failing, hearing, holding, speaking, timing
from controller.sansio.realtime.state import Handler, Phase


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
    cmd.GiveToolOutputs: _row(asking.give_outputs),
    cmd.StopSpeaking: _row(holding.stop_speaking),
    cmd.HoldTurns: _row(holding.hold),
    cmd.ReleaseTurns: _row(holding.release),
    cmd.Inject: _row(holding.inject),
    cmd.Configure: _row(holding.configure),
}
"""Commands of the call, taken in every phase: what cannot be sent now waits."""

_HEARD: dict[type, Row] = {
    codec.AudioStarted: _row(hearing.started),
    codec.AudioStopped: _row(hearing.stopped),
    codec.AudioCleared: _row(hearing.cleared),
    codec.SpeechStarted: _row(holding.speech_started),
    codec.SpeechCommitted: _row(holding.speech_committed),
    codec.CallerTranscript: _row(hearing.caller_said),
    codec.AgentTranscript: _row(hearing.agent_said),
    codec.DigitReceived: _row(hearing.digit),
    codec.ItemAdded: _row(asking.item_added),
    codec.SessionUpdated: _row(holding.updated),
    ev.ChannelLost: _row(failing.lost, _P.DETACHED),
}
"""What an attached session may say at any time."""

TABLE: Mapping[Phase, Mapping[type, Row]] = MappingProxyType(
    {
        _P.DETACHED: {
            **_WISHES,
            ev.ChannelOpened: _row(holding.opened, _P.OPENING),
            ev.DeadlineReached: _row(timing.tick),
        },
        _P.OPENING: {
            **_WISHES,
            codec.SessionCreated: _row(holding.created, _P.IDLE),
            codec.ServerError: _row(timing.error),
            ev.ChannelLost: _row(failing.lost, _P.DETACHED),
            ev.DeadlineReached: _row(timing.tick),
        },
        _P.CONFIGURING: {
            **_WISHES,
            **_HEARD,
            codec.SessionUpdated: _row(holding.updated, _P.IDLE),
            codec.ResponseCreated: _row(speaking.created, _P.RESPONDING),
            codec.ResponseDone: _row(speaking.done),
            codec.ServerError: _row(timing.error, _P.IDLE),
            ev.DeadlineReached: _row(timing.tick, _P.IDLE),
        },
        _P.IDLE: {
            **_WISHES,
            **_HEARD,
            cmd.Configure: _row(holding.configure, _P.CONFIGURING),
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
