"""The turn machine: server events and the call's commands in, frames and call events out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as replace_terms

import msgspec

from controller.sansio.agent import Agent
from controller.sansio.commands import Become
from controller.sansio.events import FloorFree, FloorTaken
from controller.sansio.realtime.asking import pump
from controller.sansio.realtime.parts import Phase
from controller.sansio.realtime.state import Input, Out, Pace, TurnState, TurnTerms
from controller.sansio.realtime.table import TABLE
from controller.sansio.value import replace

SNAPSHOT_VERSION = 2


class Turns:
    """Keeps one response at a time, and knows what was heard. No I/O, no clock; never raises.

    When `deadline` has passed, the shell owes it a `DeadlineReached`. An input has two halves:
    `take` follows it, `settle` asks for what waits. The call stands between them, for what it is
    told may be a reason to ask for nothing more.
    """

    __slots__ = ("_is_floor_taken", "_terms", "value")

    def __init__(
        self,
        agent: Agent,
        *,
        now: float,
        held: bool,
        pace: Pace | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self._terms = TurnTerms(agent, pace or Pace(), secrets or {})
        self.value = TurnState(now=now, held=held)
        self._is_floor_taken = False

    @property
    def phase(self) -> Phase:
        """Who has the floor."""
        return self.value.phase

    @property
    def deadline(self) -> float | None:
        """Unix seconds; None where nothing is waited for."""
        return self.value.deadline

    def receive(self, given: Input, *, now: float) -> tuple[Out, ...]:
        """Take one input and settle at once, where nobody has anything to say to it."""
        return (*self.take(given, now=now), *self.settle(now=now))

    def take(self, given: Input, *, now: float) -> tuple[Out, ...]:
        """Take one input; return frames to send and events for the call, in order.

        Args:
            given: what happened, or what the call wants; anything that means nothing in this
                phase is counted and ignored.
            now: Unix seconds; an instant before the latest one counts as that one.
        """
        before = self.value
        now = max(now, before.now)
        row = TABLE[before.phase].get(type(given))
        if row is None:
            self.value = replace(before, now=now, ignored=before.ignored + 1)
            return ()
        self.value, outs = row.handle(self._terms, replace(before, now=now), given, now)
        return outs

    def settle(self, *, now: float) -> tuple[Out, ...]:
        """Ask for what waits, once the call has followed every event; say who has the floor.

        The one place that does either: what `take` returned may have ended the call, and nothing
        is asked for after that.
        """
        turns, asked = pump(self._terms, self.value, max(now, self.value.now))
        self.value = turns
        if turns.is_floor_taken is self._is_floor_taken:
            return asked
        self._is_floor_taken = turns.is_floor_taken
        return (*asked, FloorTaken() if self._is_floor_taken else FloorFree())

    def become(self, agent: Agent, *, now: float) -> tuple[Out, ...]:
        """Go on as another agent: its instructions, tools and turn detection from here on."""
        self._terms = replace_terms(self._terms, agent=agent)
        return self.receive(Become(agent.name), now=now)

    def snapshot(self) -> bytes:
        """Return the whole state as JSON, for `restore`; the agent is stored beside it."""
        return msgspec.json.encode({"version": SNAPSHOT_VERSION, "turns": self.value})

    @classmethod
    def restore(
        cls,
        snapshot: bytes,
        agent: Agent,
        *,
        now: float,
        pace: Pace | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> Turns:
        """Take up a conversation where a snapshot left it.

        Raises:
            msgspec.ValidationError: it is no snapshot of this version.
        """
        stored = msgspec.json.decode(snapshot, type=_Snapshot)
        turns = cls(agent, now=now, held=stored.turns.held, pace=pace, secrets=secrets)
        turns.value = replace(stored.turns, now=max(now, stored.turns.now))
        turns._is_floor_taken = turns.value.is_floor_taken
        return turns


class _Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    turns: TurnState

    def __post_init__(self) -> None:
        if self.version != SNAPSHOT_VERSION:
            raise ValueError(f"snapshot version {self.version}, not {SNAPSHOT_VERSION}")
