"""Calendars: `[calendars.NAME]`, the hours of a house with its holidays and exceptions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from controller.config.hours import IN_AN_EDITOR, TimeZone, span, weekly
from controller.config.problems import did_you_mean, refusal
from controller.config.section import Section
from controller.sansio.hours import EVERY_YEAR, Calendar, Hours, Override, Times

if TYPE_CHECKING:
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

Day = tuple[int, int, int]
"""Year (`EVERY_YEAR` of a day that comes every year), month, day."""

_YEARLY: Final = re.compile(r"[0-9]{2}-[0-9]{2}")
_LEAP: Final = "2000-"
"""A year that has every day."""
_YEARS: Final = range(2000, 2101)


def day_of(text: str) -> Day:
    """Read `2026-11-26`, or `12-25` of every year.

    Raises:
        PydanticCustomError: It is no day.
    """
    is_yearly = _YEARLY.fullmatch(text) is not None
    try:
        day = date.fromisoformat(f"{_LEAP}{text}" if is_yearly else text)
    except ValueError:
        raise refusal('must be a day like "2026-11-26", or "12-25" for every year') from None
    return (EVERY_YEAR if is_yearly else day.year, day.month, day.day)


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()  # TOML has dates of its own
    if isinstance(value, str):
        day_of(value)
    return value


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.year not in _YEARS:
        raise refusal("must be a time like 2026-11-24T14:00:00, of the years 2000 to 2100")
    return value


def _weekly(value: str) -> str:
    weekly(value)
    return value


def _span(value: str) -> str:
    span(value)
    return value


Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]
Days = Annotated[
    tuple[Annotated[str, BeforeValidator(_day, json_schema_input_type=str)], ...],
    Field(strict=False),
]
DayName = Annotated[str, BeforeValidator(_day, json_schema_input_type=str)]
TimesOfDay = Annotated[tuple[Annotated[str, AfterValidator(_span)], ...], Field(strict=False)]


class OverrideEntry(Section):
    """Open or closed for once: "closed until 14:00"."""

    open: bool
    """true: open, whatever the calendar says; false: closed"""
    from_at: Annotated[Moment | None, Field(alias="from")] = None
    """From when, `2026-11-24T08:00:00` in the calendar's zone; without it always before."""
    until: Moment
    """until when, likewise"""


Entry = Annotated[str, AfterValidator(_weekly), WithJsonSchema(IN_AN_EDITOR)]


class CalendarSection(Section):
    """When somebody is there.

    An override goes before everything else, the last of several that hold first; then a dated day,
    then a day of every year, then the week. Time over midnight belongs to the day on which it
    begins.
    """

    time_zone: TimeZone | None = None
    """Such as "America/New_York"; by default that of `[policy]`."""
    hours: Annotated[tuple[Entry, ...], Field(strict=False)]
    """the hours of the week, such as `["mon-thu 08:00-17:00", "fri 08:00-13:00"]`; `[]` is never"""
    closed: Days = ()
    """Days on which nobody is there: `"2026-11-26"`, or `"12-25"` of every year."""
    days: dict[DayName, TimesOfDay] = Field(default_factory=dict)
    """Other times on such a day: `{ "12-24" = ["08:00-12:00"] }`."""
    overrides: Annotated[tuple[OverrideEntry, ...], Field(strict=False)] = ()
    """Exceptions: `[{ open = false, until = 2026-11-24T14:00:00 }]`, each with `from` where it does
    not hold already."""


def resolve(
    sections: Mapping[str, CalendarSection], time_zone: str | None, complaints: Complaints
) -> dict[str, Calendar]:
    """Return all calendars; with what is wrong in them they are good for looking up names only.

    Args:
        sections: By name, as written.
        time_zone: Of those without one of their own.
        complaints: Takes what is wrong.
    """
    return {
        name: _resolve(("calendars", name), section, time_zone, complaints)
        for name, section in sections.items()
    }


def find(
    calendars: Mapping[str, Calendar], name: str, path: KeyPath, complaints: Complaints
) -> Calendar | None:
    """Return a calendar by its name."""
    if name not in calendars:
        complaints.add(path, f"no calendar is named {name!r}", did_you_mean(name, calendars))
    return calendars.get(name)


def _resolve(
    path: KeyPath, section: CalendarSection, time_zone: str | None, complaints: Complaints
) -> Calendar:
    zone_of = section.time_zone or time_zone
    if zone_of is None:
        complaints.add(path, "has no time zone", "give time_zone here or in [policy]")
    zone = ZoneInfo(zone_of or "UTC")
    week = {each for text in section.hours for each in weekly(text, is_split=False)}
    return Calendar(
        Hours(zone, tuple(sorted(week))),
        days=MappingProxyType(_days(path, section, complaints)),
        overrides=tuple(_overrides(path, section, zone, complaints)),
    )


def _days(path: KeyPath, section: CalendarSection, complaints: Complaints) -> dict[Day, Times]:
    found: dict[Day, Times] = {}
    for index, text in enumerate(section.closed):
        day = day_of(text)
        if day in found:
            complaints.add((*path, "closed", index), f"{text} is listed twice", "once will do")
        found[day] = ()
    for text, times in section.days.items():
        day = day_of(text)
        if day in found:
            complaints.add((*path, "days", text), "is in closed too", "leave it out there")
        found[day] = tuple(sorted(span(each) for each in times))
    return found


def _overrides(
    path: KeyPath, section: CalendarSection, zone: ZoneInfo, complaints: Complaints
) -> Iterator[Override]:
    for index, entry in enumerate(section.overrides):
        until = _instant(entry.until, zone)
        if entry.from_at is None:
            yield Override(entry.open, until)
            continue
        begins = _instant(entry.from_at, zone)
        if begins >= until:
            where = (*path, "overrides", index, "until")
            complaints.add(where, "is not after from", "must be a later time")
        yield Override(entry.open, until, begins)


def _instant(moment: datetime, zone: ZoneInfo) -> float:
    """Return Unix seconds; a time without an offset is on the clock of the calendar's zone."""
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).timestamp()
