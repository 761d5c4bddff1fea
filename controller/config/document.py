"""A TOML document that remembers on which line each key stands.

The values are tomllib's. It keeps no positions, so a second parser (tree-sitter's TOML grammar)
walks the same text for the lines only; where the two disagree, a line number is less exact, and
nothing else.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from controller.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from tree_sitter import Node

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands: keys of tables and indices of arrays, from the top of the document."""

MAX_DOCUMENT_BYTES: Final = 1024 * 1024
"""No configuration is that long; a wrong path may point at something that is."""

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_POSITION: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TWICE: Final = re.compile(r"Cannot declare (\(.*\)) twice")
_KEYS: Final = frozenset({"bare_key", "quoted_key", "dotted_key"})


def dotted(path: KeyPath) -> str:
    """Return a path as people write it: `numbers[1].agent`, with odd keys in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else json.dumps(part)
            text += f".{key}" if text else key
    return text


@dataclass(frozen=True, slots=True)
class Document:
    """One file's TOML: the values, and the line of each."""

    name: str
    """The file as the operator named it; the first half of `where`."""
    values: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """From 1, in the file."""
    base: Document | None = None
    """Where the keys stand that this file takes over from another one."""

    def where(self, path: KeyPath) -> str:
        """Return `file:line` of a value, or of the table where a missing one should be."""
        if self.base is not None and path:
            is_own = path[:1] in self.lines
            if not is_own and path[0] in self.base.values:
                return self.base.where(path)
        for length in range(len(path), 0, -1):
            if line := self.lines.get(path[:length]):
                return f"{self.name}:{line}"
        return f"{self.name}:1"  # the top of the file is a table too


def inherited(own: Document, base: Document, *, without: Collection[str]) -> Document:
    """Return a document with the keys of another one behind its own.

    What a file says itself replaces what it takes over, key by key at the top; a table or a list is
    replaced as a whole.

    Args:
        own: The file's.
        base: What it takes over.
        without: Keys that are not taken over.
    """
    taken = {key: value for key, value in base.values.items() if key not in without}
    return replace(own, values={**taken, **own.values}, base=replace(base, values=taken))


def read_text(path: Path) -> str:
    """Read a small UTF-8 file, with or without a byte order mark.

    Raises:
        ConfigurationError: It cannot be read, is not UTF-8, or is far too long.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DOCUMENT_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            Problem(str(path), "", f"cannot be read ({reason})", "must be a readable file")
        ) from None
    if len(content) > MAX_DOCUMENT_BYTES:
        raise ConfigurationError(
            Problem(str(path), "", "is over 1 MiB", "this is not a configuration file")
        )
    return decode(content, str(path))


def decode(content: bytes, name: str) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        ConfigurationError: It is not UTF-8; names the line.
    """
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        before: bytes = error.object[: error.start]
        line = before.count(b"\n") + 1
        found = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise ConfigurationError(
            Problem(f"{name}:{line}", "", found, "save the file as UTF-8")
        ) from None


def parse(text: str, name: str, *, first_line: int = 1) -> Document:
    """Parse TOML.

    Args:
        text: The TOML.
        name: The file that it comes from, for messages.
        first_line: The line of the file where the TOML begins, where it is a part of the file.

    Raises:
        ConfigurationError: It is not TOML; names line and column.
    """
    try:
        values = tomllib.loads(text)
        rows = list(_rows(text))
    except RecursionError:
        raise ConfigurationError(
            Problem(name, "", "is nested too deeply", "arrays and tables nest a few levels here")
        ) from None
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        raise ConfigurationError(_syntax_problem(error, text, name, first_line)) from None
    # `[policy.x]` speaks of policy too: the first such line is its place, unless it has one itself.
    passing = {path: row for path, row, is_own in reversed(rows) if not is_own}
    own = {path: row for path, row, is_own in rows if is_own}
    return Document(
        name, values, {path: first_line + row for path, row in {**passing, **own}.items()}
    )


