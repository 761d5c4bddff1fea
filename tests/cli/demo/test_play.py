"""The demo as somebody who has just cloned the repository sees it: command, output, exit code.

What each call of the example does is held to in virtual time (tests/acceptance/test_example.py).
Here a few of them run in real time, as the demo runs them, at twenty times the speed of talking.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "deploy" / "example"


@dataclass(frozen=True, slots=True)
class Played:
    code: int | None
    printed: str
    complained: str


async def play(*arguments: str, folder: Path = ROOT) -> Played:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "controller", "simulate", "demo", *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complained = await process.communicate()
    return Played(process.returncode, printed.decode(), complained.decode())


KEPT = ("01-opening-hours.toml", "06-unknown-number.toml")
"""Of the calls that ring one after the other."""


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example with two calls."""
    copy = tmp_path / "example"
    shutil.copytree(EXAMPLE, copy)
    for path in (copy / "calls").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix == ".toml" and path.name not in KEPT:
            path.unlink()
    return copy


def with_calls(example: Path, *names: str) -> Path:
    """Take further calls of the example in, one or a folder of them."""
    for name in names:
        source, copy = EXAMPLE / "calls" / name, example / "calls" / name
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    return example


async def test_the_demo_tells_each_call_and_what_came_of_all(example: Path) -> None:
    played = await play("--speed", "20", "--example", str(with_calls(example, "draining")))

    assert played.code == 0, played.complained
    assert "4 of 4 calls ended as they should." in played.printed
    assert "call 1: opening hours, then a goodbye" in played.printed
    assert 'model     calls opening_hours(day="Monday")' in played.printed
    assert "service   rejects the call with 404" in played.printed
    assert "(SIGTERM): it drains" in played.printed
    assert "the service hung up  we_hung_up\n" in played.printed


async def test_a_call_that_rang_at_the_beginning_is_told_when_it_is_over(example: Path) -> None:
    (example / "calls" / "01-opening-hours.toml").unlink()
    slow = example / "calls" / "slow"
    slow.mkdir()
    shutil.copy(EXAMPLE / "calls" / "02-transfer.toml", slow / "1-transfer.toml")

    played = await play("--speed", "20", "--example", str(example))

    assert played.code == 0, played.complained
    rejected = played.printed.index("service   rejects the call with 404")
    told = played.printed.index("call 2: transfer to the reception\n    0.00  call 2")
    assert rejected < told
    assert "  2  ok      transfer to the reception" in played.printed


async def test_a_call_that_ends_otherwise_fails_the_demo(example: Path) -> None:
    (example / "calls" / "01-opening-hours.toml").unlink()
    path = example / "calls" / "06-unknown-number.toml"
    path.write_text(path.read_text().replace("rejected = 404", "rejected = 486"))

    played = await play("--speed", "20", "--example", str(example))

    assert played.code == 1
    assert "expected a rejection with 486, found 404" in played.printed
    assert "0 of 1 calls ended as they should." in played.printed
    assert "a call did not end as it should; the last lines of its log:" in played.complained
    assert '"outcome":"rejected"' in played.complained


async def test_a_service_that_cannot_start_fails_the_demo_and_says_why(example: Path) -> None:
    path = example / "controller.toml"
    path.write_text(path.read_text().replace('agent = "nightdesk"', 'agent = "nightdsk"'))

    played = await play("--example", str(example))

    assert played.code == 1
    assert "the service did not become ready" in played.complained
    assert 'did you mean "nightdesk"?' in played.complained


async def test_without_an_example_there_is_nothing_to_play(tmp_path: Path) -> None:
    played = await play(folder=tmp_path)

    assert played.code == 2
    assert "run this from the repository's root" in played.complained


async def test_a_folder_without_calls_is_said_so(example: Path) -> None:
    for name in KEPT:
        (example / "calls" / name).unlink()

    played = await play("--example", str(example))

    assert played.code == 2
    assert "no scenarios there" in played.complained


async def test_nobody_talks_backwards() -> None:
    played = await play("--speed", "0")

    assert played.code == 2
    assert "--speed must be a number above 0" in played.complained
