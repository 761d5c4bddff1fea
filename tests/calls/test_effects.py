"""Tools at the end of a call, what the ledger may know of them, and the context of a transfer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from controller.calls.toolbox import STOP_LIMIT
from controller.sansio.agent import Colleague, Target
from controller.sansio.commands import RunTool
from controller.simulator import SimulatedCall
from controller.tools import CallContext, Tool, tool
from tests.calls.house import FRONTDESK, TARGET, House, Open
from tests.calls.ledgers import WatchedLedger

pytestmark = pytest.mark.looptime

CALLS_TOOL = """
stays = 300.0
caller = ["When are you open on Monday?"]
[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "4111111111111111" } }
"""
IS_TRANSFERRED = """
caller = ["A person, please."]
[[model]]
heard = "person"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
"""
IS_HANDED_ON = """
caller = ["Billing, please.", "Thanks.", { hangs_up = true }]
[[model]]
heard = "billing"
calls = { handoff = { agent = "billing" } }
[[model]]
heard = "thanks"
calls = { opening_hours = { day = "Monday" } }
"""

REFUSES_THE_TRANSCRIPT = """
caller = ["I am Zacharias. Do not write that down.", "Zacharias, that is.", { hangs_up = true }]
[[model]]
heard = "write that down"
calls = "no_transcript"
"""


def slow(ended: list[str], **options: Any) -> Tool:
    """Return a tool that takes five seconds, and tells how it ended."""

    @tool(name="opening_hours", **options)
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("finished")
        return "from 8 to 18"

    return opening_hours


async def hang_up_while_it_runs(house: House) -> SimulatedCall:
    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tools_called)
    house.registry.hang_up(house.registry.calls()[0].call_id)
    await house.until(lambda: house.outcomes)
    return call


async def test_a_tool_that_is_of_no_use_after_the_call_ends_with_it(open_house: Open) -> None:
    ended: list[str] = []
    steps: list[str] = []
    house = await open_house(
        tools=[slow(ended, cancel_on_hangup=True)],
        ledger=lambda inner: WatchedLedger(inner, steps=steps),
    )

    await hang_up_while_it_runs(house)

    assert await house.registry.settled(STOP_LIMIT)
    assert ended == ["cancelled"]
    assert [run[:2] for run in house.meter.tools] == [("opening_hours", "cancelled")]
    assert steps[-1] == "settle tool"


async def test_any_other_tool_may_finish_and_only_the_ledger_learns_of_it(
    open_house: Open,
) -> None:
    ended: list[str] = []
    steps: list[str] = []
    house = await open_house(
        tools=[slow(ended)],
        ledger=lambda inner: WatchedLedger(inner, steps=steps),
    )

    call = await hang_up_while_it_runs(house)

    assert house.registry.live_count == 0
    assert await house.registry.settled(6)
    assert ended == ["finished"]
    assert steps[-2:] == ["finish", "settle tool"]
    assert call.tool_outputs == []


async def test_a_tool_that_will_not_end_does_not_hold_the_call(open_house: Open) -> None:
    enough = asyncio.Event()

    @tool(cancel_on_hangup=True, timeout=3600)
    async def opening_hours(day: str) -> str:
        """Opening hours for a day of the week."""
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue
        return day

    house = await open_house(tools=[opening_hours])
    await hang_up_while_it_runs(house)

    assert await house.registry.settled(STOP_LIMIT + 0.1)
    assert house.meter.alarms == {"tool_runs_on": 1}
    enough.set()
    await asyncio.sleep(0.1)
    assert [run[1] for run in house.meter.tools] == ["cancelled", "late"]


async def test_the_ledger_learns_no_number_of_a_card(open_house: Open) -> None:
    kept: list[Any] = []

    class Reading(WatchedLedger):
        async def intend(self, call_id: str, epoch: int, effects: Any, snapshot: bytes) -> None:
            kept.extend(effects)
            await super().intend(call_id, epoch, effects, snapshot)

    house = await open_house(ledger=Reading)

    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tool_outputs)
    assert await house.registry.hang_up_all(30)

    (run,) = [effect for effect in kept if isinstance(effect, RunTool)]
    assert "4111" not in run.call.arguments
    assert "4111111111111111" in call.tool_outputs[0][1]  # the tool itself got it
    assert "4111111111111111" not in str(house.log)


async def test_a_tool_learns_the_id_of_its_call_and_its_agent(open_house: Open) -> None:
    contexts: list[CallContext] = []

    @tool
    async def opening_hours(day: str, *, context: CallContext) -> str:
        """Opening hours for a day of the week."""
        contexts.append(context)
        return "from 8 to 18"

    house = await open_house(tools=[opening_hours])
    call = await house.ring(CALLS_TOOL)
    await house.until(lambda: call.tool_outputs)
    assert await house.registry.hang_up_all(30)

    (context,) = contexts
    assert context.tool_call_id.startswith("call_")
    assert context.agent == "frontdesk"


async def test_after_a_hand_off_the_other_agents_tools_run(open_house: Open) -> None:
    contexts: list[CallContext] = []

    @tool
    async def opening_hours(day: str, *, context: CallContext) -> str:
        """Opening hours for a day of the week."""
        contexts.append(context)
        return "from 8 to 18"

    billing = replace(FRONTDESK, name="billing", greeting=None, tools=(opening_hours.declaration,))
    house = await open_house(
        tools=[opening_hours],
        colleagues=[billing],
        agent={"built_in": frozenset({"handoff"}), "colleagues": (Colleague("billing", "Bills"),)},
    )

    await house.play(IS_HANDED_ON)

    assert [context.agent for context in contexts] == ["billing"]
    (line,) = house.lines
    assert (line["agent"], line["hand_offs"]) == ("frontdesk", ["billing"])
    assert [entry["agent"] for entry in house.log if entry["event"] == "handed_off"] == ["billing"]


async def test_a_caller_who_refuses_the_transcript_leaves_no_word_in_the_record(
    open_house: Open,
) -> None:
    kept: list[bytes] = []

    class Reading(WatchedLedger):
        async def finish(
            self, call_id: str, epoch: int, outcome: Any, record: bytes, **used: Any
        ) -> None:
            kept.append(record)
            await super().finish(call_id, epoch, outcome, record, **used)

    house = await open_house(ledger=Reading, agent={"built_in": frozenset({"no_transcript"})})

    await house.play(REFUSES_THE_TRANSCRIPT)

    (line,) = house.lines
    assert line["transcript_refused"] is True
    assert line["transcript_lines"] > 2
    assert all(b"Zacharias" not in record and b'"transcript":[]' in record for record in kept)
    assert kept


# --- the context of a transfer -------------------------------------------------------------------


class Handover:
    def __init__(self, *, fits: bool = True) -> None:
        self.claims: list[dict[str, Any]] = []
        self._fits = fits

    def uri(self, uri: str, claims: Mapping[str, Any]) -> str | None:
        self.claims.append(dict(claims))
        return f"{uri}?User-to-User=00" if self._fits else None


def target(*, user_to_user: bool) -> dict[str, Any]:
    return {"targets": (Target("reception", TARGET, "Desk", user_to_user=user_to_user),)}


async def test_a_target_that_wants_the_callers_context_gets_it(open_house: Open) -> None:
    handover = Handover()
    house = await open_house(handover=handover, agent=target(user_to_user=True))

    call = await house.play(IS_TRANSFERRED)

    assert call.referred_to == [f"{TARGET}?User-to-User=00"]
    (claims,) = handover.claims
    assert claims == {
        "call_id": house.lines[0]["call_id"],
        "caller_shown": "+12025550101",
        "agent": "frontdesk",
        "sip_call_id": call.sip_call_id,
    }


async def test_a_number_that_is_withheld_is_not_handed_over(open_house: Open) -> None:
    handover = Handover()
    house = await open_house(handover=handover, agent=target(user_to_user=True))

    await house.play('from = "anonymous"\n' + IS_TRANSFERRED)

    assert "caller_shown" not in handover.claims[0]


@pytest.mark.parametrize(("wanted", "fits"), [(False, True), (True, False)])
async def test_without_the_wish_or_without_room_the_address_is_plain(
    open_house: Open, *, wanted: bool, fits: bool
) -> None:
    handover = Handover(fits=fits)
    house = await open_house(handover=handover, agent=target(user_to_user=wanted))

    call = await house.play(IS_TRANSFERRED)

    assert call.referred_to == [TARGET]
    assert len(handover.claims) == wanted
