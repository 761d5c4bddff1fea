"""From pydantic's findings to problems that an operator can act on.

Source of the error types: pydantic's "Validation errors" page; every type that is not treated here
keeps pydantic's own words.
"""

from __future__ import annotations

import difflib
from datetime import date
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from controller.config.document import dotted
from controller.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from controller.config.document import KeyPath

_LONGEST_SHOWN: Final = 60
_MOST_LISTED: Final = 12

_TYPES: Final = {
    "string_type": 'must be text in quotes, "like this"',
    "int_type": "must be a whole number, without quotes",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false, without quotes",
    "list_type": 'must be a list, like ["one", "two"]',
    "tuple_type": 'must be a list, like ["one", "two"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}
"""What pydantic says in the words of its types, in those of TOML."""


class Complaints:
    """The problems of one document, as they are found.

    Args:
        where: Names file and line of a path, or the variable.
    """

    def __init__(self, where: Callable[[KeyPath], str]) -> None:
        self._where = where
        self.problems: list[Problem] = []

    def add(self, path: KeyPath, found: str, cure: str) -> None:
        """Add one."""
        self.problems.append(Problem(self._where(path), dotted(path), found, cure))


_PLAINER = (
    ("Input should", "must"),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
    ("greater than", "more than"),
)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "x"?` where something known is like the word, else what is known."""
    names = sorted(known)
    if close := difflib.get_close_matches(word, names, n=1, cutoff=0.6):
        return f'did you mean "{close[0]}"?'
    if not names:
        return "there is none"
    listed = ", ".join(names[:_MOST_LISTED])
    return f"there is {listed}" + (", …" if len(names) > _MOST_LISTED else "")


def refusal(cure: str) -> PydanticCustomError:
    """Return what a validator raises: the value is shown by us, the cure is its own.

    Args:
        cure: What is allowed, "must be …". It must not repeat the value.
    """
    return PydanticCustomError("refused", "{cure}", {"cure": cure})


def shown(value: object) -> str:
    """Return a value as a message shows it: on one line, short."""
    if isinstance(value, bool):
        return str(value).lower()  # as TOML writes it
    if isinstance(value, date):
        return value.isoformat()  # likewise; times too
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits has no decimal form
        return "a very large number"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def problems_of(
    error: ValidationError,
    *,
    model: type[BaseModel],
    raw: Any,
    where: Callable[[KeyPath], str],
    secret: Callable[[KeyPath], bool] = lambda _: False,
) -> list[tuple[KeyPath, Problem]]:
    """Translate a validation error.

    Args:
        error: What pydantic found.
        model: What was validated; its fields are what unknown keys are compared with.
        raw: What was given to it; shows which parts of a location are keys of the operator's.
        where: Names file and line of a path, or the variable.
        secret: Tells the paths whose value must not be shown.

    Returns:
        Each problem with its path, one a path. Of a union, whose every form was tried, only what
        is wrong within a form: that form was meant.
    """
    problems: dict[KeyPath, Problem] = {}
    for details in error.errors(include_url=False):
        path = _path(details, raw)
        if path not in problems:
            found, cure = _found_and_cure(details, path, model=model, hide=secret(path))
            problems[path] = Problem(where(path), dotted(path), found, cure)
    return [
        (path, problem)
        for path, problem in problems.items()
        if not any(other[: len(path)] == path for other in problems if other != path)
    ]


def _found_and_cure(
    details: ErrorDetails, path: KeyPath, *, model: type[BaseModel], hide: bool
) -> tuple[str, str]:
    match details["type"]:
        case "extra_forbidden":
            # The value is not shown: a secret under a misspelt key is still a secret.
            return "unknown key", did_you_mean(str(path[-1]), known_keys(model, path[:-1]))
        case "missing":
            return "is missing", _purpose(model, path)
        case "list_type" | "tuple_type" if isinstance(details["input"], dict):
            return (
                "is one table",
                f"must be a list; begin each of its tables with [[{dotted(path)}]]",
            )
        case _:
            found = "is not usable" if hide else f"found {shown(details['input'])}"
            cure = _TYPES.get(details["type"])
            return found, cure or _plain(details["msg"])


def _plain(message: str) -> str:
    """Return pydantic's sentence in the words of the other messages."""
    for theirs, ours in _PLAINER:
        message = message.replace(theirs, ours, 1)
    return message


def _path(details: ErrorDetails, raw: Any) -> KeyPath:
    """Drop from pydantic's location what is not the operator's: tags of unions."""
    location = details["loc"]
    path: KeyPath = ()
    for part in location:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            continue
        path = (*path, part)
    return (*path, location[-1]) if details["type"] == "missing" else path


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    """Return the models within an annotation: a section's, or those of a list or table of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {each for inner in get_args(annotation) for each in _models_in(inner)}


def _fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields as they are written: a key may be a word that Python keeps for itself."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _models_at(model: type[BaseModel], path: KeyPath) -> set[type[BaseModel]]:
    models = {model}
    for part in path:
        fields = [_fields_of(each).get(str(part)) for each in models]
        # A part that is no field is an index or a name of the operator's: the models stay.
        models = {m for each in fields if each for m in _models_in(each.annotation)} or models
    return models


def known_keys(model: type[BaseModel], path: KeyPath) -> set[str]:
    """Return the keys that may stand at a path."""
    return {key for each in _models_at(model, path) for key in _fields_of(each)}


def field_at(model: type[BaseModel], path: KeyPath) -> FieldInfo | None:
    """Return the field that a path leads to, None where there is none."""
    models = _models_at(model, path[:-1])
    return next(filter(None, (_fields_of(each).get(str(path[-1])) for each in models)), None)


def _purpose(model: type[BaseModel], path: KeyPath) -> str:
    """Return what a missing key is for: its field's documentation."""
    info = field_at(model, path)
    if info is None or not info.description:
        return "must be given"
    purpose = " ".join(info.description.split()).removesuffix(".")
    begins = purpose[:1].lower() if purpose[1:2].islower() else purpose[:1]
    return f"must be given: {begins}{purpose[1:]}"
