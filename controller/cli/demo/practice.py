"""The configuration that the demo runs with: a copy, so that an operator can change it meanwhile.

A demo must go the same at three in the morning and on Christmas Day, and the service has one clock,
the real one. So whether the practice is open is said as an operator says it: by an override of its
calendar, or by one more holiday, in `controller.toml`, which the service then reads again.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from controller.errors import SimulatorError

NO_OVERRIDES: Final = "overrides = []"
"""The line of a calendar that is filled in."""
_OVERRIDES: Final = re.compile(rf"^{re.escape(NO_OVERRIDES)}$", re.MULTILINE)
_CLOSED: Final = re.compile(r"^closed = \[", re.MULTILINE)
_AROUND: Final = (-1, 0, 1)
"""Days: in some zone it is yesterday yet, or tomorrow already."""


class Practice:
    """A copy of an example.

    Args:
        example: the folder with `controller.toml`.
        folder: where the copy goes; does not exist yet.
        today: by the clock of UTC; for tests.
    """

    def __init__(self, example: Path, folder: Path, *, today: date | None = None) -> None:
        shutil.copytree(example, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db"))
        self.config = folder / "controller.toml"
        self._written = self.config.read_text(encoding="utf-8")
        self._today = today or datetime.now(UTC).date()

    def open(self) -> None:
        """Open it for the next days, whatever the calendar says, if it has one."""
        self._write(_OVERRIDES.sub(self._override("true"), self._written))

    def close(self) -> str:
        """Close it, whatever the calendar says.

        Returns:
            The line that says so.

        Raises:
            SimulatorError: There is no line to fill in.
        """
        line = self._override("false")
        self._write(_filled(_OVERRIDES, line, self._written, NO_OVERRIDES))
        return line

    def go_on_holiday(self) -> str:
        """Put today on the list of the days on which it is closed; without an override.

        Returns:
            What was put there.

        Raises:
            SimulatorError: There is no such list.
        """
        days = [self._today + timedelta(days=n) for n in _AROUND]
        listed = set(_closed_days(self._written))
        added = ", ".join(f'"{day}"' for day in days if str(day) not in listed)
        text = f"closed = [{added}, " if added else "closed = ["
        self._write(_filled(_CLOSED, text, self._written, "closed = [ … ]"))
        return f"{text.rstrip()} …"

    def _override(self, is_open: str) -> str:
        until = self._today + timedelta(days=3)
        return f"overrides = [{{ open = {is_open}, until = {until}T00:00:00 }}]"

    def _write(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")


def _filled(pattern: re.Pattern[str], line: str, text: str, wanted: str) -> str:
    filled, times = pattern.subn(line, text)
    if not times:
        raise SimulatorError(
            f"controller.toml: no line `{wanted}`; the calls in calls/closing and calls/holiday"
            " need one in a calendar"
        )
    return filled


def _closed_days(text: str) -> list[str]:
    """Return the days that calendars list as closed, as they are written."""
    try:
        calendars = tomllib.loads(text).get("calendars", {})
    except tomllib.TOMLDecodeError:
        return []  # the service says what is wrong, with its line
    tables = calendars.values() if isinstance(calendars, dict) else ()
    return [str(day) for table in tables for day in table.get("closed", ())]
