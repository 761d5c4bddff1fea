"""From which country a number is."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import phonenumbers

LONGEST_CODE: Final = 3
"""Digits of a country calling code (ITU-T E.164)."""


NORTH_AMERICA: Final = 1
"""The calling code of 25 countries; the area code, three digits, tells which of them."""
_SUBSCRIBER: Final = "2345678"
"""A number that every area code has room for."""


@lru_cache(maxsize=4096)  # some 40 µs for a number of Great Britain, and callers call again
def country_of(e164: str) -> str | None:
    """Return the country as two letters (ISO 3166), `001` for a code of no country, else None.

    Where countries share a calling code (+1, +7, +44 …) and the number is not known to belong to
    one of them, it is that of the largest: numbering plans grow faster than our copy of them.

    Args:
        e164: `+` and digits, normalised. Parsing it again would cost twice as much as all the rest.
    """
    for length in range(1, LONGEST_CODE + 1):
        code, national = e164[1 : length + 1], e164[length + 1 :]
        if not (code.isascii() and code.isdigit() and national.isascii() and national.isdigit()):
            return None
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code))
        if regions is not None:
            return regions[0] if len(regions) == 1 else _among(int(code), national, regions[0])
    return None


def _among(code: int, national: str, largest: str) -> str:
    if code == NORTH_AMERICA:
        return _by_area(national[:3]) or largest
    return _by_plan(code, national) or largest


@lru_cache(maxsize=1024)  # up to 300 µs, where the number is in no plan; there are 800 area codes
def _by_area(area: str) -> str | None:
    return _by_plan(NORTH_AMERICA, area + _SUBSCRIBER)


def _by_plan(code: int, national: str) -> str | None:
    number = phonenumbers.PhoneNumber(
        country_code=code,
        national_number=int(national),
        italian_leading_zero=national.startswith("0"),
    )
    return phonenumbers.region_code_for_number(number)
