"""The machines of a call, joined: what the shell drives.

Frames and events go in, commands for the shell come out. Between the call's machine, its dialect's
turn machine and the watchers, commands and events pass in the order in which they arise; nothing
else knows them all.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast, get_args

import msgspec

from controller.sansio.agent import Agent
from controller.sansio.call import Call, Limits, Obstacle, State, Terms, terms_of
from controller.sansio.commands import (
    AnswerForm,
    Become,
    CallCommand,
    CloseChannel,
    DialectCommand,
    Record,
    ReportOutcome,
    SendFrame,
    ShellCommand,
    WatchCommand,
)
from controller.sansio.events import (
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    Event,
    FaultReported,
    MenuKeyPressed,
    Note,
    SpeechHeard,
)
from controller.sansio.realtime import Pace, Turns, codec
from controller.sansio.realtime.session import accept_body, minimal_body
from controller.sansio.usage import Prices
from controller.sansio.watching import Watchers

# Sets of types, not tuples for isinstance: each of some sixty is a class of its own without heirs,
# and every event and command of every call is looked up in them.
_NOTES: Final = frozenset(get_args(Note))
_RECORDED: Final = _NOTES | {MenuKeyPressed, SpeechHeard}
"""What the record counts; the last two are for the call's machine as well."""
_EVENTS: Final = frozenset(get_args(Event))
_FOR_DIALECT: Final = frozenset(get_args(DialectCommand))
_WATCHED: Final = frozenset({State.ATTACHING, State.ACTIVE})
"""Where silence and keys mean something; elsewhere the watchers see what happens and time stands
still for them."""

_INSIDE: Final = _EVENTS | _FOR_DIALECT | frozenset(get_args(WatchCommand))
"""What one of the machines takes; the rest is for the shell."""
_Passed: TypeAlias = SendFrame | Event | CallCommand
_Recorded: TypeAlias = Note | MenuKeyPressed | SpeechHeard


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What surrounds a conversation and is not the agent's."""

    capacity_code: int = 503
    """SIP code where the provider is full."""
    limits: Limits | None = None
    """Of the call's machine."""
    pace: Pace | None = None
    """Of the turn machine."""
    colleagues: Mapping[str, Agent] = field(default_factory=dict)
    """The agents of the generation, by name: a call may be handed to one of them."""
    prices: Prices | None = None
    """Of the agent's model and transcription; None: nothing is counted in money."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name; what an MCP server's headers need."""
    returned_from: frozenset[str] = frozenset()
    """Targets that have just sent this caller back (operations, O6)."""


