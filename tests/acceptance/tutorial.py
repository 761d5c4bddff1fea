"""The tutorial as a machine follows it: the files that it writes, the commands, what they print.

In `docs/tutorial.md`, a block after a line that ends with "Write `FILE`:" (or "write") is that
file, one after "Add to `FILE`:" is put at its end. A block of `console` holds commands, each after
`$ `, and what they print; `…` stands for anything within a line, and alone for any number of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

README: Final = Path(__file__).parents[2] / "README.md"
TUTORIAL: Final = Path(__file__).parents[2] / "docs" / "tutorial.md"

_BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n+^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_FILE = re.compile(r"(?:(?P<write>[Ww]rite)|Add to) `(?P<name>[\w./]+)`:$")
_ANY: Final = "…"


@dataclass(frozen=True, slots=True)
class File:
    """A file that is written, or made longer."""

    name: str
    text: str
    is_new: bool

    def put(self, folder: Path) -> None:
        """Do it, below a folder."""
        path = folder / self.name
        before = "" if self.is_new else path.read_text(encoding="utf-8") + "\n"
        path.write_text(before + self.text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and what it prints."""

    line: str
    printed: tuple[str, ...]


Step: TypeAlias = File | Command


def steps(text: str) -> Iterator[Step]:
    """Yield the files and the commands of a text, in their order."""
    for block in _BLOCK.finditer(text):
        if found := _FILE.search(block["before"]):
            yield File(found["name"], block["text"], is_new=found["write"] is not None)
        elif block["kind"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                line, *printed = part.rstrip("\n").split("\n")
                yield Command(line, tuple(printed))


def agrees(documented: tuple[str, ...], printed: list[str]) -> bool:
    """Tell whether lines are those that are documented; `…` stands for what is left out."""
    pattern = ""
    for line in documented:
        if line.strip() == _ANY:
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += re.escape(line.rstrip()).replace(re.escape(_ANY), r"[^\n]*") + "\n"
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed)) is not None
