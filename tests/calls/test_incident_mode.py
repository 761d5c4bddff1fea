"""Many sidebands lost at once: an incident, and no mass hang-up (operations, O15)."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from controller.calls.ports import Channel, Channels
from controller.simulator import EndedBy, SimulatedCall
from tests.calls.house import House, Open

pytestmark = pytest.mark.looptime

STAYS = "stays = 600.0\npatience = 600"


async def crowd(house: House, count: int) -> list[SimulatedCall]:
    calls = [await house.ring(STAYS) for _ in range(count)]
    await house.until(lambda: house.states == ["active"] * count)
    await house.until(lambda: all(call.heard for call in calls))
    return calls


def alarms(house: House) -> int:
    return house.meter.alarms["incident"]


async def end(house: House) -> None:
    assert await house.registry.hang_up_all(30)


class Watched:
    """Channels that remember when they were asked for."""

    def __init__(self, channels: Channels, opened_at: list[float]) -> None:
        self._channels = channels
        self._opened_at = opened_at

    async def open(self, provider_id: str) -> Channel:
        self._opened_at.append(asyncio.get_running_loop().time())
        return await self._channels.open(provider_id)


async def test_when_many_lose_their_sideband_nobody_is_hung_up(open_house: Open) -> None:
    house = await open_house(rules={"max_concurrent_calls": 100})
    calls = await crowd(house, 5)

    house.openai.cut_sidebands(1.0, refuse_for=20)
    await house.until(lambda: house.meter.incidents)

    assert house.registry.has_incident
    assert alarms(house) == 1
    await house.until(lambda: house.states == ["active"] * 5, limit=30)
    assert house.outcomes == []
    assert not any(call.is_over for call in calls)
    assert house.meter.reattaches == 5
    await end(house)


async def test_an_incident_outlasts_the_time_for_attaching_again(open_house: Open) -> None:
    house = await open_house(rules={"max_concurrent_calls": 100})
    await crowd(house, 4)

    house.openai.cut_sidebands(1.0, refuse_for=60)  # a single call is given up after 30 s
    await house.until(lambda: house.states == ["active"] * 4, limit=90)

    assert house.outcomes == []
    await end(house)


async def test_an_incident_is_over_after_two_minutes_and_says_so(open_house: Open) -> None:
    house = await open_house(rules={"max_concurrent_calls": 100})
    await crowd(house, 3)
    house.openai.cut_sidebands(1.0, refuse_for=2)
    await house.until(lambda: house.meter.incidents)

    await house.until(lambda: house.meter.incidents == [True, False], limit=121)

    assert not house.registry.has_incident
    told = [each for each in house.log if "incident" in {each.get("kind"), each["event"][:8]}]
    assert [each["event"] for each in told] == ["alarm", "incident_over"]
    assert not any("call_id" in each for each in told)  # they are of no one call
    await end(house)


async def test_callers_who_hang_up_together_are_no_incident(open_house: Open) -> None:
    house = await open_house(rules={"max_concurrent_calls": 100})
    calls = await crowd(house, 6)

    for call in calls:
        call.leave()
    assert await house.registry.settled(60)

    assert alarms(house) == 0
    assert house.outcomes == [("caller_hung_up", None)] * 6


async def test_two_lost_sidebands_are_no_incident(open_house: Open) -> None:
    house = await open_house(rules={"max_concurrent_calls": 100})
    await crowd(house, 2)

    house.openai.cut_sidebands(1.0, refuse_for=5)
    await house.until(lambda: house.meter.reattaches == 2)

    assert alarms(house) == 0
    assert not house.registry.has_incident
    await end(house)


async def test_sidebands_are_attached_again_not_faster_than_fifty_a_second(
    open_house: Open,
) -> None:
    opened_at: list[float] = []
    house = await open_house(
        rules={"max_concurrent_calls": 100}, channels=lambda inner: Watched(inner, opened_at)
    )
    await crowd(house, 40)
    opened_at.clear()

    house.openai.cut_sidebands(1.0)
    await house.until(lambda: house.meter.reattaches >= 40)

    pauses = [later - sooner for sooner, later in pairwise(opened_at)]
    assert min(pauses) >= 0.0199
    await end(house)


async def test_closing_during_an_incident_leaves_no_timer(open_house: Open) -> None:
    house = await open_house(rules={"max_concurrent_calls": 100})
    calls = await crowd(house, 3)
    house.openai.cut_sidebands(1.0, refuse_for=2)
    await house.until(lambda: house.meter.incidents)

    await house.registry.close()

    assert house.registry.unsettled_count == 0
    for call in calls:
        call.leave()
        assert (await call.ended).by is EndedBy.CALLER_HUNG_UP
