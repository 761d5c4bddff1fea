"""Every condition, as a table: what it asks, of which call, and the answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.hours import Calendar, Hours
from controller.sansio.policy import NumberSet
from controller.sansio.policy.conditions import (
    All,
    Attested,
    Called,
    CallerCountry,
    CallerIn,
    CallerTrusted,
    CallerWithheld,
    Condition,
    FromHost,
    FromTrunk,
    HasPriority,
    HeaderContains,
    HeaderIs,
    HeaderPresent,
    MediaSecurity,
    Not,
    OpenAt,
)
from tests.sansio.policy.offers import CALLED, CALLER, NOW, facts

SECRET = "a shared secret"
OFFICE = Calendar(
    Hours(ZoneInfo("America/New_York"), tuple((day, 480, 1020) for day in range(5))),
)


def numbers(*entries: str) -> NumberSet:
    return NumberSet.of(entries)


def headers(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"x_headers": pairs}


TABLE: list[tuple[Condition, dict[str, Any], bool]] = [
    (Called(numbers(CALLED)), {}, True),
    (Called(numbers(CALLED)), {"called": "+12025550101"}, False),
    (Called(numbers("+1202555*")), {}, True),
    (Called(numbers("+1202556*")), {}, False),
    (Called(numbers("*")), {"called": "+493012345"}, True),
    (Called(numbers("*")), {"called": None}, False),
    (Called(numbers()), {}, False),
    (CallerIn(numbers(CALLER)), {}, True),
    (CallerIn(numbers(CALLER)), {"caller": "+12025550143"}, False),
    (CallerIn(numbers("+1202*")), {}, True),
    (CallerIn(numbers("+44*", "+12025551*")), {}, False),
    (CallerIn(numbers("*")), {"caller": None}, False),
    (CallerIn(numbers("*")), {"caller": "withheld"}, False),
    (CallerCountry(frozenset({"US"})), {}, True),
    (CallerCountry(frozenset({"CA", "MX"})), {}, False),
    (CallerCountry(frozenset({"CA"})), {"caller": "+14165550142"}, True),
    (CallerCountry(frozenset({"US"})), {"caller": None}, False),
    (CallerWithheld(), {"caller": "withheld"}, True),
    (CallerWithheld(), {"caller_trust": "withheld"}, True),
    (CallerWithheld(), {}, False),
    (CallerWithheld(), {"caller": None}, False),
    (CallerTrusted(frozenset({"attested", "trunk"})), {"caller_trust": "trunk"}, True),
    (CallerTrusted(frozenset({"attested"})), {"caller_trust": "trunk"}, False),
    (HeaderIs("x-key", SECRET), headers(("x-key", SECRET)), True),
    (HeaderIs("x-key", SECRET), headers(("x-key", "no"), ("x-key", SECRET)), True),
    (HeaderIs("x-key", SECRET), headers(("x-key", SECRET.upper())), False),
    (HeaderIs("x-key", SECRET), headers(("x-other", SECRET)), False),
    (HeaderIs("x-key", SECRET), headers(("x-key", SECRET + " ")), False),
    (HeaderIs("x-key", SECRET), {}, False),
    (HeaderIs("x-key", "schlüssel"), headers(("x-key", "schlüssel")), True),
    (HeaderIs("x-key", SECRET), headers(("x-key", "\ud800")), False),
    (HeaderContains("x-tenant", "ACME"), headers(("x-tenant", "the acme company")), True),
    (HeaderContains("x-tenant", "acme"), headers(("x-tenant", "another")), False),
    (HeaderContains("x-tenant", "acme"), {}, False),
    (HeaderPresent("x-tenant"), headers(("x-tenant", "")), True),
    (HeaderPresent("x-tenant"), headers(("x-other", "x-tenant")), False),
    (HeaderPresent("user-to-user"), {"user_to_user": ("56a3;encoding=hex",)}, True),
    (HeaderIs("privacy", "id"), {"privacy": ("id", "critical")}, True),
    (HeaderIs("priority", "urgent"), {"priority": "urgent"}, True),
    (MediaSecurity(frozenset({"srtp"})), {"media_security": "srtp"}, True),
    (MediaSecurity(frozenset({"srtp"})), {"media_security": "rtp"}, False),
    (MediaSecurity(frozenset({"srtp"})), {}, False),
    (Attested(frozenset({"A", "B"})), {"attestation": "B"}, True),
    (Attested(frozenset({"A"})), {"attestation": "B"}, False),
    (Attested(frozenset({"A"})), {}, False),
    (HasPriority(frozenset({"emergency"})), {"priority": "emergency"}, True),
    (HasPriority(frozenset({"emergency"})), {"priority": "non-urgent"}, False),
    (FromHost(frozenset({"trunk.example.net"})), {"from_host": "trunk.example.net"}, True),
    (FromHost(frozenset({"trunk.example.net"})), {"from_host": "example.net"}, False),
    (FromHost(frozenset({"trunk.example.net"})), {}, False),
    (FromTrunk(), {"is_from_trunk": True}, True),
    (FromTrunk(), {"is_from_trunk": False}, False),
    (FromTrunk(), {}, False),
    (All(()), {}, True),
    (All((Called(numbers(CALLED)), CallerWithheld())), {"caller": "withheld"}, True),
    (All((Called(numbers(CALLED)), CallerWithheld())), {}, False),
]


@pytest.mark.parametrize(("condition", "call", "holds"), TABLE)
def test_a_condition_holds_or_not(
    condition: Condition, call: dict[str, Any], *, holds: bool
) -> None:
    assert condition.holds(facts(**call), NOW) is holds
    assert Not(condition).holds(facts(**call), NOW) is not holds


def test_the_table_has_every_condition_both_ways() -> None:
    with_their_own_tests = {OpenAt, Not}
    answers = {(type(condition), holds) for condition, _, holds in TABLE}

    assert answers == {
        (each, holds)
        for each in set(get_args(Condition)) - with_their_own_tests
        for holds in (True, False)
    }


@pytest.mark.parametrize(("hour", "is_open"), [(12, False), (13, True), (21, True), (22, False)])
def test_opening_hours_are_asked_at_the_moment_of_the_call(hour: int, *, is_open: bool) -> None:
    at = datetime(2026, 11, 18, hour, 30, tzinfo=UTC).timestamp()  # five hours later than there

    assert OpenAt(OFFICE).holds(facts(), at) is is_open


def every_condition() -> list[Condition]:
    return [*(condition for condition, _, _ in TABLE), OpenAt(OFFICE, "office"), OpenAt(OFFICE)]


@pytest.mark.parametrize("condition", every_condition())
def test_a_condition_says_what_it_asks_without_numbers_and_wanted_values(
    condition: Condition,
) -> None:
    told = str(condition) + repr(condition) + str(Not(condition)) + repr(Not(condition))

    assert "555" not in told
    assert SECRET not in told
    assert str(condition) == str(condition).strip()


def test_a_condition_is_named_by_its_list_its_hours_or_what_it_wants() -> None:
    assert str(CallerIn(numbers(CALLER), "blocked")) == "the caller is on the list blocked"
    assert str(OpenAt(OFFICE, "office")) == "it is within the hours office"
    assert str(Not(CallerWithheld())) == "the caller's number is not withheld"
    assert str(Not(OpenAt(OFFICE, "office"))) == "it is outside the hours office"
    assert str(Not(FromTrunk())) == "the call lacks the trunk's secret header"
    assert str(Not(CallerCountry(frozenset({"RU"})))) == "not: the caller's number is of RU"
    assert str(CallerCountry(frozenset({"RU", "DE"}))) == "the caller's number is of DE or RU"
    both = All((CallerWithheld(), FromTrunk()))
    assert str(both) == (
        "the caller's number is withheld and the call carries the trunk's secret header"
    )
    assert str(MediaSecurity(frozenset())) == "the media is none of the configured"


anything = st.text(st.characters(exclude_categories=()), max_size=20)


@given(
    wanted=anything,
    found=st.lists(st.tuples(st.sampled_from(["x-a", "x-b"]), anything), max_size=4).map(tuple),
)
def test_headers_are_compared_as_they_are_whatever_they_hold(
    wanted: str, found: tuple[tuple[str, str], ...]
) -> None:
    call = facts(x_headers=found)
    values = [value for name, value in found if name == "x-a"]

    assert HeaderIs("x-a", wanted).holds(call, NOW) == (wanted in values)
    assert HeaderPresent("x-a").holds(call, NOW) == bool(values)
    assert HeaderContains("x-a", wanted).holds(call, NOW) == any(
        wanted.casefold() in value.casefold() for value in values
    )
