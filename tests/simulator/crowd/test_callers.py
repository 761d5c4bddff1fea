from __future__ import annotations

from typing import Any

import pytest

from controller.errors import SimulatorError
from controller.simulator.crowd.callers import Callers
from controller.simulator.crowd.far_end import FarEnd
from controller.simulator.crowd.timing import SPANS, spans

pytestmark = pytest.mark.looptime

OTHER_SECRET = "whsec_b3RoZXItc2lnbmluZy1zZWNyZXQtb2YtdGhlLWNyb3dk"


async def test_every_call_is_acknowledged_accepted_attached_and_greeted(callers: Callers) -> None:
    calls = await callers.place(5, 1000)

    measured = spans([call.instants for call in calls], *SPANS)
    assert {name: len(times) for name, times in measured.items()} == {
        "webhook_to_200": 5,
        "webhook_to_accept": 5,
        "sideband_open": 5,
        "webhook_to_greeting": 5,
        "tool_output": 0,
    }
    assert all(call.instants.heard_at is not None for call in calls)
    assert callers.held == calls


async def test_the_tool_is_asked_of_as_many_calls_as_wanted(callers: Callers) -> None:
    calls = await callers.place(4, 1000)

    asked = await callers.ask_tools(2, 1000)

    assert asked == [calls[0], calls[2]]
    assert all(call.instants.tool_answered_at is not None for call in asked)
    assert calls[1].instants.tool_asked_at is None


async def test_a_caller_can_ask_more_than_once(callers: Callers) -> None:
    (call,) = await callers.place(1, 1000)
    await callers.ask_tools(1, 1000)
    first = call.instants.tool_answered_at

    await callers.ask_tools(1, 1000)

    assert first is not None
    assert call.instants.tool_answered_at is not None
    assert call.instants.tool_answered_at > first


async def test_calls_that_were_let_go_are_gone(
    callers: Callers, far_end: FarEnd, floor: Any
) -> None:
    (call,) = await callers.place(1, 1000)

    await callers.let_go()

    assert callers.held == []
    assert call.is_over
    assert await callers.ask_tools(3, 1000) == []
    while floor.tasks:  # its calls end with their sockets
        await next(iter(floor.tasks))


async def test_a_service_that_refuses_deliveries_is_no_service(far_end: FarEnd, url: str) -> None:
    callers = Callers(far_end, url, secret=OTHER_SECRET)
    with pytest.raises(ExceptionGroup) as refused:
        await callers.place(1, 1000)
    await callers.close()

    assert refused.group_contains(SimulatorError, match="answered a delivery with 400")


async def test_calls_that_nobody_greets_are_not_waited_for_for_ever(
    callers: Callers, floor: Any
) -> None:
    floor.seen.add("rtc_u0_00000001")  # a duplicate, then: it gets 200 and nothing else

    first, second = await callers.place(2, 1000)

    assert first.instants.acknowledged_at is not None
    assert first.instants.accept_at is None
    assert second.instants.heard_at is not None
