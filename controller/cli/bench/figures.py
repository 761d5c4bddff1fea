"""From readings to figures: quantiles, medians over rounds with their spread, and the targets."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from controller.cli.bench.measure import Reading
from controller.cli.bench.plan import System, Transport

CROWD_LAG_LIMIT: Final = 5.0
"""Milliseconds at p99 from which on the crowd itself is too busy to be believed."""


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed.

    NaN for no values. For fewer than a hundred the 99th percentile is thus the largest.
    """
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def bound(counts: Mapping[float, int], share: float) -> float:
    """Return the upper bound, in milliseconds, of the bucket in which a quantile lies."""
    total, seen = sum(counts.values()), 0
    for upper, count in sorted(counts.items()):
        seen += count
        if total and seen >= share * total:
            return upper * 1e3
    return math.nan


def _span(name: str, share: float) -> Callable[[Reading], float]:
    return lambda reading: quantile(reading.spans[name], share)


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table."""

    name: str
    unit: str
    of: Callable[[Reading], float]
    """The figure of one round."""


MEASURES: Final[Mapping[str, Measure]] = {
    "ack_p50": Measure("webhook to 200, p50", "ms", _span("webhook_to_200", 0.5)),
    "ack_p99": Measure("webhook to 200, p99", "ms", _span("webhook_to_200", 0.99)),
    "accept_p50": Measure("webhook to accept sent, p50", "ms", _span("webhook_to_accept", 0.5)),
    "accept_p99": Measure("webhook to accept sent, p99", "ms", _span("webhook_to_accept", 0.99)),
    "open_p50": Measure("sideband open, p50", "ms", _span("sideband_open", 0.5)),
    "open_p99": Measure("sideband open, p99", "ms", _span("sideband_open", 0.99)),
    "tool_p50": Measure("response.done to tool output, p50", "ms", _span("tool_output", 0.5)),
    "tool_p99": Measure("response.done to tool output, p99", "ms", _span("tool_output", 0.99)),
    "cpu": Measure("CPU per call, webhook to greeting", "ms", lambda reading: reading.cpu_ms),
    "memory": Measure("memory per held call", "KiB", lambda reading: reading.memory_kib),
    "lag_p99": Measure("event-loop lag p99, at most", "ms", lambda each: bound(each.lag, 0.99)),
    "idle": Measure("idle memory", "MiB", lambda reading: reading.idle_mib),
    "lost": Measure(
        "calls not greeted", "", lambda reading: float(reading.placed - reading.greeted)
    ),
    "crowd_p99": Measure(
        "the crowd's own lag p99", "ms", lambda each: quantile(each.crowd_lag, 0.99)
    ),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """The median over the rounds, and the extremes."""

    median: float
    least: float
    most: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Figure:
        """Return the figure of some rounds."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Condition:
    """Under what was measured."""

    transport: Transport
    rate: float
    held: int

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.transport}, {self.held:,} held, {self.rate:g} arrivals a second"


Figures: TypeAlias = dict[str, Figure]
"""By key of `MEASURES`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both systems under one condition."""

    condition: Condition
    floor: Figures
    ours: Figures

    def ratio(self, key: str) -> float:
        """Return ours / floor, NaN where the floor has nothing."""
        floor = self.floor[key].median
        return self.ours[key].median / floor if floor else math.nan


def compare(readings: Sequence[Reading]) -> list[Comparison]:
    """Return the comparisons, in the order in which they were measured."""
    found: dict[Condition, dict[System, list[Reading]]] = {}
    for reading in readings:
        condition = Condition(reading.transport, reading.rate, reading.held)
        by_system = found.setdefault(condition, {System.FLOOR: [], System.OURS: []})
        by_system[reading.system].append(reading)
    return [
        Comparison(condition, _figures(both[System.FLOOR]), _figures(both[System.OURS]))
        for condition, both in found.items()
    ]


def _figures(rounds: Sequence[Reading]) -> Figures:
    return {
        key: Figure.over([measure.of(reading) for reading in rounds])
        for key, measure in MEASURES.items()
    }


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised, and what it is compared with."""

    text: str
    limit: float
    unit: str
    of: Callable[[Comparison], float]
    applies: Callable[[Condition], bool] = lambda _: True


TARGETS: Final = (
    Target(
        "memory per held call, plain TCP",
        60,
        "KiB",
        lambda each: each.ours["memory"].median,
        lambda condition: condition.transport is Transport.PLAIN,
    ),
    Target(
        "memory per held call above the floor, TLS",
        60,
        "KiB",
        lambda each: each.ours["memory"].median - each.floor["memory"].median,
        lambda condition: condition.transport is Transport.TLS,
    ),
    Target("CPU per call", 2.5, "x floor", lambda each: each.ratio("cpu")),
    Target("200 at p99", 3, "x floor", lambda each: each.ratio("ack_p99")),
    Target(
        "200 at p99, 50 a second",
        10,
        "ms",
        lambda each: each.ours["ack_p99"].median,
        lambda condition: condition.rate >= 50,  # noqa: PLR2004 - the target names it
    ),
    Target("accept sent at p99", 15, "ms", lambda each: each.ours["accept_p99"].median),
    Target("event-loop lag p99", 20, "ms", lambda each: each.ours["lag_p99"].median),
)
"""Of issue and design; each must hold under every condition to which it applies."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, and the worst that was measured."""

    target: Target
    worst: float
    where: Condition
    missed: int
    """Conditions under which it was not reached."""
    of: int
    """Conditions to which it applies."""

    @property
    def is_reached(self) -> bool:
        """Whether it holds everywhere."""
        return not self.missed


def verdicts(comparisons: Sequence[Comparison]) -> list[Verdict]:
    """Return a verdict for each target that applies to anything measured."""
    found = []
    for target in TARGETS:
        values = [
            (target.of(each), each.condition)
            for each in comparisons
            if target.applies(each.condition)
        ]
        if values:
            # NaN, which is nothing measured, is a miss and the worst of all.
            worst, where = max(values, key=lambda pair: (math.isnan(pair[0]), pair[0]))
            missed = sum(not value <= target.limit for value, _ in values)
            found.append(Verdict(target, worst, where, missed, len(values)))
    return found
