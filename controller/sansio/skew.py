"""How far our clock is from the provider's, by the `Date` of an answer (operations, O16).

`Date` is in whole seconds (RFC 9110 §6.6.1) and was written at some moment between our request and
its answer. So the estimate is taken in the middle of both, and is off by half a second and half the
answer's time at most; an answer that took longer than `LONGEST` says nothing.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

TOO_MUCH: Final = 2.0
"""Seconds from which an operator is told."""
LONGEST: Final = 1.0
"""Seconds that an answer may take."""
LONGEST_DATE: Final = 64
"""Characters; what is longer is no date."""


def skew(date: str | None, sent_at: float, received_at: float) -> float | None:
    """Return by how many seconds our clock is ahead; None where that cannot be told.

    Args:
        date: the value of the header, whatever it holds.
        sent_at: by our clock, Unix seconds.
        received_at: by our clock, Unix seconds.
    """
    if date is None or len(date) > LONGEST_DATE or not 0 <= received_at - sent_at <= LONGEST:
        return None
    try:
        written_at = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return (sent_at + received_at) / 2 - (written_at + 0.5)
