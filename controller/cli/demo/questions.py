"""What would become of calls that nobody places, as `controller explain` says it."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

from controller.errors import SimulatorError

_LIMIT = 30.0
"""Seconds for an answer."""


def read(path: Path) -> list[list[str]]:
    """Read the options of `controller explain`, one question a line; # begins a comment.

    Raises:
        SimulatorError: A quotation mark is missing.
    """
    if not path.is_file():
        return []
    try:
        lines = [shlex.split(line, comments=True) for line in path.read_text().splitlines()]
    except ValueError as error:
        raise SimulatorError(f"{path}: {error}") from None
    return [line for line in lines if line]


async def ask(config: Path, options: list[str]) -> str:
    """Return what the command says, up to the instructions.

    Args:
        config: `controller.toml`.
        options: of the command.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "controller", "explain", "--config", str(config), *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_LIMIT):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return printed.decode(errors="replace").partition("\n\n")[0].rstrip()
