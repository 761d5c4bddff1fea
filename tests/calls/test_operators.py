"""What an operator does to a live call: passed on, logged, counted, or refused."""

from __future__ import annotations

import pytest

from controller.calls.inbox import WISHES_LIMIT
from controller.calls.operators import NO_CALL, Refusal
from controller.sansio.agent import Target
from controller.sansio.events import ReconfigureRequested
from controller.simulator import SimulatedCall
from tests.calls.house import FRONTDESK, TARGET, House, Open

pytestmark = pytest.mark.looptime

STAYS = "stays = 300.0"
DOCTOR = "sip:+12025550124@trunk.example.net"


async def talking(house: House, scenario: str = STAYS, *faults: str) -> tuple[SimulatedCall, str]:
    """Place a call and wait until its greeting is over; return it with our id."""
    call = await house.ring(scenario, *faults)
    await house.until(lambda: call.heard)
    return call, house.registry.calls()[0].call_id


async def end(house: House) -> None:
    assert await house.registry.hang_up_all(30)


async def test_the_agent_says_what_an_operator_wants_word_by_word(open_house: Open) -> None:
    house = await open_house()
    call, call_id = await talking(house)

    assert house.registry.say(call_id, "We close in five minutes.", verbatim=True) is None

    await house.until(lambda: "We close in five minutes." in call.heard)
    await end(house)


async def test_the_model_is_told_what_an_operator_knows(open_house: Open) -> None:
    house = await open_house()
    call, call_id = await talking(house)

    assert house.registry.inject(call_id, "The caller is a regular.") is None

    await house.until(lambda: "The caller is a regular." in str(call.client_events))
    await end(house)


async def test_an_operator_transfers_the_caller(open_house: Open) -> None:
    house = await open_house()
    call, call_id = await talking(house)

    assert house.registry.transfer(call_id, "reception") is None

    await house.until(lambda: call.referred_to == [TARGET])
    assert await house.registry.settled(60)
    assert house.outcomes == [("referred_unconfirmed", None)]


async def test_the_session_is_changed(open_house: Open) -> None:
    house = await open_house()
    call, call_id = await talking(house)

    change = ReconfigureRequested(instructions="You are the night watch.")
    assert house.registry.reconfigure(call_id, change) is None

    await house.until(lambda: "You are the night watch." in str(call.client_events))
    await end(house)


async def test_what_an_operator_did_is_logged_without_its_words_and_counted(
    open_house: Open,
) -> None:
    house = await open_house()
    _, call_id = await talking(house)

    house.registry.say(call_id, "Mention the discount.")
    house.registry.say(call_id, "Once more.")
    house.registry.inject(call_id, "The caller is a regular.")
    assert house.registry.hang_up(call_id)
    assert await house.registry.settled(30)

    done = [entry for entry in house.log if entry["event"] == "operator"]
    assert [entry["verb"] for entry in done] == ["say", "say", "inject", "hangup"]
    assert {entry["call_id"] for entry in done} == {call_id}
    # The text is in a field that shows its length only.
    assert done[0]["text"] == "Mention the discount."
    assert house.lines[0]["operator_acts"] == {"say": 2, "inject": 1, "hangup": 1}


async def test_the_end_of_the_service_is_no_act_of_an_operator(open_house: Open) -> None:
    house = await open_house()
    await talking(house)

    await end(house)

    assert "operator_acts" not in house.lines[0]


async def test_a_call_that_is_not_there_cannot_be_asked(open_house: Open) -> None:
    house = await open_house()

    assert house.registry.say("nobody", "x") == NO_CALL
    assert house.registry.inject("nobody", "x") == NO_CALL
    assert house.registry.transfer("nobody", "reception") == NO_CALL
    assert not house.registry.hang_up("nobody")


@pytest.mark.parametrize("fault", ["accept_timeout_landed", "attach_hangs"])
async def test_before_the_answer_a_call_can_only_be_hung_up(open_house: Open, fault: str) -> None:
    house = await open_house()
    await house.ring(STAYS, fault)
    await house.until(lambda: house.states in (["accepting"], ["attaching"]))
    call_id = house.registry.calls()[0].call_id

    assert house.registry.say(call_id, "x") == Refusal("not_now")
    assert house.registry.inject(call_id, "x") == Refusal("not_now")
    assert house.registry.transfer(call_id, "reception") == Refusal("not_now")
    assert house.registry.hang_up(call_id)
    assert await house.registry.settled(60)


async def test_a_call_that_is_ending_can_only_be_hung_up(open_house: Open) -> None:
    house = await open_house()
    _, call_id = await talking(house, STAYS, "hangup_timeout")
    house.registry.hang_up(call_id)
    await house.until(lambda: house.states == ["ending"], every=0.01)

    assert house.registry.say(call_id, "x") == Refusal("not_now")
    assert house.registry.hang_up(call_id)
    assert await house.registry.settled(60)


async def test_a_call_that_is_over_is_none(open_house: Open) -> None:
    house = await open_house()
    call = await house.play("stays = 1.0")

    assert house.registry.say(house.lines[0]["call_id"], "x") == NO_CALL
    assert (await call.ended) is not None


async def test_an_unknown_target_is_answered_with_those_that_there_are(open_house: Open) -> None:
    house = await open_house()
    call, call_id = await talking(house)

    refused = house.registry.transfer(call_id, "nobody")

    assert refused == Refusal("unknown_target", ("reception",))
    await end(house)
    assert call.referred_to == []


async def test_a_target_that_was_tried_is_refused_and_another_one_until_it_is_time(
    open_house: Open,
) -> None:
    targets = (*FRONTDESK.targets, Target("doctor", DOCTOR, "The doctor on duty"))
    house = await open_house(agent={"targets": targets})
    call, call_id = await talking(house, STAYS, "refer_ignored")
    assert house.registry.transfer(call_id, "reception") is None
    await house.until(lambda: house.states == ["ending"])

    def refused(target: str) -> str | None:
        refusal = house.registry.transfer(call_id, target)
        assert refusal is not None
        assert refusal.known == ()
        return refusal.reason

    await house.until(lambda: refused("doctor") == "transfer_just_tried")
    assert refused("reception") == "target_tried"
    await house.until(lambda: house.states == ["active"])
    assert refused("reception") == "target_tried"
    assert call.referred_to == [TARGET]
    assert house.registry.transfer(call_id, "doctor") is None
    await house.until(lambda: call.referred_to == [TARGET, DOCTOR])
    await end(house)

    # What was refused is no act.
    assert house.lines[0]["operator_acts"] == {"transfer": 2}


async def test_wishes_are_not_heaped_up_without_a_limit(open_house: Open) -> None:
    house = await open_house()
    _, call_id = await talking(house)

    answers = [house.registry.inject(call_id, "x") for _ in range(WISHES_LIMIT + 5)]

    assert answers[0] is None
    assert answers[-1] == Refusal("too_many")
    await end(house)


async def test_while_the_sideband_is_lost_a_wish_waits(open_house: Open) -> None:
    house = await open_house()
    call, call_id = await talking(house)
    house.openai.cut_sidebands(1.0, refuse_for=5)
    await house.until(lambda: house.states == ["attaching"])

    assert house.registry.say(call_id, "Still with you.", verbatim=True) is None

    await house.until(lambda: "Still with you." in call.heard)
    await end(house)
