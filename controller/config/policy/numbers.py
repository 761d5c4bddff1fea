"""Telephone numbers as rules and lists name them: one by one, or by what they begin with."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from controller.config.problems import refusal
from controller.config.section import one_or_more
from controller.config.telephony import check_number
from controller.sansio.policy.number_sets import WILDCARD

ALIKE: Final = 'write numbers like "+12025550100", and prefixes like "+1202*"'

_PREFIX: Final = re.compile(r"\+[1-9][0-9]{0,13}\*")
_CURE: Final = 'must be a number like "+12025550100", or a prefix like "+1202*"'


def _entry(value: str) -> str:
    if _PREFIX.fullmatch(value) is None and (value == WILDCARD or check_number(value) is not None):
        raise refusal(_CURE)
    return value


def _called(value: str) -> str:
    if value == WILDCARD:
        return value
    try:
        return _entry(value)
    except ValueError:
        raise refusal(f'{_CURE}, or "*" for all') from None


_Entry = Annotated[str, AfterValidator(_entry)]
_Called = Annotated[str, AfterValidator(_called)]

Entries = Annotated[tuple[_Entry, ...], Field(strict=False)]
"""Numbers and prefixes."""
SomeCallers = Annotated[
    tuple[_Entry, ...],
    BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    Field(strict=False, min_length=1),
]
SomeCalled = Annotated[
    tuple[_Called, ...],
    BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    Field(strict=False, min_length=1),
]
