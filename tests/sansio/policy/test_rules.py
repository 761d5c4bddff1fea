"""Ordered rules, and emergencies: who speaks first."""

from __future__ import annotations

from typing import Any

import pytest

from controller.sansio.policy import (
    EMERGENCY_ALARM,
    Accept,
    Decision,
    Emergencies,
    Ignore,
    Key,
    Load,
    NumberSet,
    Reject,
    Rule,
    Rules,
    admit,
)
from controller.sansio.policy.conditions import (
    Called,
    CallerIn,
    CallerWithheld,
    HeaderIs,
    Not,
)
from tests.sansio.policy.offers import CALLED, CALLER, NOW, QUIET, offer

OURS = {CALLED: "frontdesk"}
STRANGE = "+12025550199"
BLOCKED = Rule("blocked", (CallerIn(NumberSet.of([CALLER]), "blocked"),), Reject(603))
CLOSED = Rule("closed", (), Accept("after_hours"))
FULL = Load(live_calls=10, admitting=True)
DRAINING = Load(live_calls=0, admitting=False)


def decide(
    *rules: Rule, load: Load = QUIET, call: dict[str, Any] | None = None, **fields: Any
) -> Decision:
    return admit(offer(**call or {}), Rules(OURS, ordered=rules, **fields), load, NOW)


def test_the_first_rule_that_matches_decides_and_says_why() -> None:
    decision = decide(BLOCKED, CLOSED)

    assert decision == Reject(603, "blocked", "the caller is on the list blocked")
    assert isinstance(decide(CLOSED, BLOCKED), Accept)


def test_a_rule_holds_when_all_its_conditions_do() -> None:
    both = Rule("both", (*BLOCKED.when, CallerWithheld()), Reject(603))
    other = Rule("other", (*BLOCKED.when, Not(CallerWithheld())), Reject(486))

    decision = decide(both, other)

    assert isinstance(decision, Reject)
    assert decision.rule == "other"
    assert decision.why == (
        "the caller is on the list blocked and the caller's number is not withheld"
    )


def test_without_a_rule_that_matches_the_number_decides() -> None:
    decision = decide(Rule("withheld", (CallerWithheld(),), Reject(433)))

    assert isinstance(decision, Accept)
    assert decision.rule == "number"


def test_an_agent_that_a_rule_chooses_is_within_the_limits() -> None:
    decision = decide(CLOSED)

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.rule) == ("after_hours", "closed")
    assert decision.why == "it always holds"
    assert [share.key for share in decision.shares] == [Key("full")]
    refused = decide(CLOSED, load=FULL)
    assert isinstance(refused, Reject)
    assert refused.rule == "full"


def test_a_refusal_by_a_rule_is_told_also_when_the_house_is_full() -> None:
    assert decide(BLOCKED, load=FULL) == decide(BLOCKED)


@pytest.mark.parametrize("rule", [BLOCKED, CLOSED])
def test_a_rule_that_names_no_called_number_leaves_other_numbers_alone(rule: Rule) -> None:
    call = {"called": STRANGE}

    ignored = decide(rule, call=call, unknown_number="ignore")
    refused = decide(rule, call=call)

    assert isinstance(ignored, Ignore)
    assert isinstance(refused, Reject)
    assert refused.rule == "unknown_number"
    caught = admit(offer(STRANGE), Rules({"*": "any"}, ordered=(rule,)), QUIET, NOW)
    assert not isinstance(caught, Ignore)
    assert caught.rule == rule.name


@pytest.mark.parametrize("entry", [STRANGE, "+1202*", "*"])
def test_a_rule_that_names_the_called_number_decides_about_it(entry: str) -> None:
    rule = Rule("pilot", (Called(NumberSet.of([entry])),), Accept("pilot"))

    decision = decide(rule, call={"called": STRANGE}, unknown_number="ignore")

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.rule) == ("pilot", "pilot")


def test_a_rule_about_other_numbers_does_not_hold_for_an_unreadable_one() -> None:
    rule = Rule("pilot", (Called(NumberSet.of([STRANGE])),), Accept("pilot"))

    decision = decide(rule, call={"called": None}, default_agent="frontdesk")

    assert isinstance(decision, Accept)
    assert decision.rule == "default_agent"


