"""The table that a human reads, and the JSON that a program reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import msgspec

from controller.cli.bench.figures import (
    CROWD_LAG_LIMIT,
    MEASURES,
    Comparison,
    Figure,
    Figures,
    compare,
    verdicts,
)
from controller.cli.bench.measure import Result


def table(result: Result) -> Iterator[str]:
    """Yield the lines of the whole report."""
    comparisons = compare(result.readings)
    yield ""
    rounds = f"{result.plan.rounds} round{'s' if result.plan.rounds > 1 else ''}"
    yield f"controller bench, {_when(result)}, {rounds}, {result.seconds:.0f} s"
    yield result.machine
    yield "Each figure is the median over the rounds, with the least and the most in brackets."
    for comparison in comparisons:
        yield ""
        yield f"{comparison.condition!s:<54}{'floor':>22}{'ours':>22}{'ours/floor':>12}"
        yield from _lines(comparison)
    yield ""
    yield from _targets(comparisons)
    yield from _doubts(comparisons)


def _when(result: Result) -> str:
    return datetime.fromtimestamp(result.began_at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _lines(comparison: Comparison) -> Iterator[str]:
    for key, measure in MEASURES.items():
        floor, ours = comparison.floor[key], comparison.ours[key]
        ratio = "" if key in {"lost", "crowd_p99", "lag_p99"} else _number(comparison.ratio(key))
        label = f"  {measure.name}, {measure.unit}" if measure.unit else f"  {measure.name}"
        yield f"{label:<54}{_cell(floor):>22}{_cell(ours):>22}{ratio:>12}"


def _targets(comparisons: list[Comparison]) -> Iterator[str]:
    yield "targets, each by the worst condition"
    for verdict in verdicts(comparisons):
        target = verdict.target
        word = "reached" if verdict.is_reached else "NOT REACHED"
        yield (
            f"  {word:<12}{target.text}: {_number(verdict.worst)} {target.unit},"
            f" to be at most {target.limit:g} ({verdict.where};"
            f" missed under {verdict.missed} of {verdict.of})"
        )


def _doubts(comparisons: list[Comparison]) -> Iterator[str]:
    """Say where the figures are not to be believed."""
    for comparison in comparisons:
        late = max(each["crowd_p99"].median for each in (comparison.floor, comparison.ours))
        if late > CROWD_LAG_LIMIT:
            yield (
                f"  doubtful    {comparison.condition}: the crowd itself ran {_number(late)} ms"
                " late at p99, and the times include it"
            )


def _cell(figure: Figure) -> str:
    if figure.least == figure.most:
        return _number(figure.median)
    return f"{_number(figure.median)} ({_number(figure.least)}-{_number(figure.most)})"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if value == int(value) and abs(value) < 1e6:  # noqa: PLR2004 - counts stay counts
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004 - three digits


def as_json(result: Result) -> str:
    """Return machine, plan, figures, verdicts and every single time as JSON; NaN becomes null."""
    comparisons = compare(result.readings)
    whole = {
        "machine": result.machine,
        "began_at": result.began_at,
        "seconds": result.seconds,
        "plan": asdict(result.plan) | {"floor": result.plan.floor.name},
        "comparisons": [
            {
                "condition": asdict(each.condition),
                "floor": _plain(each.floor),
                "ours": _plain(each.ours),
            }
            for each in comparisons
        ],
        "targets": [
            {
                "target": verdict.target.text,
                "limit": verdict.target.limit,
                "unit": verdict.target.unit,
                "worst": verdict.worst,
                "where": asdict(verdict.where),
                "is_reached": verdict.is_reached,
            }
            for verdict in verdicts(comparisons)
        ],
        "readings": [
            asdict(reading) | {"lag": {str(upper): n for upper, n in reading.lag.items()}}
            for reading in result.readings
        ],
    }
    return msgspec.json.format(msgspec.json.encode(whole)).decode() + "\n"


def _plain(figures: Figures) -> dict[str, Any]:
    return {key: asdict(figure) for key, figure in figures.items()}
