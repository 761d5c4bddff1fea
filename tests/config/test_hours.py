from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from controller.config.hours import MIDNIGHT, hours_of, weekly, zone_name

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("mon 08:00-17:00", ((0, 480, 1020),)),
        ("mon-wed 08:00-09:30", ((0, 480, 570), (1, 480, 570), (2, 480, 570))),
        ("Sat,Sun 10:00-12:00", ((5, 600, 720), (6, 600, 720))),
        ("mon, wed-thu 10:00-12:00", ((0, 600, 720), (2, 600, 720), (3, 600, 720))),
        ("sat-mon 10:00-12:00", ((5, 600, 720), (6, 600, 720), (0, 600, 720))),
        ("sun 22:00-02:00", ((6, 1320, 1440), (0, 0, 120))),
        ("fri 22:00-00:00", ((4, 1320, 1440),)),
        ("fri 00:00-24:00", ((4, 0, 1440),)),
    ],
)
def test_days_and_times_become_minutes_of_weekdays(
    text: str, entries: tuple[tuple[int, int, int], ...]
) -> None:
    assert weekly(text) == entries


@pytest.mark.parametrize(
    "text",
    ["", "mon", "08:00-17:00", "mon 8:00-17:00", "mon 08:00", "mon 08:00-08:00", "mon 24:00-08:00",
     "mon 08:00-24:30", "mon 08:60-09:00", "monday 08:00-17:00", "mon-fri 08:00-17:00 sat",
     "mon-fri-sat 08:00-17:00"],
)  # fmt: skip
def test_what_is_no_time_of_the_week_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="mon-fri 08:00-17:00"):
        weekly(text)


@given(
    st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    st.integers(0, MIDNIGHT - 1),
    st.integers(1, MIDNIGHT),
)
def test_an_entry_lasts_as_long_as_it_says(day: str, start: int, end: int) -> None:
    text = f"{day} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    if start == end:
        return

    entries = weekly(text)

    assert sum(until - since for _, since, until in entries) == (end - start) % MIDNIGHT or (
        end - start == MIDNIGHT
    )
    assert all(0 <= since < until <= MIDNIGHT for _, since, until in entries)


def test_hours_are_those_of_their_zone() -> None:
    hours = hours_of(["mon-fri 08:00-17:00"], "America/New_York")
    monday = datetime(2026, 11, 23, 7, tzinfo=NEW_YORK).timestamp()

    (window,) = hours.windows(monday, 7200.0)

    assert window == (monday + 3600, monday + 10 * 3600)


def test_entries_that_are_given_twice_count_once() -> None:
    hours = hours_of(["mon 08:00-17:00", "mon 08:00-17:00"], "Europe/Berlin")

    assert hours.weekly == ((0, 480, 1020),)


@pytest.mark.parametrize("name", ["America/New_York", "Europe/Berlin", "UTC"])
def test_a_zone_of_the_database_is_known(name: str) -> None:
    assert zone_name(name) == name


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("America/NewYork", 'did you mean "America/New_York"?'),
        ("../../etc/passwd", 'such as "America/New_York"'),
        ("", 'such as "America/New_York"'),
    ],
)
def test_another_zone_is_told_the_right_one(name: str, cure: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        zone_name(name)

    assert cure in str(caught.value)
