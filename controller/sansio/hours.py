"""Opening hours: weekly times in a time zone, days that are different, and when they fall.

Zones arrive as arguments; nothing here reads the zone database or a clock.

A time of the day is minutes from midnight on the wall clock, 0 to 1440. It becomes an instant as
the zone says (PEP 495): a time that a change of daylight saving time leaves out is as much later as
the clock jumps, of a time that comes twice it is the first. So an office that closes at 02:30 does
not open again when the hour is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from math import inf
from typing import Final, TypeAlias

Times: TypeAlias = tuple[tuple[int, int], ...]
"""From and until, in minutes of a day; () is closed."""
Span: TypeAlias = tuple[float, float]
"""From and until, in Unix seconds."""

MIDNIGHT: Final = 1440
EVERY_YEAR: Final = 0
"""The year of a day that comes every year."""
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody is there, every week."""

    zone: tzinfo
    weekly: tuple[tuple[int, int, int], ...]
    """Day (0 is Monday), and the minutes of the day from which and until which; 1440 is
    midnight. Time over midnight is two entries."""

    def windows(self, now: float, span: float) -> tuple[Span, ...]:
        """Return the times of opening that touch the next `span` seconds, as Unix seconds.

        Opening that a change of daylight saving time leaves out wholly is not in the result.

        Args:
            now: Unix seconds.
            span: seconds, from 0.
        """
        first = datetime.fromtimestamp(now, self.zone).date() - _ONE_DAY
        days = int(span // 86_400) + 3
        found = [
            (begins, closes)
            for day in (first + timedelta(days=n) for n in range(days))
            for begins, closes in _spans(self.zone, day, self.times(day))
            if closes > now and begins < now + span
        ]
        return tuple(sorted(found))

    def times(self, day: date) -> Times:
        """Return the times of a day of the calendar."""
        weekday = day.weekday()
        return tuple((start, end) for each, start, end in self.weekly if each == weekday)


@dataclass(frozen=True, slots=True)
class Override:
    """Open or closed for once, whatever the calendar says: "closed until 14:00"."""

    is_open: bool
    until_at: float
    """Unix seconds."""
    from_at: float = -inf
    """Unix seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Weekly hours, and the days and moments that are different. Equal to itself only."""

    hours: Hours
    days: Mapping[tuple[int, int, int], Times] = field(default_factory=dict)
    """By year, month and day; `EVERY_YEAR` as the year for a day of each. The times take the place
    of the week's; a dated day goes before a yearly one. 29 February of every year is a day of leap
    years only: on 28 February and 1 March the week's times hold."""
    overrides: tuple[Override, ...] = ()
    """The last that holds decides, before everything else."""

    def is_open(self, now: float) -> bool:
        """Tell whether it is open.

        Args:
            now: Unix seconds, of the years 1 to 9999.
        """
        for override in reversed(self.overrides):
            if override.from_at <= now < override.until_at:
                return override.is_open
        return _is_open(self, now)

    def times(self, day: date) -> Times:
        """Return the times of a day, its own or the week's."""
        if self.days:
            for year in (day.year, EVERY_YEAR):
                times = self.days.get((year, day.month, day.day))
                if times is not None:
                    return times
        return self.hours.times(day)


@lru_cache(maxsize=64)  # 6 µs, and a decision asks one calendar in many rules
def _is_open(calendar: Calendar, now: float) -> bool:
    zone = calendar.hours.zone
    today = datetime.fromtimestamp(now, zone).date()
    yesterday = today - _ONE_DAY
    # Time over midnight may be written as one entry, 22:00 to 26:00, of the day before.
    late = tuple(each for each in calendar.times(yesterday) if each[1] > MIDNIGHT)
    spans = (*_spans(zone, yesterday, late), *_spans(zone, today, calendar.times(today)))
    return any(begins <= now < closes for begins, closes in spans)


def _spans(zone: tzinfo, day: date, times: Times) -> tuple[Span, ...]:
    """Return the instants of a day's times, without what a change of the clock leaves out."""
    spans = ((_instant(zone, day, start), _instant(zone, day, end)) for start, end in times)
    # 02:30 to 03:00 of a night without the third hour would end before it begins.
    return tuple((begins, closes) for begins, closes in spans if begins < closes)


def _instant(zone: tzinfo, day: date, minute: int) -> float:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - given at the end
    return (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).timestamp()
