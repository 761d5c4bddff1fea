"""What a watcher sees, and what all of them have in common."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeAlias

from controller.sansio.commands import WatchCommand
from controller.sansio.events import Event

Given: TypeAlias = Event | WatchCommand
"""What a watcher sees. Most of it means nothing to it."""


class Watcher(Protocol):
    """One of them."""

    uses: ClassVar[frozenset[type]]
    """What means something to it; it is shown nothing else."""

    @property
    def deadline(self) -> float | None:
        """Unix seconds at which `DeadlineReached` is due; None: nothing is waited for."""

    def receive(self, given: Given, *, now: float) -> tuple[Event, ...]:
        """Take what happened; return what follows from it. Never raises."""
