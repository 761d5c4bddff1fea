"""Every limit as a table: what a call takes of it, and what becomes of the call at the limit."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.errors import LocalProtocolError
from controller.sansio.policy import (
    Accept,
    Decision,
    Key,
    Limit,
    Load,
    Measure,
    NumberSet,
    Period,
    Reject,
    Rules,
    Sliding,
    admit,
    default_limits,
)
from controller.sansio.policy.limits import By
from tests.sansio.policy.offers import CALLED, CALLER, NOW, QUIET, facts, offer

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
BUSY = Reject(480)


def limit(by: By = "total", **fields: Any) -> Limit:
    return Limit(**{"name": by, "by": by, "at_most": 1, "over": BUSY} | fields)


@pytest.mark.parametrize(
    ("by", "call", "subject"),
    [
        ("total", {}, ""),
        ("number", {}, CALLED),
        ("number", {"called": None}, None),
        ("agent", {}, "frontdesk"),
        ("caller", {}, CALLER),
        ("caller", {"caller_trust": "withheld"}, CALLER),
        ("caller", {"caller": "withheld"}, None),
        ("caller", {"caller": None}, None),
        ("withheld", {"caller": "withheld"}, ""),
        ("withheld", {"caller_trust": "withheld"}, ""),
        ("withheld", {"caller": None}, ""),
        ("withheld", {}, None),
        ("untrusted", {}, ""),
        ("untrusted", {"caller_trust": "trunk"}, None),
        ("untrusted", {"caller_trust": "attested"}, None),
        ("untrusted", {"caller": "withheld"}, None),
    ],
)
def test_a_call_is_counted_with_others_of_its_kind(
    by: By, call: dict[str, Any], subject: str | None
) -> None:
    share = limit(by).share(facts(**call), "frontdesk", NOW)

    assert (None if share is None else share.key.subject) == subject


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"exempt": NumberSet.of([CALLER])}, False),
        ({"exempt": NumberSet.of(["+1303*"])}, True),
        ({"only": frozenset({CALLER})}, True),
        ({"only": frozenset({"+12025550143"})}, False),
    ],
)
def test_some_callers_are_not_counted(fields: dict[str, Any], *, counted: bool) -> None:
    assert (limit("caller", **fields).share(facts(), "a", NOW) is not None) is counted


@pytest.mark.parametrize(
    ("within", "measure", "seconds", "period", "amount"),
    [
        (None, "calls", None, None, 1.0),
        (Sliding(600), "calls", 600, None, 1.0),
        (Period("day", NEW_YORK), "calls", None, "2026-11-18", 1.0),
        (Period("month", NEW_YORK), "minutes", None, "2026-11", 0.5),
        (Period("day", NEW_YORK), "usd", None, "2026-11-18", 0.5),
    ],
)
def test_a_share_says_how_long_it_counts(
    within: Sliding | Period | None,
    measure: Measure,
    seconds: float | None,
    period: str | None,
    amount: float,
) -> None:
    share = limit(within=within, measure=measure, deposit=0.5).share(facts(), "a", NOW)

    assert share is not None
    assert (share.seconds, share.period, share.amount) == (seconds, period, amount)
    assert share.measure == measure


def test_a_limit_that_cannot_be_counted_is_refused_when_it_is_made() -> None:
    with pytest.raises(LocalProtocolError):
        limit(measure="usd")
    with pytest.raises(LocalProtocolError):
        limit(measure="minutes", within=Sliding(60))


@pytest.mark.parametrize(
    ("zone", "at", "day", "month"),
    [
        (NEW_YORK, "2026-12-31T23:59:59-05:00", "2026-12-31", "2026-12"),
        (NEW_YORK, "2027-01-01T00:00:00-05:00", "2027-01-01", "2027-01"),
        (BERLIN, "2026-12-31T23:59:59-05:00", "2027-01-01", "2027-01"),
        (NEW_YORK, "2028-02-28T23:59:59-05:00", "2028-02-28", "2028-02"),
        (NEW_YORK, "2028-02-29T12:00:00-05:00", "2028-02-29", "2028-02"),
        (NEW_YORK, "2028-03-01T00:00:00-05:00", "2028-03-01", "2028-03"),
        # The day of 23 hours and the one of 25.
        (BERLIN, "2026-03-29T00:00:00+01:00", "2026-03-29", "2026-03"),
        (BERLIN, "2026-03-29T23:59:59+02:00", "2026-03-29", "2026-03"),
        (BERLIN, "2026-10-25T00:00:00+02:00", "2026-10-25", "2026-10"),
        (BERLIN, "2026-10-25T23:59:59+01:00", "2026-10-25", "2026-10"),
        (BERLIN, "2026-10-26T00:00:00+01:00", "2026-10-26", "2026-10"),
    ],
)
def test_days_and_months_are_those_of_the_zone(
    zone: ZoneInfo, at: str, day: str, month: str
) -> None:
    now = datetime.fromisoformat(at).timestamp()

    assert (Period("day", zone).label(now), Period("month", zone).label(now)) == (day, month)


# --- at the limit --------------------------------------------------------------------------------


def decide(*limits: Limit, full: tuple[Key, ...] = (), load: Load = QUIET, **call: Any) -> Decision:
    rules = Rules({CALLED: "frontdesk"}, limits=limits)
    known = Load(load.live_calls, load.admitting, load.tokens_low, full=frozenset(full))
    return admit(offer(**call), rules, known, NOW)


def counted(decision: Decision) -> list[Key]:
    assert isinstance(decision, Accept)
    return [share.key for share in decision.shares]


def test_an_accepted_call_takes_a_share_of_each_limit_that_is_about_it() -> None:
    decision = decide(limit("number"), limit("withheld"), limit("caller"))

    assert counted(decision) == [Key("full"), Key("number", CALLED), Key("caller", CALLER)]


@pytest.mark.parametrize("by", ["total", "number", "agent", "caller", "withheld", "untrusted"])
def test_a_full_limit_refuses_with_its_own_code(by: By) -> None:
    call: dict[str, Any] = {"caller": "withheld"} if by == "withheld" else {}
    own = limit(by, over=Reject(486))
    share = own.share(facts(**call), "frontdesk", NOW)
    assert share is not None

    decision = decide(own, full=(share.key,), **call)

    assert isinstance(decision, Reject)
    assert (decision.status_code, decision.rule) == (486, by)
    assert decision.why == f"{own} is reached"
    assert isinstance(decide(own, full=(Key(by, "another"),), **call), Accept)


def test_the_first_full_limit_decides() -> None:
    first, second = limit("caller", over=Reject(480)), limit("number", over=Reject(486))

    decision = decide(first, second, full=(Key("number", CALLED), Key("caller", CALLER)))

    assert isinstance(decision, Reject)
    assert decision.status_code == 480


def test_a_full_limit_gives_the_call_to_another_agent_within_all_other_limits() -> None:
    per_agent = limit("agent", at_most=4, over=Accept("overflow"))

    decision = decide(limit("number"), per_agent, full=(Key("agent", "frontdesk"),))

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.rule) == ("overflow", "agent")
    assert counted(decision) == [Key("full"), Key("number", CALLED), Key("agent", "overflow")]


def test_a_total_that_is_full_does_not_count_who_goes_to_another_agent() -> None:
    total = limit("total", name="frontdesks", over=Accept("overflow"))
    overflow = limit("agent", only=frozenset({"overflow"}), over=Reject(503))
    full = Key("frontdesks")

    assert counted(decide(total, overflow, full=(full,))) == [
        Key("full"),
        Key("agent", "overflow"),
    ]
    refused = decide(total, overflow, full=(full, Key("agent", "overflow")))
    assert isinstance(refused, Reject)
    assert (refused.status_code, refused.rule) == (503, "agent")


def test_when_every_agent_hands_on_to_the_next_the_call_stays_with_the_last() -> None:
    ring = (
        limit("agent", name="one", only=frozenset({"frontdesk"}), over=Accept("second")),
        limit("agent", name="two", only=frozenset({"second"}), over=Accept("frontdesk")),
    )
    full = (Key("one", "frontdesk"), Key("two", "second"))

    decision = decide(*ring, full=full)

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.rule) == ("frontdesk", "two")
    assert counted(decision) == [Key("full")]


def test_a_full_limit_may_say_a_sentence_and_refer_the_caller() -> None:
    human = Accept("frontdesk", say="Please hold the line.", refer_to="reception")

    decision = decide(limit("caller", over=human), full=(Key("caller", CALLER),))

    assert isinstance(decision, Accept)
    assert (decision.say, decision.refer_to) == ("Please hold the line.", "reception")


def test_tokens_that_are_low_refuse_the_other_agent_as_well() -> None:
    low = Load(0, admitting=True, tokens_low=True)

    decision = decide(limit("caller", over=Accept("b")), full=(Key("caller", CALLER),), load=low)

    assert isinstance(decision, Reject)
    assert decision.rule == "provider_tokens"


# --- defaults ------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_operators_table() -> None:
    told = {each.name: (str(each), each.over) for each in default_limits(NEW_YORK)}

    assert told == {
        "arrivals": ("at most 5 calls in 1 s in all", Reject(503)),
        "withheld": ("at most 3 calls at once of callers without a number", Reject(480)),
        "caller": ("at most 2 calls at once of one caller", Reject(480)),
        "caller_10_min": ("at most 6 calls in 10 min of one caller", Reject(480)),
        "caller_day": ("at most 30 calls in 24 h of one caller", Reject(480)),
        "spend_day": ("at most 50 USD a day in all", Reject(503)),
    }
    (in_all,) = Rules({}).every_limit
    assert (str(in_all), in_all.over) == ("at most 10 calls at once in all", Reject(503))


@pytest.mark.parametrize(
    ("at_most", "told"),
    [
        (1, "at most 1 call at once in all"),
        (2, "at most 2 calls at once in all"),
        (1234567, "at most 1234567 calls at once in all"),
    ],
)
def test_a_limit_is_told_as_people_say_it(at_most: int, told: str) -> None:
    assert str(limit(at_most=at_most)) == told


def test_a_number_that_many_people_share_is_not_limited_as_one_caller() -> None:
    shared = default_limits(NEW_YORK, shared=NumberSet.of([CALLER]))

    names = {key.limit for key in counted(decide(*shared))}

    assert names == {"full", "arrivals", "spend_day"}
    assert names < {key.limit for key in counted(decide(*default_limits(NEW_YORK)))}
