"""Whom we have just sent where, so that a transfer that comes back is known (operations, O6).

REFER reports nothing, and a target may forward to us again. A caller who is back within a minute of
a referral is a returned transfer: that target is not offered again, and who comes back a second
time is in a loop.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = 60.0
"""Seconds after a referral within which the same caller is a returned one."""
CALLERS_LIMIT: Final = 10_000
"""Callers who are remembered; the oldest are forgotten first. At most 2 MB."""


@dataclass(frozen=True, slots=True)
class Return:
    """Where a caller was sent before, and how often one of them sent the caller back."""

    targets: frozenset[str] = frozenset()
    """Names."""
    hops: int = 0
    """0: this call is no returned transfer."""


NEVER: Final = Return()


@dataclass(frozen=True, slots=True)
class _Referral:
    at: float
    back: Return = field(repr=False)
    """What the caller's next call is."""


class Referrals:
    """Remembers referrals by the caller's number. Time is an argument."""

    def __init__(self) -> None:
        self._by_caller: OrderedDict[str, _Referral] = OrderedDict()

    def add(self, caller: str | None, target: str, before: Return, now: float) -> None:
        """Remember that a caller was sent to a target.

        Args:
            caller: E.164; None, a withheld or unreadable one, is not remembered.
            target: its name.
            before: what the call itself was.
            now: Unix seconds.
        """
        if caller is None:
            return
        self._by_caller.pop(caller, None)
        back = Return(before.targets | {target}, before.hops + 1)
        self._by_caller[caller] = _Referral(now, back)
        while len(self._by_caller) > CALLERS_LIMIT:
            self._by_caller.popitem(last=False)

    def forget(self, caller: str | None) -> None:
        """The referral was refused for certain: the caller did not leave."""
        if caller is not None:
            self._by_caller.pop(caller, None)

    def find(self, caller: str | None, now: float) -> Return:
        """Return what a call of this caller is, if it comes in now."""
        while self._by_caller and now - next(iter(self._by_caller.values())).at > WINDOW:
            self._by_caller.popitem(last=False)
        referral = self._by_caller.get(caller) if caller is not None else None
        return NEVER if referral is None else referral.back
