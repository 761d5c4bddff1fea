"""The tutorial, followed word for word in an empty folder: what it prints is what it says."""

from __future__ import annotations

import shlex
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest

from controller.__main__ import main
from controller.simulator import load
from controller.simulator.timeline import Timeline, summary
from tests.acceptance.tutorial import README, TUTORIAL, Command, File, Step, agrees, steps

if TYPE_CHECKING:
    from tests.acceptance.conftest import House, Open

OPEN: Final = datetime(2026, 12, 1, 10, tzinfo=ZoneInfo("America/New_York"))
"""A Tuesday; nothing that the tutorial simulates depends on it."""
CLOCK: Final = len("    0.00")
"""Columns of a timeline's seconds, which differ from run to run."""
EXAMPLE: Final = TUTORIAL.parents[1] / "deploy" / "example"
FOLLOWED: Final = tuple(steps(TUTORIAL.read_text(encoding="utf-8")))
PLACED: Final = tuple(
    number
    for number, step in enumerate(FOLLOWED)
    if isinstance(step, Command) and step.line.startswith("controller simulate")
)
"""The steps that place calls."""
LIVE: Final = "controller reload"
"""Asks a service that runs in another terminal: tests/test_reloading.py."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as the tutorial begins with, in a shell without keys."""
    place = tmp_path / "my-practice"
    (tmp_path / "controller").symlink_to(TUTORIAL.parents[1])
    for name in ("agents", "tools", "lists", "calls"):
        (place / name).mkdir(parents=True)
    monkeypatch.chdir(place)
    for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    return place


def change(step: Step, folder: Path) -> bool:
    """Do what a step does to files; tell whether it is such a step."""
    if isinstance(step, File):
        step.put(folder)
        return True
    if step.line.startswith("sed "):
        subprocess.run(shlex.split(step.line), cwd=folder, check=True)
        return True
    return False


def test_every_command_prints_what_the_tutorial_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for number, step in enumerate(FOLLOWED):
        if change(step, folder) or number in PLACED:
            continue
        assert isinstance(step, Command)
        if step.line == LIVE:
            continue
        main(shlex.split(step.line)[1:])
        read = capsys.readouterr()
        printed = (read.out + read.err).splitlines()
        assert agrees(step.printed, printed), "\n".join([step.line, *printed])
        told.append(step.line)

    assert len(told) > 8
    assert len(PLACED) > 1


def test_the_readme_explains_a_call_of_the_tutorial(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in FOLLOWED:
        if isinstance(step, File):
            step.put(folder)
    (command,) = (step for step in steps(README.read_text()) if isinstance(step, Command))

    assert main(shlex.split(command.line)[1:]) == 0
    assert agrees(command.printed, capsys.readouterr().out.splitlines())


async def placed(opened: House, folder: Path, options: list[str]) -> list[str]:
    """Place the calls of `controller simulate openai`; return what it would print of them."""
    printed: list[str] = []
    timeline = Timeline(printed.append)
    opened.openai.on_entry(timeline)
    calls = []
    for name in options[options.index("--scenario") + 1 :]:
        calls.append(await opened.openai.place_call(load(folder / name)))
        timeline.name(calls[-1])
    for call in calls:
        await call.settled()
    return [*printed, "", *summary(calls)]


def without_clock(line: str) -> str:
    return line[CLOCK:] if line[:CLOCK].strip().replace(".", "").isdigit() else line


@pytest.mark.looptime
@pytest.mark.no_cover
@pytest.mark.parametrize("number", PLACED)
async def test_every_call_goes_as_the_tutorial_says(house: Open, folder: Path, number: int) -> None:
    step = FOLLOWED[number]
    assert isinstance(step, Command)
    for before in FOLLOWED[:number]:
        change(before, folder)
    opened = await house(source=folder, starts_at=OPEN.timestamp(), port=0)

    printed = await placed(opened, folder, shlex.split(step.line))

    documented = tuple(map(without_clock, step.printed))
    assert agrees(documented, list(map(without_clock, printed))), "\n".join(printed)


@pytest.mark.looptime
@pytest.mark.no_cover
async def test_the_first_call_of_the_demo_goes_as_the_tutorial_shows(house: Open) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    shown = text.partition("```text\n")[2].partition("```")[0].splitlines()
    opened = await house(source=EXAMPLE, starts_at=OPEN.timestamp(), port=0)

    printed = await placed(opened, EXAMPLE, ["--scenario", "calls/01-opening-hours.toml"])

    assert shown[0] == "call 1: opening hours, then a goodbye"
    assert agrees(tuple(map(without_clock, shown)), list(map(without_clock, printed)))


@pytest.mark.parametrize(
    ("documented", "printed", "expected"),
    [
        (("one", "two"), ["one", "two"], True),
        (("one", "two"), ["one", "two", "three"], False),
        (("one", "…"), ["one", "two", "three"], True),
        (("…", "three"), ["three"], True),
        (("hash …", "two"), ["hash 12ab", "two"], True),
        (("hash …", "two"), ["hash 12ab", "more", "two"], False),
        (("one.", "two"), ["one!", "two"], False),
    ],
)
def test_only_what_the_tutorial_leaves_out_may_differ(
    documented: tuple[str, ...], printed: list[str], *, expected: bool
) -> None:
    assert agrees(documented, printed) is expected
