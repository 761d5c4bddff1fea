"""Opening hours as people write them: `mon-fri 08:00-17:00`, in a time zone."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

from controller.config.problems import did_you_mean, refusal
from controller.sansio.hours import Hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIDNIGHT: Final = 24 * 60
"""Minutes of a day."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = f"(?:{'|'.join(_DAYS)})"
_TIME: Final = r"([01][0-9]|2[0-4]):([0-5][0-9])"
_SPAN: Final = re.compile(rf"{_TIME}-{_TIME}")
_ENTRY: Final = re.compile(rf"({_DAY}(?:-{_DAY})?(?:, ?{_DAY}(?:-{_DAY})?)*) +(\S+)", re.IGNORECASE)
IN_AN_EDITOR: Final = {"type": "string", "pattern": "[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]"}
"""The JSON Schema of an entry: less than what is checked here, and what people get wrong."""
_CURE: Final = 'must be like "mon-fri 08:00-17:00" or "sat,sun 22:00-02:00"'


def span(text: str, *, cure: str = 'must be like "08:00-12:00"') -> tuple[int, int]:
    """Read the times of a day.

    Returns:
        The minutes of the day from which and until which; over 1440 where it is the next day's.

    Raises:
        PydanticCustomError: They are none; says what they look like.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise refusal(cure)
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4])
    if start >= MIDNIGHT or end > MIDNIGHT or start == end:
        raise refusal(f"{cure}, with times from 00:00 to 24:00 that differ")
    return start, end if start < end else end + MIDNIGHT


def weekly(text: str, *, is_split: bool = True) -> tuple[tuple[int, int, int], ...]:
    """Read one entry.

    Args:
        text: Days, and times of each.
        is_split: Time over midnight becomes two of them, of two days; else one of over 1440
            minutes, which belongs to the day on which it begins.

    Returns:
        Day (0 is Monday) and the minutes of the day from which and until which.

    Raises:
        PydanticCustomError: It is none; says what one looks like.
    """
    match = _ENTRY.fullmatch(text.strip())
    if match is None:
        raise refusal(_CURE)
    start, until = span(match[2], cure=_CURE)
    end = until if until <= MIDNIGHT else until - MIDNIGHT
    found: list[tuple[int, int, int]] = []
    for day in _days(match[1].lower()):
        if until <= MIDNIGHT or not is_split:
            found.append((day, start, until))
        else:
            found.append((day, start, MIDNIGHT))
            found += [((day + 1) % 7, 0, end)] if end else []
    return tuple(found)


def zone_name(name: str) -> str:
    """Return the name of a time zone if there is one.

    Raises:
        PydanticCustomError: There is none; says which is meant.
    """
    known = _zones()
    if name in known:
        return name
    cities = {each for each in known if "/" in each and not each.startswith(("Etc/", "posix/"))}
    hint = did_you_mean(name, cities) if known else "this machine has no tzdata"
    close = hint if hint.startswith(("did", "this")) else 'such as "America/New_York"'
    raise refusal(f"must be a time zone of the IANA database: {close}")


@lru_cache(maxsize=1)  # 60 ms, of files that change when the machine is updated
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


TimeZone = Annotated[str, AfterValidator(zone_name)]


def hours_of(entries: Iterable[str], zone: str) -> Hours:
    """Return the hours that checked entries make up."""
    return Hours(ZoneInfo(zone), tuple(sorted({each for text in entries for each in weekly(text)})))


def _days(text: str) -> Iterator[int]:
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        for n in range((end - begin) % 7 + 1):
            yield (begin + n) % 7
