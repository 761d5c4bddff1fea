"""The watchers of one call, joined: what the conversation drives."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import msgspec

from controller.sansio.agent import Agent
from controller.sansio.commands import WatchCommand
from controller.sansio.events import DeadlineReached, Event
from controller.sansio.usage import Prices

Given: TypeAlias = Event | WatchCommand
"""What a watcher sees. Most of it means nothing to it."""

SNAPSHOT_VERSION = 1


class Watcher(Protocol):
    """One of them."""

    @property
    def deadline(self) -> float | None:
        """Unix seconds at which `DeadlineReached` is due; None: nothing is waited for."""

    def receive(self, given: Given, *, now: float) -> tuple[Event, ...]:
        """Take what happened; return what follows from it. Never raises."""


class Watchers:
    """Silence, keypad and spending of one call.

    Args:
        agent: who answers; says how long silence may last, what keys mean, what a call may cost.
        now: Unix seconds.
        prices: of the agent's model and transcription; None: nothing is counted in money.
    """

    __slots__ = ("_agent", "_prices")

    def __init__(self, agent: Agent, *, now: float, prices: Prices | None = None) -> None:
        del now
        self._agent = agent
        self._prices = prices

    @property
    def _all(self) -> tuple[Watcher, ...]:
        return ()

    @property
    def deadline(self) -> float | None:
        """Unix seconds; None: nothing is waited for."""
        instants = (each.deadline for each in self._all)
        return min((each for each in instants if each is not None), default=None)

    def receive(self, given: Given, *, now: float) -> tuple[Event, ...]:
        """Show something to all of them; a `DeadlineReached` to those whose time has come."""
        found: tuple[Event, ...] = ()
        for each in self._all:
            is_due = each.deadline is not None and each.deadline <= now
            if is_due or not isinstance(given, DeadlineReached):
                found += each.receive(given, now=now)
        return found

    def become(self, agent: Agent) -> None:
        """Go on under another agent's limits; what was counted so far stays."""
        self._agent = agent

    def snapshot(self) -> bytes:
        """Return the whole state as JSON, for `restore`; never a digit of a sensitive entry."""
        return msgspec.json.encode({"version": SNAPSHOT_VERSION})

    @classmethod
    def restore(
        cls, snapshot: bytes, agent: Agent, *, now: float, prices: Prices | None = None
    ) -> Watchers:
        """Take up watching where a snapshot left it.

        Raises:
            msgspec.ValidationError: it is no snapshot of this version.
        """
        msgspec.json.decode(snapshot)
        return cls(agent, now=now, prices=prices)
