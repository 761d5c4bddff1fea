"""Agent files: TOML between two `+++` lines, then the instructions in Markdown.

+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
+++
You are the receptionist of Acme Dental. …
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from controller.config import document
from controller.config.front_matter import FrontMatter
from controller.config.names import NAME
from controller.config.problems import problems_of
from controller.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from pathlib import Path

_FENCE: Final = "+++"


@dataclass(frozen=True, slots=True)
class AgentFile:
    """One file, read and valid by itself; what it refers to is not looked up yet."""

    name: str
    front: FrontMatter
    instructions: str
    text: str
    """All of it."""
    source: document.Document
    """Where its keys stand."""


def parse_agent(text: str, *, name: str, file: str) -> AgentFile:
    """Parse an agent file.

    Args:
        text: The whole file.
        name: The agent's name.
        file: The file as messages name it.

    Raises:
        ConfigurationError: Names every mistake that shows without the other files.
    """
    toml, instructions = _split(text, file)
    source = document.parse(toml, file, first_line=2)
    problems: list[Problem] = []
    if not instructions.strip():
        problems.append(
            Problem(file, "", "has no instructions", "write them below the second +++ line")
        )
    try:
        front = FrontMatter.model_validate(source.values)
    except ValidationError as error:
        found = problems_of(error, model=FrontMatter, raw=source.values, where=source.where)
        raise ConfigurationError(*(problem for _, problem in found), *problems) from None
    if problems:
        raise ConfigurationError(*problems)
    return AgentFile(name, front, instructions.strip(), text, source)


def read_agent(path: Path) -> AgentFile:
    """Read and parse an agent file; its name is the agent's.

    Raises:
        ConfigurationError: It cannot be read, or is wrong.
    """
    if not NAME.fullmatch(path.stem):
        raise ConfigurationError(
            Problem(str(path), "", "its name cannot be an agent's", "use letters, digits, - and _")
        )
    return parse_agent(document.read_text(path), name=path.stem, file=str(path))


def _split(text: str, file: str) -> tuple[str, str]:
    """Return front matter and body."""
    lines = text.split("\n")  # not splitlines(): TOML and the editor count \n only
    if lines[0].rstrip() == "---":
        raise ConfigurationError(
            Problem(f"{file}:1", "", "begins as YAML does", "write TOML between +++ lines")
        )
    if lines[0].rstrip() != _FENCE:
        raise ConfigurationError(
            Problem(f"{file}:1", "", "has no front matter", "the first line must be +++")
        )
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            toml = "".join(f"{each}\n" for each in lines[1:number])
            return toml, "\n".join(lines[number + 1 :])
    raise ConfigurationError(
        Problem(f"{file}:1", "", "its front matter has no end", "close it with a line of +++")
    )
