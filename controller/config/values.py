"""`[values]`: what the operator's texts have in common, such as the practice's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from controller.config.problems import refusal

LONGEST_VALUE: Final = 4000
"""Characters. A longer text is a part of the instructions: `include` it."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def value_name(name: str) -> str:
    """Return a name that may stand in a template.

    Raises:
        PydanticCustomError: It may not.
    """
    if not _NAME.fullmatch(name):
        raise refusal("must have a name of letters, digits, - and _")
    return name


def _value(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refusal("must be text or a number")
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        raise refusal(f"must have at most {LONGEST_VALUE} characters")
    return value


ValueName: TypeAlias = Annotated[str, AfterValidator(value_name)]
Values: TypeAlias = dict[ValueName, Annotated[str | int | float, BeforeValidator(_value)]]


def texts_of(values: Mapping[str, str | float]) -> dict[str, str]:
    """Return the values as they stand in a text."""
    return {name: str(value) for name, value in values.items()}
