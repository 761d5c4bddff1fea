"""How the counts in memory stay small; what they count is told in `test_ledger_limits`."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.policy import Key, Share
from controller.store.counts import Counts


def recent(subject: str, *, seconds: float = 10.0, at_most: float = 1) -> Share:
    return Share(key=Key("caller", subject), at_most=at_most, seconds=seconds)


def sum_of(subject: str, period: str) -> Share:
    return Share(key=Key("spend", subject), at_most=1, period=period)


def test_of_too_many_subjects_the_one_that_called_least_recently_is_forgotten() -> None:
    counts = Counts(max_subjects=2)
    for now, subject in enumerate(("a", "b")):
        assert counts.take(subject, [recent(subject, at_most=2)], float(now)) is None
    assert counts.take("a again", [recent("a", at_most=2)], 2.0) is None
    assert counts.take("c", [recent("c")], 3.0) is None

    assert counts.used(recent("a")) == 2
    assert counts.used(recent("b")) == 0
    assert counts.used(recent("c")) == 1
    counts.give_back("b")  # nothing is left of it, and that is no fault


def test_of_too_many_sums_the_one_that_grew_least_recently_is_forgotten() -> None:
    counts = Counts(max_subjects=1)
    counts.take("a", [sum_of("a", "2026-11-22")], 0.0)
    counts.take("b", [sum_of("b", "2026-11-22")], 1.0)

    assert counts.used(sum_of("a", "2026-11-22")) == 0
    assert counts.used(sum_of("b", "2026-11-22")) == 1
    counts.give_back("a")
    assert counts.used(sum_of("b", "2026-11-22")) == 1


def test_those_who_do_not_call_any_more_are_forgotten_when_somebody_calls() -> None:
    counts = Counts()
    for number in range(100):
        counts.take(f"c{number}", [recent(str(number)), sum_of(str(number), "2026-11-22")], 0.0)
        counts.settle(f"c{number}")

    counts.take("later", [recent("later"), sum_of("later", "2026-11-23")], 10.0)

    assert {each: list(them) for each, them in counts._recent.items()} == {"caller": ["later"]}
    assert {each: list(them) for each, them in counts._sums.items()} == {"spend": ["later"]}


def test_a_place_that_nobody_holds_takes_no_memory() -> None:
    counts = Counts()
    place = Share(key=Key("total"), at_most=2)
    counts.take("a", [place], 0.0)
    counts.take("b", [place], 0.0)

    counts.settle("a")
    assert counts.used(place) == 1
    counts.settle("b")

    assert (counts._places, counts._taken) == ({}, {})


def test_the_memory_of_one_caller_is_bounded_by_the_limit() -> None:
    counts = Counts()
    for number in range(50):
        counts.take(f"c{number}", [recent("a", at_most=3)], float(number) / 10)

    assert len(counts._recent["caller"]["a"].starts) == 3


def money(subject: str = "", *, at_most: float = 10.0, **more: Any) -> Share:
    options: dict[str, Any] = {"amount": 0.0, "period": "2026-11-22", "warn_at": (0.5, 0.8), **more}
    return Share(key=Key("spend_day", subject), at_most=at_most, measure="usd", **options)


def spend(counts: Counts, usd: float, share: Share) -> tuple[float, tuple[float, ...]]:
    counts.take("one", [share], 0.0)
    (spent,) = counts.settle("one", {"usd": usd})
    assert spent.limit == "spend_day"
    return round(spent.ratio, 6), spent.marks


def spend_each(amounts: list[float]) -> list[tuple[float, tuple[float, ...]]]:
    """Spend with calls that live at once: at the limit no further one would begin."""
    counts = Counts()
    for number, _ in enumerate(amounts):
        assert counts.take(str(number), [money()], 0.0) is None
    ended = [counts.settle(str(number), {"usd": usd})[0] for number, usd in enumerate(amounts)]
    return [(round(each.ratio, 6), each.marks) for each in ended]


def test_a_mark_is_passed_once_by_whoever_reaches_it() -> None:
    told = spend_each([4.0, 1.0, 1.0, 5.0, 5.0])

    assert told == [(0.4, ()), (0.5, (0.5,)), (0.6, ()), (1.1, (0.8, 1.0)), (1.6, ())]


def test_marks_are_passed_again_in_another_period() -> None:
    counts = Counts()
    assert spend(counts, 6.0, money()) == (0.6, (0.5,))
    assert spend(counts, 6.0, money(period="2026-11-23")) == (0.6, (0.5,))


def test_marks_are_those_of_the_limit_as_it_is_now() -> None:
    counts = Counts()
    assert spend(counts, 6.0, money()) == (0.6, (0.5,))

    assert spend(counts, 0.0, money(at_most=7.0)) == (0.857143, (0.8,))  # it was lowered
    assert spend(counts, 0.0, money(at_most=20.0)) == (0.3, ())
    assert spend(counts, 5.0, money(at_most=20.0)) == (0.55, (0.5,))


def test_deposits_of_live_calls_pass_no_mark() -> None:
    counts = Counts()
    counts.take("live", [money(amount=5.0)], 0.0)

    assert spend(counts, 1.0, money(amount=5.0)) == (0.1, ())


def test_a_limit_of_nothing_is_spent_from_the_start() -> None:
    counts = Counts()
    counts.take("one", [money()], 0.0)
    counts._taken["one"] = (money(at_most=0.0),)  # the rules have changed since

    (spent,) = counts.settle("one", {"usd": 0.1})

    assert (spent.ratio, spent.marks) == (1.0, (0.5, 0.8, 1.0))


def test_of_several_subjects_the_one_that_has_spent_most_is_shown() -> None:
    counts = Counts()
    assert spend(counts, 6.0, money("+12025550100")) == (0.6, (0.5,))
    assert spend(counts, 1.0, money("+12025550101")) == (0.6, ())
    assert spend(counts, 8.0, money("+12025550101")) == (0.9, (0.5, 0.8))
    assert spend(counts, 1.0, money("+12025550100", period="2026-11-23")) == (0.1, ())


def test_a_call_that_ends_in_the_next_period_tells_nothing_of_the_one_that_is_over() -> None:
    counts = Counts()
    counts.take("late", [money()], 0.0)
    counts.take("next", [money(period="2026-11-23")], 1.0)

    assert counts.settle("late", {"usd": 100.0}) == []


@given(st.lists(st.integers(0, 20).map(float), max_size=20))
def test_every_mark_is_passed_once_at_most_and_when_it_is_reached(amounts: list[float]) -> None:
    told = [mark for _, marks in spend_each(amounts) for mark in marks]

    assert told == [mark for mark in (0.5, 0.8, 1.0) if sum(amounts) / 10.0 >= mark]


def test_what_a_limit_has_counted_in_calls_is_no_money_once_it_counts_that() -> None:
    counts, period = Counts(), "2026-11-22"
    calls = Share(key=Key("a_day"), at_most=100, period=period)
    money = Share(key=Key("a_day"), at_most=50, amount=0, measure="usd", period=period)
    for number in range(60):
        assert counts.take(f"c{number}", [calls], 0.0) is None

    assert counts.take("after the reload", [money], 1.0) is None

    counts.settle("c0")
    counts.give_back("c1")
    counts.settle("after the reload", {"usd": 3.0})
    assert counts.used(money) == 3.0


def test_a_call_is_counted_as_fast_when_thousands_came_before_it_that_day() -> None:
    counts, share = Counts(), recent("somebody", seconds=86_400.0, at_most=1e6)
    began = time.process_time()

    for number in range(6_000):
        counts.take(f"c{number}", [share], number / 1_000)

    assert counts.used(share) == 6_000
    assert time.process_time() - began < 1.0  # 0.05 s; looking at each of them took 5 s
