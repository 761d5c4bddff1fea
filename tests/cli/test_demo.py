"""The demo as somebody who has just cloned the repository sees it: command, output, exit code."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example with one call, and those of the drain."""
    copy = tmp_path / "example"
    shutil.copytree(EXAMPLE, copy)
    for path in (copy / "calls").glob("*.toml"):
        if path.name != "06-unknown-number.toml":
            path.unlink()
    shutil.rmtree(copy / "calls" / "slow")
    return copy


async def test_every_call_of_the_demo_ends_as_it_should() -> None:
    played = await play("--speed", "20")

    number = len(list((EXAMPLE / "calls").rglob("*.toml")))
    assert played.code == 0, played.complained
    assert f"{number} of {number} calls ended as they should." in played.printed
    assert 'model     calls opening_hours(day="Monday")' in played.printed
    assert "service   rejects the call with 404" in played.printed
    assert "(SIGTERM): it drains" in played.printed
    assert "call 1: opening hours, then a goodbye" in played.printed
    assert "the caller's leg left   referred_unconfirmed\n" in played.printed
    # Those that take most of a minute are told at the end, with the numbers that the table has.
    slow = len(list((EXAMPLE / "calls").glob("*.toml"))) + 1
    assert f"call {slow}: the caller falls silent\n    0.00  call {slow}" in played.printed
    assert f"  {slow}  ok      the caller falls silent" in played.printed


async def test_a_call_that_ends_otherwise_fails_the_demo(example: Path) -> None:
    path = example / "calls" / "06-unknown-number.toml"
    path.write_text(path.read_text().replace("rejected = 404", "rejected = 486"))

    played = await play("--speed", "20", "--example", str(example))

    assert played.code == 1
    assert "expected a rejection with 486, found 404" in played.printed
    assert "2 of 3 calls ended as they should." in played.printed
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
    (example / "calls" / "06-unknown-number.toml").unlink()

    played = await play("--example", str(example))

    assert played.code == 2
    assert "no scenarios there" in played.complained


async def test_nobody_talks_backwards() -> None:
    played = await play("--speed", "0")

    assert played.code == 2
    assert "--speed must be a number above 0" in played.complained
