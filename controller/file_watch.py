"""Seeing that the files of the configuration have changed, by looking at them now and then.

Names, sizes, times and inodes are compared, not contents: a look is cheap, and a file that was only
touched makes a generation of the same hash, which changes nothing. The inode tells a release from
another one where a link was turned to it and both have the times of their packing. A change
counts when two looks in a row agree: an editor that is half-way through a save, or a copy of twenty
files, is left to finish.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from controller.settings import Settings

MOST_FILES: Final = 10_000
"""Files that are looked at; a folder with more is not one of ours."""

LOOK_LIMIT: Final = 30.0
"""Seconds for a look."""

Snapshot: TypeAlias = Mapping[str, tuple[int, int, int]]
"""Size, time of the last change in nanoseconds, and inode, by the path of the file."""


def watched(settings: Settings) -> list[Path]:
    """Return the files and folders that make a configuration."""
    lists = [each.file for each in settings.lists.values() if each.file]
    return [settings.config_path, settings.agents_dir, settings.tools_dir, *lists]


def look(paths: Iterable[Path]) -> Snapshot:
    """Look at files, and at all files in folders. What cannot be read is as if it were not there.

    Blocks: a folder may lie on another machine.
    """
    found = {}
    for path in islice(_files(paths), MOST_FILES):
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found[str(path)] = status.st_size, status.st_mtime_ns, status.st_ino
    return found


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        yield path
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if not _is_left_alone(name)]
            yield from (Path(folder, name) for name in names if not _is_left_alone(name))


def _is_left_alone(name: str) -> bool:
    """Tell what is none of ours: what Python and editors write beside the files."""
    return name == "__pycache__" or name.startswith(".") or name.endswith("~")


async def watch(
    look: Callable[[], Awaitable[Snapshot | None]],
    when_changed: Callable[[], None],
    *,
    interval: float,
) -> None:
    """Look until cancelled.

    Args:
        look: returns what there is now; None where it could not be seen.
        when_changed: called when it differs from what it was when this was last called, or at the
            beginning, and the look before saw the same.
        interval: seconds between two looks.
    """
    known = before = await look()
    while True:
        await asyncio.sleep(interval)
        now = await look()
        if now is None:
            continue
        if now == before != known:
            known = now
            when_changed()
        before = now
