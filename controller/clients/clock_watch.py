"""Tells the operator when this machine's clock is off (operations, O16)."""

from __future__ import annotations

import math
from contextvars import Context
from typing import Final

import structlog

from controller.calls.ports import Meter
from controller.sansio.skew import TOO_MUCH, skew

_log = structlog.stdlib.get_logger(__name__)

REPEAT_INTERVAL: Final = 3600.0
"""Seconds from one warning to the next."""


class ClockWatch:
    """Compares our clock with the `Date` of the provider's answers. Time is an argument.

    Args:
        meter: shows the difference.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._warned_at = -math.inf

    def note(self, date: str | None, sent_at: float, received_at: float) -> None:
        """Take an answer; warn where the difference is too large, and not more than once an hour.

        Args:
            date: its `Date`.
            sent_at: when the request was sent, by the clock that is watched; Unix seconds.
            received_at: when the answer was there, by the same.
        """
        ahead = skew(date, sent_at, received_at)
        if ahead is None:
            return
        self._meter.clock_skew(ahead)
        if abs(ahead) >= TOO_MUCH and abs(received_at - self._warned_at) >= REPEAT_INTERVAL:
            self._warned_at = received_at
            # The clock is the process's: the line has not the ids of the call that was answered.
            Context().run(_log.warning, "clock_skew", seconds=round(ahead, 1))
