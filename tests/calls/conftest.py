from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.calls.house import House, Open, build


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What is logged, with what is bound to the call."""
    with capture_logs(processors=[merge_contextvars]) as entries:
        yield entries
    structlog.contextvars.clear_contextvars()


@pytest.fixture
async def open_house(tls: ssl.SSLContext, log: list[Any]) -> AsyncIterator[Open]:
    """Return a function that builds a house; at the end nothing may be left of it."""
    loop = asyncio.get_running_loop()
    before, sockets = asyncio.all_tasks(), count_sockets()
    async with contextlib.AsyncExitStack() as stack:

        async def open_(**options: Any) -> House:
            return await build(stack, tls, log, **options)

        yield open_
    for _ in range(10):
        await asyncio.sleep(0)  # what was cancelled ends
    left = [task.get_coro() for task in asyncio.all_tasks() - before - {asyncio.current_task()}]
    timers = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]  # nobody else knows them
    assert (left, timers) == ([], [])
    assert count_sockets() == sockets


def count_sockets() -> int:
    """Return how many sockets this process has open; always 0 where the system does not tell."""
    count = 0
    for each in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):  # the listing itself is one of them, and gone
            count += str(each.readlink()).startswith("socket:")
    return count
