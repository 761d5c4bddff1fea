"""Folds attempts to attach that fail in the same way, so that half a minute of them is one line."""

from __future__ import annotations

from controller.simulator.journal import Entry, Source

AGAIN = "attach again"
"""Name of the entry that stands for the attempts that were folded; its body is their number."""
_HTTP_ERRORS = 400


class Attempts:
    """The attempts of one call to attach a sideband, as they are to be told."""

    __slots__ = ("_failure", "_folded", "_held")

    def __init__(self) -> None:
        self._failure: int | None = None
        self._folded = 0
        self._held: list[Entry] = []

    def take(self, entry: Entry) -> list[Entry]:
        """Return what is to be told now: none, the entry, or what was held back and the entry.

        The first failure is told. A further attempt is held back until its answer is known, and
        dropped when that is the same failure.
        """
        if entry.source is Source.REPLY and entry.name == "attach":
            return self._answered(entry)
        if self._held and entry.source is Source.FAULT:
            self._held.append(entry)
            return []
        if self._failure is not None and entry.source is Source.REQUEST and entry.name == "attach":
            self._held = [entry]
            return []
        return [*self._unfold(entry), entry]

    def _answered(self, entry: Entry) -> list[Entry]:
        status = entry.body["status"]
        if self._held and status == self._failure:
            self._held.clear()
            self._folded += 1
            return []
        told = [*self._unfold(entry), entry]
        self._failure = status if status is not None and status >= _HTTP_ERRORS else None
        return told

    def _unfold(self, entry: Entry) -> list[Entry]:
        """Return what stands for the folded attempts, and what was held back."""
        held, self._held = self._held, []
        folded, self._folded = self._folded, 0
        if not folded:
            return held
        return [Entry(entry.at, entry.call_id, Source.REQUEST, AGAIN, folded), *held]
