"""Agent files: TOML between two `+++` lines, then the instructions in Markdown.

+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
+++
You are the receptionist of Acme Dental. …

This module reads one file, and makes an agent's file of it and of those that it builds upon; which
ones these are is `folder`'s to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from controller.config import document
from controller.config.document import Document, inherited
from controller.config.front_matter import FrontMatter
from controller.config.names import NAME
from controller.config.problems import problems_of
from controller.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOT_INHERITED: Final = frozenset({"abstract", "extends", "include"})
"""Keys that speak of the file in which they stand."""

_FENCE: Final = "+++"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of instructions, and where it stands."""

    file: str
    first_line: int
    """From 1."""
    text: str

    def where(self, line: int) -> str:
        """Return `file:line` of a line of the text, from 0."""
        return f"{self.file}:{self.first_line + line}"


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file, split; nothing in it is judged yet."""

    name: str
    """The file's, without `.md`."""
    text: str
    """All of it."""
    source: Document
    """Its front matter."""
    body: Passage

    @property
    def is_abstract(self) -> bool:
        """It is there to be extended only."""
        return self.source.values.get("abstract") is True


@dataclass(frozen=True, slots=True)
class AgentFile:
    """One agent's file with all that it builds upon, valid by itself.

    What it refers to is not looked up yet.
    """

    name: str
    front: FrontMatter
    passages: tuple[Passage, ...]
    """Of the instructions, in the order in which the model reads them."""
    source: Document
    """Where its keys stand."""

    @property
    def instructions(self) -> str:
        """The passages as one text."""
        return "\n\n".join(each.text for each in self.passages)


def parse_agent(text: str, *, name: str, file: str) -> AgentFile:
    """Parse an agent file that builds upon no other.

    Args:
        text: The whole file.
        name: The agent's name.
        file: The file as messages name it.

    Raises:
        ConfigurationError: Names every mistake that shows without the other files.
    """
    page = split(text, name=name, file=file)
    return complete([page], [page.body] if page.body.text else [])


def complete(chain: Sequence[Page], passages: Sequence[Passage]) -> AgentFile:
    """Make an agent's file.

    Args:
        chain: The file, after those that it extends, the farthest first.
        passages: All pieces of its instructions.

    Raises:
        ConfigurationError: Names every mistake.
    """
    source = _merged(chain)
    front, problems = _validate(source)
    if not passages:
        problems.append(
            Problem(source.name, "", "has no instructions", "write them below the second +++ line")
        )
    if front is None or problems:
        raise ConfigurationError(*problems)
    return AgentFile(chain[-1].name, front, tuple(passages), source)


def check_abstract(chain: Sequence[Page]) -> list[Problem]:
    """Return what is wrong with a file that is there to be extended: it may lack keys."""
    return _validate(_merged(chain), whole=False)[1]


def _merged(chain: Sequence[Page]) -> Document:
    source = chain[0].source
    for page in chain[1:]:
        source = inherited(page.source, source, without=NOT_INHERITED)
    return source


def _validate(source: Document, *, whole: bool = True) -> tuple[FrontMatter | None, list[Problem]]:
    try:
        return FrontMatter.model_validate(source.values), []
    except ValidationError as error:
        found = problems_of(error, model=FrontMatter, raw=source.values, where=source.where)
    # A key that is missing at the top may come from the file that extends this one.
    return None, [
        problem for path, problem in found if whole or len(path) > 1 or path[0] in source.values
    ]


def read_page(path: Path) -> Page:
    """Read and split a file of the folder of agents; its name is the agent's.

    Raises:
        ConfigurationError: It cannot be read, or its front matter is no TOML.
    """
    check_name(path)
    return split(document.read_text(path), name=path.stem, file=str(path))


def check_name(path: Path) -> None:
    """Check that a file's name can be an agent's.

    Raises:
        ConfigurationError: It cannot.
    """
    if not NAME.fullmatch(path.stem):
        raise ConfigurationError(
            Problem(str(path), "", "its name cannot be an agent's", "use letters, digits, - and _")
        )


def is_plain(text: str) -> bool:
    """Tell whether a text has no front matter."""
    return text.split("\n", 1)[0].rstrip() != _FENCE


def split(text: str, *, name: str, file: str) -> Page:
    """Split front matter and body.

    Raises:
        ConfigurationError: There is no front matter, it has no end, or it is no TOML.
    """
    lines = text.split("\n")  # not splitlines(): TOML and the editor count \n only
    if lines[0].rstrip() == "---":
        raise ConfigurationError(
            Problem(f"{file}:1", "", "begins as YAML does", "write TOML between +++ lines")
        )
    if is_plain(text):
        raise ConfigurationError(
            Problem(f"{file}:1", "", "has no front matter", "the first line must be +++")
        )
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            toml = "".join(f"{each}\n" for each in lines[1:number])
            source = document.parse(toml, file, first_line=2)
            return Page(name, text, source, passage(lines[number + 1 :], file, number + 2))
    raise ConfigurationError(
        Problem(f"{file}:1", "", "its front matter has no end", "close it with a line of +++")
    )


def passage(lines: Sequence[str], file: str, first_line: int) -> Passage:
    """Return lines of a file as a passage, without blank ones at its ends.

    Args:
        lines: The lines.
        file: The file as messages name it.
        first_line: The number of the first one in it, from 1.
    """
    text = "\n".join(lines)
    skipped = text[: len(text) - len(text.lstrip())].count("\n")
    return Passage(file, first_line + skipped, text.strip())
