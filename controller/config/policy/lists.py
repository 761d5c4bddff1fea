"""Lists of telephone numbers: in a file of one a line, in `controller.toml`, or in both.

A list may have a hundred thousand entries, and is read again at every reload. Generations that are
kept share those that have not changed: a million numbers take 100 MB. And a line is held against
the form of a number alone: a look into the numbering plans takes 50 µs, one into the form half a
microsecond. What has the form and no length of its country is never dialled, and matches nobody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from controller.config.document import decode
from controller.config.policy.numbers import ALIKE, Entries
from controller.config.problems import did_you_mean
from controller.config.section import FilePath, Section
from controller.errors import ConfigurationError, Problem
from controller.sansio.policy import NumberSet

if TYPE_CHECKING:
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_LINES: Final = 1_000_000
MOST_TOLD: Final = 20
"""Wrong lines of one file that are told one by one."""

# Of +1, whose numbers all have ten digits, the length as well: a digit too few is the commonest
# slip. ITU-T E.164: at most 15 digits.
_NUMBER: Final = re.compile(r"\+(?:1[2-9][0-9]{9}|(?!1)[1-9][0-9]{6,14})|\+[1-9][0-9]{0,13}\*")
_ALL_BUT_FOUR: Final = re.compile(r"[0-9](?=(?:[^0-9]*[0-9]){4})")
_LONGEST_SHOWN: Final = 40
_KNOWN: Final[WeakValueDictionary[bytes, NumberSet]] = WeakValueDictionary()
"""Lists with a file that are in use, by the hash of what they were made from."""


class ListSection(Section):
    """Telephone numbers that rules name together: a block list, friends, colleagues.

    It is read again at every reload.
    """

    file: FilePath | None = None
    """A text file, relative to `controller.toml`: a number or a prefix a line, `+12025550166` or
    `+1900*`. `#` begins a comment. At most a million lines and 32 MiB."""
    numbers: Entries = ()
    """Numbers and prefixes, beside those of the file or instead of it."""


def resolve(sections: Mapping[str, ListSection], complaints: Complaints) -> dict[str, NumberSet]:
    """Return all lists. What is wrong in a file is told with its own line.

    Args:
        sections: By name, as written.
        complaints: Takes what is wrong.
    """
    return {name: _resolve(name, section, complaints) for name, section in sections.items()}


def find(
    lists: Mapping[str, NumberSet], name: str, path: KeyPath, complaints: Complaints
) -> NumberSet:
    """Return a list by its name, an empty one where there is none."""
    if name not in lists:
        complaints.add(path, f"no list is named {name!r}", did_you_mean(name, lists))
    return lists.get(name, NumberSet())


def _resolve(name: str, section: ListSection, complaints: Complaints) -> NumberSet:
    if not section.model_fields_set & {"file", "numbers"}:
        complaints.add(("lists", name), "names no numbers", "give file or numbers")
    if section.file is not None:
        try:
            return _of_file(section.file, section.numbers)
        except ConfigurationError as error:
            for problem in error.problems:
                _blame(name, section.file, problem, complaints)
    return NumberSet.of(section.numbers)


def _of_file(path: Path, more: Sequence[str]) -> NumberSet:
    """Return what a file lists, and more: the very same set while a generation has it."""
    content = _read(path)
    source = hashlib.sha256("\n".join([*more, ""]).encode() + content).digest()
    known = _KNOWN.get(source)
    if known is None:
        known = _KNOWN[source] = NumberSet.of(_parse(path, content).union(more))
    return known


def _blame(name: str, path: Path, problem: Problem, complaints: Complaints) -> None:
    """Tell of a line where it stands, and of a whole file where it is named."""
    if problem.where == str(path):
        complaints.add(("lists", name, "file"), f"{path} {problem.found}", problem.cure)
    else:
        complaints.problems.append(problem)


def read(path: Path) -> set[str]:
    """Read a list file.

    Raises:
        ConfigurationError: It cannot be read or is too long, or names the lines that are wrong.
    """
    return _parse(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _refused(path, f"cannot be read ({reason})", "must be a readable file") from None
    if len(content) > MAX_BYTES:
        raise _refused(path, f"is over {MAX_BYTES >> 20} MiB", ALIKE)
    return content


def _parse(path: Path, content: bytes) -> set[str]:
    lines = decode(content, str(path)).replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) > MAX_LINES:
        raise _refused(path, f"has over {MAX_LINES:,} lines", "use prefixes, or several lists")
    return _entries(path, lines)


def _entries(path: Path, lines: list[str]) -> set[str]:
    well_formed = _NUMBER.fullmatch
    # Most lines are a number and nothing else: they are not taken one by one.
    others = [(number, line) for number, line in enumerate(lines, 1) if not well_formed(line)]
    found = set(lines).difference(line for _, line in others)
    wrong: list[Problem] = []
    for number, line in others:
        entry = line.partition("#")[0].strip()
        if well_formed(entry):
            found.add(entry)
        elif entry and len(wrong) <= MOST_TOLD:
            told = f"{_shown(entry)} is no number in E.164 form"
            wrong.append(Problem(f"{path}:{number}", "", told, ALIKE))
    if len(wrong) > MOST_TOLD:
        last = wrong.pop()
        wrong.append(Problem(last.where, "", "and further lines are no numbers either", ALIKE))
    if wrong:
        raise ConfigurationError(*wrong)
    return found


def _shown(entry: str) -> str:
    """Return a line without the number of whoever is on the list: problems are logged."""
    if len(entry) > _LONGEST_SHOWN:
        return f"a line of {len(entry)} characters"
    return repr(_ALL_BUT_FOUR.sub("x", entry))


def _refused(path: Path, found: str, cure: str) -> ConfigurationError:
    return ConfigurationError(Problem(str(path), "", found, cure))
