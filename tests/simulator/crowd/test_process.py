"""The crowd as a process, spoken to as `controller bench` speaks to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller.simulator import DEFAULT_API_KEY, DEFAULT_SECRET

COMMAND = ("-m", "controller.simulator.crowd", "--api-key", DEFAULT_API_KEY)


@pytest.fixture
async def crowd() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        *("--secret", DEFAULT_SECRET),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    yield process
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.communicate()


async def tell(crowd: asyncio.subprocess.Process, **command: Any) -> None:
    assert crowd.stdin is not None
    crowd.stdin.write(json.dumps(command).encode() + b"\n")
    await crowd.stdin.drain()


async def hear(crowd: asyncio.subprocess.Process) -> Any:
    assert crowd.stdout is not None
    return json.loads(await crowd.stdout.readline())


async def test_it_says_where_it_listens_and_ends_with_its_input(
    crowd: asyncio.subprocess.Process,
) -> None:
    assert (await hear(crowd))["base_url"].startswith("http://127.0.0.1:")
    await tell(crowd, do="meet", webhook_url="http://127.0.0.1:9/openai/webhook")
    assert await hear(crowd) == {}
    await tell(crowd, do="place", count=0, rate=1)
    assert (await hear(crowd))["placed"] == 0
    await tell(crowd, do="let_go")
    assert await hear(crowd) == {}
    assert crowd.stdin is not None
    crowd.stdin.close()

    assert await crowd.wait() == 0


@pytest.mark.parametrize("command", ["place", "dance"])
async def test_a_command_out_of_place_ends_it(
    crowd: asyncio.subprocess.Process, command: str
) -> None:
    await hear(crowd)
    if command == "dance":
        await tell(crowd, do="meet", webhook_url="http://127.0.0.1:9/")
        await hear(crowd)
    await tell(crowd, do=command, count=1, rate=1)

    assert await crowd.wait() == 1