class Conversation:
    """One call with one agent over the Realtime dialect.

    Args:
        agent: who answers.
        now: Unix seconds.
        circumstances: everything else.
    """

    __slots__ = ("_agent", "_circumstances", "call", "turns", "watchers")

    def __init__(
        self, agent: Agent, *, now: float, circumstances: Circumstances | None = None
    ) -> None:
        around = circumstances or Circumstances()
        self._agent = agent
        self._circumstances = around
        self.call = Call(self._terms(agent, now), now=now)
        self.turns = Turns(
            self._offering(agent),
            now=now,
            held=self._held,
            pace=around.pace,
            secrets=around.secrets,
        )
        self.watchers = Watchers(agent, now=now, prices=around.prices)

    def _terms(self, agent: Agent, now: float) -> Terms:
        around = self._circumstances
        return terms_of(
            agent,
            now=now,
            capacity_code=around.capacity_code,
            limits=around.limits,
            returned_from=around.returned_from,
        )

    def _offering(self, agent: Agent) -> Agent:
        """Return the agent as the model sees it: without targets that sent the caller back."""
        back = self._circumstances.returned_from
        if back.isdisjoint(agent.offered):
            return agent
        offered = tuple(name for name in agent.offered if name not in back)
        return dataclasses.replace(agent, offered=offered)

    @property
    def agent(self) -> Agent:
        """Who talks with the caller now."""
        return self._agent

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
        at = self.call.deadline
        if at is None:
            return None
        instants = (at, self.turns.deadline, self._watch_deadline)
        return min([each for each in instants if each is not None])

    @property
    def _watch_deadline(self) -> float | None:
        return self.watchers.deadline if self.call.state in _WATCHED else None

    def session(self, form: AnswerForm) -> dict[str, object]:
        """Return the session config that an answer of that form carries."""
        if form is AnswerForm.MINIMAL:
            return minimal_body(self._agent)
        secrets = self._circumstances.secrets
        return accept_body(self._offering(self._agent), held=self._held, secrets=secrets)

    def why_not_transfer(self, target: str, *, now: float) -> Obstacle | None:
        """Say why an operator's transfer to a target cannot be followed now; None: it can."""
        return self.call.why_not_transfer(target, now=now)

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
        return self._pass_on(self.turns.take(given, now=now), now)

    def receive(self, event: Event, *, now: float) -> tuple[ShellCommand, ...]:
        """Take one event of the line, the channel, a tool, an operator, or time."""
        match event:
            case ChannelOpened():
                passed = self._channel_opened(event, now)
            case ChannelLost():
                passed = (
                    *self.turns.take(event, now=now),
                    *self.call.receive(event, now=now),
                    *self.watchers.receive(event, now=now),
                )
            case DeadlineReached():
                passed = self._deadline_reached(event, now)
            case _:
                passed = self._happened(event, now)
        return self._pass_on(passed, now)

    def _happened(self, event: Event, now: float) -> tuple[_Passed, ...]:
        """Show an event to the watchers, and to the call's machine if it is for that."""
        seen = self.watchers.receive(event, now=now)
        if type(event) in _NOTES:
            return seen
        return (*self.call.receive(event, now=now), *seen)

    def _channel_opened(self, event: ChannelOpened, now: float) -> tuple[_Passed, ...]:
        """Let the turn machine know of a socket only if the call still wants it."""
        was = self.call.value.channel
        commands = self.call.receive(event, now=now)
        if self.call.value.channel is was:
            return commands
        return (*self.turns.take(event, now=now), *commands)

    def _deadline_reached(self, event: DeadlineReached, now: float) -> tuple[_Passed, ...]:
        passed: tuple[_Passed, ...] = ()
        if _has_come(self.turns.deadline, now):
            passed += self.turns.take(event, now=now)
        if _has_come(self._watch_deadline, now):
            passed += self.watchers.receive(event, now=now)
        if _has_come(self.call.deadline, now):
            passed += self.call.receive(event, now=now)
        return passed

    def _pass_on(self, passed: Iterable[_Passed], now: float) -> tuple[ShellCommand, ...]:
        """Hand each thing to whoever takes it, with all that follows from it before the next."""
        waiting = deque(passed)
        out: list[ShellCommand] = []
        while waiting or (waiting := deque(self.turns.settle(now=now))):
            each = waiting.popleft()
            if isinstance(each, CloseChannel):
                # The shell closes it and reports no loss of what it was told to close.
                waiting.extendleft(reversed(self.turns.take(ChannelLost(), now=now)))
                out.append(each)
            elif type(each) in _INSIDE:
                if type(each) in _RECORDED:
                    out.append(Record(cast("_Recorded", each)))
                waiting.extendleft(reversed(self._inside(each, now)))
            elif not (isinstance(each, SendFrame) and self.call.is_over):
                out.append(cast("ShellCommand", each))  # what is left of the union
        # What was heard last is recorded before the record is closed.
        return tuple(sorted(out, key=lambda each: isinstance(each, ReportOutcome)))

    def _inside(self, each: _Passed, now: float) -> tuple[_Passed, ...]:
        """Give an event or a command to the machine that it is for."""
        if type(each) in _EVENTS:
            return self._happened(cast("Event", each), now)
        if isinstance(each, Become):
            return self._become(each.agent, now)
        if type(each) in _FOR_DIALECT:
            return self.turns.take(cast("DialectCommand", each), now=now)
        return self.watchers.receive(cast("WatchCommand", each), now=now)

    def _become(self, name: str, now: float) -> tuple[_Passed, ...]:
        """Go on as another agent; the call's machine has made sure that there is one."""
        agent = self._circumstances.colleagues[name]
        self._agent = agent
        self.call.become(self._terms(agent, now))
        self.watchers.become(agent)
        return self.turns.become(self._offering(agent), now=now)

    def snapshot(self) -> bytes:
        """Return the state of the machines as JSON; the agents are stored beside it."""
        return b'{"agent":%b,"call":%b,"turns":%b,"watchers":%b}' % (
            msgspec.json.encode(self._agent.name),
            self.call.snapshot(),
            self.turns.snapshot(),
            self.watchers.snapshot(),
        )

    @classmethod
    def restore(
        cls,
        snapshot: bytes,
        agent: Agent,
        *,
        now: float,
        circumstances: Circumstances | None = None,
    ) -> Conversation:
        """Take up a conversation where a snapshot left it.

        No socket outlives its process: the shell owes it a `ChannelLost` before anything else.

        Args:
            snapshot: from `snapshot`, of this version.
            agent: who answered; a call that was handed on goes on with its last agent.
            now: Unix seconds.
            circumstances: everything else.

        Raises:
            msgspec.ValidationError: it is no snapshot of this version.
        """
        stored = msgspec.json.decode(snapshot, type=_Snapshot)
        around = circumstances or Circumstances()
        agent = around.colleagues.get(stored.agent, agent)
        conversation = cls(agent, now=now, circumstances=around)
        conversation.call = Call.restore(bytes(stored.call), now=now)
        conversation.turns = Turns.restore(
            bytes(stored.turns),
            conversation._offering(agent),
            now=now,
            pace=around.pace,
            secrets=around.secrets,
        )
        conversation.watchers = Watchers.restore(
            bytes(stored.watchers), agent, now=now, prices=around.prices
        )
        return conversation


def _has_come(at: float | None, now: float) -> bool:
    return at is not None and at <= now


class _Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    agent: str
    call: msgspec.Raw
    turns: msgspec.Raw
    watchers: msgspec.Raw
