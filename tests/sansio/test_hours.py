from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.hours import Hours

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = tuple((day, 8 * 60, 17 * 60) for day in range(5))
ALWAYS = tuple((day, 0, 1440) for day in range(7))
HOUR = 3600.0


def at(zone: tzinfo, *when: int, fold: int = 0) -> float:
    return datetime(*when, tzinfo=zone, fold=fold).timestamp()  # type: ignore[misc,arg-type] # year to minute


def utc(*when: int) -> float:
    return at(UTC, *when)


def is_open(hours: Hours, now: float) -> bool:
    return any(start <= now < end for start, end in hours.windows(now, 7200.0))


@pytest.mark.parametrize("zone", [NEW_YORK, BERLIN])
def test_an_office_is_open_from_its_first_minute_until_its_last(zone: ZoneInfo) -> None:
    hours = Hours(zone, OFFICE)

    assert not is_open(hours, at(zone, 2026, 6, 1, 7, 59))
    assert is_open(hours, at(zone, 2026, 6, 1, 8, 0))
    assert is_open(hours, at(zone, 2026, 6, 5, 16, 59))
    assert not is_open(hours, at(zone, 2026, 6, 5, 17, 0))
    assert not is_open(hours, at(zone, 2026, 6, 6, 12, 0))


def test_the_day_is_that_of_the_zone() -> None:
    hours = Hours(NEW_YORK, ((0, 20 * 60, 23 * 60),))

    assert is_open(hours, utc(2026, 6, 2, 1, 0))  # Monday 21:00 there, Tuesday here


def test_only_what_touches_the_span_is_returned_in_order() -> None:
    hours = Hours(BERLIN, ((0, 13 * 60, 17 * 60), (0, 8 * 60, 12 * 60)))
    morning = (at(BERLIN, 2026, 6, 1, 8, 0), at(BERLIN, 2026, 6, 1, 12, 0))
    afternoon = (at(BERLIN, 2026, 6, 1, 13, 0), at(BERLIN, 2026, 6, 1, 17, 0))

    assert hours.windows(morning[1] - 60, 2 * HOUR) == (morning, afternoon)
    assert hours.windows(morning[1] - 60, 60.0) == (morning,)
    assert hours.windows(morning[1], HOUR) == ()
    assert hours.windows(morning[1], HOUR + 1) == (afternoon,)


def test_time_over_midnight_is_two_entries_without_a_gap() -> None:
    hours = Hours(BERLIN, ((4, 22 * 60, 1440), (5, 0, 6 * 60)))
    evening = at(BERLIN, 2026, 6, 5, 22, 0)

    windows = hours.windows(evening, 4 * HOUR)

    assert windows == (
        (evening, at(BERLIN, 2026, 6, 6, 0, 0)),
        (at(BERLIN, 2026, 6, 6, 0, 0), at(BERLIN, 2026, 6, 6, 6, 0)),
    )
    assert is_open(hours, at(BERLIN, 2026, 6, 5, 23, 59))
    assert is_open(hours, at(BERLIN, 2026, 6, 6, 0, 0))
    assert not is_open(hours, at(BERLIN, 2026, 6, 6, 6, 0))


def test_an_entry_may_go_on_after_midnight_into_a_monday() -> None:
    hours = Hours(BERLIN, ((6, 22 * 60, 26 * 60),))

    assert is_open(hours, at(BERLIN, 2026, 6, 8, 1, 59))
    assert not is_open(hours, at(BERLIN, 2026, 6, 8, 2, 0))


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        (NEW_YORK, (2026, 3, 8), 23.0),
        (NEW_YORK, (2026, 11, 1), 25.0),
        (BERLIN, (2026, 3, 29), 23.0),
        (BERLIN, (2026, 10, 25), 25.0),
    ],
)
def test_a_day_of_a_change_is_as_long_as_it_is(
    zone: ZoneInfo, day: tuple[int, int, int], length: float
) -> None:
    noon = at(zone, *day, 12, 0)

    ((start, end),) = Hours(zone, ((6, 0, 1440),)).windows(noon, HOUR)

    assert end - start == length * HOUR


def test_a_time_that_is_left_out_is_as_much_later_as_the_clock_jumps() -> None:
    hours = Hours(NEW_YORK, ((6, 150, 240),))  # 02:30 to 04:00
    midnight = at(NEW_YORK, 2026, 3, 8, 0, 0)

    assert hours.windows(midnight, 6 * HOUR) == ((utc(2026, 3, 8, 7, 30), utc(2026, 3, 8, 8, 0)),)


@pytest.mark.parametrize("entry", [(6, 150, 180), (6, 120, 180)])
@pytest.mark.parametrize(("zone", "day"), [(NEW_YORK, (2026, 3, 8)), (BERLIN, (2026, 3, 29))])
def test_opening_that_is_left_out_wholly_is_no_opening(
    zone: ZoneInfo, day: tuple[int, int, int], entry: tuple[int, int, int]
) -> None:
    assert Hours(zone, (entry,)).windows(at(zone, *day, 0, 0), 6 * HOUR) == ()


def test_of_a_time_that_is_repeated_the_first_counts() -> None:
    hours = Hours(BERLIN, ((6, 150, 240),))  # 02:30 to 04:00, of which 02:30 comes twice
    midnight = at(BERLIN, 2026, 10, 25, 0, 0)

    ((start, end),) = hours.windows(midnight, 6 * HOUR)

    assert start == at(BERLIN, 2026, 10, 25, 2, 30)
    assert end - start == 2.5 * HOUR


def test_somebody_who_is_there_always_is_there_through_every_change() -> None:
    hours = Hours(NEW_YORK, ALWAYS)
    now = utc(2026, 1, 1)

    windows = hours.windows(now, 365 * 24 * HOUR)

    assert windows[0][0] <= now
    assert windows[-1][1] >= now + 365 * 24 * HOUR
    assert all(end == start for (_, end), (start, _) in pairwise(windows))


@given(
    st.integers(1_700_000_000, 2_000_000_000),
    st.floats(0, 10 * 86_400),
    st.sampled_from([NEW_YORK, BERLIN, UTC]),
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440)).filter(
            lambda entry: entry[1] < entry[2]
        ),
        max_size=5,
    ),
)
def test_every_window_touches_the_span_and_says_what_the_wall_clock_says(
    now: int, span: float, zone: tzinfo, weekly: list[tuple[int, int, int]]
) -> None:
    windows = Hours(zone, tuple(weekly)).windows(now, span)

    assert list(windows) == sorted(windows)
    for start, end in windows:
        assert start < end
        assert end > now
        assert start < now + span
    change = timedelta(hours=26)
    local = datetime.fromtimestamp(now, zone)
    if span and (local - change).utcoffset() == (local + change).utcoffset():
        minute = local.hour * 60 + local.minute
        expected = any(
            day == local.weekday() and start <= minute < end for day, start, end in weekly
        )
        assert any(start <= now < end for start, end in windows) == expected
