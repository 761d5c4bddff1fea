from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from controller.cli.bench import report
from controller.cli.bench.measure import Reading, Result
from controller.cli.bench.plan import Plan, System


def result(*readings: Reading) -> Result:
    return Result(
        Plan(floor=Path("/checkout/floor.py")), "a machine", 1_800_000_000.0, 58.2, readings
    )


def test_the_table_shows_both_sides_and_every_target(reading: Callable[..., Reading]) -> None:
    lines = list(
        report.table(
            result(
                reading(system=System.FLOOR, cpu_ms=2.0),
                reading(cpu_ms=4.0, round=0),
                reading(cpu_ms=6.0, round=1),
            )
        )
    )
    text = "\n".join(lines)

    assert "2027-01-15 08:00 UTC" in text
    assert "a machine" in text
    (cpu,) = [line for line in lines if "CPU per call, webhook" in line]
    assert cpu.split()[-4:] == ["2", "5", "(4-6)", "2.50"]
    assert sum("reached" in line for line in lines) == 6
    assert "NOT REACHED" not in text
    assert "doubtful" not in text


def test_the_table_says_what_is_not_reached_and_what_is_doubtful(
    reading: Callable[..., Reading],
) -> None:
    text = "\n".join(
        report.table(
            result(
                reading(system=System.FLOOR),
                reading(memory_kib=1234.5, crowd_lag=[7.0], spans={"tool_output": []}),
            )
        )
    )

    assert "NOT REACHED memory per held call, plain TCP: 1234.5 KiB, to be at most 60" in text
    assert "missed under 1 of 1" in text
    assert "doubtful" in text
    assert "ran 7 ms late" in text


def test_the_json_holds_every_figure_and_no_path(reading: Callable[..., Reading]) -> None:
    text = report.as_json(
        result(reading(system=System.FLOOR), reading(spans={"tool_output": []}, lag={0.02: 3}))
    )
    whole = json.loads(text)

    assert "/checkout" not in text
    (comparison,) = whole["comparisons"]
    assert comparison["condition"] == {"transport": "plain TCP", "rate": 50.0, "held": 100}
    assert comparison["ours"]["memory"] == {"median": 30.0, "least": 30.0, "most": 30.0}
    assert comparison["ours"]["tool_p50"]["median"] is None
    assert whole["readings"][1]["lag"] == {"0.02": 3}
    assert {target["is_reached"] for target in whole["targets"]} == {True}
