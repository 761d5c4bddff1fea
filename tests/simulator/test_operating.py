"""The operator's steps come when they are due."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import operate, parse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

SCRIPT = """
caller = [{ waits = 10 }, { hangs_up = "at once" }]
[[operator]]
hears = "how can I help"
after = 2
says = "One moment."
[[operator]]
after = 3
transfers = "reception"
[[operator]]
after = 60
hangs_up = true
"""


async def test_steps_are_done_in_order_until_the_call_is_over(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(SCRIPT))
    done: list[tuple[str, str, list[str]]] = []

    async def act(name: str, text: str) -> None:
        done.append((name, text, list(call.heard)))

    operating = asyncio.create_task(operate(call, act))
    await service.drive(call, {})
    await operating

    assert done == [
        ("says", "One moment.", ["Hello, how can I help you?"]),
        ("transfers", "reception", ["Hello, how can I help you?"]),
    ]


async def test_nothing_is_done_on_a_call_that_is_not_answered(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse("[[operator]]\nhangs_up = true"))
    done: list[str] = []

    async def act(name: str, _text: str) -> None:
        done.append(name)

    operating = asyncio.create_task(operate(call, act))
    await service.post(call, "reject", {"status_code": 486})
    await operating

    assert done == []
    assert call.scenario.operator[0].acts == (("hangs_up", ""),)
