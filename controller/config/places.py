"""What is written in `controller.toml` and stands elsewhere: files beside it, and secrets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.config.secrets import Secrets, fill
from controller.config.telephony import Refusal
from controller.errors import Problem

if TYPE_CHECKING:
    from controller.config.layers import Layers


def place(values: dict[str, Any], folder: Path) -> None:
    """Make the paths relative to the folder of `controller.toml`.

    Args:
        values: All settings, as they were read; changed in place, and not checked yet.
        folder: Where `controller.toml` is.
    """
    server = values.get("server")
    tables = [
        (values, "agents_dir", "agents"),
        (values, "tools_dir", "tools"),
        (server if isinstance(server, dict) else {}, "control_socket", ""),
    ]
    lists = values.get("lists")
    entries = lists.values() if isinstance(lists, dict) else ()
    tables += [(each, "file", "") for each in entries if isinstance(each, dict)]
    for table, key, default in tables:
        value = table.get(key, default)
        if value and isinstance(value, str | Path):
            table[key] = folder / value


def fill_in(stack: Layers, keys: Iterable[tuple[str, str]], secrets: Secrets) -> list[Problem]:
    """Put secrets where settings name them; where there is none, the setting is left out.

    Args:
        stack: The settings, as they were read; changed in place.
        keys: The settings that may name one, each in a table.
        secrets: Where they are looked up.
    """
    problems = []
    for path in keys:
        table = stack.values.get(path[0])
        if not isinstance(table, dict) or path[1] not in table:
            continue
        value = fill(table[path[1]], secrets)
        if isinstance(value, Refusal):
            del table[path[1]]
            problems.append(Problem(stack.where(path), ".".join(path), value.found, value.cure))
        else:
            table[path[1]] = value
    return problems
