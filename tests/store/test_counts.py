"""How the counts in memory stay small; what they count is told in `test_ledger_limits`."""

from __future__ import annotations

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
