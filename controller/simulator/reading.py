"""Reads values of a scenario file. Each reader takes a value and the key where it stands.

A mistake is one `SimulatorError` that names the key, what was found, and what would be right.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, TypeAlias

from controller.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Reader: TypeAlias = "Callable[[Any, str], Any]"
Readers: TypeAlias = "Mapping[str, tuple[str, Reader]]"
"""Keys of a file: the argument that each one becomes, and its reader."""


def members(table: Any, where: str, readers: Readers) -> dict[str, Any]:
    """Read a table: keys of the file become arguments, by name and reader."""
    typed(dict, "a table")(table, where)
    arguments = {}
    for key, value in table.items():
        place = f"{where}.{key}" if where else key
        if key not in readers:
            raise SimulatorError(f"{place}: no such key{hint(key, readers)}")
        argument, reader = readers[key]
        arguments[argument] = reader(value, place)
    return arguments


def hint(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: the likely one, or all."""
    close = difflib.get_close_matches(word, [str(one) for one in known], n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return "; known are " + ", ".join(sorted(known))


def typed(kind: type | tuple[type, ...], name: str) -> Reader:
    """Read a value of a type; true and false are no numbers."""

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise SimulatorError(f"{where}: {value!r} is not {name}")
        return value

    return read


text = typed(str, "a text")
flag = typed(bool, "true or false")
whole = typed(int, "a whole number")


def seconds(value: Any, where: str) -> float:
    """Read a number of seconds, 0 or more."""
    typed((int, float), "a number of seconds")(value, where)
    if value < 0:
        raise SimulatorError(f"{where}: {value} is negative")
    return float(value)


def share(value: Any, where: str) -> float:
    """Read a number from 0 to 1."""
    typed((int, float), "a number from 0 to 1")(value, where)
    if not 0 <= value <= 1:
        raise SimulatorError(f"{where}: {value} is not from 0 to 1")
    return float(value)


def texts(value: Any, where: str) -> tuple[str, ...]:
    """Read a text or a list of texts."""
    if isinstance(value, str):
        return (value,)
    return tuple(text(one, f"{where}[{at}]") for at, one in enumerate(listed(value, where)))


def listed(value: Any, where: str) -> list[Any]:
    """Read a list."""
    found: list[Any] = typed(list, "a list")(value, where)
    return found


def each(reader: Reader) -> Reader:
    """Read a list of what `reader` reads."""

    def read(value: Any, where: str) -> tuple[Any, ...]:
        return tuple(reader(one, f"{where}[{at}]") for at, one in enumerate(listed(value, where)))

    return read


def choice(*known: str) -> Callable[[Any, str], str]:
    """Read one of some words."""

    def read(value: Any, where: str) -> str:
        if value not in known:
            raise SimulatorError(f"{where}: {value!r} is unknown{hint(str(value), known)}")
        return str(value)

    return read


def true(value: Any, where: str) -> bool:
    """Read `true`, which says nothing more than that its key stands there."""
    if value is not True:
        raise SimulatorError(f"{where}: {value!r} is not true")
    return True


def counts(value: Any, where: str) -> dict[str, int]:
    """Read a table of names and numbers."""
    typed(dict, "a table of counts")(value, where)
    return {key: whole(one, f"{where}.{key}") for key, one in value.items()}
