"""Sidebands that are cut, callers who leave, operators who end it: what becomes of the call."""

from __future__ import annotations

import asyncio
import json

import pytest

from controller.calls.ports import Channel, Channels
from controller.simulator import EndedBy, Switches
from controller.tools import tool
from tests.calls.house import House, Open
from tests.calls.ledgers import WatchedLedger

pytestmark = pytest.mark.looptime

ASKS_AND_WAITS = """
caller = ["When are you open on Monday?", { waits = 20 }, { hangs_up = true }]

[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }
"""
STAYS = "stays = 300.0"


async def test_a_sideband_that_was_cut_is_attached_again(open_house: Open) -> None:
    house = await open_house()

    call = await house.play('caller = ["Hello?", "Bye.", { hangs_up = true }]', "sideband_cut")

    assert call.attached == 2
    assert house.outcomes == [("caller_hung_up", None)]
    assert house.lines[0]["reattaches"] == 1
    assert house.meter.reattaches == 1


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_close_code_alone_does_not_end_a_call(open_house: Open, code: int) -> None:
    house = await open_house()

    call = await house.play("stays = 20.0", f"sideband_closed_{code}")

    assert call.attached == 2
    assert house.outcomes == [("caller_hung_up", None)]


async def test_a_sideband_that_is_cut_again_and_again_is_given_up_in_the_end(
    open_house: Open,
) -> None:
    house = await open_house()

    call = await house.play("stays = 60.0", "sideband_cut_repeatedly")

    assert call.attached >= 10
    assert house.outcomes == [("sideband_lost", None)]


async def test_a_sideband_that_stays_lost_ends_the_call_after_half_a_minute(
    open_house: Open,
) -> None:
    house = await open_house()

    call = await house.play(STAYS, "sideband_lost")

    assert house.outcomes == [("sideband_lost", None)]
    assert (await call.ended).by is EndedBy.HUNG_UP
    assert 25 < house.lines[0]["talk_s"] < 40


@pytest.mark.parametrize("seconds", [0.0, 5.0])
async def test_a_tool_in_flight_is_not_run_twice_and_its_output_is_posted_once_after_a_cut(
    open_house: Open, seconds: float
) -> None:
    runs: list[str] = []

    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        runs.append(day)
        await asyncio.sleep(seconds)
        return "from 8 to 18"

    # What was sent before the cut is sent again after it, as if it were new.
    house = await open_house(tools=[opening_hours], switches=Switches(reattach_replays=True))

    call = await house.play(ASKS_AND_WAITS, "sideband_cut_at_tool_call")

    assert call.attached == 2
    assert runs == ["Monday"]
    assert call.tool_outputs == [("opening_hours", "from 8 to 18")]
    assert house.outcomes == [("caller_hung_up", None)]


async def test_a_tool_runs_to_its_end_when_the_caller_leaves_and_holds_no_place(
    open_house: Open,
) -> None:
    ended: list[str] = []

    @tool
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        await asyncio.sleep(7)
        ended.append(day)
        return day

    house = await open_house(tools=[opening_hours], rules={"max_concurrent_calls": 1})
    call = await house.ring(ASKS_AND_WAITS)
    await house.until(lambda: call.tools_called)

    call.leave()
    await house.until(lambda: house.outcomes)

    assert (house.registry.live_count, house.registry.unsettled_count) == (0, 1)
    assert house.registry.calls() == []
    assert ended == []
    next_call = await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])
    next_call.leave()
    assert await house.registry.settled(30)
    assert ended == ["Monday"]
    assert house.outcomes == [("caller_hung_up", None)] * 2


async def test_a_caller_who_leaves_while_talking_ends_the_call_within_a_second(
    open_house: Open,
) -> None:
    house = await open_house()
    call = await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])

    call.leave()

    assert await house.registry.settled(1)
    assert house.outcomes == [("caller_hung_up", None)]
    assert house.verbs() == ["accept 200"]


async def test_a_leg_that_the_network_drops_ends_the_call_at_once(open_house: Open) -> None:
    house = await open_house()

    call = await house.play('caller = ["Hello?"]\nstays = 300.0', "call_drops")

    assert (await call.ended).by is EndedBy.DIED
    assert house.outcomes == [("caller_hung_up", None)]
    assert house.lines[0]["talk_s"] == pytest.approx(29, abs=2)  # the pattern of known problem 18
    assert house.verbs() == ["accept 200"]


