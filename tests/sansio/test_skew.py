from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.skew import LONGEST, skew

NOW = 1_800_000_000.0


def test_a_clock_that_is_right_is_at_most_half_a_second_off() -> None:
    for fraction in (0.0, 0.25, 0.5, 0.99):
        at = NOW + fraction
        found = skew(formatdate(at, usegmt=True), at, at)
        assert found is not None
        assert abs(found) <= 0.5


@given(
    ahead=st.floats(-1e6, 1e6),
    true=st.floats(NOW, NOW + 1e6),
    before=st.floats(0, LONGEST / 2),
    after=st.floats(0, LONGEST / 2 - 0.001),
)
def test_it_is_found_to_half_a_second_and_half_the_time_of_the_answer(
    ahead: float, true: float, before: float, after: float
) -> None:
    date = formatdate(int(true), usegmt=True)  # written while the request was under way
    found = skew(date, true - before + ahead, true + after + ahead)

    assert found is not None
    assert abs(found - ahead) <= 0.5 + (before + after) / 2 + 1e-3


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "yesterday",
        "Mon, 99 Foo 2027 08:00:00 GMT",
        "Fri, 31 Dec 999999999 23:59:59 GMT",
        "x" * 10_000,
        "Fri, 15 Jan 2027 08:00:00 GMT" + " " * 64,
    ],
)
def test_what_is_no_date_says_nothing(date: str | None) -> None:
    assert skew(date, NOW, NOW) is None


def test_an_answer_that_took_long_says_nothing() -> None:
    date = formatdate(NOW, usegmt=True)
    assert skew(date, NOW, NOW + LONGEST) is not None
    assert skew(date, NOW, NOW + LONGEST + 0.01) is None
    assert skew(date, NOW + 1, NOW) is None  # our clock was set back meanwhile


@given(st.text(max_size=80))
def test_nothing_that_a_far_end_sends_raises(date: str) -> None:
    found = skew(date, NOW, NOW)
    assert found is None or isinstance(found, float)
