"""Transfers that come back, and the provider's tokens: what admission knows of other calls."""

from __future__ import annotations

import pytest

from controller.sansio.usage import PriceEntry, Prices
from tests.calls.house import TARGET, House, Open

pytestmark = pytest.mark.looptime

ASKS = """
caller = ["A person, please."]
[[model]]
heard = "person"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
"""
STAYS = "stays = 5.0"


async def refer(house: House) -> None:
    call = await house.play(ASKS)
    assert call.referred_to == [TARGET]


async def test_a_caller_who_is_back_within_a_minute_is_not_sent_there_again(
    open_house: Open,
) -> None:
    house = await open_house()
    await refer(house)

    call = await house.play(ASKS)

    assert call.referred_to == []
    assert house.lines[-1]["returned_from"] == ["reception"]


async def test_somebody_else_is_sent_there(open_house: Open) -> None:
    house = await open_house()
    await refer(house)

    call = await house.play('from = "+12025550102"\n' + ASKS)

    assert call.referred_to == [TARGET]
    assert "returned_from" not in house.lines[-1]


async def test_a_call_that_the_target_forwarded_is_not_sent_there_again(open_house: Open) -> None:
    house = await open_house()

    call = await house.play(
        'headers = { History-Info = "<sip:+12025550123@trunk.example.net>;index=1" }\n' + ASKS
    )

    assert call.referred_to == []
    assert house.lines[-1]["returned_from"] == ["reception"]


async def test_the_third_hop_is_refused(open_house: Open) -> None:
    house = await open_house()
    for hops in (1, 2):
        caller = "+12025550101"
        before = house.world.referrals.find(caller, house.world.clock.now())
        house.world.referrals.add(caller, "reception", before, house.world.clock.now())
        assert house.world.referrals.find(caller, house.world.clock.now()).hops == hops

    call = await house.play(STAYS)

    assert (await call.ended).status_code == 482
    assert house.lines[-1]["rule"] == "loop"


async def test_a_referral_that_was_refused_makes_no_returned_caller(open_house: Open) -> None:
    house = await open_house()
    await house.play(ASKS, "refer_403")

    await house.play(STAYS)

    assert "returned_from" not in house.lines[-1]


async def test_with_few_tokens_left_no_call_is_admitted_until_there_are_more(
    open_house: Open,
) -> None:
    house = await open_house()
    first = await house.ring("stays = 5.0", "tokens_low")
    await house.until(lambda: first.heard)

    await house.until(lambda: house.meter.tokens)
    refused = await house.ring(STAYS)
    await refused.settled()

    assert (await refused.ended).status_code == 503
    assert house.lines[0]["rule"] == "provider_tokens"
    assert house.meter.alarms["provider_tokens"] == 1
    assert house.meter.tokens[-1] == pytest.approx(0.05)
    await house.until(lambda: not house.world.headroom.is_low(house.world.clock.now()))
    assert await house.registry.settled(120)
    again = await house.play(STAYS)
    assert again.heard


async def test_what_a_call_costs_is_in_its_line_and_counted(open_house: Open) -> None:
    prices = Prices(input_text=4.0, input_audio=32.0, output_text=24.0, output_audio=64.0)
    house = await open_house(
        prices=[PriceEntry("gpt-realtime-2.1", 0.0, prices)], agent={"transcription": None}
    )

    await house.play(STAYS)

    (line,) = house.lines
    assert line["cost_usd"] > 0
    assert house.meter.costs == [pytest.approx(line["cost_usd"], abs=1e-6)]


async def test_without_a_price_nothing_is_counted_in_money(open_house: Open) -> None:
    house = await open_house()

    await house.play(STAYS)

    assert "cost_usd" not in house.lines[0]
    assert house.meter.costs == []
