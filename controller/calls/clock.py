"""Unix time that never goes back."""

from __future__ import annotations

import time


class SystemClock:
    """Satisfies `Clock`: starts at the wall clock's time and advances with the monotonic one.

    A step of the wall clock (NTP, an operator) thus moves no deadline of a running call. What is
    compared with OpenAI's timestamps may be off by the steps since the start; staleness is judged
    by their clock, not by ours (O16).
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return Unix seconds."""
        return time.monotonic() + self._offset
