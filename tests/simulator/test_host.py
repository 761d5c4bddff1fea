"""Waiting for a condition without polling."""

from __future__ import annotations

import asyncio

import pytest

from controller.simulator.host import Bell, pause

pytestmark = pytest.mark.looptime


async def test_waiter_goes_on_when_the_condition_holds() -> None:
    bell, found = Bell(), [0]
    waiter = asyncio.create_task(bell.wait_until(lambda: found[0] == 2))
    for number in (1, 2):
        await asyncio.sleep(1)
        assert not waiter.done()
        found[0] = number
        bell.ring()
    assert await waiter
    assert asyncio.get_running_loop().time() == 2


async def test_waiter_goes_on_at_its_limit() -> None:
    bell = Bell()
    assert await bell.wait_until(lambda: False, 5) is False
    assert asyncio.get_running_loop().time() == 5


async def test_condition_that_holds_needs_no_wait() -> None:
    assert await Bell().wait_until(lambda: True, 0)
    assert asyncio.get_running_loop().time() == 0


async def test_bell_wakes_only_who_still_waits() -> None:
    bell = Bell()
    gone = asyncio.create_task(bell.wait_until(lambda: False))
    await asyncio.sleep(0)
    gone.cancel()
    bell.ring()
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_pause_of_nothing_does_not_yield() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await pause(0)
    assert not task.done()
    await task
