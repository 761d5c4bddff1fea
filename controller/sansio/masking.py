"""Numbers of payment cards in what is kept: found by length and check digit, and blotted out (O13).

A card's number has 13 to 19 digits (ISO/IEC 7812-1), the last of which makes the sum of the Luhn
algorithm (annex B there) a multiple of ten. People write and say it in groups; what stands between
two digits is at most one space, hyphen, dot or comma. Where more groups follow, a date of expiry
for one, every run of whole groups with the right length is tried.

One number in ten that is no card's passes the check and is masked too. What is not found: a number
over two lines of a transcript, one in words ("four one one one"), one with digits missing.
"""

from __future__ import annotations

import re
from typing import Final

SHORTEST: Final = 13
LONGEST: Final = 19
"""Digits of a card's number."""

MASK: Final = "•"
"""Stands for a digit."""

FEWEST_WITHIN: Final = 4
"""Digits that are blotted out even where further ones stand beside them."""

_RUN: Final = re.compile(r"\d(?:[ .,\u00a0\u2010\u2011-]?\d){12,}")
_BETWEEN: Final = r"[ .,\u00a0\u2010\u2011-]?"
_GROUP: Final = re.compile(r"\d+")


def mask_cards(text: str) -> str:
    """Return the text with every digit of what may be a card's number blotted out.

    Everything else, the length included, stays as it is.
    """
    return _RUN.sub(lambda found: _mask(found[0]), text)


def mask_keys(text: str, keys: str) -> str:
    """Return the text with every run of these very keys blotted out; the length stays.

    For what a tool answers that got an entry which nobody may keep (O13). Between two keys there
    may be one space, hyphen, dot or comma, as people group them. A short entry is looked for as a
    number of its own only: a PIN of one digit must not blot out every price.

    Args:
        text: an answer.
        keys: digits, `*` and `#`, as they were pressed.
    """
    if not keys:
        return text
    pattern = _BETWEEN.join(map(re.escape, keys))
    if len(keys) < FEWEST_WITHIN:
        pattern = rf"(?<!\d){pattern}(?!\d)"
    hide = set(keys)
    return re.sub(
        pattern, lambda found: "".join(MASK if each in hide else each for each in found[0]), text
    )


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others.

    Args:
        digits: decimal digits of any script, at least one.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        if place % 2:
            value = value * 2 - (9 if value > 4 else 0)  # noqa: PLR2004 - the digits' sum
        total += value
    return total % 10 == 0


def _mask(run: str) -> str:
    groups = [(found.start(), found.end()) for found in _GROUP.finditer(run)]
    hidden: set[int] = set()
    for first, (start, _) in enumerate(groups):
        digits = ""
        for begin, end in groups[first:]:
            digits += run[begin:end]
            if len(digits) > LONGEST:
                break
            if len(digits) >= SHORTEST and passes_luhn(digits):
                hidden.update(range(start, end))
    return "".join(
        MASK if place in hidden and char.isdecimal() else char for place, char in enumerate(run)
    )
