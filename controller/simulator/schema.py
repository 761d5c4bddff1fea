"""A small language for "what may stand in this JSON object", with OpenAI's refusals.

A check takes a value and the dotted path where it stands and raises `RefusedError`. Checks nest:
`members({"type": one_of("realtime")}, required=("type",))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from controller.simulator.wire import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Check: TypeAlias = "Callable[[Any, str], None]"

_JSON_NAMES = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def wrong_type(value: Any, path: str, expected: str) -> RefusedError:
    """Return the refusal of a value that has another type than `expected`."""
    found = _JSON_NAMES[type(value)]
    return RefusedError(
        f"Invalid type for '{path}': expected {expected}, but got {found} instead.",
        code="invalid_type",
        param=path,
    )


def unknown(path: str) -> RefusedError:
    """Return the refusal of a parameter that does not exist."""
    return RefusedError(f"Unknown parameter: '{path}'.", code="unknown_parameter", param=path)


def missing(path: str) -> RefusedError:
    """Return the refusal of an object that lacks a parameter."""
    return RefusedError(
        f"Missing required parameter: '{path}'.", code="missing_required_parameter", param=path
    )


def invalid(path: str, message: str) -> RefusedError:
    """Return the refusal of a value that is out of its range."""
    return RefusedError(message, code="invalid_value", param=path)


def anything(value: Any, path: str) -> None:
    """Accept every value: the parameter is known, its content is not checked."""


def text(value: Any, path: str) -> None:
    """Accept a string."""
    if not isinstance(value, str):
        raise wrong_type(value, path, "a string")


def boolean(value: Any, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise wrong_type(value, path, "a boolean")


def number(low: float, high: float) -> Check:
    """Accept a number from `low` to `high`."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(value, path, "a number")
        if not low <= value <= high:
            raise invalid(path, f"Invalid '{path}': expected a value from {low} to {high}.")

    return check


def whole(low: int, high: int) -> Check:
    """Accept an integer from `low` to `high`."""
    in_range = number(low, high)

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(value, path, "an integer")
        in_range(value, path)

    return check


def one_of(*allowed: str) -> Check:
    """Accept one of some strings."""

    def check(value: Any, path: str) -> None:
        text(value, path)
        if value not in allowed:
            choices = ", ".join(f"'{choice}'" for choice in allowed)
            raise invalid(path, f"Invalid value: '{value}'. Supported values are: {choices}.")

    return check


def nullable(inner: Check) -> Check:
    """Accept null, and whatever `inner` accepts."""

    def check(value: Any, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def array(inner: Check) -> Check:
    """Accept an array whose elements `inner` accepts."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(value, path, "an array")
        for position, element in enumerate(value):
            inner(element, f"{path}[{position}]")

    return check


def members(
    known: Mapping[str, Check], *, required: tuple[str, ...] = (), open_ended: bool = False
) -> Check:
    """Accept an object with `known` members; others are refused unless it is `open_ended`."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(value, path, "an object")
        prefix = f"{path}." if path else ""
        for key, member in value.items():
            inner = known.get(key)
            if inner is not None:
                inner(member, prefix + key)
            elif not open_ended:
                raise unknown(prefix + key)
        for key in required:
            if key not in value:
                raise missing(prefix + key)

    return check


def tagged(tag: str, variants: Mapping[str, Check]) -> Check:
    """Accept an object whose member `tag` chooses the check for the rest."""
    known_tag = one_of(*variants)

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(value, path, "an object")
        if tag not in value:
            raise missing(f"{path}.{tag}")
        known_tag(value[tag], f"{path}.{tag}")
        variants[value[tag]](value, path)

    return check


def either(*forms: tuple[type, Check]) -> Check:
    """Accept a value by the form that its JSON type chooses."""

    def check(value: Any, path: str) -> None:
        for kind, inner in forms:
            if type(value) is kind:
                inner(value, path)
                return
        raise wrong_type(value, path, " or ".join(_JSON_NAMES[kind] for kind, _ in forms))

    return check
