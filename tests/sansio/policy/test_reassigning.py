"""Another agent, chosen by a look-up: the rules stand, the room is asked for anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.policy import Accept, Limit, Load, Reject, Rules, admit, reassign
from tests.sansio.policy.offers import CALLED, NOW, QUIET, offer

CHOSEN = "vip"
VIPS = Limit(name="vips", by="agent", at_most=1, only=frozenset({CHOSEN}), over=Reject(480))
DESK = replace(VIPS, name="desk", only=frozenset({"frontdesk"}))


def decided(limits: tuple[Limit, ...], load: Load = QUIET) -> Accept | Reject:
    rules = Rules({CALLED: "frontdesk"}, limits=limits)
    incoming = offer()
    accepted = admit(incoming, rules, load, NOW)
    assert isinstance(accepted, Accept)
    accepted = replace(accepted, agent_name=CHOSEN)
    return reassign(accepted, incoming=incoming, rules=rules, load=load, now=NOW)


def names(decision: Accept | Reject) -> list[str]:
    assert isinstance(decision, Accept)
    return [share.key.limit for share in decision.shares]


def test_the_rule_stays_and_the_shares_are_those_of_the_agent_that_was_chosen() -> None:
    decision = decided((VIPS, DESK))

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.rule) == (CHOSEN, "number")
    assert names(decision) == ["full", "vips"]


def full(key: Any) -> Load:
    return replace(QUIET, full=frozenset({key}))


def test_a_limit_that_is_full_decides_as_usual() -> None:
    decision = decided((VIPS,))
    assert isinstance(decision, Accept)
    key = decision.shares[-1].key

    refused = decided((VIPS,), full(key))
    assert isinstance(refused, Reject)
    assert (refused.status_code, refused.rule) == (480, "vips")

    instead = decided((replace(VIPS, over=Accept("overflow", say="One moment.")),), full(key))
    assert isinstance(instead, Accept)
    assert (instead.agent_name, instead.rule, instead.say) == ("overflow", "vips", "One moment.")
    assert names(instead) == ["full"]


def test_whether_the_call_is_taken_at_all_is_not_asked_again() -> None:
    rules = Rules({})
    elsewhere = Accept(CHOSEN, "partner")

    decision = reassign(
        elsewhere, incoming=offer(), rules=rules, load=replace(QUIET, admitting=False), now=NOW
    )

    assert isinstance(decision, Accept)
    assert decision.rule == "partner"


@given(st.floats(allow_nan=True) | st.integers(-(10**18), 10**18), st.integers(0, 20))
def test_it_is_total(now: float, live_calls: int) -> None:
    load = replace(QUIET, live_calls=live_calls)

    decision = reassign(
        Accept(CHOSEN), incoming=offer(), rules=Rules({}, limits=(VIPS,)), load=load, now=now
    )

    assert isinstance(decision, Reject) is (live_calls >= 10)
