"""How many tools may run at once, in one call and in the whole process."""

from __future__ import annotations

from collections import Counter
from typing import Final

PER_CALL: Final = 32
"""Tools of one call: a response that asks for hundreds is a model gone wrong."""
IN_ALL: Final = 512
"""Tools of the process: each holds memory, and perhaps a connection."""


class Places:
    """Counts the tools that run; shared by all toolboxes of a process.

    Args:
        per_call: tools of one call.
        in_all: tools of all calls.
    """

    def __init__(self, *, per_call: int = PER_CALL, in_all: int = IN_ALL) -> None:
        self._per_call = per_call
        self._in_all = in_all
        self._taken: Counter[str] = Counter()

    def take(self, call_id: str) -> bool:
        """Take a place. Returns False when there is none; nobody waits for one."""
        if self._taken[call_id] >= self._per_call or self._taken.total() >= self._in_all:
            self._forget(call_id)
            return False
        self._taken[call_id] += 1
        return True

    def give_back(self, call_id: str) -> None:
        """Give a place back that was taken."""
        self._taken[call_id] -= 1
        self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        if not self._taken[call_id]:
            del self._taken[call_id]
