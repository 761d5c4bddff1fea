"""Limits over the wire: who is turned away, who goes to another agent, and what counts nowhere."""

from __future__ import annotations

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.sansio.agent import Agent, Target
from controller.sansio.policy import (
    Accept,
    Emergencies,
    Limit,
    NumberSet,
    Period,
    Reject,
    Rule,
    Sliding,
)
from controller.sansio.policy.conditions import CallerIn, HeaderIs
from controller.sansio.usage import PriceEntry, Prices
from tests.calls.house import TARGET, House, Open
from tests.calls.ledgers import WatchedLedger

pytestmark = pytest.mark.looptime

STAYS = "stays = 300.0"
SHORT = "stays = 2.0"
OVERFLOW = Agent(
    name="overflow",
    model="gpt-realtime-2.1",
    voice="marin",
    instructions="You take messages.",
    greeting="Offer to take a message.",
    targets=(Target("night", "sip:+12025550124@trunk.example.net", "The night service"),),
)


def limit(by: Any, at_most: float = 1, **fields: Any) -> Limit:
    return Limit(**{"name": by, "by": by, "at_most": at_most, "over": Reject(480)} | fields)


async def turned_away(house: House, scenario: str = STAYS) -> tuple[int | None, str]:
    call = await house.ring(scenario)
    await call.settled()
    await house.until(lambda: house.lines and house.lines[-1]["outcome"] == "rejected")
    return (await call.ended).status_code, house.lines[-1]["rule"]


async def test_a_second_call_of_one_caller_is_refused_and_another_caller_is_not(
    open_house: Open,
) -> None:
    house = await open_house(rules={"limits": (limit("caller", name="one_call"),)})
    first = await house.ring(STAYS)
    await house.until(lambda: first.heard)

    assert await turned_away(house) == (480, "one_call")
    other = await house.ring('from = "+12025550102"\n' + STAYS)
    await house.until(lambda: other.heard)

    first.leave()
    other.leave()
    assert await house.registry.settled(30)


async def test_of_many_calls_at_once_as_many_are_answered_as_the_limit_allows(
    open_house: Open,
) -> None:
    house = await open_house(
        rules={"limits": (limit("number", 3, name="three"),)},
        ledger=lambda inner: WatchedLedger(inner, seconds=0.05),
    )

    calls = await asyncio.gather(*(house.ring(STAYS) for _ in range(8)))
    await house.until(lambda: len(house.results) == 8)

    assert sorted(house.results) == ["accepted"] * 3 + ["rejected"] * 5
    for call in calls:
        call.leave()
    assert await house.registry.settled(30)


async def test_a_caller_who_calls_too_often_is_refused_until_time_has_passed(
    open_house: Open,
) -> None:
    often = limit("caller", 2, name="often", within=Sliding(600))
    house = await open_house(rules={"limits": (often,)})
    await house.play(SHORT)
    await house.play(SHORT)

    assert await turned_away(house) == (480, "often")
    assert await turned_away(house) == (480, "often")
    await asyncio.sleep(600)

    call = await house.play(SHORT)
    assert call.heard


async def test_a_call_that_openai_does_not_let_us_answer_does_not_count(open_house: Open) -> None:
    house = await open_house(rules={"limits": (limit("caller", within=Sliding(600)),)})
    await house.play(SHORT, "accept_401")
    assert house.lines[0]["outcome"] == "accept_failed"

    call = await house.play(SHORT)

    assert call.heard


async def test_a_full_limit_gives_the_call_to_another_agent(open_house: Open) -> None:
    full = limit("agent", only=frozenset({"frontdesk"}), over=Accept("overflow"))
    house = await open_house(rules={"limits": (full,)}, colleagues=[OVERFLOW])
    first = await house.ring(STAYS)
    await house.until(lambda: first.heard)

    second = await house.ring(STAYS)
    await house.until(lambda: second.heard)

    assert sorted(each.agent or "" for each in house.registry.calls()) == ["frontdesk", "overflow"]
    first.leave()
    second.leave()
    assert await house.registry.settled(30)
    assert sorted(line["rule"] for line in house.lines) == ["agent", "number"]


