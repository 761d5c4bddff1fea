"""Owning the calls: draining, ending all, closing, and calls that fail by a mistake of ours."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.simulator import EndedBy
from controller.tools import tool
from tests.calls.house import House, Open
from tests.calls.ledgers import WatchedLedger, fenced

pytestmark = pytest.mark.looptime

STAYS = "stays = 300.0"
CALLS_TOOL = """
stays = 300.0
caller = ["When are you open on Monday?"]
[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }
"""
IS_TRANSFERRED = """
stays = 300.0
caller = ["A person, please."]
[[model]]
heard = "person"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
"""
TOOL_THEN_TRANSFER = """
stays = 300.0
caller = ["When are you open on Monday?", "A person, please."]
[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }
[[model]]
heard = "person"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
"""
STATES = ("accepting", "attaching", "active", "rejecting", "referring", "lost", "hanging_up")


async def bring_to(house: House, state: str) -> None:
    """Place a call and wait until it stands where it should."""
    lasts = "stays = 300.0"
    match state:
        case "accepting":
            await house.ring(lasts, "accept_timeout_landed")
        case "attaching":
            await house.ring(lasts, "attach_hangs")
        case "rejecting":
            await house.ring('to = "+12025550199"', "reject_timeout")
        case "referring":
            await house.ring(IS_TRANSFERRED, "refer_timeout_landed", "refer_ignored")
            await house.until(lambda: any(call.referred_to for call in house.openai.calls.values()))
            return
        case "lost":
            await house.ring(lasts, "sideband_lost")
            await house.until(lambda: house.states == ["active"])
            state = "attaching"
        case "hanging_up":
            await house.ring(lasts, "hangup_timeout")
            await house.until(lambda: house.states == ["active"])
            assert house.registry.hang_up(house.registry.calls()[0].call_id)
            state = "ending"
        case _:
            await house.ring(lasts)
    await house.until(lambda: house.states == [state], every=0.01)


async def test_a_summary_shows_an_operator_the_call_and_four_digits(open_house: Open) -> None:
    house = await open_house()
    call = await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])

    (summary,) = house.registry.calls()

    assert (summary.provider_id, summary.sip_call_id) == (call.call_id, call.sip_call_id)
    assert (summary.caller, summary.called) == ("…0101", "…0100")
    assert summary.agent == "frontdesk"
    assert summary.answered_at is not None
    call.leave()
    assert await house.registry.settled(5)


async def test_the_oldest_call_is_listed_first(open_house: Open) -> None:
    house = await open_house()
    first = await house.ring(STAYS)
    await house.until(lambda: house.registry.live_count == 1)
    second = await house.ring(STAYS)
    await house.until(lambda: house.registry.live_count == 2)

    listed = [summary.provider_id for summary in house.registry.calls()]

    assert listed == [first.call_id, second.call_id]
    assert await house.registry.hang_up_all(10)


async def test_pausing_ends_and_draining_does_not(open_house: Open) -> None:
    registry = (await open_house()).registry

    registry.pause()
    assert (registry.admitting, registry.is_paused, registry.is_draining) == (False, True, False)
    registry.resume()
    assert (registry.admitting, registry.is_paused) == (True, False)
    registry.start_draining()
    registry.resume()
    assert (registry.admitting, registry.is_draining) == (False, True)


# --- draining ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
async def test_draining_lets_a_call_run_to_its_own_end(open_house: Open, state: str) -> None:
    house = await open_house(rules={"unknown_number": 404})
    await bring_to(house, state)

    house.registry.start_draining()
    refused = await house.ring(STAYS)
    await refused.settled()

    assert (await refused.ended).status_code == 503
    assert not await house.registry.settled(0.5)
    for call in house.openai.calls.values():
        call.leave()
    assert await house.registry.settled(90)
    assert len(house.lines) == 2


async def test_an_idle_house_is_settled_at_once(open_house: Open) -> None:
    house = await open_house()

    assert await house.registry.settled(0.01)
    assert await house.registry.hang_up_all(0.01)
    assert house.registry.unsettled_count == 0


# --- the second SIGTERM --------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
async def test_every_call_can_be_ended_wherever_it_stands(open_house: Open, state: str) -> None:
    house = await open_house(rules={"unknown_number": 404})
    await bring_to(house, state)

    assert await house.registry.hang_up_all(30)

    assert len(house.lines) == 1
    expected = "rejected" if state == "rejecting" else "we_hung_up"
    assert house.outcomes == [(expected, None)]
    (call,) = house.openai.calls.values()
    await call.settled()
    assert (await call.ended).by in {EndedBy.HUNG_UP, EndedBy.REJECTED}


async def test_a_tool_that_still_runs_delays_the_end_and_not_the_hang_up(open_house: Open) -> None:
    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        await asyncio.sleep(7)
        return day

    house = await open_house(tools=[opening_hours])
    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tools_called)

    assert not await house.registry.hang_up_all(2)
    assert (await call.ended).by is EndedBy.HUNG_UP
    assert house.registry.live_count == 0
    assert await house.registry.settled(7)


# --- closing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
async def test_closing_leaves_nothing_behind_wherever_the_calls_stand(
    open_house: Open, state: str
) -> None:
    house = await open_house(rules={"unknown_number": 404})
    await bring_to(house, state)
    (call,) = house.openai.calls.values()

    await house.registry.close()

    assert house.registry.unsettled_count == 0
    assert house.registry.live_count == 0
    await house.until(lambda: not call.sidebands, limit=5)
    assert house.lines == []  # nothing ended: whoever restarts finds the calls
    (left,) = [entry for entry in house.log if entry.get("kind") == "call_left"]
    assert left["provider_id"] == call.call_id
    assert left["sip_call_id"] is not None
    assert not house.registry.admitting


async def test_closing_names_no_call_that_is_over(open_house: Open) -> None:
    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        await asyncio.sleep(5)
        return day

    house = await open_house(tools=[opening_hours])
    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tools_called)
    assert not await house.registry.hang_up_all(1)

    await house.registry.close()

    assert house.outcomes == [("we_hung_up", None)]
    assert not [entry for entry in house.log if entry.get("kind") == "call_left"]


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_closing_at_any_step_of_the_loop_leaves_nothing_behind(
    open_house: Open, steps: int
) -> None:
    house = await open_house()
    await house.ring(CALLS_TOOL)
    await house.until(lambda: house.registry.unsettled_count, every=0)
    for _ in range(steps):
        await asyncio.sleep(0)

    await house.registry.close()

    assert house.registry.unsettled_count == 0


@pytest.mark.parametrize("seconds", [0.03, 0.3, 0.6, 1, 1.7, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 20])
async def test_closing_at_any_moment_of_a_call_leaves_nothing_behind(
    open_house: Open, seconds: float
) -> None:
    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        await asyncio.sleep(2)
        return day

    house = await open_house(tools=[opening_hours])
    await house.ring(TOOL_THEN_TRANSFER)
    await asyncio.sleep(seconds)

    await house.registry.close()

    assert house.registry.unsettled_count == 0


async def test_closing_does_not_wait_for_ever_for_a_tool_that_ignores_it(open_house: Open) -> None:
    enough = asyncio.Event()

    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue
        return day

    house = await open_house(tools=[opening_hours])
    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tools_called)

    await house.registry.close(limit=3)

    assert house.registry.unsettled_count == 0
    enough.set()


# --- mistakes of ours ----------------------------------------------------------------------------


def failing(step: str, time: int = 1, error: Exception | None = None) -> Any:
    mistake = error or RuntimeError("a mistake of ours")
    return lambda inner: WatchedLedger(inner, fails={(step, time): mistake})


@pytest.mark.parametrize(
    ("step", "outcome", "ended"),
    [
        ("intend answer", "rejected", EndedBy.REJECTED),
        ("settle answer", "we_hung_up", EndedBy.HUNG_UP),
        ("intend tool", "we_hung_up", EndedBy.HUNG_UP),
        ("settle tool", "we_hung_up", EndedBy.HUNG_UP),
        ("intend hang_up", "we_hung_up", EndedBy.HUNG_UP),
        ("settle hang_up", "we_hung_up", EndedBy.HUNG_UP),
    ],
)
async def test_a_call_that_fails_by_our_mistake_is_ended_and_logged_once(
    open_house: Open, step: str, outcome: str, ended: EndedBy
) -> None:
    house = await open_house(ledger=failing(step))

    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tool_outputs or house.outcomes)
    await house.registry.hang_up_all(20)
    await call.settled()

    assert house.outcomes == [(outcome, "internal_error")]
    assert (await call.ended).by is ended
    failures = [entry for entry in house.log if entry["event"] == "call_failed"]
    assert len(failures) == 1
    assert failures[0]["call_id"] == house.lines[0]["call_id"]
    assert house.meter.alarms == {"call_failed": 1}
    assert (house.registry.live_count, house.registry.unsettled_count) == (0, 0)


async def test_the_other_calls_go_on_when_one_fails(open_house: Open) -> None:
    house = await open_house(ledger=failing("intend answer", 2))
    good = await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])

    bad = await house.ring(STAYS)
    await bad.settled()
    await house.until(lambda: house.outcomes)

    assert house.states == ["active"]
    assert house.outcomes == [("rejected", "internal_error")]
    good.leave()
    assert await house.registry.settled(10)


async def test_a_failed_call_that_nobody_can_hang_up_is_reported_as_such(open_house: Open) -> None:
    house = await open_house(ledger=failing("settle answer"))

    call = await house.ring(STAYS, "hangup_500_always")
    await house.quiet()

    assert house.outcomes == [("cleanup_unconfirmed", "internal_error")]
    assert house.verbs()[1:] == ["hangup 500"] * 3
    call.leave()


async def test_a_failed_call_that_cannot_be_rejected_is_reported_as_such(open_house: Open) -> None:
    house = await open_house(ledger=failing("intend answer"))

    await house.ring(STAYS, "reject_500")
    await house.quiet()

    assert house.outcomes == [("cleanup_unconfirmed", "internal_error")]


async def test_a_failed_call_with_another_owner_is_left_to_that_one(open_house: Open) -> None:
    mistakes = {("settle answer", 1): RuntimeError(), **fenced("intend orphan")}
    house = await open_house(ledger=lambda inner: WatchedLedger(inner, fails=mistakes))

    call = await house.ring(STAYS)
    await house.quiet()

    assert house.verbs() == ["accept 200"]
    assert house.lines == []
    call.leave()


async def test_a_call_that_fails_after_it_was_taken_over_is_not_touched(open_house: Open) -> None:
    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        await asyncio.sleep(5)
        return day

    mistakes = {**fenced("intend hang_up"), ("settle tool", 1): RuntimeError()}
    house = await open_house(
        tools=[opening_hours], ledger=lambda inner: WatchedLedger(inner, fails=mistakes)
    )
    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tools_called)

    assert await house.registry.hang_up_all(30)

    assert house.meter.alarms == {"call_failed": 1}
    assert house.verbs() == ["accept 200"]
    assert house.lines == []
    call.leave()


async def test_a_ledger_that_fails_for_good_does_not_keep_the_caller_on_a_dead_line(
    open_house: Open,
) -> None:
    broken = {(step, 1): RuntimeError() for step in ("settle answer", "intend orphan", "finish")}
    house = await open_house(ledger=lambda inner: WatchedLedger(inner, fails=broken))

    call = await house.play(STAYS)

    assert (await call.ended).by is EndedBy.HUNG_UP
    assert house.outcomes == [("we_hung_up", "internal_error")]


async def test_an_outcome_that_cannot_be_written_is_in_the_log_all_the_same(
    open_house: Open,
) -> None:
    house = await open_house(ledger=failing("finish"))

    await house.play("stays = 3.0")

    assert house.outcomes == [("caller_hung_up", None)]
    assert house.meter.outcomes == {"caller_hung_up": 1}
    assert house.meter.alarms == {"call_failed": 1}
