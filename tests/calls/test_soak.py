"""A thousand calls of every kind, one in five with a fault: each ends as it should.

`make soak` plays ten thousand. Time is virtual, the sockets are real.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections import Counter
from dataclasses import replace

import pytest

from controller.sansio.agent import Budget, Keypad, MenuEntry, Silence
from controller.sansio.usage import PriceEntry, Prices
from controller.simulator import SimulatedCall, parse
from controller.store.memory import MemoryLedger
from controller.tools import tool
from tests.calls.house import House, Open

CALLS = int(os.environ.get("CONTROLLER_SOAK_CALLS", "1000"))
PER_SECOND = 5.0
FEW = 200
"""Objects of one type that a house may have however many calls it took: rows of tables, agents, and
a cache of numbers."""
KEPT = frozenset({"Message"})
"""What callers left stays in the ledger, which has a bound of its own."""

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
TWO_TOOLS = """
caller = ["Monday and my file, please.", "Goodbye."]
[[model]]
heard = "my file"
calls = [{ opening_hours = { day = "Monday" } }, { look_slowly = { what = "the file" } }]
[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""
GONE_DURING_A_TOOL = """
caller = ["My file, please.", { waits = 3 }, { hangs_up = "at once" }]
[[model]]
heard = "my file"
calls = { look_slowly = { what = "the file" } }
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
MENU = """
from = "anonymous"
caller = [{ presses = "0", over = true }]
"""
DIGITS = """
caller = ["I want to say my number.", { presses = "4711#" }, "Goodbye."]
[[model]]
heard = "my number"
says = "Please type it."
calls = { collect_digits = { purpose = "the number" } }
[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""
MESSAGE = """
caller = ["Take a message.", "Goodbye."]
[[model]]
heard = "message"
calls = { take_message = { name = "Doe", number = "+12025550199", reason = "-", urgency = "low" } }
[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""
BARGE_IN = """
caller = [{ says = "No, stop!", over = true, after = 0.5 }, "Goodbye."]
[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""
CHATTER = 'caller = ["Hello?", "Never mind.", { hangs_up = true }]'
IN_A_HURRY = 'caller = [{ waits = 0.7 }, { hangs_up = "at once" }]'
WRONG_NUMBER = 'to = "+12025550199"'
GHOST = "stays = 300.0"
IDLE = 'caller = ["Hello?"]\nstays = 300.0'
STORIES = ("My tooth hurts.", "It began on Friday.", "Then it was gone.", "It came back at night.")
TALKATIVE = f"stays = 300.0\ncaller = {[*STORIES * 12]}"

GOOD = [
    (HOURS, "", "we_hung_up"),
    (CHATTER, "", "caller_hung_up"),
    (PERSON, "", "referred_unconfirmed"),
    (TWO_TOOLS, "", "we_hung_up"),
    (DIGITS, "", "we_hung_up"),
    (SILENT_END, "", "we_hung_up"),
    (MENU, "", "referred_unconfirmed"),
    (IN_A_HURRY, "", "caller_hung_up"),
    (MESSAGE, "", "we_hung_up"),
    (WRONG_NUMBER, "", "rejected"),
    (GHOST, "", "idle"),
    (GONE_DURING_A_TOOL, "", "caller_hung_up"),
    (IDLE, "", "idle"),
    (BARGE_IN, "", "we_hung_up"),
    (TALKATIVE, "", "max_duration"),
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
    (GHOST, "sideband_lost", "referred_unconfirmed"),
    (HOURS, "hangup_500", "we_hung_up"),
    (SILENT_END, "hangup_timeout", "we_hung_up"),
    (PERSON, "refer_timeout_landed", "referred_unconfirmed"),
    (HOURS, "malformed_frames", "we_hung_up"),
    (HOURS, "response_conflict", "we_hung_up"),
    (HOURS, "response_failed", "we_hung_up"),
    (IDLE, "response_failed_always", "referred_unconfirmed"),
    (TWO_TOOLS, "tool_call_repeated", "we_hung_up"),
    (DIGITS, "response_created_late", "we_hung_up"),
    (WRONG_NUMBER, "reject_timeout", "rejected"),
    (CHATTER, "caller_gives_up", "caller_gone"),
    (BARGE_IN, "transcript_failed", "we_hung_up"),
    (HOURS, "usage_missing", "we_hung_up"),
]

PRICES = PriceEntry("gpt-realtime-2.1", 0.0, Prices(input_audio=32.0, output_audio=64.0))


@tool(timeout=20)
async def look_slowly(what: str) -> str:
    """Look something up."""
    await asyncio.sleep(9)
    return what


@tool
async def opening_hours(day: str) -> str:
    """Opening hours for a day of the week."""
    return f"{day}: from 8 to 18"


@pytest.mark.no_cover  # other tests reach every line; tracing would double its time
@pytest.mark.looptime
@pytest.mark.timeout(max(1200, CALLS))
async def test_a_thousand_calls_end_as_they_should_and_leave_nothing(open_house: Open) -> None:
    before = in_memory()
    ledgers: list[MemoryLedger] = []

    def keep(ledger: MemoryLedger) -> MemoryLedger:
        ledgers.append(ledger)
        return ledger

    house = await open_house(
        agent={
            "built_in": frozenset({"hang_up", "transfer", "collect_digits", "take_message"}),
            "fallback": "reception",
            "keypad": Keypad(menu=(MenuEntry("0", "transfer", "reception"),)),
            "silence": Silence(ringing_out=600.0),
            "budget": Budget(usd=50.0),
            "max_duration": 120.0,
            "warn_before": 20.0,
        },
        tools=(opening_hours, look_slowly),
        prices=[PRICES],
        ledger=keep,
        rules={"max_concurrent_calls": CALLS, "unknown_number": 404},
    )
    expected = await place(house)
    assert await house.registry.settled(300)

    ended = {line["provider_id"]: line["outcome"] for line in house.lines}
    wrong = {
        provider_id: (kind, outcome, ended.get(provider_id))
        for provider_id, (kind, outcome) in expected.items()
        if ended.get(provider_id) != outcome
    }
    assert wrong == {}
    assert Counter(len(house.openai.journal.of(each)) > 0 for each in ended)[True] == CALLS
    assert len(house.lines) == CALLS
    assert max(house.meter.live) > 30
    assert_nothing_is_left(house, ledgers[0])
    assert left_in_memory(before) == {}


async def place(house: House) -> dict[str, tuple[str, str]]:
    """Let all calls ring and end; return what each was, and how it is to end."""
    good, faulty = itertools.cycle(GOOD), itertools.cycle(FAULTY)
    expected: dict[str, tuple[str, str]] = {}
    calls: list[SimulatedCall] = []
    for number in range(CALLS):
        text, fault, outcome = next(faulty) if number % 5 == 0 else next(good)
        scenario = parse(text)
        if scenario.caller != "anonymous":  # nobody may be taken for a returned transfer
            scenario = replace(scenario, caller=f"+1202555{100 + number % 100:04}")
        call = await house.openai.place_call(scenario, faults=[fault] if fault else [])
        expected[call.call_id] = (f"{text.strip()[:40]} / {fault}", outcome)
        calls.append(call)
        await asyncio.sleep(1 / PER_SECOND)
    for call in calls:
        await call.settled()
    return expected


def assert_nothing_is_left(house: House, ledger: MemoryLedger) -> None:
    """No place, no socket, no task, no machine; timers and descriptors are the fixture's part."""
    assert (house.meter.live[-1], house.registry.live_count) == (0, 0)
    assert (house.registry.unsettled_count, house.registry.calls()) == (0, [])
    assert all(call.sidebands == [] for call in house.openai.calls.values())
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("call:")] == []
    assert (ledger._live, ledger._counts._places, ledger._counts._taken) == ({}, {}, {})


def in_memory() -> Counter[str]:
    """Return how many objects of ours there are, by type."""
    gc.collect()
    return Counter(
        kind.__qualname__
        for kind in map(type, gc.get_objects())
        if str(kind.__module__).startswith(("controller.calls.", "controller.sansio."))
    )


def left_in_memory(before: Counter[str]) -> dict[str, int]:
    """Return what there is more of than a house has by itself; other tests leave theirs, too."""
    grown = in_memory() - before
    return {name: count for name, count in grown.items() if count > FEW and name not in KEPT}