def _syntax_problem(error: ValueError, text: str, name: str, first_line: int) -> Problem:
    message = str(error)
    position = _POSITION.search(message)
    if position is None:
        return Problem(name, "", "is not TOML", message)
    row, column = position.groups(default="")
    line = first_line + (int(row) - 1 if row else text.rstrip().count("\n"))
    where = f"{name}:{line}:{column}" if column else f"{name}:{line}"
    at = text.split("\n")[int(row) - 1][int(column) - 1 :][:1] if row else ""
    return Problem(where, "", "is not TOML", _syntax_cure(message[: position.start()], at))


def _syntax_cure(message: str, at: str) -> str:
    """Return tomllib's words, or plainer ones for what people meet who copy and paste.

    Args:
        message: Tomllib's, without the position.
        at: The character there, if there is one.
    """
    if not at.isascii() and "QUOTATION MARK" in unicodedata.name(at, ""):
        return f'{at} is no quotation mark here; write "straight ones"'
    if at and not at.isprintable() and at not in "\t\r\n":
        return f"U+{ord(at):04X} only looks like a space, or like nothing; delete it"
    if twice := _TWICE.fullmatch(message):
        name = dotted(tuple(ast.literal_eval(twice[1])))
        return f"[{name}] stands above already; of several, each begins with [[{name}]]"
    if message == "Cannot overwrite a value":
        return "this key or table stands above already; keep one of them"
    return message


def _rows(text: str) -> Iterator[tuple[KeyPath, int, bool]]:
    """Yield each key path with its row, from 0, and whether that is the path's own."""
    import tree_sitter  # late: 20 ms that `controller calls` need not pay twice
    import tree_sitter_toml

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    root = parser.parse(text.encode()).root_node
    elements: Counter[KeyPath] = Counter()  # how many [[tables]] of a name came so far
    for node in root.named_children:
        if node.type == "pair":
            for path, row in _pair_rows(node, (), elements):
                yield path, row, True
        elif node.type in {"table", "table_array_element"}:
            yield from _table_rows(node, elements)


def _table_rows(node: Node, elements: Counter[KeyPath]) -> Iterator[tuple[KeyPath, int, bool]]:
    key, *pairs = (child for child in node.named_children if child.type in {*_KEYS, "pair"})
    names = _names(key)
    row = node.start_point.row
    path: KeyPath = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        if depth == len(names) and node.type == "table_array_element":
            elements[path] += 1
        yield path, row, depth == len(names)
        if path in elements:  # [numbers.x] speaks of the last [[numbers]]
            path = (*path, elements[path] - 1)
            if depth == len(names):
                yield path, row, True
    for pair in pairs:
        for inner, its_row in _pair_rows(pair, path, elements):
            yield inner, its_row, True


def _pair_rows(
    node: Node, parent: KeyPath, elements: Counter[KeyPath]
) -> Iterator[tuple[KeyPath, int]]:
    key, *values = (child for child in node.named_children if child.type != "comment")
    path = parent
    for name in _names(key):
        path = (*path, name)
        yield path, node.start_point.row
    for value in values:
        yield from _value_rows(value, path, elements)


def _value_rows(
    node: Node, path: KeyPath, elements: Counter[KeyPath]
) -> Iterator[tuple[KeyPath, int]]:
    if node.type == "inline_table":
        for pair in node.named_children:
            if pair.type == "pair":
                yield from _pair_rows(pair, path, elements)
    elif node.type == "array":
        values = (child for child in node.named_children if child.type != "comment")
        for index, value in enumerate(values):
            yield (*path, index), value.start_point.row
            yield from _value_rows(value, (*path, index), elements)


def _names(key: Node) -> list[str]:
    """Return the names in a key, dotted or not."""
    if key.type == "dotted_key":
        return [name for child in key.named_children for name in _names(child)]
    text = (key.text or b"").decode(errors="replace")
    if key.type == "quoted_key":
        return list(tomllib.loads(f"{text} = 0"))
    return [text]
