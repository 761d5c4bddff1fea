from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from controller.__main__ import main
from controller.cli import build_parser
from controller.cli.bench import _plan
from controller.cli.bench.plan import PLANS, Plan, Transport


@pytest.mark.parametrize(
    ("words", "extent"), [([], "usual"), (["--quick"], "quick"), (["--full"], "full")]
)
def test_the_options_choose_the_plan(words: list[str], extent: str) -> None:
    plan = _plan(build_parser().parse_args(["bench", *words]))

    assert (plan.held, plan.rates, plan.rounds) == (
        PLANS[extent].held,
        PLANS[extent].rates,
        PLANS[extent].rounds,
    )
    assert plan.floor.is_file()


def test_the_number_of_rounds_can_be_given() -> None:
    assert _plan(build_parser().parse_args(["bench", "--rounds", "5"])).rounds == 5
    assert _plan(build_parser().parse_args(["bench", "--rounds", "0"])).rounds == 1


def test_a_missing_floor_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--floor", str(tmp_path / "none.py")]) == 1
    assert capsys.readouterr().err.startswith("error: no floor at ")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_tiny_benchmark_measures_both_systems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Plan(
        transports=(Transport.TLS,),
        rates=(50.0,),
        held=(2, 4),
        rounds=1,
        tool_calls=2,
        warm_up=1,
        settle=0.0,
    )
    monkeypatch.setitem(PLANS, "quick", tiny)
    file = tmp_path / "bench.json"

    assert main(["bench", "--quick", "--json", str(file)]) == 0

    text = capsys.readouterr().out
    assert "TLS, 4 held, 50 arrivals a second" in text
    whole = json.loads(file.read_text())
    assert len(whole["readings"]) == 4
    for reading in whole["readings"]:
        assert reading["greeted"] == reading["placed"] == 2
        assert {name: len(spans) for name, spans in reading["spans"].items()} == {
            "webhook_to_200": 2,
            "webhook_to_accept": 2,
            "sideband_open": 2,
            "webhook_to_greeting": 2,
            "tool_output": 2,
        }
        assert all(time > 0 for spans in reading["spans"].values() for time in spans)
        assert reading["cpu_ms"] > 0
        assert sum(reading["lag"].values()) >= 0
