"""Opening hours: weekly times in a time zone, and when they fall.

Zones arrive as arguments; nothing here reads the zone database or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody is there, every week."""

    zone: tzinfo
    weekly: tuple[tuple[int, int, int], ...]
    """Day (0 is Monday), and the minutes of the day from which and until which; 1440 is
    midnight. Time over midnight is two entries."""

    def windows(self, now: float, span: float) -> tuple[tuple[float, float], ...]:
        """Return the times of opening that touch the next `span` seconds, as Unix seconds.

        Wall-clock times that a change of daylight saving time leaves out or repeats count as the
        zone says (PEP 495: a time left out is as much later as the clock jumps, of a time repeated
        it is the first). Opening that a change leaves out wholly is not in the result.

        Args:
            now: Unix seconds.
            span: seconds, from 0.
        """
        first = datetime.fromtimestamp(now, self.zone).date() - timedelta(days=1)
        days = int(span // 86_400) + 3
        found = []
        for day in (first + timedelta(days=n) for n in range(days)):
            for weekday, start, end in self.weekly:
                if weekday != day.weekday():
                    continue
                midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - given one below
                begins, closes = (
                    (midnight + timedelta(minutes=at)).replace(tzinfo=self.zone).timestamp()
                    for at in (start, end)
                )
                # 02:30 to 03:00 of a night without the third hour would end before it begins.
                if begins < closes and closes > now and begins < now + span:
                    found.append((begins, closes))
        return tuple(sorted(found))
