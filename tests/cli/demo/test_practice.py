from __future__ import annotations

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.cli.demo.practice import Practice
from controller.errors import SimulatorError

TODAY = date(2026, 11, 26)
WRITTEN = """\
[policy]
time_zone = "America/New_York"

[calendars.practice]
hours = ["mon-fri 08:00-17:00"]
closed = ["2026-11-26", "12-25"]
overrides = []
"""
UNTIL = datetime(2026, 11, 29)  # noqa: DTZ001 - a local time, in the zone of the calendar


@pytest.fixture
def example(tmp_path: Path) -> Path:
    folder = tmp_path / "example"
    (folder / "lists").mkdir(parents=True)
    (folder / "lists" / "blocked.txt").touch()
    (folder / "controller.toml").write_text(WRITTEN)
    return folder


def calendar(practice: Practice) -> dict[str, Any]:
    read = tomllib.loads(practice.config.read_text())
    found: dict[str, Any] = read["calendars"]["practice"]
    return found


def test_a_practice_is_a_copy_that_leaves_the_example_as_it_is(
    example: Path, tmp_path: Path
) -> None:
    practice = Practice(example, tmp_path / "copy", today=TODAY)
    practice.close()

    assert (tmp_path / "copy" / "lists" / "blocked.txt").exists()
    assert (example / "controller.toml").read_text() == WRITTEN


def test_it_is_open_or_closed_by_an_override_for_the_next_days(
    example: Path, tmp_path: Path
) -> None:
    practice = Practice(example, tmp_path / "copy", today=TODAY)

    practice.open()
    assert calendar(practice)["overrides"] == [{"open": True, "until": UNTIL}]

    assert practice.close() == "overrides = [{ open = false, until = 2026-11-29T00:00:00 }]"
    assert calendar(practice)["overrides"] == [{"open": False, "until": UNTIL}]


def test_a_holiday_is_today_in_every_zone_listed_once_and_without_an_override(
    example: Path, tmp_path: Path
) -> None:
    practice = Practice(example, tmp_path / "copy", today=TODAY)
    practice.close()

    said = practice.go_on_holiday()

    assert said == 'closed = ["2026-11-25", "2026-11-27", …'
    assert calendar(practice)["overrides"] == []
    assert sorted(calendar(practice)["closed"]) == [
        "12-25",
        "2026-11-25",
        TODAY.isoformat(),
        "2026-11-27",
    ]


def test_days_that_are_holidays_anyway_are_not_listed_twice(example: Path, tmp_path: Path) -> None:
    config = example / "controller.toml"
    listed = '"2026-11-25", "2026-11-26", "2026-11-27"'
    config.write_text(WRITTEN.replace('"2026-11-26"', listed))
    practice = Practice(example, tmp_path / "copy", today=TODAY)

    practice.go_on_holiday()

    assert practice.config.read_text() == config.read_text()


def test_without_a_calendar_it_is_open_as_it_stands(example: Path, tmp_path: Path) -> None:
    (example / "controller.toml").write_text("[policy]\n")
    practice = Practice(example, tmp_path / "copy")

    practice.open()

    assert practice.config.read_text() == "[policy]\n"


def test_a_calendar_without_the_lines_to_fill_in_is_said_so(example: Path, tmp_path: Path) -> None:
    (example / "controller.toml").write_text("[policy]\n")
    practice = Practice(example, tmp_path / "copy")

    with pytest.raises(SimulatorError, match=r"no line `overrides = \[\]`"):
        practice.close()
    with pytest.raises(SimulatorError, match=r"no line `closed = \["):
        practice.go_on_holiday()


def test_a_file_that_is_no_toml_is_left_to_the_service(example: Path, tmp_path: Path) -> None:
    (example / "controller.toml").write_text("closed = [\n=\n")
    practice = Practice(example, tmp_path / "copy", today=TODAY)

    assert practice.go_on_holiday().startswith('closed = ["2026-11-25", ')
