from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli.bench.figures import (
    MEASURES,
    TARGETS,
    Condition,
    Figure,
    bound,
    compare,
    quantile,
    verdicts,
)
from controller.cli.bench.measure import Reading
from controller.cli.bench.plan import System, Transport

times = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([1.0], 0.99, 1.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 51)), 0.99, 50),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_quantile_is_a_value_that_was_measured(
    values: list[float], share: float, expected: float
) -> None:
    assert quantile(values, share) == expected


@given(times, st.floats(min_value=0, max_value=1))
def test_at_least_the_share_lies_at_or_below_the_quantile(
    values: list[float], share: float
) -> None:
    found = quantile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_without_values_there_is_no_quantile() -> None:
    assert math.isnan(quantile([], 0.5))


def test_the_lag_is_the_upper_bound_of_its_bucket() -> None:
    counts = {0.001: 98, 0.02: 1, 0.05: 1, math.inf: 0}

    assert bound(counts, 0.98) == pytest.approx(1.0)
    assert bound(counts, 0.99) == pytest.approx(20.0)
    assert bound(counts, 1.0) == pytest.approx(50.0)
    assert math.isnan(bound({0.001: 0}, 0.99))


def test_a_figure_is_the_median_with_its_extremes() -> None:
    assert Figure.over([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0)


def test_every_measure_can_be_read_of_a_reading(reading: Callable[..., Reading]) -> None:
    values = {key: measure.of(reading()) for key, measure in MEASURES.items()}

    assert values["ack_p99"] == 2.0
    assert values["accept_p50"] == 2.0
    assert values["open_p99"] == 1.5
    assert values["tool_p99"] == 1.0
    assert values["lag_p99"] == 1.0
    assert values["lost"] == 0.0
    assert values["crowd_p99"] == 0.2


def test_both_systems_are_compared_under_each_condition(reading: Callable[..., Reading]) -> None:
    readings = [
        reading(system=system, held=held, cpu_ms=cpu, round=number)
        for number, scale in enumerate((1.0, 3.0))
        for system, cpu in ((System.FLOOR, 2.0 * scale), (System.OURS, 5.0 * scale))
        for held in (100, 500)
    ]

    first, second = compare(readings)

    assert first.condition == Condition(Transport.PLAIN, 50.0, 100)
    assert second.condition.held == 500
    assert first.floor["cpu"] == Figure(4.0, 2.0, 6.0)
    assert first.ratio("cpu") == pytest.approx(2.5)


def test_a_floor_of_nothing_gives_no_ratio(reading: Callable[..., Reading]) -> None:
    (comparison,) = compare([reading(system=System.FLOOR, cpu_ms=0.0), reading()])

    assert math.isnan(comparison.ratio("cpu"))


def both(reading: Callable[..., Reading], **ours: object) -> list[Reading]:
    """Return readings of which only ours differ."""
    where = {name: ours[name] for name in ("transport", "rate", "held") if name in ours}
    return [reading(system=System.FLOOR, **where), reading(**ours)]


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"memory_kib": 60.1}, "memory per held call, plain TCP"),
        (
            {"memory_kib": 90.1, "transport": Transport.TLS},
            "memory per held call above the floor, TLS",
        ),
        ({"cpu_ms": 10.1}, "CPU per call"),
        ({"spans": {"webhook_to_200": [6.1]}}, "200 at p99"),
        ({"spans": {"webhook_to_200": [10.1]}}, "200 at p99, 50 a second"),
        ({"spans": {"webhook_to_accept": [15.1]}}, "accept sent at p99"),
        ({"lag": {0.05: 2}}, "event-loop lag p99"),
        ({"spans": {"webhook_to_accept": []}}, "accept sent at p99"),
    ],
)
def test_each_target_is_missed_above_its_limit(
    reading: Callable[..., Reading], changes: dict[str, object], target: str
) -> None:
    good = {verdict.target.text: verdict for verdict in verdicts(compare(both(reading)))}
    bad = {verdict.target.text: verdict for verdict in verdicts(compare(both(reading, **changes)))}

    assert all(verdict.is_reached for verdict in good.values())
    assert not bad[target].is_reached
    assert bad[target].missed == bad[target].of == 1


def test_a_target_must_hold_under_every_condition(reading: Callable[..., Reading]) -> None:
    readings = both(reading) + both(reading, held=500, memory_kib=70.0)
    found = {verdict.target.text: verdict for verdict in verdicts(compare(readings))}

    verdict = found["memory per held call, plain TCP"]
    assert (verdict.worst, verdict.where.held, verdict.missed, verdict.of) == (70.0, 500, 1, 2)


def test_a_target_that_applies_to_nothing_has_no_verdict(reading: Callable[..., Reading]) -> None:
    found = {verdict.target.text for verdict in verdicts(compare(both(reading, rate=20.0)))}

    assert found == {target.text for target in TARGETS} - {
        "memory per held call above the floor, TLS",
        "200 at p99, 50 a second",
    }
