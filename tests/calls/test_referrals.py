from __future__ import annotations

import pytest

from controller.calls.referrals import CALLERS_LIMIT, NEVER, WINDOW, Referrals, Return

T = 1_800_000_000.0
CALLER = "+12025550101"


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (0.0, Return(frozenset({"reception"}), 1)),
        (WINDOW, Return(frozenset({"reception"}), 1)),
        (WINDOW + 0.1, NEVER),
    ],
)
def test_a_caller_who_is_back_within_a_minute_is_returned(after: float, found: Return) -> None:
    referrals = Referrals()
    referrals.add(CALLER, "reception", NEVER, T)

    assert referrals.find(CALLER, T + after) == found


def test_somebody_else_is_not() -> None:
    referrals = Referrals()
    referrals.add(CALLER, "reception", NEVER, T)

    assert referrals.find("+12025550102", T) == NEVER
    assert referrals.find(None, T) == NEVER


def test_hops_and_targets_add_up() -> None:
    referrals = Referrals()
    referrals.add(CALLER, "reception", NEVER, T)
    first = referrals.find(CALLER, T + 50)
    referrals.add(CALLER, "billing", first, T + 100)

    assert referrals.find(CALLER, T + 150) == Return(frozenset({"reception", "billing"}), 2)


def test_a_caller_without_a_number_is_not_remembered() -> None:
    referrals = Referrals()
    referrals.add(None, "reception", NEVER, T)
    referrals.forget(None)

    assert referrals.find(None, T) == NEVER


def test_a_referral_that_was_refused_is_forgotten() -> None:
    referrals = Referrals()
    referrals.add(CALLER, "reception", NEVER, T)
    referrals.forget(CALLER)

    assert referrals.find(CALLER, T) == NEVER


def test_the_oldest_are_forgotten_first() -> None:
    referrals = Referrals()
    for number in range(CALLERS_LIMIT + 1):
        referrals.add(f"+{number}", "reception", NEVER, T)

    assert referrals.find("+0", T) == NEVER
    assert referrals.find("+1", T).hops == 1
    assert referrals.find(f"+{CALLERS_LIMIT}", T).hops == 1


def test_nothing_is_kept_for_longer_than_it_is_of_use() -> None:
    referrals = Referrals()
    for number in range(100):
        referrals.add(f"+{number}", "reception", NEVER, T + number / 10)

    referrals.find(None, T + WINDOW + 20)

    assert len(referrals._by_caller) == 0
