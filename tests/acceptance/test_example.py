"""Every call of the example, played against the whole service in virtual time.

`make demo` plays them in real time and in the order that it tells; here each of them, or those that
are live together, has the example to itself, at an hour that the test chooses.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
import structlog

from controller.simulator import SimulatedCall, load
from controller.simulator.timeline import Timeline

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


def test_every_call_of_the_example_says_what_it_shows() -> None:
    assert all(path.read_text().startswith("# ") for path in CALLS.rglob("*.toml"))
    assert sum(map(len, units())) + len(NOT_HERE) == len(list(CALLS.rglob("*.toml")))
