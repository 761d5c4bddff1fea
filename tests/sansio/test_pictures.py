"""The README shows the machines as their tables have them."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPT = runpy.run_path(str(ROOT / "docs" / "draw.py"))
drawn: Callable[[str], str] = SCRIPT["drawn"]


def test_the_pictures_are_those_of_the_tables() -> None:
    assert drawn(README) == README, "run .venv/bin/python docs/draw.py"


@pytest.mark.parametrize("name", ["call machine", "turn machine"])
def test_a_picture_that_differs_is_noticed(name: str) -> None:
    marker = f"<!-- {name} -->\n```mermaid\n"
    assert marker in README
    spoilt = README.replace(marker, f"{marker}    [*] --> NOWHERE\n")
    assert drawn(spoilt) == README


def test_a_readme_without_a_place_for_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="call machine"):
        drawn("no markers")
