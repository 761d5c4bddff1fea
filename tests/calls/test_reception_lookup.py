"""A look-up before the answer: it adds facts, chooses the agent, and never holds a call up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from controller.calls.lookups import Lookups
from controller.sansio import templating
from controller.sansio.agent import Agent, Colleague
from controller.sansio.events import ReconfigureRequested
from controller.sansio.lookup import Lookup
from controller.sansio.policy import Accept, Limit, Reject, Rule, Share
from controller.sansio.templating import Prompts
from controller.simulator import Scenario, SimulatedCall
from controller.tools import CallContext, tool
from tests.calls.house import PATIENT, TARGET, House, Open
from tests.calls.ledgers import WatchedLedger

pytestmark = pytest.mark.looptime

STAYS = "stays = 300.0"
SHORT = "stays = 5.0"
VIP = Agent(
    name="vip",
    model="gpt-realtime-2.1",
    voice="cedar",
    instructions="You serve {{ lookup.customer }}.",
    greeting="Greet the customer.",
    silence=PATIENT,
)
ANN = {"facts": {"customer": "Ann"}}
CHOICE = {"agent": "vip", **ANN}


def equip(
    house: House,
    answer: Mapping[str, Any] | Callable[[CallContext], Mapping[str, Any]] = ANN,
    *,
    seconds: float = 0.2,
    timeout: float = 1.0,
    text: str = "Serve {{ lookup.customer }}.",
) -> list[CallContext]:
    """Have calls looked up before they are answered; return what was asked."""
    asked: list[CallContext] = []

    @tool
    async def find(*, context: CallContext) -> Mapping[str, Any]:
        """Find the customer."""
        asked.append(context)
        await asyncio.sleep(seconds)
        return answer(context) if callable(answer) else answer

    lookup = Lookup(tool="find", timeout=timeout, facts={"customer": "unknown"}, agents=("vip",))
    texts = {"frontdesk": text, "vip": VIP.instructions}
    changed = replace(
        house.generations.current,
        hash="looks-up",
        lookup=Lookups(lookup, find, clock=house.world.clock, meter=house.meter),
        facts=lookup.facts,
        prompts={
            name: Prompts(instructions=templating.read(each)[0]) for name, each in texts.items()
        },
    )
    house.generations.activate(changed)
    return asked


def told(call: SimulatedCall) -> str:
    assert call.accept_body is not None
    return str(call.accept_body["instructions"])


def updates(call: SimulatedCall) -> list[str]:
    """Return the instructions that came by `session.update`."""
    sent = [each["session"] for each in call.client_events if each["type"] == "session.update"]
    return [session["instructions"] for session in sent if "instructions" in session]


async def test_what_is_found_in_time_is_in_the_accept_body(open_house: Open) -> None:
    house = await open_house()
    asked = equip(house)

    call = await house.play(SHORT)

    assert '"lookup.customer": "Ann"' in told(call)
    assert [each for each, _ in house.meter.lookups] == ["ok"]
    (line,) = house.lines
    assert line["lookup_s"] == pytest.approx(0.2)
    assert (line["lookup"], line["agent"], line["rule"]) == ("ok", "frontdesk", "number")
    assert "chosen_by_lookup" not in line
    assert [(each.caller_shown, each.called_number, each.agent) for each in asked] == [
        ("+12025550101", "+12025550100", "frontdesk")
    ]
    assert "Ann" not in repr(house.log)


async def test_the_delivery_is_answered_before_the_look_up(open_house: Open) -> None:
    house = await open_house()
    equip(house, seconds=0.9)

    call = await house.ring(SHORT)
    await house.until(lambda: house.results, every=0.01)

    assert house.meter.lookups == []
    assert house.states == ["pending"]
    await call.settled()
    assert await house.registry.settled(60)
    assert house.meter.answer_times[0] == pytest.approx(0.9, abs=0.1)


async def test_a_look_up_that_fails_leaves_the_defaults(open_house: Open) -> None:
    house = await open_house()

    def fail(_context: CallContext) -> Mapping[str, Any]:
        raise ValueError("+12025550142")

    equip(house, fail)
    call = await house.play(SHORT)

    assert '"lookup.customer": "unknown"' in told(call)
    assert house.lines[0]["lookup"] == "failed"
    assert house.outcomes == [("caller_hung_up", None)]


async def test_the_agent_that_is_chosen_answers(open_house: Open) -> None:
    house = await open_house(colleagues=[VIP])
    equip(house, CHOICE)

    call = await house.play(SHORT)

    assert told(call).startswith('You serve "lookup.customer" (the caller data).')
    assert '"lookup.customer": "Ann"' in told(call)
    assert call.accept_body["audio"]["output"]["voice"] == "cedar"  # type: ignore[index]  # told() has looked
    (line,) = house.lines
    assert (line["agent"], line["chosen_by_lookup"], line["rule"]) == ("vip", "vip", "number")


async def test_the_shares_are_those_of_the_agent_that_answers(open_house: Open) -> None:
    by_agent = [
        Limit(name=name, by="agent", at_most=1, only=frozenset({name}), over=Reject(480))
        for name in ("frontdesk", "vip")
    ]
    house = await open_house(colleagues=[VIP], rules={"limits": tuple(by_agent)})
    equip(house, CHOICE)
    first = await house.ring(STAYS)
    await house.until(lambda: first.heard)

    # The first one's place at the front desk was given back: the next gets as far as the look-up.
    second = await house.ring('from = "+12025550102"\n' + STAYS)
    await second.settled()
    first.leave()
    assert await house.registry.settled(60)

    assert (await second.ended).status_code == 480
    refused = next(line for line in house.lines if line["outcome"] == "rejected")
    assert (refused["rule"], refused["chosen_by_lookup"]) == ("vip", "vip")
    assert "agent" not in refused
    assert house.registry.live_count == 0


async def test_where_the_chosen_agent_has_no_room_the_limit_says_who_answers(
    open_house: Open,
) -> None:
    full = Limit(
        name="vips", by="agent", at_most=1, only=frozenset({"vip"}), over=Accept("frontdesk")
    )
    house = await open_house(colleagues=[VIP], rules={"limits": (full,)})
    equip(house, CHOICE)
    first = await house.ring(STAYS)
    await house.until(lambda: first.heard)

    second = await house.ring('from = "+12025550102"\n' + SHORT)
    await second.settled()
    first.leave()
    assert await house.registry.settled(60)

    assert '"lookup.customer": "Ann"' in told(second)
    (line,) = (each for each in house.lines if each["rule"] == "vips")
    assert (line["agent"], line["chosen_by_lookup"]) == ("frontdesk", "vip")


async def test_a_call_in_the_last_place_may_change_its_agent(open_house: Open) -> None:
    house = await open_house(colleagues=[VIP], rules={"max_concurrent_calls": 1})
    equip(house, CHOICE)

    await house.play(SHORT)

    assert house.lines[0]["agent"] == "vip"


async def test_what_comes_late_is_told_to_the_session(open_house: Open) -> None:
    house = await open_house(agent={"silence": PATIENT})
    equip(house, seconds=4.0)

    call = await house.play("stays = 20.0")

    assert '"lookup.customer": "unknown"' in told(call)
    (update,) = updates(call)
    assert update == told(call).replace('"unknown"', '"Ann"')
    assert [each for each, _ in house.meter.lookups] == ["timeout", "late"]
    (line,) = house.lines
    assert (line["lookup"], line["agent"]) == ("late", "frontdesk")
    assert line["lookup_s"] == pytest.approx(4.0, abs=0.1)


async def test_what_comes_between_accept_and_session_is_told_when_there_is_one(
    open_house: Open,
) -> None:
    house = await open_house(agent={"silence": PATIENT})
    equip(house, seconds=2.0)  # the accept takes three

    call = await house.play("stays = 20.0", "accept_slow")

    assert [each.count('"Ann"') for each in updates(call)] == [1]


async def test_a_late_choice_of_agent_is_noted_and_not_followed(open_house: Open) -> None:
    house = await open_house(agent={"silence": PATIENT}, colleagues=[VIP])
    equip(house, CHOICE, seconds=4.0)

    call = await house.play("stays = 20.0")

    assert all("You serve" not in each for each in (told(call), *updates(call)))
    (line,) = house.lines
    assert (line["agent"], line["lookup_late_agent"]) == ("frontdesk", "vip")
    assert "chosen_by_lookup" not in line


async def test_late_facts_that_no_text_names_change_nothing(open_house: Open) -> None:
    house = await open_house(agent={"silence": PATIENT})
    equip(house, seconds=4.0, text="Serve {{ caller_name }}.")

    call = await house.play("stays = 20.0")

    assert updates(call) == []
    assert house.lines[0]["lookup"] == "late"


async def test_what_never_comes_changes_nothing(open_house: Open) -> None:
    house = await open_house(agent={"silence": PATIENT})
    equip(house, seconds=90.0)

    call = await house.play("stays = 50.0")

    assert updates(call) == []
    assert (house.lines[0]["lookup"], house.meter.lookups) == ("timeout", [("timeout", 1.0)])


async def test_an_operator_who_changes_something_else_keeps_no_facts_away(
    open_house: Open,
) -> None:
    house = await open_house(agent={"silence": PATIENT})
    equip(house, seconds=6.0)
    call = await house.ring("stays = 20.0")
    await house.until(lambda: call.heard)

    (live,) = house.registry.calls()
    change = ReconfigureRequested(turn_detection={"type": "semantic_vad"})
    assert house.registry.reconfigure(live.call_id, change) is None
    await call.settled()
    assert await house.registry.settled(60)

    assert [each.count('"Ann"') for each in updates(call)] == [1]


async def test_an_operators_instructions_are_not_replaced_by_late_facts(open_house: Open) -> None:
    house = await open_house(agent={"silence": PATIENT})
    equip(house, seconds=6.0)
    call = await house.ring("stays = 20.0")
    await house.until(lambda: call.heard)

    (live,) = house.registry.calls()
    assert house.registry.reconfigure(live.call_id, ReconfigureRequested("Be brief.")) is None
    await call.settled()
    assert await house.registry.settled(60)

    assert updates(call) == ["Be brief."]


HANDS_ON = """
caller = ["The VIP desk, please.", { waits = 9 }, "Bye."]

