"""Sets of telephone numbers, listed one by one or by what they begin with.

A prefix set is a set of strings and the lengths that occur among them: a number has at most 15
digits, so that a look-up is a slice and a hash for each length. A trie in Python takes a step a
digit, and some hundred bytes a node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

WILDCARD: Final = "*"


@dataclass(frozen=True, slots=True, weakref_slot=True, repr=False)
class NumberSet:
    """Some telephone numbers. Its `repr` shows none of them."""

    exact: frozenset[str] = frozenset()
    """E.164."""
    prefixes: frozenset[str] = frozenset()
    """`+1202`; "" is any number."""
    _lengths: tuple[int, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        lengths = sorted({len(prefix) for prefix in self.prefixes})
        object.__setattr__(self, "_lengths", tuple(lengths))  # the way to set what is frozen

    @classmethod
    def of(cls, entries: Iterable[str]) -> NumberSet:
        """Take `+12025550100`, `+1202*` and `*`; what they may be is checked at load."""
        entries = frozenset(entries)
        prefixes = frozenset(entry for entry in entries if entry.endswith(WILDCARD))
        return cls(entries - prefixes, frozenset(prefix.rstrip(WILDCARD) for prefix in prefixes))

    def __contains__(self, number: str) -> bool:
        if number in self.exact:
            return True
        # A loop and not `any`: a generator costs more than all the rest.
        for length in self._lengths:  # noqa: SIM110 - see above
            if number[:length] in self.prefixes:
                return True
        return False

    def __len__(self) -> int:
        return len(self.exact) + len(self.prefixes)

    def __bool__(self) -> bool:
        return bool(self.exact or self.prefixes)

    def __repr__(self) -> str:
        return f"NumberSet({len(self.exact)} numbers, {len(self.prefixes)} prefixes)"


NO_NUMBERS: Final = NumberSet()
