"""The door: each rule, and which of them speaks first."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.incoming import IncomingCall
from controller.sansio.numbers import UNPARSED
from controller.sansio.parties import UNREADABLE, CalledNumber
from controller.sansio.policy import (
    UNREADABLE_ALARM,
    Accept,
    Decision,
    Ignore,
    Key,
    Load,
    Reject,
    Rules,
    Share,
    admit,
)

NOW = 1_750_861_210.0
NUMBERS = {"+12025550100": "frontdesk", "+12025550101": "sales"}
QUIET = Load(live_calls=0, admitting=True)
FULL = Load(live_calls=10, admitting=True)
DRAINING = Load(live_calls=0, admitting=False)
KNOWN = CalledNumber("read", "+12025550101", "diversion")
UNKNOWN = CalledNumber("read", "+12025550199", "to")


def decide(called: CalledNumber, rules: Rules, load: Load = QUIET) -> Decision:
    incoming = IncomingCall(
        provider_id="rtc_1",
        event_id="evt_1",
        webhook_id="wh_1",
        created_at=int(NOW),
        caller=UNPARSED,
        caller_shown=UNPARSED,
        caller_trust="claimed",
        called=called,
    )
    return admit(incoming, rules, load, NOW)


def rejected(decision: Decision) -> tuple[int, str]:
    assert isinstance(decision, Reject)
    return decision.status_code, decision.rule


def test_configured_number_goes_to_its_agent() -> None:
    decision = decide(KNOWN, Rules(NUMBERS))

    assert decision == Accept(
        "sales",
        "number",
        "the called number, read from diversion, is configured",
        shares=(Share(key=Key("full"), at_most=10),),
    )


def test_configured_number_comes_before_the_catch_all() -> None:
    decision = decide(KNOWN, Rules(NUMBERS | {"*": "anybody"}))

    assert isinstance(decision, Accept)
    assert decision.agent_name == "sales"


def test_number_that_is_not_listed_goes_to_the_catch_all() -> None:
    decision = decide(UNKNOWN, Rules(NUMBERS | {"*": "anybody"}, default_agent="frontdesk"))

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.rule) == ("anybody", "catch_all")
    assert decision.alarm is None


def test_unknown_number_is_not_found_and_the_default_agent_is_not_asked() -> None:
    decision = decide(UNKNOWN, Rules(NUMBERS, default_agent="frontdesk"))

    assert rejected(decision) == (404, "unknown_number")


def test_code_for_unknown_numbers_is_the_operators_choice() -> None:
    assert rejected(decide(UNKNOWN, Rules(NUMBERS, unknown_number=603)))[0] == 603


def test_last_to_forward_decides_when_several_of_a_chain_are_configured() -> None:
    called = CalledNumber("read", "+12025550101", "diversion", ("+12025550100",))

    decision = decide(called, Rules(NUMBERS))

    assert isinstance(decision, Accept)
    assert decision.agent_name == "sales"


def test_chain_is_searched_for_a_number_of_ours() -> None:
    called = CalledNumber("read", "+12025550198", "diversion", ("+12025550199", "+12025550100"))

    decision = decide(called, Rules(NUMBERS | {"*": "anybody"}))

    assert isinstance(decision, Accept)
    assert decision.agent_name == "frontdesk"


def test_unreadable_number_goes_to_the_default_agent_with_an_alarm() -> None:
    decision = decide(UNREADABLE, Rules(NUMBERS | {"*": "anybody"}, default_agent="frontdesk"))

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.rule) == ("frontdesk", "default_agent")
    assert decision.alarm == UNREADABLE_ALARM == "called_number_unreadable"


def test_unreadable_number_goes_to_the_catch_all_when_there_is_no_default_agent() -> None:
    decision = decide(UNREADABLE, Rules(NUMBERS | {"*": "anybody"}))

    assert isinstance(decision, Accept)
    assert (decision.agent_name, decision.alarm) == ("anybody", UNREADABLE_ALARM)


def test_unreadable_number_that_nobody_takes_is_not_found_with_an_alarm() -> None:
    decision = decide(UNREADABLE, Rules(NUMBERS))

    assert rejected(decision) == (404, "unreadable_number")
    assert decision.alarm == UNREADABLE_ALARM


def test_last_place_is_given_and_the_next_caller_is_turned_away() -> None:
    rules = Rules(NUMBERS, max_concurrent_calls=3)

    assert isinstance(decide(KNOWN, rules, Load(2, admitting=True)), Accept)
    assert rejected(decide(KNOWN, rules, Load(3, admitting=True))) == (503, "full")
    assert rejected(decide(KNOWN, rules, Load(4, admitting=True))) == (503, "full")


def test_code_of_a_full_house_is_the_operators_choice() -> None:
    assert rejected(decide(KNOWN, Rules(NUMBERS, busy=486), FULL)) == (486, "full")


def test_unreadable_number_meets_a_full_house_with_its_alarm() -> None:
    decision = decide(UNREADABLE, Rules(NUMBERS, default_agent="frontdesk"), FULL)

    assert rejected(decision) == (503, "full")
    assert decision.alarm == UNREADABLE_ALARM


@pytest.mark.parametrize("called", [KNOWN, UNKNOWN, UNREADABLE])
def test_draining_process_sends_every_caller_elsewhere(called: CalledNumber) -> None:
    assert rejected(decide(called, Rules(NUMBERS), DRAINING)) == (503, "not_admitting")
    assert rejected(decide(called, Rules(NUMBERS, paused=480), DRAINING))[0] == 480


def test_unknown_number_is_not_found_even_when_the_house_is_full() -> None:
    assert rejected(decide(UNKNOWN, Rules(NUMBERS), FULL)) == (404, "unknown_number")


@pytest.mark.parametrize("load", [QUIET, FULL, DRAINING])
def test_call_of_another_controller_is_never_touched(load: Load) -> None:
    rules = Rules(NUMBERS, unknown_number="ignore")

    unknown, unreadable = decide(UNKNOWN, rules, load), decide(UNREADABLE, rules, load)

    assert isinstance(unknown, Ignore)
    assert (unknown.rule, unknown.alarm) == ("unknown_number", None)
    assert isinstance(unreadable, Ignore)
    assert (unreadable.rule, unreadable.alarm) == ("unreadable_number", UNREADABLE_ALARM)


def test_sharing_a_project_does_not_hide_our_own_numbers() -> None:
    rules = Rules(NUMBERS, unknown_number="ignore")

    assert isinstance(decide(KNOWN, rules), Accept)
    assert rejected(decide(KNOWN, rules, FULL)) == (503, "full")
    assert rejected(decide(KNOWN, rules, DRAINING)) == (503, "not_admitting")


numbers = st.sampled_from(["+12025550100", "+12025550101", "+12025550102", "+12025550199"])
called_numbers = st.just(UNREADABLE) | st.builds(
    CalledNumber,
    st.just("read"),
    numbers,
    st.sampled_from(["to", "diversion"]),
    st.lists(numbers, max_size=2).map(tuple),
)
codes = st.integers(400, 699)
unknown_codes: st.SearchStrategy[int | Literal["ignore"]] = codes | st.just("ignore")
rule_sets = st.builds(
    Rules,
    st.dictionaries(numbers | st.just("*"), st.sampled_from(["a", "b"]), max_size=3),
    default_agent=st.none() | st.just("d"),
    unknown_number=unknown_codes,
    max_concurrent_calls=st.integers(0, 3),
    busy=codes,
    paused=codes,
)
loads = st.builds(Load, st.integers(0, 4), admitting=st.booleans())


@given(called=called_numbers, rules=rule_sets, load=loads)
def test_decisions_keep_the_promises_of_the_policy(
    called: CalledNumber, rules: Rules, load: Load
) -> None:
    decision = decide(called, rules, load)

    assert decision == decide(called, rules, load)
    assert "555" not in decision.why
    assert (decision.alarm == UNREADABLE_ALARM) == (called.status == "unreadable")
    match decision:
        case Accept():
            assert decision.agent_name in {*rules.numbers.values(), rules.default_agent}
            assert load.admitting
            assert load.live_calls < rules.max_concurrent_calls
        case Reject():
            assert decision.status_code in {rules.unknown_number, rules.busy, rules.paused}
        case Ignore():
            assert rules.unknown_number == "ignore"
            assert "*" not in rules.numbers


# --- loops and the provider's tokens -------------------------------------------------------------


@pytest.mark.parametrize(("returns", "is_refused"), [(0, False), (1, False), (2, True), (3, True)])
def test_the_third_hop_of_a_transfer_that_comes_back_is_refused(
    returns: int, *, is_refused: bool
) -> None:
    decision = decide(KNOWN, Rules(NUMBERS), Load(0, admitting=True, returns=returns))

    assert isinstance(decision, Reject) is is_refused
    if is_refused:
        assert rejected(decision) == (482, "loop")


def test_a_loop_is_refused_with_the_operators_code_even_when_the_house_is_full() -> None:
    decision = decide(KNOWN, Rules(NUMBERS, loop=486), Load(10, admitting=True, returns=2))

    assert rejected(decision) == (486, "loop")


def test_with_too_few_tokens_left_a_call_is_told_that_we_are_busy() -> None:
    decision = decide(KNOWN, Rules(NUMBERS, busy=486), Load(0, admitting=True, tokens_low=True))

    assert rejected(decision) == (486, "provider_tokens")


def test_a_full_house_is_the_reason_that_is_named_first() -> None:
    decision = decide(KNOWN, Rules(NUMBERS), Load(10, admitting=True, tokens_low=True))

    assert rejected(decision) == (503, "full")


@pytest.mark.parametrize("load", [Load(0, admitting=True, tokens_low=True, returns=5)])
def test_a_number_that_is_not_ours_is_told_so_whatever_else_there_is(load: Load) -> None:
    assert rejected(decide(UNKNOWN, Rules(NUMBERS), load)) == (404, "unknown_number")
    assert isinstance(decide(UNKNOWN, Rules(NUMBERS, unknown_number="ignore"), load), Ignore)
