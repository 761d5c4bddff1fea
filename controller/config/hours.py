"""Opening hours as people write them: `mon-fri 08:00-17:00`, in a time zone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from controller.config.problems import did_you_mean, refusal
from controller.sansio.hours import Hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIDNIGHT: Final = 24 * 60
"""Minutes of a day."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = f"(?:{'|'.join(_DAYS)})"
_TIME: Final = r"([01][0-9]|2[0-4]):([0-5][0-9])"
_ENTRY: Final = re.compile(
    rf"({_DAY}(?:-{_DAY})?(?:, ?{_DAY}(?:-{_DAY})?)*) +{_TIME}-{_TIME}", re.IGNORECASE
)
_CURE: Final = 'must be like "mon-fri 08:00-17:00" or "sat,sun 22:00-02:00"'


def weekly(text: str) -> tuple[tuple[int, int, int], ...]:
    """Read one entry.

    Returns:
        Day (0 is Monday) and the minutes of the day from which and until which. Time over midnight
        becomes two of them.

    Raises:
        PydanticCustomError: It is none; says what one looks like.
    """
    match = _ENTRY.fullmatch(text.strip())
    if match is None:
        raise refusal(_CURE)
    start = int(match[2]) * 60 + int(match[3])
    end = int(match[4]) * 60 + int(match[5])
    if start >= MIDNIGHT or end > MIDNIGHT or start == end:
        raise refusal(f"{_CURE}, with times from 00:00 to 24:00 that differ")
    found: list[tuple[int, int, int]] = []
    for day in _days(match[1].lower()):
        if start < end:
            found.append((day, start, end))
        else:
            found.append((day, start, MIDNIGHT))
            found += [((day + 1) % 7, 0, end)] if end else []
    return tuple(found)


def zone_name(name: str) -> str:
    """Return the name of a time zone if there is one.

    Raises:
        PydanticCustomError: There is none; says which is meant.
    """
    known = available_timezones()
    if name in known:
        return name
    cities = {each for each in known if "/" in each and not each.startswith(("Etc/", "posix/"))}
    hint = did_you_mean(name, cities) if known else "this machine has no tzdata"
    close = hint if hint.startswith(("did", "this")) else 'such as "America/New_York"'
    raise refusal(f"must be a time zone of the IANA database: {close}")


def hours_of(entries: Iterable[str], zone: str) -> Hours:
    """Return the hours that checked entries make up."""
    return Hours(ZoneInfo(zone), tuple(sorted({each for text in entries for each in weekly(text)})))


def _days(text: str) -> Iterator[int]:
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        for n in range((end - begin) % 7 + 1):
            yield (begin + n) % 7
