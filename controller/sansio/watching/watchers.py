"""The watchers of one call, joined: what the conversation drives."""

from __future__ import annotations

import msgspec

from controller.sansio.agent import Agent
from controller.sansio.events import DeadlineReached, Event
from controller.sansio.usage import Prices
from controller.sansio.watching.given import Given, Watcher
from controller.sansio.watching.keypad import Keypad, KeypadState
from controller.sansio.watching.silence import Silence, SilenceState
from controller.sansio.watching.spending import Spending, SpendingState

SNAPSHOT_VERSION = 1


class Watchers:
    """Silence, keypad and spending of one call.

    What they find must be shown to them again, as the conversation does with every event.

    Args:
        agent: who answers; says how long silence may last, what keys mean, what a call may cost.
        now: Unix seconds.
        prices: of the agent's model and transcription; None: nothing is counted in money.
    """

    __slots__ = ("keypad", "silence", "spending")

    def __init__(self, agent: Agent, *, now: float, prices: Prices | None = None) -> None:
        self.silence = Silence(agent, now=now)
        self.keypad = Keypad(agent, now=now)
        self.spending = Spending(agent, prices=prices)

    @property
    def _all(self) -> tuple[Watcher, ...]:
        return (self.silence, self.keypad, self.spending)

    @property
    def deadline(self) -> float | None:
        """Unix seconds; None: nothing is waited for."""
        instants = (self.silence.deadline, self.keypad.deadline, self.spending.deadline)
        return min([each for each in instants if each is not None], default=None)

    def receive(self, given: Given, *, now: float) -> tuple[Event, ...]:
        """Show something to those who use it; a `DeadlineReached` to those whose time has come."""
        found: tuple[Event, ...] = ()
        for each in self._all:
            if type(given) not in each.uses:
                continue
            if not isinstance(given, DeadlineReached) or _is_due(each, now):
                found += each.receive(given, now=now)
        return found

    def become(self, agent: Agent) -> None:
        """Go on under another agent's limits; what was counted so far stays."""
        self.silence.become(agent)
        self.keypad.become(agent)
        self.spending.become(agent)

    def snapshot(self) -> bytes:
        """Return the whole state as JSON, for `restore`: no digit, and no word that was said."""
        stored = _Snapshot(
            SNAPSHOT_VERSION, self.silence.stored(), self.keypad.stored(), self.spending.value
        )
        return msgspec.json.encode(stored)

    @classmethod
    def restore(
        cls, snapshot: bytes, agent: Agent, *, now: float, prices: Prices | None = None
    ) -> Watchers:
        """Take up watching where a snapshot left it.

        Raises:
            msgspec.ValidationError: it is no snapshot of this version.
        """
        stored = msgspec.json.decode(snapshot, type=_Snapshot)
        watchers = cls(agent, now=now, prices=prices)
        watchers.silence.restore(stored.silence)
        watchers.keypad.restore(stored.keypad)
        watchers.spending.value = stored.spending
        return watchers


def _is_due(watcher: Watcher, now: float) -> bool:
    deadline = watcher.deadline
    return deadline is not None and deadline <= now


class _Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    silence: SilenceState
    keypad: KeypadState
    spending: SpendingState

    def __post_init__(self) -> None:
        if self.version != SNAPSHOT_VERSION:
            raise ValueError(f"snapshot version {self.version}, not {SNAPSHOT_VERSION}")
