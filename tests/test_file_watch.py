from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from controller.file_watch import Snapshot, look, watch, watched
from controller.settings import load_settings


@pytest.mark.parametrize("change", ["name", "size", "time", "gone"])
def test_a_change_is_seen_by_name_size_and_time(tmp_path: Path, change: str) -> None:
    path = tmp_path / "agents" / "frontdesk.md"
    path.parent.mkdir()
    path.write_text("Hello.")
    before = look([tmp_path / "agents"])
    assert list(before) == [str(path)]

    if change == "name":
        path.rename(path.with_name("night.md"))
    elif change == "size":
        path.write_text("Hello, hello.")
        os.utime(path, ns=(0, before[str(path)][1]))
    elif change == "time":
        os.utime(path, ns=(0, before[str(path)][1] + 1))
    else:
        path.unlink()

    assert look([tmp_path / "agents"]) != before


def test_a_link_that_is_turned_to_another_release_is_seen(tmp_path: Path) -> None:
    for release in ("41", "42"):
        path = tmp_path / release / "frontdesk.md"
        path.parent.mkdir()
        path.write_text(f"Release {release}.")
        os.utime(path, (1, 1))  # as they were packed
    agents = tmp_path / "agents"
    agents.symlink_to(tmp_path / "41")
    before = look([agents])

    agents.unlink()
    agents.symlink_to(tmp_path / "42")

    assert look([agents]) != before


def test_what_python_and_editors_write_beside_the_files_is_left_alone(tmp_path: Path) -> None:
    for folder in ("__pycache__", ".git", "clinic"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("")
    for name in (".a.py.swp", "a.py~"):
        (tmp_path / "clinic" / name).write_text("")

    assert set(look([tmp_path])) == {str(tmp_path / "clinic" / "a.py")}


def test_what_is_not_there_is_as_if_it_were_not_asked_for(tmp_path: Path) -> None:
    assert look([tmp_path / "tools", tmp_path / "controller.toml"]) == {}


def test_all_that_makes_a_configuration_is_watched(tmp_path: Path) -> None:
    (tmp_path / "controller.toml").write_text(
        'agents_dir = "staff"\n[lists.blocked]\nfile = "blocked.txt"\n'
        '[lists.friends]\nnumbers = ["+12025550166"]\n'
    )
    settings = load_settings(tmp_path / "controller.toml", environ={}, with_secrets=False)

    assert watched(settings) == [
        tmp_path / each for each in ("controller.toml", "staff", "tools", "blocked.txt")
    ]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("seen", "acts_at"),
    [
        ("aaaaaaaa", []),
        ("abbbbbbb", [2]),
        ("abccccccc", [3]),  # half-way through a save
        ("abcdefgh", [8]),  # it comes to rest in the end
        ("aba", []),  # it was undone
        ("abbaaaa", [2, 4]),
        ("abb?bbb", [2]),  # once it could not be seen
        ("ab?bbbb", [3]),
    ],
)
async def test_a_change_counts_when_two_looks_agree(seen: str, acts_at: list[int]) -> None:
    looks = iter(seen)
    acted: list[float] = []
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def see() -> Snapshot | None:
        what = next(looks, seen[-1])
        return None if what == "?" else {what: (0, 0, 0)}

    watching = asyncio.create_task(
        watch(see, lambda: acted.append((loop.time() - began) / 2.0), interval=2.0)
    )
    await asyncio.sleep(2.0 * (len(seen) + 1))
    watching.cancel()

    assert [round(each) for each in acted] == acts_at
