"""Unix time that never goes back."""

from __future__ import annotations

import time


class SystemClock:
    """Satisfies `Clock`: starts at the wall clock's time and advances with the monotonic one.

    A step of the wall clock (NTP, an operator) thus moves no deadline of a running call. It is off
    by all steps since the start, and by the time for which a machine has slept: what others compare
    with their clocks, or we with theirs, is the business of `WallClock`.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return Unix seconds."""
        return time.monotonic() + self._offset


class WallClock:
    """Satisfies `Clock` for what is compared with somebody else's clock: signatures and expiries.

    It goes back when it is set back; no deadline may rest on it.
    """

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()
