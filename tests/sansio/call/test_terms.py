"""What the call's machine is told of its agent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from controller.sansio.agent import Colleague, Keypad, McpServer, Silence, Target
from controller.sansio.call import TargetTerms, ToolTerms, terms_of
from controller.sansio.hours import Hours
from tests.sansio.driving import AGENT, START

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC).timestamp()
NINE_TO_FIVE = Hours(UTC, tuple((day, 540, 1020) for day in range(5)))


def test_a_target_without_hours_is_always_open() -> None:
    terms = terms_of(AGENT, now=START)
    target = terms.target("reception")
    assert target is not None
    assert target.is_open(START)
    assert target.is_open(START + 1e9)


def test_a_target_with_hours_is_open_within_them() -> None:
    agent = replace(AGENT, targets=(Target("desk", "tel:+12025550123", "", NINE_TO_FIVE, ("x",)),))
    target = terms_of(agent, now=MONDAY).target("desk")
    assert target is not None
    assert target.next == ("x",)
    assert not target.is_open(MONDAY)
    assert not target.is_open(MONDAY + 3599.0)
    assert target.is_open(MONDAY + 3600.0)
    assert target.is_open(MONDAY + 7200.0)


def test_a_window_ends_before_its_last_instant() -> None:
    target = TargetTerms("desk", "tel:+12025550123", windows=((10.0, 20.0),))
    assert [target.is_open(at) for at in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]


def test_a_target_that_returned_the_caller_is_not_offered() -> None:
    terms = terms_of(AGENT, now=START, returned_from=frozenset({"reception"}))
    assert terms.offered == {"doctor"}
    assert terms.returned_from == {"reception"}


def test_what_the_agents_file_says_reaches_the_machine() -> None:
    server = McpServer("crm", "https://crm.example", approved_tools=("find",))
    agent = replace(
        AGENT,
        disclosure=False,
        greeting="",
        fallback="doctor",
        colleagues=(Colleague("billing", "Bills"),),
        keypad=Keypad(max_digits=4),
        silence=Silence(awaited=30.0),
        mcp=(server,),
        max_duration=60.0,
        warn_before=5.0,
        at_the_end="transfer",
    )
    terms = terms_of(agent, now=START, capacity_code=480)
    assert (terms.disclosure, terms.greeting, terms.fallback) == (None, None, "doctor")
    assert terms.colleagues == {"billing"}
    assert (terms.keypad.max_digits, terms.awaited) == (4, 30.0)
    assert terms.approved == {("crm", "find")}
    assert (terms.max_duration, terms.warn_before, terms.at_the_end) == (60.0, 5.0, "transfer")
    assert (terms.agent, terms.capacity_code) == ("frontdesk", 480)
    assert terms.tool("opening_hours") == ToolTerms("opening_hours")
    assert terms.tool("unknown") == ToolTerms("unknown")
    assert terms.target("nobody") is None
    assert terms.target(None) is None
