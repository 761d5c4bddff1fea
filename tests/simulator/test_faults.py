"""The table of faults, and how often a fault strikes."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from controller.errors import SimulatorError
from controller.simulator import Fault, Forgery, Switches, fault_names, plan, switches
from controller.simulator.faults import EFFECTS, Faults, Point

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "scenarios.md"


def explained(module: object, name: str) -> dict[str, str]:
    """Return the members of a class with the docstrings that stand below them."""
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type] # a module, as inspect takes it
    body = next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name).body
    found: dict[str, str] = {}
    last = ""
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            assert isinstance(target, ast.Name)
            last = target.id
            found[last] = ""
        elif last and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[last] = " ".join(str(node.value.value).split())
    return found


def section(name: str) -> str:
    """Return the generated part of the reference: what follows a marker up to an empty line."""
    found = re.search(
        rf"<!-- {name} -->\n(.*?)\n(?:\n|\Z)", REFERENCE.read_text("utf-8"), re.DOTALL
    )
    assert found, f"the reference has no {name}"
    return found[1]


def fault_table() -> str:
    rows = [f"| `{Fault[key]}` | {text} |" for key, text in explained(fault_names, "Fault").items()]
    return "\n".join(["| fault | what happens |", "|---|---|", *rows])


def switch_table() -> str:
    plain = Switches()
    rows = [
        f"| `{key}` | `{getattr(plain, key)!r}` | {text} |"
        for key, text in explained(switches, "Switches").items()
    ]
    return "\n".join(["| switch | default | meaning |", "|---|---|---|", *rows])


def test_every_fault_has_an_effect_and_an_explanation() -> None:
    assert set(EFFECTS) == set(Fault)
    assert all(explained(fault_names, "Fault").values())
    assert {effect.point for effect in EFFECTS.values()} == set(Point)


def test_reference_tells_of_every_fault_forgery_and_switch() -> None:
    assert section("faults") == fault_table()
    assert section("switches") == switch_table()
    assert section("forgeries") == ", ".join(f"`{one}`" for one in Forgery) + "."


def test_fault_strikes_as_often_as_it_says() -> None:
    faults = Faults([plan("attach_404"), plan("hangup_500_always"), plan("reject_500", times=2)])
    attach = [faults.take(Point.ATTACH) is not None for _ in range(5)]
    assert attach == [True, True, True, False, False]
    assert all(faults.take(Point.HANGUP) for _ in range(10))
    assert [bool(faults.take(Point.REJECT)) for _ in range(3)] == [True, True, False]
    assert faults.take(Point.REFER) is None


def test_faults_at_one_point_strike_one_after_the_other() -> None:
    faults = Faults([plan("accept_500", times=1), plan("accept_404", times=1)])
    names = [one.fault for one in (faults.take(Point.ACCEPT), faults.take(Point.ACCEPT)) if one]
    assert names == ["accept_500", "accept_404"]


def test_spared_body_meets_the_next_fault() -> None:
    faults = Faults([plan("accept_400_unknown_parameter"), plan("accept_500")])
    struck = faults.take(Point.ACCEPT, {"type": "realtime", "tools": []})
    spared = faults.take(Point.ACCEPT, {"type": "realtime", "audio": {"output": {"voice": "x"}}})
    assert struck is not None
    assert spared is not None
    assert (struck.fault, spared.fault) == ("accept_400_unknown_parameter", "accept_500")


def test_fault_that_skips_lets_the_next_one_strike() -> None:
    faults = Faults([plan("accept_500", times=1, skips=1), plan("accept_404", times=1)])
    names = [one and one.fault for one in (faults.take(Point.ACCEPT) for _ in range(3))]
    assert names == ["accept_404", "accept_500", None]


def test_added_fault_comes_first() -> None:
    faults = Faults([plan("attach_404")])
    faults.add(plan("attach_500"))
    found = faults.peek(Point.ATTACH)
    assert found is not None
    assert found.fault is Fault.ATTACH_500


def test_plan_takes_names_members_and_plans() -> None:
    planned = plan("accept_slow", seconds=0.5, times=3)
    assert plan(planned) is planned
    assert plan(Fault.ACCEPT_SLOW).effect is EFFECTS[Fault.ACCEPT_SLOW]
    assert (planned.effect.seconds, planned.effect.times) == (0.5, 3)
    with pytest.raises(SimulatorError, match="accept_405"):
        plan("accept_405")
