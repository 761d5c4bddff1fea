"""Exact counts in memory: what calls take under limits, and when it is given back.

There are three kinds of count (`Share`), and a call takes all of its shares or none:

- a **place** is held from `take` until the call is over;
- a count **in so many seconds** keeps the moment of each call for that long, so that no interval of
  that length ever holds more than the limit;
- a count **of a day or month** is a sum that begins anew with the period. A call counts in the
  period in which it began, also when it ends in the next.

Time is an argument that never goes back. Nothing here awaits: one step is one step for all callers
of a process. A ledger that nodes share does the same in one transaction.

A count is named by limit and subject, and holds nothing of the rules but how long it is to be
remembered: rules may change between any two calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from controller.sansio.policy import Key, Measure, Share, Used, crossed

MAX_SUBJECTS: Final = 100_000
"""Subjects that are remembered for one limit, at most some 60 MB. Of more, those that called least
recently are forgotten first: somebody may call once too often, and nobody is refused for it."""

_NOTHING: Final[Used] = {}
_NEVER: Final = ("", 0.0)


@dataclass(slots=True)
class _Recent:
    """The calls of one subject in the last so many seconds."""

    seconds: float
    starts: dict[str, float] = field(default_factory=dict)
    """By call, the earliest first."""

    def forget(self, now: float) -> None:
        is_over = takewhile(lambda call: now - call[1] >= self.seconds, self.starts.items())
        for call_id, _ in list(is_over):  # and no more: a day may hold a hundred thousand
            del self.starts[call_id]


@dataclass(slots=True)
class _Sum:
    """What one subject has used in a period."""

    period: str
    measure: Measure
    """Of a limit that counted calls, and money since a reload, the calls are no dollars."""
    amount: float = 0.0
    """With the deposits of live calls."""
    spent: float = 0.0
    """By calls that are over."""
    ratio: float = 0.0
    """That, of the limit as it was at the last call's end."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a call that has ended made of a count of money."""

    limit: str
    ratio: float
    """Of the limit, what calls that are over have spent; where it is counted for several subjects,
    of the one that has spent most."""
    marks: tuple[float, ...]
    """Shares of the limit that this call's subject has passed by it."""


