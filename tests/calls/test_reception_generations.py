"""Calls and generations: which one a call takes, and what its calls tell of a new one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from controller.calls.generations import Generation
from controller.sansio.policy import Rules
from tests.calls.house import House, Open
from tests.calls.ledgers import WatchedLedger

pytestmark = pytest.mark.looptime

STAYS = "stays = 300.0"
CALLS_TOOL = """
caller = ["When are you open on Monday?", { waits = 5.0 }, { hangs_up = true }]
[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }
"""


def another(house: House, name: str = "def456", **rules: Any) -> Generation:
    """Return a generation that differs from the current one in every part."""
    current = house.generations.current
    agent = replace(current.agents["frontdesk"], instructions=f"You are of {name}.", tools=())
    numbers = {"numbers": {"*": "frontdesk"}, **rules}
    return replace(
        current, hash=name, agents={"frontdesk": agent}, toolboxes={}, rules=Rules(**numbers)
    )


@pytest.mark.parametrize("after", [0.5, 1.5])  # while it is claimed; while it gets its place
async def test_a_call_is_of_one_generation_whenever_another_takes_its_place(
    open_house: Open, after: float
) -> None:
    house = await open_house(ledger=lambda inner: WatchedLedger(inner, seconds=1.0))
    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: house.world.ledger.steps, every=0.01)  # type: ignore[attr-defined]  # a WatchedLedger's
    await asyncio.sleep(after)
    house.generations.activate(another(house))
    await call.settled()
    assert await house.registry.settled(60)

    (line,) = house.lines
    assert (line["generation"], line["rule"]) == ("abc123", "number")
    assert call.accept_body is not None
    assert call.accept_body["instructions"].startswith("You are the receptionist")
    assert [tool for tool, _, _ in house.meter.tools] == ["opening_hours"]


async def test_the_next_call_takes_the_new_one_in_every_part(open_house: Open) -> None:
    house = await open_house()
    house.generations.activate(another(house))
    call = await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])

    assert [(each.hash, each.live_calls) for each in house.generations.summaries()] == [
        ("def456", 1),
        ("abc123", 0),
    ]
    assert call.accept_body is not None
    assert call.accept_body["instructions"].startswith("You are of def456.")
    assert await house.registry.hang_up_all(30)
    (line,) = house.lines
    assert (line["generation"], line["rule"]) == ("def456", "catch_all")
    assert {each.live_calls for each in house.generations.summaries()} == {0}


async def test_a_delivery_that_is_no_call_of_ours_needs_no_generation(open_house: Open) -> None:
    house = await open_house()
    house.generations.activate(another(house, unknown_number=404, numbers={}))
    await house.play('to = "+12025550199"')

    assert {each.live_calls for each in house.generations.summaries()} == {0}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("accept_400_always", "accept_failed"),
        ("attach_404_forever", "attach_failed"),
        ("accept_400_unknown_parameter", "we_hung_up"),  # rescued by the plain form
    ],
)
async def test_three_calls_that_fail_as_bad_content_makes_them_bring_the_old_one_back(
    open_house: Open, fault: str, outcome: str
) -> None:
    house = await open_house()
    house.generations.activate(another(house), by="signal")
    for _ in range(3):
        assert house.generations.current.hash == "def456"
        call = await house.ring(STAYS, fault)
        await asyncio.sleep(20)
        await house.registry.hang_up_all(60)
        await call.settled()

    assert house.generations.current.hash == "abc123"
    assert [line["outcome"] for line in house.lines] == [outcome] * 3
    assert house.meter.alarms["generation_unhealthy"] == 1
    alarm = next(each for each in house.log if each.get("kind") == "generation_unhealthy")
    assert "call_id" not in alarm  # it is the process's

    call = await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])
    assert await house.registry.hang_up_all(30)
    assert house.lines[-1]["generation"] == "abc123"


async def test_it_is_good_as_soon_as_a_session_is_there(open_house: Open) -> None:
    house = await open_house()
    house.generations.activate(another(house))
    assert not house.generations.summaries()[0].is_good
    await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])

    assert house.generations.summaries()[0].is_good  # while the call lives
    assert await house.registry.hang_up_all(30)


async def test_callers_who_leave_while_it_rings_blame_nobody(open_house: Open) -> None:
    house = await open_house()
    house.generations.activate(another(house))
    for _ in range(4):
        await house.play(STAYS, "accept_404")

    assert house.generations.current.hash == "def456"
    assert house.meter.alarms["generation_unhealthy"] == 0


async def test_a_limit_counts_on_across_a_reload_with_another_number(open_house: Open) -> None:
    house = await open_house(rules={"max_concurrent_calls": 2})
    for _ in range(2):
        await house.ring(STAYS)
    await house.until(lambda: house.states == ["active", "active"])
    refused = await house.ring(STAYS)
    assert (await refused.ended).status_code == 503

    house.generations.activate(another(house, max_concurrent_calls=3))
    await house.ring(STAYS)  # there is room for one more, and no more than one
    await house.until(lambda: house.states == ["active"] * 3)
    refused = await house.ring(STAYS)
    assert (await refused.ended).status_code == 503

    house.generations.activate(another(house, "ghi789", max_concurrent_calls=1))
    refused = await house.ring(STAYS)  # three live already, and nobody is hung up for it
    assert (await refused.ended).status_code == 503
    assert house.states.count("active") == 3
    assert await house.registry.hang_up_all(30)


async def test_paused_and_draining_stay_what_they_are_across_a_reload(open_house: Open) -> None:
    house = await open_house()
    house.registry.pause()
    house.generations.activate(another(house, paused=486))
    refused = await house.play(STAYS)
    assert (await refused.ended).status_code == 486  # with the code of the new one

    house.registry.resume()
    house.registry.start_draining()
    house.generations.activate(another(house, "ghi789"))
    assert (await (await house.play(STAYS)).ended).status_code == 503
