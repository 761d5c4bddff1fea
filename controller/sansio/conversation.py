"""The two machines of a call, joined: what the shell drives.

Frames and events go in, commands for the shell come out. Between the call's machine and its
dialect's turn machine commands and events pass in the order in which they arise; nothing else
knows both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias, cast, get_args

import msgspec

from controller.sansio.agent import Agent
from controller.sansio.call import Call, Limits, State, Terms
from controller.sansio.commands import (
    AnswerForm,
    CallCommand,
    CloseChannel,
    DialectCommand,
    Record,
    ReportOutcome,
    SendFrame,
    ShellCommand,
)
from controller.sansio.events import (
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    Event,
    FaultReported,
    Note,
)
from controller.sansio.realtime import Pace, Turns, codec
from controller.sansio.realtime.session import accept_body, minimal_body

_NOTES = get_args(Note)
_EVENTS = get_args(Event)
_FOR_DIALECT = get_args(DialectCommand)

_Passed: TypeAlias = SendFrame | Event | CallCommand


class Conversation:
    """One call with one agent over the Realtime dialect.

    Args:
        agent: who answers.
        now: Unix seconds.
        capacity_code: SIP code where the provider is full.
        limits: of the call's machine.
        pace: of the turn machine.
    """

    __slots__ = ("_agent", "call", "turns")

    def __init__(
        self,
        agent: Agent,
        *,
        now: float,
        capacity_code: int = 503,
        limits: Limits | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._agent = agent
        terms = Terms(
            greeting=agent.greeting or None,
            disclosure=agent.disclosure or None,
            can_hang_up=agent.can_hang_up,
            targets=tuple((each.name, each.uri) for each in agent.targets)
            if agent.can_transfer
            else (),
            max_duration=agent.max_duration,
            capacity_code=capacity_code,
            limits=limits or Limits(),
        )
        self.call = Call(terms, now=now)
        self.turns = Turns(agent, now=now, held=self._held, pace=pace)

    @property
    def _held(self) -> bool:
        """The first words are ours."""
        return bool(self._agent.greeting or self._agent.disclosure)

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self.call.state

    @property
    def is_over(self) -> bool:
        """Nothing will ever be asked for again."""
        return self.call.is_over

    @property
    def deadline(self) -> float | None:
        """Unix seconds at which `DeadlineReached` is due; None exactly when the call is over."""
        if self.call.deadline is None or self.turns.deadline is None:
            return self.call.deadline
        return min(self.call.deadline, self.turns.deadline)

    def session(self, form: AnswerForm) -> dict[str, object]:
        """Return the session config that an answer of that form carries."""
        if form is AnswerForm.MINIMAL:
            return minimal_body(self._agent)
        return accept_body(self._agent, held=self._held)

    @staticmethod
    def wants(frame: str | bytes) -> bool:
        """Tell whether a frame is worth waking the call for: half of them are not."""
        return not codec.is_unused(frame)

    def receive_frame(self, frame: str | bytes, *, now: float) -> tuple[ShellCommand, ...]:
        """Take one text frame of the model's socket. Whatever it holds, this does not raise."""
        if self.is_over:
            return ()
        given = codec.decode(frame)
        if isinstance(given, codec.Skipped):
            return () if given.reason == "unused" else (Record(FaultReported(given.reason)),)
        return self._pass_on(self.turns.receive(given, now=now), now)

    def receive(self, event: Event, *, now: float) -> tuple[ShellCommand, ...]:
        """Take one event of the line, the channel, a tool, an operator, or time."""
        match event:
            case ChannelOpened():
                return self._pass_on(self._channel_opened(event, now), now)
            case ChannelLost():
                first = self.turns.receive(event, now=now)
                return self._pass_on((*first, *self.call.receive(event, now=now)), now)
            case DeadlineReached():
                return self._pass_on(self._deadline_reached(event, now), now)
            case _:
                return self._pass_on(self.call.receive(event, now=now), now)

    def _channel_opened(self, event: ChannelOpened, now: float) -> tuple[_Passed, ...]:
        """Let the turn machine know of a socket only if the call still wants it."""
        was = self.call.value.channel
        commands = self.call.receive(event, now=now)
        if self.call.value.channel is was:
            return commands
        return (*self.turns.receive(event, now=now), *commands)

    def _deadline_reached(self, event: DeadlineReached, now: float) -> tuple[_Passed, ...]:
        passed: tuple[_Passed, ...] = ()
        if self.turns.deadline is not None and self.turns.deadline <= now:
            passed += self.turns.receive(event, now=now)
        if self.call.deadline is not None and self.call.deadline <= now:
            passed += self.call.receive(event, now=now)
        return passed

    def _pass_on(self, passed: Iterable[_Passed], now: float) -> tuple[ShellCommand, ...]:
        waiting = deque(passed)
        out: list[ShellCommand] = []
        while waiting:
            each = waiting.popleft()
            if isinstance(each, _NOTES):
                out.append(Record(each))
            elif isinstance(each, _EVENTS):
                waiting.extend(self.call.receive(each, now=now))
            elif isinstance(each, _FOR_DIALECT):
                waiting.extend(self.turns.receive(each, now=now))
            elif not (isinstance(each, SendFrame) and self.call.is_over):
                if isinstance(each, CloseChannel):
                    # The shell closes it and reports no loss of what it was told to close.
                    waiting.extend(self.turns.receive(ChannelLost(), now=now))
                out.append(cast("ShellCommand", each))  # what is left of the union
        # What was heard last is recorded before the record is closed.
        return tuple(sorted(out, key=lambda each: isinstance(each, ReportOutcome)))

    def snapshot(self) -> bytes:
        """Return the state of both machines as JSON; the agent is stored beside it."""
        return b'{"call":%b,"turns":%b}' % (self.call.snapshot(), self.turns.snapshot())

    @classmethod
    def restore(
        cls, snapshot: bytes, agent: Agent, *, now: float, pace: Pace | None = None
    ) -> Conversation:
        """Take up a conversation where a snapshot left it.

        No socket outlives its process: the shell owes it a `ChannelLost` before anything else.

        Raises:
            msgspec.ValidationError: it is no snapshot of this version.
        """
        stored = msgspec.json.decode(snapshot, type=_Snapshot)
        conversation = cls(agent, now=now, pace=pace)
        conversation.call = Call.restore(bytes(stored.call), now=now)
        conversation.turns = Turns.restore(bytes(stored.turns), agent, now=now, pace=pace)
        return conversation


class _Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    call: msgspec.Raw
    turns: msgspec.Raw