class Counts:
    """Counts for one process.

    Args:
        max_subjects: that are remembered for one limit.
    """

    def __init__(self, *, max_subjects: int = MAX_SUBJECTS) -> None:
        self._max_subjects = max_subjects
        self._places: dict[Key, float] = {}
        # By limit, then by subject, the one that called last at the end.
        self._recent: dict[str, OrderedDict[str, _Recent]] = {}
        self._sums: dict[str, OrderedDict[str, _Sum]] = {}
        self._taken: dict[str, tuple[Share, ...]] = {}
        self._highest: dict[str, tuple[str, float]] = {}
        """By limit: the period, and what the subject that has spent most in it has spent."""

    def take(self, call_id: str, shares: Sequence[Share], now: float) -> Share | None:
        """Take all shares or none. Returns the first for which there is no room, else None.

        What the call had taken before is given back first. Unix seconds.
        """
        self.give_back(call_id)
        for share in shares:
            self._forget(share, now)
        refused = next((each for each in shares if each.is_too_much(self.used(each))), None)
        if refused is not None:
            return refused
        for share in shares:
            self._add(call_id, share, now)
        self._taken[call_id] = tuple(shares)
        return None

    def give_back(self, call_id: str) -> None:
        """Make it as if the call had never been: it was refused after all. Not for ended calls."""
        for share in self._taken.pop(call_id, ()):
            if share.seconds is not None:
                recent = self._recent_of(share.key)
                if recent is not None:
                    recent.starts.pop(call_id, None)
            elif share.period is not None:
                self._change(share, -share.amount)
            else:
                self._leave(share)

    def settle(self, call_id: str, used: Used = _NOTHING) -> list[Spent]:
        """End a call: places are free, deposits become what was used, and the rest stays.

        Returns what has become of each count of money. A mark is passed once in a period, and again
        where the limit was changed meanwhile.
        """
        spent = []
        for share in self._taken.pop(call_id, ()):
            if share.measure != "calls":
                amount = used.get(share.measure, 0.0)
                self._change(share, amount - share.amount)
                spent += self._spend(share, amount) if share.measure == "usd" else []
            elif share.seconds is None and share.period is None:
                self._leave(share)
        return spent

    def used(self, share: Share) -> float:
        """Return what is taken of a share's count, as of the last `take`."""
        if share.seconds is not None:
            recent = self._recent_of(share.key)
            return 0.0 if recent is None else float(len(recent.starts))
        if share.period is not None:
            known = self._sum_of(share)
            return 0.0 if known is None else known.amount
        return self._places.get(share.key, 0.0)

    def _add(self, call_id: str, share: Share, now: float) -> None:
        limit, subject = share.key.limit, share.key.subject
        if share.seconds is not None:
            calls = self._recent.setdefault(limit, OrderedDict())
            calls.setdefault(subject, _Recent(share.seconds)).starts[call_id] = now
            self._touch(calls, subject)
        elif share.period is not None:
            sums = self._sums.setdefault(limit, OrderedDict())
            if self._sum_of(share) is None:
                sums[subject] = _Sum(share.period, share.measure)
            sums[subject].amount += share.amount
            self._touch(sums, subject)
        else:
            self._places[share.key] = self._places.get(share.key, 0.0) + share.amount

    def _touch(self, subjects: OrderedDict[str, Any], subject: str) -> None:
        subjects.move_to_end(subject)
        while len(subjects) > self._max_subjects:
            subjects.popitem(last=False)

    def _recent_of(self, key: Key) -> _Recent | None:
        subjects = self._recent.get(key.limit)
        return None if subjects is None else subjects.get(key.subject)

    def _sum_of(self, share: Share) -> _Sum | None:
        """Return the sum of the share's own period and measure."""
        subjects = self._sums.get(share.key.limit)
        known = None if subjects is None else subjects.get(share.key.subject)
        if known is None or (known.period, known.measure) != (share.period, share.measure):
            return None
        return known

    def _change(self, share: Share, amount: float) -> None:
        known = self._sum_of(share)
        if known is not None:  # else the period is over, and nobody asks any more
            known.amount += amount

    def _spend(self, share: Share, amount: float) -> list[Spent]:
        known = self._sum_of(share)
        if known is None:
            return []
        before = known.ratio
        known.spent += amount
        known.ratio = known.spent / share.at_most if share.at_most > 0 else 1.0
        # Of shares and not of sums: a limit that was halved meanwhile may be passed already.
        marks = crossed(before, known.ratio, 1.0, warn_at=share.warn_at)
        return [Spent(share.key.limit, self._highest_ratio(share, known.ratio), marks)]

    def _highest_ratio(self, share: Share, ratio: float) -> float:
        limit, period = share.key.limit, share.period or ""
        if len(self._sums[limit]) > 1:
            known = self._highest.get(limit, _NEVER)
            ratio = max(ratio, known[1]) if known[0] == period else ratio
        self._highest[limit] = period, ratio
        return ratio

    def _leave(self, share: Share) -> None:
        left = self._places[share.key] - share.amount
        if left > 0:
            self._places[share.key] = left
        else:
            del self._places[share.key]

    def _forget(self, share: Share, now: float) -> None:
        """Forget what is over, of this subject and of those that have not called for longest."""
        if share.seconds is not None:
            recent = self._recent_of(share.key)
            if recent is not None:
                recent.seconds = share.seconds  # as the rules have it now
                recent.forget(now)
            calls = self._recent.get(share.key.limit, OrderedDict())
            while calls:
                oldest, its = next(iter(calls.items()))
                its.forget(now)
                if its.starts:
                    return
                del calls[oldest]
        elif share.period is not None:
            sums = self._sums.get(share.key.limit, OrderedDict())
            while sums and next(iter(sums.values())).period < share.period:
                sums.popitem(last=False)
