"""The hash of a generation: of content, so that two nodes with the same files agree on it.

A generation is hashed in pieces, each with a name that an operator knows (`agent frontdesk`,
`rules`, `list blocked`), so that two of them can be compared: what changed is what a reload tells.

What decides of calls is written in one canonical form before it is hashed: no order that a set has
by chance, no path of this machine, and secrets by their names only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass, replace
from datetime import date, tzinfo
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from controller.config.sources import Sources
    from controller.sansio.policy import NumberSet

_HASH_DIGITS: Final = 16
_PIECE_DIGITS: Final = 8


class Pieces:
    """What a generation is made of, by name."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def add(self, name: str, content: bytes) -> None:
        """Add a piece."""
        self._contents[name] = content

    def hashes(self) -> dict[str, str]:
        """Return a short hash of each piece, in the order of their names."""
        return {
            name: hashlib.sha256(content).hexdigest()[:_PIECE_DIGITS]
            for name, content in sorted(self._contents.items())
        }

    def hash(self) -> str:
        """Return 16 hexadecimal digits of the SHA-256 of all pieces.

        Each stands there with its length, so that no two contents look alike.
        """
        sha = hashlib.sha256()
        for name, content in sorted(self._contents.items()):
            for piece in (name.encode(errors="surrogateescape"), content):
                sha.update(len(piece).to_bytes(8) + piece)
        return sha.hexdigest()[:_HASH_DIGITS]


def add_routing(pieces: Pieces, sources: Sources, lists: Mapping[str, NumberSet]) -> None:
    """Add what decides of calls beside the files of agents and tools.

    Args:
        pieces: Takes them.
        sources: What the generation is made from.
        lists: The lists of callers, read.
    """
    for name, value in _routing(sources):
        pieces.add(name, canonical(value))
    for name, found in lists.items():
        pieces.add(f"list {name}", "\n".join([*_sorted(found), ""]).encode())


def _sorted(found: NumberSet) -> list[str]:
    """Return the entries of a list; a hundred thousand are too many for the canonical form."""
    return sorted(found.exact) + [f"{each}*" for each in sorted(found.prefixes)]


def _routing(sources: Sources) -> Iterator[tuple[str, Any]]:
    tables, rules, transfers = sources.policy, sources.rules, sources.transfer_rules
    hosts = None if transfers.hosts is None else frozenset(transfers.hosts)
    yield "numbers", list(sources.numbers)
    yield "policy", [replace(rules, numbers={}), transfers.time_zone, tables.time_zone, hosts]
    yield "rules", tables.rules
    yield "limits", [tables.limits, tables.default_limits, frozenset(tables.shared_numbers)]
    yield "emergencies", tables.emergencies
    yield "trunk", [tables.trunk, transfers.region]
    yield "prices", sources.prices
    yield "values", sources.values
    yield "lookup", sources.lookup
    yield "private hosts", frozenset(sources.private_hosts)
    for name, target in sources.targets.items():
        yield f"target {name}", target
    for name, calendar in tables.calendars.items():
        yield f"calendar {name}", calendar


def canonical(value: Any) -> bytes:
    """Return a value as bytes that are the same in every process, and others for another value.

    Args:
        value: Plain values, models and dataclasses, and what they are made of. Of a dataclass what
            does not count in its comparison does not count here.
    """
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False).encode(
        errors="surrogatepass"
    )


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case SecretStr():
            return "(secret)"
        case date():  # datetimes too
            return value.isoformat()
        case tzinfo():
            return str(value)
        case BaseModel():
            named = {name: getattr(value, name) for name in type(value).model_fields}
            return [type(value).__name__, {name: _plain(each) for name, each in named.items()}]
        case Mapping():
            pairs = [[_plain(key), _plain(each)] for key, each in value.items()]
            return ["{}", sorted(pairs, key=_key)]
        case AbstractSet():
            return ["set", sorted(map(_plain, value), key=_key)]
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return _plain_dataclass(value)


def _plain_dataclass(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        named = {each.name: getattr(value, each.name) for each in fields(value) if each.compare}
        return [type(value).__name__, {name: _plain(each) for name, each in named.items()}]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _key(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True)
