"""Calendars: the week, holidays, "closed until"; both changes of the clock, leap days, years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.hours import EVERY_YEAR, Calendar, Hours, Override, Times

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
OFFICE = tuple((day, 8 * 60, 17 * 60) for day in range(5))
ALWAYS = tuple((day, 0, 1440) for day in range(7))
NIGHT = tuple((day, 0, 150) for day in range(7))
"""Midnight to 02:30."""


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def calendar(
    weekly: tuple[tuple[int, int, int], ...] = OFFICE, zone: Any = NEW_YORK, **more: Any
) -> Calendar:
    return Calendar(Hours(zone, weekly), **more)


XMAS: dict[tuple[int, int, int], Times] = {(EVERY_YEAR, 12, 25): (), (EVERY_YEAR, 1, 1): ()}
EVE: dict[tuple[int, int, int], Times] = {(2026, 12, 24): ((480, 720),)}
LEAP: dict[tuple[int, int, int], Times] = {(EVERY_YEAR, 2, 29): ()}


@pytest.mark.parametrize(
    ("days", "when", "is_open"),
    [
        ({}, "2026-11-18T07:59:59-05:00", False),
        ({}, "2026-11-18T08:00:00-05:00", True),
        ({}, "2026-11-18T16:59:59-05:00", True),
        ({}, "2026-11-18T17:00:00-05:00", False),
        ({}, "2026-11-21T12:00:00-05:00", False),
        # Christmas of every year, and Christmas Eve of one.
        (XMAS, "2026-12-25T12:00:00-05:00", False),
        (XMAS, "2028-12-25T12:00:00-05:00", False),
        (XMAS, "2026-12-24T12:00:00-05:00", True),
        (XMAS | EVE, "2026-12-24T11:59:59-05:00", True),
        (XMAS | EVE, "2026-12-24T12:00:00-05:00", False),
        (XMAS | EVE, "2027-12-24T12:00:00-05:00", True),
        # Over the turn of the year.
        (XMAS, "2026-12-31T16:59:59-05:00", True),
        (XMAS, "2027-01-01T12:00:00-05:00", False),
        (XMAS, "2027-01-04T12:00:00-05:00", True),
        # A dated day goes before a yearly one, in both directions.
        (XMAS | {(2026, 12, 25): ((600, 660),)}, "2026-12-25T10:30:00-05:00", True),
        ({(2026, 11, 21): ((600, 660),)}, "2026-11-21T10:30:00-05:00", True),
        # 29 February is a Tuesday in 2028 and does not come in 2027.
        ({}, "2028-02-29T12:00:00-05:00", True),
        (LEAP, "2028-02-29T12:00:00-05:00", False),
        (LEAP, "2028-02-28T12:00:00-05:00", True),
        (LEAP, "2028-03-01T12:00:00-05:00", True),
        (LEAP, "2027-03-01T12:00:00-05:00", True),
        # The day is that of the zone: still Friday there, Saturday in Greenwich.
        ({(2026, 11, 20): ((1200, 1440),)}, "2026-11-21T04:59:59+00:00", True),
        ({(2026, 11, 20): ((1200, 1440),)}, "2026-11-21T05:00:00+00:00", False),
    ],
)
def test_days_are_open_as_the_calendar_says(
    days: dict[tuple[int, int, int], Times], when: str, *, is_open: bool
) -> None:
    assert calendar(days=days).is_open(at(when)) is is_open


@pytest.mark.parametrize(
    ("weekly", "zone", "when", "is_open"),
    [
        # New York, 8 March 2026: 02:00 becomes 03:00. 8 o'clock is 12:00 UTC, no longer 13:00.
        (ALWAYS, NEW_YORK, "2026-03-08T06:59:59+00:00", True),
        (ALWAYS, NEW_YORK, "2026-03-08T07:00:00+00:00", True),
        (OFFICE, NEW_YORK, "2026-03-06T12:59:59+00:00", False),
        (OFFICE, NEW_YORK, "2026-03-06T13:00:00+00:00", True),
        (OFFICE, NEW_YORK, "2026-03-09T11:59:59+00:00", False),
        (OFFICE, NEW_YORK, "2026-03-09T12:00:00+00:00", True),
        # 02:30 is left out: it comes as late as the clock jumps, at 03:30 and 07:30 UTC.
        (NIGHT, NEW_YORK, "2026-03-08T07:29:59+00:00", True),
        (NIGHT, NEW_YORK, "2026-03-08T07:30:00+00:00", False),
        # 1 November: 01:00 to 02:00 comes twice. Until 02:30 is until 07:30 UTC, without a gap.
        (NIGHT, NEW_YORK, "2026-11-01T03:59:59+00:00", False),
        (NIGHT, NEW_YORK, "2026-11-01T04:00:00+00:00", True),
        (NIGHT, NEW_YORK, "2026-11-01T06:30:00+00:00", True),
        (NIGHT, NEW_YORK, "2026-11-01T07:30:00+00:00", False),
        # Berlin, 25 October: 02:30 comes twice; it closes at the first and does not open again.
        (NIGHT, BERLIN, "2026-10-25T00:29:59+00:00", True),
        (NIGHT, BERLIN, "2026-10-25T00:30:00+00:00", False),
        (NIGHT, BERLIN, "2026-10-25T01:15:00+00:00", False),
        # Lord Howe changes by half an hour, 4 October: 02:00 becomes 02:30.
        (NIGHT, LORD_HOWE, "2026-10-03T15:29:59+00:00", True),
        (NIGHT, LORD_HOWE, "2026-10-03T15:30:00+00:00", False),
    ],
)
def test_a_change_of_the_clock_moves_hours_as_people_would(
    weekly: tuple[tuple[int, int, int], ...], zone: ZoneInfo, when: str, *, is_open: bool
) -> None:
    assert calendar(weekly, zone).is_open(at(when)) is is_open


def test_time_over_midnight_may_be_one_entry_of_the_day_before() -> None:
    late = calendar(((4, 22 * 60, 26 * 60),))  # Friday 22:00 to Saturday 02:00

    times = (
        "2026-11-20T21:59:59",
        "2026-11-20T22:00:00",
        "2026-11-21T01:59:59",
        "2026-11-21T02:00:00",
    )
    assert [late.is_open(at(f"{each}-05:00")) for each in times] == [False, True, True, False]


def test_a_holiday_after_a_late_evening_begins_when_the_evening_ends() -> None:
    late = calendar(((3, 22 * 60, 26 * 60), *ALWAYS[4:5]), days=XMAS)

    assert late.is_open(at("2026-12-25T01:30:00-05:00"))
    assert not late.is_open(at("2026-12-25T02:00:00-05:00"))


@pytest.mark.parametrize(
    ("overrides", "when", "is_open"),
    [
        ((Override(is_open=False, until_at=at("2026-11-18T14:00:00-05:00")),), "13:59:59", False),
        ((Override(is_open=False, until_at=at("2026-11-18T14:00:00-05:00")),), "14:00:00", True),
        ((Override(is_open=True, until_at=at("2026-11-18T20:00:00-05:00")),), "19:00:00", True),
        (
            (
                Override(
                    is_open=False,
                    from_at=at("2026-11-18T10:00:00-05:00"),
                    until_at=at("2026-11-18T11:00:00-05:00"),
                ),
            ),
            "09:59:59",
            True,
        ),
        (
            (
                Override(is_open=False, until_at=at("2026-11-18T14:00:00-05:00")),
                Override(is_open=True, until_at=at("2026-11-18T13:00:00-05:00")),
            ),
            "12:00:00",
            True,
        ),
        (
            (
                Override(is_open=False, until_at=at("2026-11-18T14:00:00-05:00")),
                Override(is_open=True, until_at=at("2026-11-18T13:00:00-05:00")),
            ),
            "13:30:00",
            False,
        ),
    ],
)
def test_closed_until_is_closed_until_then_and_the_last_word_counts(
    overrides: tuple[Override, ...], when: str, *, is_open: bool
) -> None:
    days = {(2026, 11, 18): ((0, 1440),)} if when != "19:00:00" else {}

    found = calendar(days=days, overrides=overrides)

    assert found.is_open(at(f"2026-11-18T{when}-05:00")) is is_open


def test_two_calendars_are_never_mistaken_for_each_other() -> None:
    open_now, closed_now = calendar(), calendar(days={(2026, 11, 18): ()})
    now = at("2026-11-18T12:00:00-05:00")

    assert [each.is_open(now) for each in (open_now, closed_now, open_now)] == [True, False, True]


minutes = st.integers(0, 96).map(lambda quarter: quarter * 15)
entries = st.tuples(st.integers(0, 6), minutes, minutes).filter(lambda each: each[1] < each[2])
zones = st.sampled_from([NEW_YORK, BERLIN, LORD_HOWE, ZoneInfo("America/Santiago"), UTC])


@given(
    weekly=st.lists(entries, max_size=5).map(tuple),
    zone=zones,
    now=st.floats(at("2026-01-01T00:00:00+00:00"), at("2028-12-31T00:00:00+00:00")),
)
def test_it_is_open_exactly_within_the_windows_of_its_hours(
    weekly: tuple[tuple[int, int, int], ...], zone: Any, now: float
) -> None:
    windows = Hours(zone, weekly).windows(now, 60.0)

    assert calendar(weekly, zone).is_open(now) == any(start <= now < end for start, end in windows)


@given(zone=zones, day=st.dates(date(2026, 1, 1), date(2028, 12, 30)), offset=st.integers(-90, 90))
def test_a_day_that_is_open_all_day_ends_where_the_next_begins(
    zone: Any, day: date, offset: int
) -> None:
    found = calendar((), zone, days={(day.year, day.month, day.day): ((0, 1440),)})
    begins, ends = (
        datetime(each.year, each.month, each.day, tzinfo=zone).timestamp()
        for each in (day, day + timedelta(days=1))
    )

    assert found.is_open(begins + offset) == (offset >= 0)
    assert found.is_open(ends + offset) == (offset < 0)
