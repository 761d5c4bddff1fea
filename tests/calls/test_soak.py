"""Two hundred calls of every kind, one in five with a fault: each ends as it should."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from controller.simulator import SimulatedCall, parse
from tests.calls.house import PATIENT, Open

CALLS = 200
PER_SECOND = 5.0

HOURS = """
caller = ["When are you open on Monday?", "Thanks, goodbye."]
[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }
[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""
SILENT_END = """
caller = ["That is all."]
[[model]]
heard = "that is all"
calls = "hang_up"
"""
# Withheld, because a caller who is known and rings again within a minute is a returned transfer.
PERSON = """
from = "anonymous"
caller = ["A person, please."]
[[model]]
heard = "person"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
"""
CHATTER = 'caller = ["Hello?", "Never mind.", { hangs_up = true }]'
IN_A_HURRY = 'caller = [{ waits = 0.7 }, { hangs_up = "at once" }]'
WRONG_NUMBER = 'to = "+12025550199"'
STAYS = "stays = 120.0"

GOOD = [
    (HOURS, "", "we_hung_up"),
    (CHATTER, "", "caller_hung_up"),
    (PERSON, "", "referred_unconfirmed"),
    (SILENT_END, "", "we_hung_up"),
    (IN_A_HURRY, "", "caller_hung_up"),
    (WRONG_NUMBER, "", "rejected"),
    (STAYS, "", "max_duration"),
]
FAULTY = [
    (HOURS, "sideband_cut", "we_hung_up"),
    (HOURS, "sideband_cut_at_tool_call", "we_hung_up"),
    (CHATTER, "accept_404", "caller_gone"),
    (CHATTER, "accept_500_landed", "caller_hung_up"),
    (CHATTER, "accept_timeout", "accept_unknown"),
    (CHATTER, "accept_429", "rejected"),
    (CHATTER, "accept_400_always", "accept_failed"),
    (HOURS, "accept_400_unknown_parameter", "we_hung_up"),
    (CHATTER, "attach_404", "caller_hung_up"),
    (CHATTER, "session_created_never", "attach_failed"),
    (STAYS, "sideband_lost", "sideband_lost"),
    (HOURS, "hangup_500", "we_hung_up"),
    (SILENT_END, "hangup_timeout", "we_hung_up"),
    (PERSON, "refer_timeout_landed", "referred_unconfirmed"),
    (HOURS, "malformed_frames", "we_hung_up"),
    (HOURS, "response_conflict", "we_hung_up"),
    (WRONG_NUMBER, "reject_timeout", "rejected"),
    (CHATTER, "caller_gives_up", "caller_gone"),
]


@pytest.mark.looptime
async def test_two_hundred_calls_end_as_they_should_and_leave_nothing(open_house: Open) -> None:
    house = await open_house(
        agent={"max_duration": 60.0, "silence": PATIENT},
        rules={"max_concurrent_calls": CALLS, "unknown_number": 404},
    )
    good, faulty = itertools.cycle(GOOD), itertools.cycle(FAULTY)
    expected: dict[str, tuple[str, str]] = {}
    calls: list[SimulatedCall] = []
    for number in range(CALLS):
        text, fault, outcome = next(faulty) if number % 5 == 0 else next(good)
        call = await house.openai.place_call(parse(text), faults=[fault] if fault else [])
        expected[call.call_id] = (fault, outcome)
        calls.append(call)
        await asyncio.sleep(1 / PER_SECOND)

    for call in calls:
        await call.settled()
    assert await house.registry.settled(120)

    ended = {line["provider_id"]: line["outcome"] for line in house.lines}
    wrong = {
        provider_id: (fault, outcome, ended.get(provider_id))
        for provider_id, (fault, outcome) in expected.items()
        if ended.get(provider_id) != outcome
    }
    assert wrong == {}
    assert len(house.lines) == CALLS
    assert max(house.meter.live) > 30
    assert (house.meter.live[-1], house.registry.live_count) == (0, 0)
    assert all(call.sidebands == [] for call in calls)
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("call:")] == []
    assert house.meter.alarms == {}
