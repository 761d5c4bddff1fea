from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.bench.plan import PLANS, Plan, System, Transport, floor_program
from controller.errors import ControllerError


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_everything_is_measured_as_often_as_there_are_rounds(plan: Plan) -> None:
    runs = list(plan.runs())

    assert len(set(runs)) == len(runs)
    assert len(runs) == plan.rounds * len(plan.transports) * len(plan.rates) * len(System)


def test_who_comes_first_changes() -> None:
    plan = Plan(transports=tuple(Transport), rates=(20.0, 50.0), rounds=2)
    firsts = [system for *_, system in plan.runs()][::2]

    assert firsts.count(System.FLOOR) == firsts.count(System.OURS)
    of_one = [
        system
        for _, transport, rate, system in plan.runs()
        if (transport, rate) == (Transport.TLS, 50.0)
    ]
    assert of_one[0] is not of_one[2]


def test_steps_ascend_and_a_plan_says_how_long_it_takes() -> None:
    for plan in PLANS.values():
        assert list(plan.held) == sorted(plan.held)

    assert PLANS["quick"].seconds < 60 < PLANS["usual"].seconds < 240 < PLANS["full"].seconds


def test_the_floor_is_found_in_a_checkout_and_missed_elsewhere(tmp_path: Path) -> None:
    assert floor_program(None).name == "floor.py"
    with pytest.raises(ControllerError, match="--floor"):
        floor_program(tmp_path / "floor.py")
