"""What a model fills in, checked against the JSON Schema of a tool.

The whole of JSON Schema 2020-12 is understood (json-schema.org/draft/2020-12), with three
differences that the place demands:

1. What the schema does not name is refused, unless it says otherwise: a model that invents an
   argument should hear of it, not have it sent to somebody's service.
2. Patterns take linear time, without look-around: what they are matched against comes, by way of
   the model, from whoever is calling.
3. No reference is fetched.

No complaint repeats a value: it may be what a caller said, or the digits of a card.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias

import jsonschema_rs
import msgspec

from controller.errors import ConfigurationError, Problem
from controller.sansio.agent import JsonObject

MAX_ARGUMENTS: Final = 16 * 1024
"""Characters of the model's JSON."""
MAX_COMPLAINTS: Final = 5
"""A model corrects a few mistakes at a time, and pays for reading each."""
MAX_PROBLEM: Final = 200
"""Characters of one complaint; the schema's own enumerations and patterns stand in it."""

_Kind = jsonschema_rs.ValidationErrorKind


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one argument, for the model to correct."""

    field: str
    """Dotted path, `guests.0.name`; empty for the arguments as a whole."""
    problem: str


Complaints: TypeAlias = tuple[Complaint, ...]


class Arguments:
    """Checks the arguments of one tool.

    Args:
        schema: JSON Schema of an object.

    Raises:
        ConfigurationError: The schema cannot be used; says why. The place is for the caller to add.
    """

    def __init__(self, schema: JsonObject) -> None:
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                {"type": "object", "additionalProperties": False, **schema},
                pattern_options=jsonschema_rs.RegexOptions(),
                offline=True,
                mask="it",
            )
        except (ValueError, TypeError) as error:  # ValidationError is a ValueError
            place = ".".join(["parameters", *map(str, getattr(error, "instance_path", ()))])
            reason = str(getattr(error, "message", error))[:MAX_PROBLEM]
            raise ConfigurationError(
                Problem("", place, f"is no JSON Schema ({reason})", "correct the schema")
            ) from None

    def read(self, arguments_json: str) -> dict[str, Any] | Complaints:
        """Return the arguments, or what is wrong with them. Never raises.

        Args:
            arguments_json: As the model made them: a JSON object, or nothing.
        """
        if len(arguments_json) > MAX_ARGUMENTS:
            return (Complaint("", f"longer than {MAX_ARGUMENTS} characters"),)
        try:
            # Strict: no NaN, no half of a surrogate pair, no integer that would take long to print.
            arguments = msgspec.json.decode(arguments_json.strip() or "{}")
            errors = self._validator.iter_errors(arguments)
            complaints = tuple(_complaints(islice(errors, MAX_COMPLAINTS)))
        except (msgspec.DecodeError, UnicodeError):
            return (Complaint("", "is not JSON"),)
        except (RecursionError, ValueError):
            return (Complaint("", "is nested too deeply"),)
        return complaints or arguments


def _complaints(errors: Iterable[jsonschema_rs.ValidationError]) -> Iterable[Complaint]:
    for error in errors:
        path = [str(part) for part in error.instance_path]
        match error.kind:
            case _Kind.Required(property=name):
                yield Complaint(".".join([*path, str(name)]), "is missing")
            case _Kind.AdditionalProperties(unexpected=names):
                for name in names[:MAX_COMPLAINTS]:
                    yield Complaint(".".join([*path, name[:64]]), "there is no such argument")
            case _:
                yield Complaint(".".join(path), error.message[:MAX_PROBLEM])
