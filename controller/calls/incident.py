"""When many calls lose their sideband at once, it is not the callers who leave (operations, O15).

A single lost sideband is how a normal end looks (design section 4, rule 12), so a loss counts only
once it has proved to be one: the socket came back, or the first attempt to attach again met neither
a session nor a 404. When the losses of ten seconds are many, an incident is declared: for two
minutes no call is given up for its lost sideband, and whoever has lost it is told. Another burst
after that is another incident.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """When it is an incident. Seconds."""

    share: float = 0.2
    """Of the live calls: more than this."""
    at_least: int = 3
    """Calls; fewer are no incident, however few live."""
    within: float = 10.0
    lasts: float = 120.0


class Incidents:
    """Counts losses and says when they are too many. Time is an argument.

    Args:
        rules: how many are too many.
    """

    def __init__(self, rules: IncidentRules | None = None) -> None:
        self._rules = rules or IncidentRules()
        self._lost_at: OrderedDict[str, float] = OrderedDict()
        """By call, the latest last; bounded by the calls that live within the window."""
        self._until: float | None = None

    def until(self, now: float) -> float | None:
        """Return when the incident ends, in Unix seconds; None where there is none."""
        if self._until is not None and now >= self._until:
            self._until = None
        return self._until

    def lost(self, call_id: str, live_calls: int, now: float) -> bool:
        """Count a loss. Returns whether an incident begins with it.

        Args:
            call_id: who lost its sideband; twice within the window counts once.
            live_calls: the calls that could have.
            now: Unix seconds.
        """
        self._lost_at.pop(call_id, None)
        self._lost_at[call_id] = now
        while now - next(iter(self._lost_at.values())) > self._rules.within:
            self._lost_at.popitem(last=False)
        count = len(self._lost_at)
        are_many = count >= self._rules.at_least and count > self._rules.share * live_calls
        if not are_many or self.until(now) is not None:
            return False
        self._until = now + self._rules.lasts
        return True


REATTACH_RATE: Final = 50.0
"""Attempts a second (operations, O15)."""


class Gate:
    """Lets so many attempts to attach again through in a second, evenly, in the order of arrival.

    Whoever stops waiting leaves the queue. It is as long as calls have lost their sideband, one
    place each.

    Args:
        rate: attempts a second, over the whole process.
    """

    def __init__(self, rate: float = REATTACH_RATE) -> None:
        self._interval = 1 / rate
        self._next_at = 0.0
        self._turn = asyncio.Lock()  # fair: the first to wait is the first to go

    async def pass_through(self) -> None:
        """Wait for a turn."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            left = self._next_at - loop.time()
            if left > 0:
                await asyncio.sleep(left)
            self._next_at = loop.time() + self._interval