[[model]]
heard = "VIP"
calls = { handoff = { agent = "vip" } }
"""


@pytest.mark.parametrize("seconds", [2.0, 12.0], ids=["before the hand-off", "after it"])
async def test_who_takes_the_call_over_is_told_what_came_late(
    open_house: Open, seconds: float
) -> None:
    house = await open_house(
        agent={
            "silence": PATIENT,
            "built_in": frozenset({"handoff"}),
            "colleagues": (Colleague("vip", "Serves customers."),),
        },
        colleagues=[VIP],
    )
    equip(house, seconds=seconds)

    call = await house.play(HANDS_ON)

    assert house.lines[0]["hand_offs"] == ["vip"]
    assert house.lines[0]["lookup"] == "late"
    last = updates(call)[-1]
    assert last.startswith("You serve")
    assert '"lookup.customer": "Ann"' in last


async def test_a_call_that_is_over_ends_the_look_up(open_house: Open) -> None:
    house = await open_house()
    equip(house, seconds=25.0)

    await house.play(SHORT)

    assert house.lines[0]["lookup"] == "timeout"
    assert house.lines[0]["total_s"] < 15.0


async def test_a_caller_who_has_left_meanwhile_is_gone(open_house: Open) -> None:
    house = await open_house()
    equip(house, seconds=0.8)

    call = await house.ring(STAYS)
    await house.until(lambda: house.results, every=0.01)
    call.leave()
    await house.quiet()

    assert house.outcomes == [("caller_gone", None)]
    assert house.verbs() == ["accept 404"]


async def test_a_service_that_begins_to_drain_meanwhile_answers_the_call(open_house: Open) -> None:
    house = await open_house(colleagues=[VIP])
    equip(house, CHOICE, seconds=0.8)

    call = await house.ring(SHORT)
    await house.until(lambda: house.results, every=0.01)
    house.registry.start_draining()
    await call.settled()
    assert await house.registry.settled(60)

    assert house.outcomes == [("caller_hung_up", None)]
    assert house.lines[0]["agent"] == "vip"


async def test_a_service_that_stops_meanwhile_refuses_the_call_at_once(open_house: Open) -> None:
    house = await open_house(colleagues=[VIP])
    equip(house, CHOICE, seconds=4.0, timeout=5.0)

    call = await house.ring(STAYS)
    await house.until(lambda: house.results, every=0.01)
    assert await house.registry.hang_up_all(3.0)

    assert (await call.ended).status_code == 503
    assert house.outcomes == [("rejected", "undecided")]
    assert house.lines[0]["total_s"] < 1.0


class HesitantLedger(WatchedLedger):
    """Takes ten seconds over the second reservation, the one for the agent that was chosen."""

    async def reserve(self, call_id: str, shares: Sequence[Share]) -> Share | None:
        self.steps.append("reserve")
        if self.steps.count("reserve") == 2:
            await asyncio.sleep(10.0)
        return await self.inner.reserve(call_id, shares)


async def test_shares_that_are_taken_when_the_call_was_refused_already_are_given_back(
    open_house: Open,
) -> None:
    one = Limit(name="one", by="agent", at_most=1, only=frozenset({"vip"}), over=Reject(480))
    house = await open_house(colleagues=[VIP], rules={"limits": (one,)}, ledger=HesitantLedger)
    equip(house, CHOICE)
    call = await house.ring(STAYS)
    await house.until(lambda: house.lines)
    assert (await call.ended).status_code == 503
    await house.quiet()

    other = await house.ring('from = "+12025550102"\n' + SHORT)
    await other.settled()
    assert await house.registry.settled(60)

    assert house.outcomes == [("rejected", "undecided"), ("caller_hung_up", None)]
    assert house.lines[1]["agent"] == "vip"


async def test_a_limit_longer_than_the_decision_usually_has_is_waited_for(open_house: Open) -> None:
    house = await open_house()
    equip(house, seconds=4.0, timeout=5.0)

    call = await house.play(SHORT)

    assert '"Ann"' in told(call)
    assert house.meter.alarms["slow_answer"] == 1


async def test_who_is_refused_or_only_referred_is_not_looked_up(open_house: Open) -> None:
    refer = Rule("closed", (), Accept("frontdesk", say="We are closed.", refer_to="reception"))
    house = await open_house(rules={"ordered": (refer,)})
    asked = equip(house)
    call = await house.play(SHORT)
    assert call.referred_to == [TARGET]

    house = await open_house(rules={"ordered": (Rule("blocked", (), Reject(603)),)})
    asked += equip(house)
    await house.play(SHORT)

    assert asked == []
    assert all("lookup" not in line for line in house.lines)


async def test_words_that_a_rule_wants_said_are_said_by_the_agent_that_is_chosen(
    open_house: Open,
) -> None:
    says = Rule("holiday", (), Accept("frontdesk", say="We are closed today."))
    house = await open_house(rules={"ordered": (says,)}, colleagues=[VIP])
    equip(house, CHOICE)

    await house.play(Scenario(stays=8.0))

    assert (house.lines[0]["agent"], house.lines[0]["rule"]) == ("vip", "holiday")
