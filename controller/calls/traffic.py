"""What was asked of the provider for one call, and how its sidebands closed (operations, O18).

Kept with the call's record, so that one bad call can be explained, and asked about by the
provider's own ids, without a search through logs. Bounded: of a call that attaches again for an
hour, the beginning and the end are kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from controller.calls.ports import Request

FIRST_KEPT: Final = 16
LAST_KEPT: Final = 48
"""Requests; what lies between the first and the last of them is counted only."""
CLOSES_KEPT: Final = 16
"""Closed sidebands, the last."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has come to its end."""

    at: float
    """Unix seconds: when it was answered, or given up."""
    request: Request


@dataclass(frozen=True, slots=True)
class Close:
    """A sideband that was closed by the far end, or broke."""

    at: float
    """Unix seconds."""
    code: int | None
    """RFC 6455 §7.4; None: it said nothing."""


@dataclass(slots=True)
class Traffic:
    """The requests of one call."""

    count: int = 0
    """Of all requests, those that are not kept included."""
    _first: list[Asked] = field(default_factory=list)
    _last: deque[Asked] = field(default_factory=lambda: deque(maxlen=LAST_KEPT))
    _closes: deque[Close] = field(default_factory=lambda: deque(maxlen=CLOSES_KEPT))

    def asked(self, request: Request, at: float) -> None:
        """Keep a request that has come to its end.

        Args:
            request: and what came of it.
            at: Unix seconds.
        """
        self.count += 1
        kept = self._first if len(self._first) < FIRST_KEPT else self._last
        kept.append(Asked(at, request))

    def closed(self, code: int | None, at: float) -> None:
        """Keep how a sideband closed.

        Args:
            code: None where the far end gave none.
            at: Unix seconds.
        """
        self._closes.append(Close(at, code))

    @property
    def requests(self) -> tuple[Asked, ...]:
        """The requests that are kept, the oldest first."""
        return (*self._first, *self._last)

    @property
    def closes(self) -> tuple[Close, ...]:
        """The closed sidebands that are kept, the oldest first."""
        return tuple(self._closes)

    @property
    def close_code(self) -> int | None:
        """The code of the last sideband that closed; None where there was none."""
        return self._closes[-1].code if self._closes else None
