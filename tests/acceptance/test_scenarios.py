"""Every scenario file, played against the whole service in virtual time.

The files are the documentation of how a call goes; here they are held to it. `controller simulate
openai --scenario FILE` plays the same by hand, but for the operator's steps.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from controller.simulator import SimulatedCall, load, operate
from controller.simulator.timeline import Timeline

if TYPE_CHECKING:
    from tests.acceptance.conftest import House, Open

# Tracing would double their time, and other tests reach every line.
pytestmark = [pytest.mark.looptime, pytest.mark.no_cover]

HERE = Path(__file__).parent
FILES = sorted((HERE / "scenarios").glob("*.toml"))


_SECONDS_TO_SETTLE = 120.0
"""Virtual ones, until the service has given up what it can give up."""


def title_of(path: Path) -> str:
    return load(path).title


async def play_operator(house: House, call: SimulatedCall) -> None:
    """Do what the scenario's operator does, over the control socket."""

    async def act(name: str, text: str) -> None:
        (live,) = await house.control.calls()
        if name == "transfers":
            await house.control.transfer(live["call_id"], text)
        elif name == "tells":
            await house.control.inject(live["call_id"], text)
        elif name == "hangs_up":
            await house.control.hang_up(live["call_id"])
        else:
            await house.control.say(live["call_id"], text, verbatim=name == "says")

    await operate(call, act)


@pytest.mark.parametrize("path", FILES, ids=title_of)
async def test_call_goes_as_the_scenario_says(house: Open, path: Path) -> None:
    opened = await house(source=HERE / "house", port=0)
    opened.openai.on_entry(Timeline(print))  # what a failure is explained by
    with structlog.testing.capture_logs() as entries:
        call = await opened.openai.place_call(load(path))
        operating = asyncio.create_task(play_operator(opened, call))
        await call.settled()
        await operating
        await asyncio.sleep(_SECONDS_TO_SETTLE)

    outcomes = {
        entry["provider_id"]: str(entry["outcome"])
        for entry in entries
        if entry["event"] == "call" and "provider_id" in entry
    }
    assert call.verdict(outcomes) == []


def test_every_scenario_says_what_it_shows() -> None:
    assert len(FILES) >= 20
    assert all(path.read_text().startswith("# ") for path in FILES)
