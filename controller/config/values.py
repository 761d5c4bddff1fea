"""`[values]`: what the operator's texts have in common, such as the practice's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator

from controller.config.names import NAME
from controller.config.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

LONGEST_VALUE: Final = 4000
"""Characters. A longer text is a part of the instructions: `include` it."""


def _value(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refusal("must be text or a number")
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        raise refusal(f"must have at most {LONGEST_VALUE} characters")
    return value


Values: TypeAlias = dict[str, Annotated[str | int | float, BeforeValidator(_value)]]


def texts_of(values: Mapping[str, str | float]) -> dict[str, str]:
    """Return the values as they stand in a text."""
    return {name: str(value) for name, value in values.items()}


def check_names(names: Iterable[str], path: KeyPath, complaints: Complaints) -> None:
    """Check that names can stand in a template.

    Args:
        names: The keys of a table.
        path: Where the table stands.
        complaints: Takes what is wrong.
    """
    for name in names:
        if not NAME.fullmatch(name):
            complaints.add((*path, name), "cannot be a name", "use letters, digits, - and _")
