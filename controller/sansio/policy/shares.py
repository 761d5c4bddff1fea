"""What a call takes under a limit: the words in which the core and the ledger count.

The key of a count is the limit's name and whom it is about, not the rules' object: so counts
survive a reload, and nodes of different configurations can share them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from controller.errors import LocalProtocolError

Measure: TypeAlias = Literal["calls", "minutes", "usd"]
Used: TypeAlias = Mapping[Measure, float]
"""What an ended call has used: `minutes` from the answer, `usd`."""

ALL: Final = ""
"""The subject of a count that is about no one in particular."""


WARN_AT: Final = (0.5, 0.8)
"""Shares of a limit of money at which somebody is told (operations, Defaults)."""
SPENT: Final = 1.0
"""The whole of it."""


@dataclass(frozen=True, slots=True)
class Key:
    """Names a count."""

    limit: str
    subject: str = field(default=ALL, repr=False)
    """A telephone number, an agent's name, or `ALL`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one call takes of one count, and how much there is.

    Without `seconds` and `period` it is a place, given back at the end. With `seconds` it counts
    for so long from its start; with `period`, until another period begins.
    """

    key: Key
    at_most: float
    amount: float = 1.0
    """Taken at the start. Of minutes and money it is a deposit, replaced by what was used."""
    measure: Measure = "calls"
    seconds: float | None = None
    period: str | None = None
    """`2026-11-22` or `2026-11`; later periods sort after earlier ones."""
    warn_at: tuple[float, ...] = ()
    """Shares of `at_most` at which somebody is told (`crossed`)."""

    def __post_init__(self) -> None:
        if self.seconds is not None and (self.period is not None or self.measure != "calls"):
            raise LocalProtocolError("in so many seconds, only calls are counted")
        if self.measure != "calls" and self.period is None:
            raise LocalProtocolError("minutes and money are counted by day or month")

    def is_too_much(self, used: float) -> bool:
        """Tell whether there is no room for this beside what is used.

        A deposit of nothing needs room too: who has spent everything starts no further call.
        """
        return used >= self.at_most or used + self.amount > self.at_most


def crossed(
    before: float, after: float, at_most: float, *, warn_at: Iterable[float] = WARN_AT
) -> tuple[float, ...]:
    """Return the marks that a count has passed on its way, the least first; total.

    A mark is passed by who reaches it. The whole is one of them in any case: from there on nobody
    is let in.

    Args:
        before: What was used.
        after: What is used now; where it is less than before, nothing was passed.
        at_most: The limit. Of a limit of nothing there is nothing to warn of.
        warn_at: Shares of the limit.
    """
    marks = sorted({*warn_at, SPENT})
    return tuple(mark for mark in marks if before < mark * at_most <= after)
