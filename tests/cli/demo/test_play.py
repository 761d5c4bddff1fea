"""The demo as somebody who has just cloned the repository sees it: command, output, exit code.

What each call of the example does is held to in virtual time (tests/acceptance/test_example.py).
Here a few of them run in real time, as the demo runs them, at twenty times the speed of talking.
"""

from __future__ import annotations

import asyncio
import re
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


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example without calls."""
    copy = tmp_path / "example"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("calls", "__pycache__"))
    (copy / "calls").mkdir()
    return copy


def with_calls(example: Path, *names: str) -> Path:
    """Take calls of the example in, one or a folder of them."""
    for name in names:
        source, copy = EXAMPLE / "calls" / name, example / "calls" / name
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    return example


async def test_the_demo_tells_each_call_and_what_came_of_all(example: Path) -> None:
    with_calls(example, "01-opening-hours.toml", "18-two-at-once", "draining")
    (example / "calls" / "slow").mkdir()
    shutil.copy(EXAMPLE / "calls/02-transfer.toml", example / "calls/slow/1-transfer.toml")

    played = await play("--speed", "20", "--example", str(example))

    assert played.code == 0, played.complained
    assert "7 of 7 calls ended as they should." in played.printed
    assert "call 1: opening hours, then a goodbye" in played.printed
    assert 'model     calls opening_hours(day="Monday")' in played.printed
    assert re.search(r"the service hung up +we_hung_up\n", played.printed)
    # Of calls that are live together, the third is one too many.
    assert "call 4  service   rejects the call with 480" in played.printed
    # Those that rang at the beginning are told at the end, with the number that the table has.
    told = played.printed.index("call 5: transfer to the reception\n    0.00  call 5")
    assert played.printed.index("rejects the call with 480") < told
    assert "  5  ok      transfer to the reception" in played.printed
    assert told < played.printed.index("(SIGTERM): it drains")
    assert "call 7  service   rejects the call with 503" in played.printed


async def test_the_practice_closes_and_is_on_holiday_at_any_hour(example: Path) -> None:
    with_calls(example, "17-blocked.toml", "closing", "holiday")
    question = '--from +12025550166 --to +12025550100 --at "2026-12-25 10:00"\n'
    (example / "calls" / "questions.txt").write_text(question)

    played = await play("--speed", "20", "--example", str(example))

    assert played.code == 0, played.complained
    assert "4 of 4 calls ended as they should." in played.printed
    assert "service   rejects the call with 603" in played.printed
    assert "operator  closes for today: overrides = [{ open = false, until = " in played.printed
    assert "operator  makes it a holiday: closed = [" in played.printed
    assert "call 2  service   accepts the call with gpt-realtime-2.1\n" in played.printed
    assert "call 3  service   accepts the call with gpt-realtime-2.1-mini\n" in played.printed
    assert "--at '2026-12-25 10:00'\n    called number: +12025550100\n" in played.printed
    assert "    rejected with 603\n" in played.printed


async def test_what_goes_otherwise_fails_the_demo_and_is_said(example: Path) -> None:
    with_calls(example, "06-unknown-number.toml", "holiday")
    path = example / "calls" / "06-unknown-number.toml"
    path.write_text(path.read_text().replace("rejected = 404", "rejected = 486"))
    # Tools are imported anew with each configuration; these only once.
    once = "from pathlib import Path\n\nPath(__file__).with_suffix('.txt').touch(exist_ok=False)\n"
    (example / "tools" / "once.py").write_text(once)

    played = await play("--speed", "20", "--example", str(example))

    assert played.code == 1
    assert "expected a rejection with 486, found 404" in played.printed
    assert "0 of 2 calls ended as they should." in played.printed
    assert "the service did not take the new configuration; a call did not" in played.complained
    assert "; the last lines of its log:" in played.complained
    assert '"outcome":"rejected"' in played.complained


async def test_a_service_that_cannot_start_fails_the_demo_and_says_why(example: Path) -> None:
    with_calls(example, "06-unknown-number.toml")
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
    played = await play("--example", str(example))

    assert played.code == 2
    assert "no scenarios there" in played.complained


async def test_nobody_talks_backwards() -> None:
    played = await play("--speed", "0")

    assert played.code == 2
    assert "--speed must be a number above 0" in played.complained
