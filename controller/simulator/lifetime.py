"""How long an answered call can last: the session's limit, and a leg that drops by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from controller.simulator.ending import EndedBy, Ending
from controller.simulator.faults import Point
from controller.simulator.journal import Source
from controller.simulator.wire import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.simulator.faults import Planned
    from controller.simulator.host import Host


class Lifetime:
    """The timers of an answered call.

    Args:
        host: the call.
        limit: seconds until OpenAI ends the session.
        end: ends the call.
    """

    __slots__ = ("_end", "_host", "_timers", "limit")

    def __init__(self, host: Host, limit: float, end: Callable[[Ending], None]) -> None:
        self.limit = limit
        self._host = host
        self._end = end
        self._timers: list[asyncio.TimerHandle] = []

    def begin(self) -> None:
        """The SIP leg is answered."""
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(self.limit, self._expire))
        drop = self._host.faults.take(Point.LIFE)
        if drop is not None:
            self._timers.append(loop.call_later(drop.effect.seconds, self._drop, drop))

    def close(self) -> None:
        """The call is over."""
        for timer in self._timers:
            timer.cancel()

    def _expire(self) -> None:
        """An error says that the session is over, then its socket closes with 1001 (guide CONV)."""
        error = RefusedError(
            "Your session hit the maximum duration of 60 minutes.", code="session_expired"
        ).error()
        self._host.emit("error", error=error | {"event_id": None})
        self._end(Ending(EndedBy.EXPIRED))

    def _drop(self, drop: Planned) -> None:
        self._host.record(Source.FAULT, drop.fault)
        self._end(Ending(EndedBy.DIED))
