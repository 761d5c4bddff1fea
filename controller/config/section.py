"""What all tables of the configuration have in common, and the kinds of value in them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from controller.config.names import NAME
from controller.config.problems import refusal

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
"""TOML has lists; what they become does not change."""
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")]


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise refusal("must be a name of letters, digits, - and _")
    return value


def _file_path(value: Any) -> Any:
    if not isinstance(value, str | Path):
        return value
    if "\0" in str(value):
        raise refusal("must be a path")
    return Path(value)


def _sip_code(value: int) -> int:
    # 1xx and 2xx would not refuse, 3xx would send the caller elsewhere (RFC 3261 §21).
    if not 400 <= value <= 699:  # noqa: PLR2004 - they stand in the sentence below
        raise refusal("must be a SIP code from 400 to 699")
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise refusal("must be a day, like 2026-01-01")


Name = Annotated[str, AfterValidator(_name)]
FilePath = Annotated[Path, BeforeValidator(_file_path)]
SipCode = Annotated[
    int,
    AfterValidator(_sip_code),
    WithJsonSchema({"type": "integer", "minimum": 400, "maximum": 699}),
]
"""A code that refuses a call."""
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=str)]
"""A day of the calendar, as TOML has it or as text."""


def one_or_more(value: Any) -> Any:
    """Return a list of one where somebody wrote the one alone; validates nothing."""
    return [value] if isinstance(value, str) else value


class Section(BaseModel):
    """Nothing unknown in it, nothing that changes, no value of a type that was not meant."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )
