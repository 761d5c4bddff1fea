"""Telephone numbers, normalised once (O5): E.164, withheld, or not to be read. Never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import phonenumbers

from controller.errors import LocalProtocolError

NumberKind = Literal["e164", "withheld", "unparsed"]

_SEPARATORS: Final = re.compile(r"[-.() \u00a0]+")  # RFC 3966 §5.1.1, and spaces
_DIGITS: Final = re.compile(r"\+?[0-9]{1,20}")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164: at most 15 digits
_GLOBAL_CONTEXT: Final = re.compile(r"\+[0-9]{1,7}")
_ZEROS: Final = re.compile(r"\+?0+|\+?10{10}")

WITHHELD_NAMES: Final = frozenset({"anonymous", "restricted", "private", "withheld", "blocked"})
"""Names that say that somebody asked for the number not to be shown."""

_WITHHELD_USERS: Final = WITHHELD_NAMES | {"unavailable", "unknown"}
# A trunk that carries digits only gets the word as it would be keyed: +266696687 is ANONYMOUS.
_KEYPAD: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_WITHHELD_DIGITS: Final = frozenset(word.translate(_KEYPAD) for word in _WITHHELD_USERS)


@dataclass(frozen=True, slots=True, repr=False)
class Number:
    """A telephone number as far as we know it. Its `repr` shows the last four digits only."""

    kind: NumberKind
    """`e164`: known. `withheld`: somebody asked not to show it. `unparsed`: not a number."""
    e164: str | None = None
    """`+` and at most 15 digits; None unless `kind` is `e164`."""

    def __post_init__(self) -> None:
        if (self.kind == "e164") is (self.e164 is None):
            raise LocalProtocolError("a Number has digits exactly when its kind is e164")

    def __repr__(self) -> str:
        return f"Number({self.kind}{f' {last_four(self.e164)}' if self.e164 else ''})"


WITHHELD: Final = Number("withheld")
UNPARSED: Final = Number("unparsed")


def last_four(e164: str) -> str:
    """Return `…0100`: all that logs may show of a number."""
    return f"…{e164[-4:]}"


def normalise(text: str, *, region: str, context: str = "") -> Number:
    """Read a number as it stands in the user part of a URI, without its parameters.

    A number is *possible* when its length fits its country. Whether it is assigned is not asked:
    numbering plans grow faster than our copy of them, and refusing a caller from a new area code
    would be the worse mistake.

    Args:
        text: `+12025550100`, `(202) 555-0100`, `12025550100`, `011…`, `anonymous`, junk.
        region: Country of the trunk (`US`): how to read digits that do not begin with `+`.
        context: The `phone-context` parameter. A global one (`+1`) goes before the digits
            (RFC 3966 §5.1.5); a domain says nothing that we know.
    """
    bare = _SEPARATORS.sub("", text)
    if bare.casefold() in _WITHHELD_USERS or _ZEROS.fullmatch(bare):
        return WITHHELD
    if not _DIGITS.fullmatch(bare):
        return UNPARSED  # letters too: `proj_68…` and 1-800-FLOWERS are not numbers
    international = bare.startswith("+")
    if international and bare[1:] in _WITHHELD_DIGITS:
        return WITHHELD
    prefix = _SEPARATORS.sub("", context)
    if not international and _GLOBAL_CONTEXT.fullmatch(prefix):
        number = _possible(prefix + bare, region)
        if number is not None:
            return number
    number = _possible(bare, region)
    if number is not None:
        return number
    # Without `+` only now: 7378742833 is a keyed word, but in Austin it is a telephone.
    return WITHHELD if bare in _WITHHELD_DIGITS else UNPARSED


@lru_cache(maxsize=1024)  # 50 µs each, and a call names the same number in several headers
def _possible(digits: str, region: str) -> Number | None:
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    # Not is_possible_number(): that takes a number without its area code as well.
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Number("e164", e164) if _E164.fullmatch(e164) else None