def test_a_rule_may_leave_a_call_to_another_controller_whatever_our_state() -> None:
    theirs = Rule("theirs", (HeaderIs("x-tenant", "other"),), Ignore())
    call = {"x_headers": (("x-tenant", "other"),)}

    for load in (QUIET, FULL, DRAINING):
        decision = decide(theirs, load=load, call=call)
        assert isinstance(decision, Ignore)
        assert decision.rule == "theirs"


def test_a_draining_process_refuses_what_a_rule_would_have_refused_otherwise() -> None:
    decision = decide(BLOCKED, load=DRAINING)

    assert isinstance(decision, Reject)
    assert (decision.status_code, decision.rule) == (503, "not_admitting")


# --- emergencies ---------------------------------------------------------------------------------

TRUSTED = HeaderIs("x-trunk", "a shared secret")
EMERGENCIES = Emergencies((TRUSTED,), "reception", say="I connect you.")
FROM_TRUNK = {"x_headers": (("x-trunk", "a shared secret"),)}
OVERLOADED = Load(live_calls=99, admitting=True, tokens_low=True)


@pytest.mark.parametrize("priority", ["emergency", "psap-callback"])
def test_an_emergency_of_a_trusted_trunk_goes_to_a_human_past_blocks_and_limits(
    priority: str,
) -> None:
    call = FROM_TRUNK | {"priority": priority}

    decision = decide(BLOCKED, load=OVERLOADED, call=call, emergencies=EMERGENCIES)

    assert decision == Accept(
        "frontdesk",
        "emergency",
        "a trusted trunk marks it as an emergency",
        EMERGENCY_ALARM,
        say="I connect you.",
        refer_to="reception",
    )


@pytest.mark.parametrize(
    ("call", "emergencies"),
    [
        ({"priority": "emergency"}, EMERGENCIES),
        ({"priority": "emergency", "caller_trust": "attested"}, EMERGENCIES),
        (FROM_TRUNK | {"priority": "urgent"}, EMERGENCIES),
        (FROM_TRUNK, EMERGENCIES),
        (FROM_TRUNK | {"priority": "emergency"}, Emergencies((), "reception")),
        (FROM_TRUNK | {"priority": "emergency"}, None),
        (
            FROM_TRUNK | {"priority": "emergency"},
            Emergencies((TRUSTED, CallerWithheld()), "reception"),
        ),
    ],
)
def test_what_no_trusted_trunk_marks_so_is_a_call_like_others(
    call: dict[str, Any], emergencies: Emergencies | None
) -> None:
    decision = decide(load=OVERLOADED, call=call, emergencies=emergencies)

    assert isinstance(decision, Reject)
    assert decision.rule == "full"


def test_an_emergency_may_have_an_agent_of_its_own() -> None:
    own = Emergencies((TRUSTED,), "reception", agent_name="urgent")

    decision = decide(CLOSED, call=FROM_TRUNK | {"priority": "emergency"}, emergencies=own)

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.say) == ("urgent", None)


def test_an_emergency_is_answered_by_the_agent_that_a_rule_chose() -> None:
    call = FROM_TRUNK | {"priority": "emergency"}

    decision = decide(CLOSED, call=call, emergencies=EMERGENCIES)

    assert isinstance(decision, Accept)
    assert decision.agent_name == "after_hours"


def test_an_emergency_of_others_is_not_ours() -> None:
    call = FROM_TRUNK | {"priority": "emergency", "called": STRANGE}

    assert isinstance(decide(call=call, emergencies=EMERGENCIES, unknown_number="ignore"), Ignore)
    refused = decide(call=call, emergencies=EMERGENCIES)
    assert isinstance(refused, Reject)
    assert refused.rule == "unknown_number"


@pytest.mark.parametrize(
    ("load", "rule"),
    [(DRAINING, "not_admitting"), (Load(0, admitting=True, returns=2), "loop")],
)
def test_an_emergency_does_not_pass_a_closing_process_nor_go_in_circles(
    load: Load, rule: str
) -> None:
    call = FROM_TRUNK | {"priority": "emergency"}

    decision = decide(load=load, call=call, emergencies=EMERGENCIES)

    assert isinstance(decision, Reject)
    assert decision.rule == rule
