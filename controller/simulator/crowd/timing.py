"""Instants of a call, and how late the event loop of the crowd itself runs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

LAG_INTERVAL: Final = 0.02
"""Seconds between two probes of the event loop."""


now = time.perf_counter
"""The crowd's clock, in seconds. uvloop's own has a resolution of a millisecond."""


@dataclass(slots=True)
class Instants:
    """When things happened to one call: seconds of `now`, None while they have not.

    All of them are taken on the crowd's side, so that one clock serves a call.
    """

    posted_at: float | None = None
    acknowledged_at: float | None = None
    """The delivery was answered 200."""
    accept_at: float | None = None
    """The accept request arrived."""
    accepted_at: float | None = None
    """The accept was answered."""
    attached_at: float | None = None
    """The upgrade to the sideband was finished."""
    asked_at: float | None = None
    """The first `response.create` arrived."""
    heard_at: float | None = None
    """The caller has heard the greeting."""
    tool_asked_at: float | None = None
    """A completed `response.done` with a tool call was sent."""
    tool_answered_at: float | None = None
    """The tool's output arrived."""


SPANS: Final = {
    "webhook_to_200": ("posted_at", "acknowledged_at"),
    "webhook_to_accept": ("posted_at", "accept_at"),
    "sideband_open": ("accepted_at", "attached_at"),
    "webhook_to_greeting": ("posted_at", "asked_at"),
    "tool_output": ("tool_asked_at", "tool_answered_at"),
}
"""What is measured: from one instant to another."""


def spans(calls: list[Instants], *names: str) -> dict[str, list[float]]:
    """Return milliseconds by name, one for each call in which both instants came."""
    found: dict[str, list[float]] = {}
    for name in names:
        begin, end = SPANS[name]
        pairs = [(getattr(call, begin), getattr(call, end)) for call in calls]
        found[name] = [
            round((end - begin) * 1e3, 4)
            for begin, end in pairs
            if begin is not None and end is not None
        ]
    return found


@dataclass(slots=True)
class LagProbe:
    """How late the event loop ran a timer; `take` returns and forgets what was seen."""

    interval: float = LAG_INTERVAL
    _seen: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            due = now() + self.interval
            await asyncio.sleep(self.interval)
            self._seen.append(round((now() - due) * 1e3, 4))

    def take(self) -> list[float]:
        """Return milliseconds, one for each probe since the last time."""
        seen, self._seen = self._seen, []
        return seen