async def operator_ends(house: House) -> None:
    (summary,) = house.registry.calls()
    assert house.registry.hang_up(summary.call_id)


@pytest.mark.parametrize(
    ("state", "fault", "verbs"),
    [
        ("accepting", "accept_slow", ["accept 200", "hangup 200"]),
        ("attaching", "session_created_late", ["accept 200", "hangup 200"]),
        ("attaching", "attach_hangs", ["accept 200", "hangup 200"]),
        ("active", "transcript_late", ["accept 200", "hangup 200"]),
        ("active", "hangup_500", ["accept 200", "hangup 500", "hangup 200"]),
        ("active", "hangup_timeout", ["accept 200", "hangup timeout", "hangup 200"]),
        ("rejecting", "reject_500", ["reject 500", "reject 200"]),
    ],
)
async def test_an_operator_ends_a_call_wherever_it_stands(
    open_house: Open, state: str, fault: str, verbs: list[str]
) -> None:
    house = await open_house(rules={"unknown_number": 404})
    number = "+12025550199" if state == "rejecting" else "+12025550100"
    call = await house.ring(f'to = "{number}"\n{STAYS}', fault)
    await house.until(lambda: house.states == [state], every=0)

    await operator_ends(house)
    assert await house.registry.settled(30)
    await call.settled()

    assert house.verbs() == verbs
    outcome = "rejected" if state == "rejecting" else "we_hung_up"
    assert house.outcomes == [(outcome, None)]


async def test_an_operator_may_ask_twice(open_house: Open) -> None:
    house = await open_house()
    await house.ring(STAYS)
    await house.until(lambda: house.states == ["active"])

    await operator_ends(house)
    await operator_ends(house)
    assert await house.registry.settled(10)

    assert house.verbs() == ["accept 200", "hangup 200"]


async def test_a_hang_up_that_nobody_confirms_is_tried_three_times_and_reported_as_such(
    open_house: Open,
) -> None:
    house = await open_house()
    call = await house.ring(STAYS, "hangup_500_always")
    await house.until(lambda: house.states == ["active"])

    await operator_ends(house)
    assert await house.registry.settled(30)

    assert house.verbs() == ["accept 200"] + ["hangup 500"] * 3
    assert house.outcomes == [("cleanup_unconfirmed", "we_hung_up")]
    call.leave()


async def test_an_operator_ends_a_transfer_that_leads_nowhere(open_house: Open) -> None:
    house = await open_house()
    await house.ring(
        """
        stays = 300.0
        caller = ["A person, please."]
        [[model]]
        heard = "person"
        says = "I will connect you."
        calls = { transfer = { target = "reception" } }
        """,
        "refer_ignored",
    )
    await house.until(lambda: "refer 200" in house.verbs())

    await operator_ends(house)
    assert await house.registry.settled(10)

    assert house.outcomes == [("we_hung_up", None)]


async def test_nobody_can_hang_up_a_call_that_is_not_there(open_house: Open) -> None:
    house = await open_house()
    await house.play("stays = 1.0")

    assert not house.registry.hang_up(house.lines[0]["call_id"])
    assert not house.registry.hang_up("018f")


class Chatterbox:
    """Asks for a tool ten times a second, whatever the real socket says."""

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self._said = 0
        self.send, self.close = inner.send, inner.close

    async def receive(self) -> str | bytes:
        self._said += 1
        if self._said == 1:
            return await self._inner.receive()  # session.created
        await asyncio.sleep(0.1)
        item = {"type": "function_call", "name": "opening_hours", "arguments": "{}"}
        output = [item | {"call_id": f"call_{self._said}", "status": "completed"}]
        response = {"id": f"resp_{self._said}", "status": "completed", "output": output}
        return json.dumps({"type": "response.done", "response": response})


class Chatterboxes:
    def __init__(self, inner: Channels) -> None:
        self._inner = inner

    async def open(self, provider_id: str) -> Chatterbox:
        return Chatterbox(await self._inner.open(provider_id))


async def test_nobody_puts_off_the_end_by_talking_faster_than_we_can_write(
    open_house: Open,
) -> None:
    house = await open_house(
        agent={"max_duration": 20.0},
        channels=Chatterboxes,
        ledger=lambda inner: WatchedLedger(inner, seconds=1.0),
    )

    await house.ring(STAYS)
    await house.quiet(300)

    assert house.outcomes == [("max_duration", None)]
    assert house.lines[0]["talk_s"] < 60
