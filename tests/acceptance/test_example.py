"""Every call of the example, played against the whole service in virtual time.

`make demo` plays them in real time and in the order that it tells; here each of them, or those that
are live together, has the example to itself, at an hour that the test chooses.
"""

from __future__ import annotations

import asyncio
import calendar
import json
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
import structlog

from controller.cli.demo.practice import Practice
from controller.settings import load_all
from controller.simulator import SimulatedCall, load
from controller.simulator.timeline import Timeline
from controller.tools import CallContext

if TYPE_CHECKING:
    from tests.acceptance.conftest import Open

# Tracing would double their time, and other tests reach every line.
pytestmark = [pytest.mark.looptime, pytest.mark.no_cover]

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example"
CALLS = EXAMPLE / "calls"

NEW_YORK = ZoneInfo("America/New_York")
OPEN: Final = datetime(2026, 12, 1, 10, tzinfo=NEW_YORK)
"""A Tuesday."""
HOURS: Final = {
    "closing/2-after-hours": datetime(2026, 12, 1, 22, tzinfo=NEW_YORK),
    "holiday/1-holiday": datetime(2026, 12, 25, 10, tzinfo=NEW_YORK),
}
"""When calls ring that ring while the practice is closed; the others ring when it is open."""
NOT_HERE: Final = {"draining/2-refused"}
"""Needs a service that is asked to stop: tests/cli/test_demo.py."""

WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SECONDS_TO_SETTLE: Final = 60.0
"""Virtual ones, until the service has given up what it can give up."""


def units() -> list[tuple[str, ...]]:
    """Return the calls by name; those of a numbered folder are live together."""
    found: list[tuple[str, ...]] = []
    for path in sorted(CALLS.iterdir()):
        names = [f"{path.name}/{each.stem}" for each in sorted(path.glob("*.toml"))]
        if path.suffix == ".toml":
            found.append((path.stem,))
        elif path.name[0].isdigit():
            found.append(tuple(names))
        else:
            found += [(name,) for name in names if name not in NOT_HERE]
    return found


def name_of(unit: tuple[str, ...]) -> str:
    return unit[0]


async def talks(call: SimulatedCall) -> None:
    """Wait until the caller has heard something, or the call is over."""
    await call.wait_until(lambda: bool(call.heard))


@pytest.mark.parametrize("unit", units(), ids=name_of)
async def test_calls_of_the_example_go_as_they_say(house: Open, unit: tuple[str, ...]) -> None:
    starts_at = HOURS.get(unit[0], OPEN).timestamp()
    opened = await house(source=EXAMPLE, starts_at=starts_at, port=0)
    opened.openai.on_entry(Timeline(print))  # what a failure is explained by
    calls = []
    with structlog.testing.capture_logs() as entries:
        for name in unit:
            calls.append(await opened.openai.place_call(load(CALLS / f"{name}.toml")))
            await talks(calls[-1])
        for call in calls:
            await call.settled()
        await asyncio.sleep(_SECONDS_TO_SETTLE)

    outcomes = {
        entry["provider_id"]: str(entry["outcome"])
        for entry in entries
        if entry["event"] == "call" and "provider_id" in entry
    }
    assert [call.verdict(outcomes) for call in calls] == [[] for _ in calls]


def told(weekday: int, weekly: Iterable[str]) -> str:
    """Return what a caller is told of a calendar's hours on a day; 0 is Monday."""
    for day, first, last in (each for entry in weekly for each in spans(entry)):
        if day == weekday:
            return f"{clock(first)} to {clock(last)}"
    return "closed"


def spans(entry: str) -> Iterator[tuple[int, str, str]]:
    """Yield day, beginning and end of an entry such as `mon-wed 08:00-17:00`."""
    days, times = entry.split()
    begin, _, end = days.partition("-")
    first, _, last = times.partition("-")
    for day in range(WEEK.index(begin), WEEK.index(end or begin) + 1):
        yield day, first, last


def clock(text: str) -> str:
    hour = int(text.partition(":")[0])
    return f"{(hour - 1) % 12 + 1} {'am' if hour < 12 else 'pm'}"


async def test_what_callers_are_told_of_the_hours_is_what_the_calendar_has() -> None:
    settings, generation = load_all(EXAMPLE / "controller.toml", environ={}, with_secrets=False)
    written = tomllib.loads((EXAMPLE / "controller.toml").read_text())
    weekly = written["calendars"]["practice"]["hours"]
    context = CallContext(call_id="call-1", agent="frontdesk")

    for weekday, day in enumerate(calendar.day_name):
        answer = await generation.tools["opening_hours"].run(json.dumps({"day": day}), context)
        assert answer.endswith(f"{told(weekday, weekly)}.")
    sentence = "Monday to Wednesday {}, Thursday {}, Friday {}"
    hours = sentence.format(*(told(day, weekly) for day in (0, 3, 4)))
    assert settings.values["hours"] == hours


def test_the_lines_that_wait_for_a_trunk_can_be_taken_in(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "example")
    config = tmp_path / "example" / "controller.toml"
    waiting = re.compile(r"^# (?=\[policy\.|\w+ = )", re.MULTILINE)
    before, trunk, after = config.read_text().partition("[trunk]")
    config.write_text(before + trunk + waiting.sub("", after))

    secret = {"TRUNK_SECRET": "a-secret-of-the-trunk-and-ours"}
    _, generation = load_all(config, environ=secret, with_secrets=False)

    assert generation.rules.emergencies is not None
    assert generation.rules.ordered[0].name == "untrusted_trunk"
    assert generation.warnings == ()


@pytest.mark.parametrize("today", [date(2026, 11, 26), date(2026, 12, 24), date(2027, 1, 1)])
def test_the_demo_can_close_the_practice_on_any_day(today: date, tmp_path: Path) -> None:
    practice = Practice(EXAMPLE, tmp_path / "practice", today=today)

    for change in (practice.open, practice.close, practice.go_on_holiday):
        change()
        load_all(practice.config, environ={}, with_secrets=False)


def test_every_call_of_the_example_says_what_it_shows() -> None:
    assert all(path.read_text().startswith("# ") for path in CALLS.rglob("*.toml"))
    assert sum(map(len, units())) + len(NOT_HERE) == len(list(CALLS.rglob("*.toml")))


@pytest.mark.parametrize("page", ["README.md", "Makefile"])
def test_who_starts_the_demo_is_told_how_many_calls_there_are(page: str) -> None:
    count = len(list(CALLS.rglob("*.toml")))
    text = (EXAMPLE.parents[1] / page).read_text()

    assert re.findall(r"(\d+) calls", "".join(re.findall(r".*demo.*", text))) == [str(count)]
