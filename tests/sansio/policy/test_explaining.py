from __future__ import annotations

from typing import Any

from controller.sansio.policy import (
    Accept,
    Ignore,
    Limit,
    NumberSet,
    Reject,
    Rule,
    Rules,
    Tried,
    admit,
    explain,
)
from controller.sansio.policy.conditions import Called, CallerIn, CallerWithheld
from tests.sansio.policy.offers import CALLED, CALLER, NOW, QUIET, offer

LISTED = CallerIn(NumberSet.of([CALLER]), "friends")
RULES = Rules(
    {CALLED: "frontdesk"},
    unknown_number="ignore",
    ordered=(
        Rule("other_number", (Called(NumberSet.of(["+12025550111"])),), Reject(404)),
        Rule("hidden", (LISTED, CallerWithheld()), Reject(433)),
        Rule("friends", (LISTED,), Accept("friendly")),
        Rule("never_asked", (), Reject(603)),
    ),
    limits=(
        Limit(name="caller", by="caller", at_most=2, over=Reject(480)),
        Limit(name="nameless", by="withheld", at_most=2, over=Reject(480)),
    ),
)


def explained(**call: Any) -> list[Tried]:
    found = explain(offer(**call), RULES, QUIET, NOW)
    assert found.decision == admit(offer(**call), RULES, QUIET, NOW)
    return list(found.tried)


def test_the_rules_are_told_in_order_up_to_the_one_that_decides() -> None:
    assert explained() == [
        Tried("other_number", matches=False, why="does not hold: the called number is one of 1"),
        Tried("hidden", matches=False, why="does not hold: the caller's number is withheld"),
        Tried("friends", matches=True, why="the caller is on the list friends"),
    ]


def test_rules_that_were_not_asked_are_told_as_such() -> None:
    tried = explained(called="+12025550199")

    assert [each.matches for each in tried] == [False] * 4
    assert "holds" not in tried[0].why
    assert tried[1].why == tried[3].why
    assert tried[3].why == "not asked: the call is not ours, and the rule names no called number"


def test_the_limits_of_an_accepted_call_are_told_in_words() -> None:
    found = explain(offer(), RULES, QUIET, NOW)

    assert found.limits == (
        "full: at most 10 calls at once in all",
        "caller: at most 2 calls at once of one caller",
    )


def test_a_call_that_is_not_accepted_takes_nothing_of_any_limit() -> None:
    found = explain(offer("+12025550199"), RULES, QUIET, NOW)

    assert isinstance(found.decision, Ignore)
    assert found.limits == ()