async def test_a_call_for_which_neither_agent_has_room_is_refused_by_the_last_limit(
    open_house: Open,
) -> None:
    first = limit("agent", name="desk", only=frozenset({"frontdesk"}), over=Accept("overflow"))
    last = limit("agent", name="spare", only=frozenset({"overflow"}), over=Reject(486))
    house = await open_house(rules={"limits": (first, last)}, colleagues=[OVERFLOW])
    calls = [await house.ring(STAYS) for _ in range(2)]
    await house.until(lambda: house.states == ["active"] * 2)

    assert await turned_away(house) == (486, "spare")
    for call in calls:
        call.leave()
    assert await house.registry.settled(30)
    again = await house.play(SHORT)  # neither place was lost
    assert again.heard
    assert house.lines[-1]["rule"] == "number"


@pytest.mark.parametrize("measure", ["minutes", "usd"])
async def test_when_the_days_money_or_minutes_are_used_up_no_call_is_answered(
    open_house: Open, measure: str
) -> None:
    day = limit(
        "total", name="day", measure=measure, at_most=0.001,
        within=Period("day", ZoneInfo("America/New_York")), over=Reject(503),
    )  # fmt: skip
    prices = Prices(input_text=4.0, input_audio=32.0, output_text=24.0, output_audio=64.0)
    house = await open_house(
        rules={"limits": (day,)},
        prices=[PriceEntry("gpt-realtime-2.1", 0.0, prices)],
        agent={"transcription": None},
    )
    call = await house.play("stays = 5.0")
    assert call.heard

    assert await turned_away(house) == (503, "day")


async def test_a_rule_refuses_before_anything_is_reserved(open_house: Open) -> None:
    steps: list[str] = []
    listed = CallerIn(NumberSet.of(["+12025550101"]), "blocked")
    house = await open_house(
        rules={"ordered": (Rule("blocked", (listed,), Reject(603)),)},
        ledger=lambda inner: WatchedLedger(inner, steps=steps),
    )

    assert await turned_away(house) == (603, "blocked")
    assert "reserve" not in steps
    assert house.lines[0]["why"] == "the caller is on the list blocked"


async def test_when_it_is_full_a_sentence_is_said_and_the_caller_is_referred(
    open_house: Open,
) -> None:
    human = Accept("frontdesk", say="All lines are busy.", refer_to="night")
    house = await open_house(
        rules={"limits": (limit("total", name="desk", over=human),)}, colleagues=[OVERFLOW]
    )
    first = await house.ring(STAYS)
    await house.until(lambda: first.heard)

    second = await house.play(STAYS)

    assert second.heard[0] == "All lines are busy."
    assert second.referred_to == ["sip:+12025550124@trunk.example.net"]
    line = house.lines[0]
    assert (line["outcome"], line["rule"]) == ("referred_unconfirmed", "desk")


async def test_who_is_referred_hears_the_disclosure_then_the_sentence_and_nothing_else(
    open_house: Open,
) -> None:
    human = Accept("frontdesk", say="All lines are busy.", refer_to="reception")
    house = await open_house(
        rules={"ordered": (Rule("busy", (), human),)},
        agent={"disclosure": "This call is recorded."},
    )

    call = await house.play(STAYS)

    assert call.heard == ["This call is recorded.", "All lines are busy."]
    assert call.referred_to == [TARGET]
    (line,) = house.lines
    assert (line["outcome"], line["disclosure"]) == ("referred_unconfirmed", "heard")


async def test_who_is_referred_to_nobody_who_answers_hears_so_and_is_not_kept(
    open_house: Open,
) -> None:
    human = Accept("frontdesk", say="All lines are busy.", refer_to="reception")
    house = await open_house(rules={"ordered": (Rule("busy", (), human),)})

    call = await house.play(STAYS, "refer_500")

    assert call.referred_to == []
    assert house.outcomes == [("transfer_failed", None)]


async def test_an_emergency_of_a_trusted_trunk_reaches_a_human_in_a_full_house(
    open_house: Open,
) -> None:
    trusted = HeaderIs("x-trunk", "a shared secret")
    house = await open_house(
        rules={"max_concurrent_calls": 0, "emergencies": Emergencies((trusted,), "reception")}
    )

    marked = 'headers = { Priority = "emergency", X-Trunk = "a shared secret" }\n' + STAYS
    call = await house.play(marked)

    assert call.referred_to == [TARGET]
    assert house.lines[-1]["rule"] == "emergency"
    assert house.meter.alarms["emergency_call"] == 1
    forged = 'headers = { Priority = "emergency" }\n' + STAYS
    assert await turned_away(house, forged) == (503, "full")
