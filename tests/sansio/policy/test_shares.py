from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import LocalProtocolError
from controller.sansio.policy import WARN_AT, Key, Limit, Measure, Period, Reject, Share, crossed
from tests.sansio.policy.offers import NOW, facts

KEY = Key("a", "+12025550142")


@pytest.mark.parametrize(
    ("at_most", "amount", "used", "is_too_much"),
    [
        (2, 1, 0, False),
        (2, 1, 1, False),
        (2, 1, 2, True),
        (0, 1, 0, True),
        (5, 0, 4.99, False),
        (5, 0, 5, True),
        (5, 2, 3, False),
        (5, 2, 3.5, True),
    ],
)
def test_there_is_room_or_not(
    at_most: float, amount: float, used: float, *, is_too_much: bool
) -> None:
    share = Share(key=KEY, at_most=at_most, amount=amount, measure="usd", period="2026-11")

    assert share.is_too_much(used) is is_too_much


@pytest.mark.parametrize(
    ("measure", "seconds", "period"),
    [("calls", 1.0, "2026-11"), ("usd", 1.0, None), ("minutes", None, None), ("usd", None, None)],
)
def test_what_cannot_be_counted_is_refused(
    measure: Measure, seconds: float | None, period: str | None
) -> None:
    with pytest.raises(LocalProtocolError):
        Share(key=KEY, at_most=1, measure=measure, seconds=seconds, period=period)


def test_whom_a_count_is_about_is_not_shown() -> None:
    assert "555" not in repr(Share(key=KEY, at_most=1))
    assert Key("a", "x") != Key("a", "y")


@pytest.mark.parametrize(
    ("before", "after", "marks"),
    [
        (0, 24.99, ()),
        (0, 25, (0.5,)),
        (25, 39, ()),
        (24, 41, (0.5, 0.8)),
        (39, 50, (0.8, 1.0)),
        (0, 60, (0.5, 0.8, 1.0)),
        (50, 60, ()),
        (41, 24, ()),
        (25, 25, ()),
    ],
)
def test_a_mark_is_passed_once_by_who_reaches_it(
    before: float, after: float, marks: tuple[float, ...]
) -> None:
    assert crossed(before, after, 50) == marks


def test_the_marks_are_those_of_the_limit_and_the_whole() -> None:
    assert crossed(0, 100, 100, warn_at=(0.9, 0.1)) == (0.1, 0.9, 1.0)
    assert crossed(0, 100, 100, warn_at=()) == (1.0,)
    assert crossed(0, 100, 0) == ()


@given(
    steps=st.lists(st.floats(0, 30), max_size=8),
    at_most=st.floats(1, 100),
    warn_at=st.lists(st.floats(0.01, 0.99), max_size=3),
)
def test_however_a_sum_grows_each_mark_is_told_once(
    steps: list[float], at_most: float, warn_at: list[float]
) -> None:
    told: list[float] = []
    used = 0.0
    for step in steps:
        told += crossed(used, used + step, at_most, warn_at=warn_at)
        used += step

    assert told == [mark for mark in sorted({*warn_at, 1.0}) if mark * at_most <= used]


@pytest.mark.parametrize(("measure", "marks"), [("usd", WARN_AT), ("minutes", ())])
def test_a_share_of_money_brings_the_marks_of_its_limit(
    measure: Measure, marks: tuple[float, ...]
) -> None:
    limit = Limit(
        name="a", by="total", at_most=50, measure=measure,
        within=Period("day", UTC), over=Reject(503),
    )  # fmt: skip

    share = limit.share(facts(), "frontdesk", NOW)

    assert share is not None
    assert share.warn_at == marks
