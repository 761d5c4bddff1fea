"""The folder of agents: which files are agents, what they extend, and what they include.

A file is a *part* when another one includes it: a piece of instructions, with no front matter or
with one that includes further parts. Every other `.md` file is an agent. A file is looked for
below the folder, then among those that we ship.

An agent that extends another takes over its keys, one by one, and speaks its instructions after
those of the other. Parts come last, each once: the house's rules have the last word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from controller.config import agents, document
from controller.config.agents import AgentFile, Page, Passage
from controller.config.problems import Complaints, did_you_mean, problems_of
from controller.config.section import Names, Section
from controller.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.config.document import Document, KeyPath

SHIPPED: Final = Path(__file__).parent / "shipped"
"""Parts that come with us, for every folder."""
MAX_DEPTH: Final = 8
"""Files that may build upon each other, extended or included. More are a mistake."""


class PartFront(Section):
    """The keys that a part may have."""

    include: Names = ()
    """Further parts."""


@dataclass(slots=True)
class Agents:
    """What was found in a folder."""

    files: list[AgentFile] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Of all agents, those among them whose files are wrong."""
    problems: list[Problem] = field(default_factory=list)
    abstract: list[str] = field(default_factory=list)
    """Of files that are there to be extended, and answer no call."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """What decides of the agents, by a name that is the same on every machine."""


def read_folder(folder: Path) -> Agents:
    """Read all agents of a folder.

    Args:
        folder: It can be listed.
    """
    return _Reading(folder).read()


class _Reading:
    """One folder, read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found = Agents()
        self._pages: dict[str, Page] = {}
        self._parts = _Parts(folder, self._found)
        self._rings: set[frozenset[str]] = set()

    def read(self) -> Agents:
        found = self._found
        paths = sorted(
            path
            for path in self._folder.iterdir()
            if path.suffix.lower() == ".md" and not path.name.startswith(".")
        )
        unread = self._read_pages(paths)
        parts = {name: list(self._parts.of(page.source)) for name, page in self._pages.items()}
        for path in paths:
            if path in self._parts.seen:  # a part, as it turned out
                self._pages.pop(path.stem, None)
                continue
            problem = unread.get(path)
            found.problems += problem.problems if problem else ()
            page = self._pages.get(path.stem)
            if page is not None and page.is_abstract:
                found.abstract.append(path.stem)
            else:
                self._note_name(path)
        for page in self._pages.values():
            self._complete(page, parts)
        found.problems = list(dict.fromkeys(found.problems))
        return found

    def _read_pages(self, paths: Sequence[Path]) -> dict[Path, ConfigurationError]:
        unread = {}
        for path in paths:
            try:
                self._pages[path.stem] = agents.read_page(path)
            except ConfigurationError as error:
                unread[path] = error
        return unread

    def _note_name(self, path: Path) -> None:
        names = self._found.names
        twin = next((n for n in names if n.casefold() == path.stem.casefold()), None)
        if twin is not None:
            self._found.problems.append(
                Problem(str(path), "", f"there is an agent {twin!r} already", "rename one of them")
            )
        names.append(path.stem)

    def _complete(self, page: Page, parts: dict[str, list[Passage]]) -> None:
        found = self._found
        found.contents[f"agent {page.name}"] = page.text.encode()
        chain = self._chain(page)
        if chain is None:
            return
        if page.is_abstract:
            found.problems += agents.check_abstract(chain)
            return
        included = dict.fromkeys(part for each in chain for part in parts[each.name])
        passages = [*(each.body for each in chain), *included]
        try:
            found.files.append(agents.complete(chain, [each for each in passages if each.text]))
        except ConfigurationError as error:
            found.problems += error.problems

    def _chain(self, page: Page) -> list[Page] | None:
        """Return a file after those that it extends, the farthest first; None where one is not."""
        chain = [page]
        while isinstance(name := chain[0].source.values.get("extends"), str):
            base = self._base(name, chain)
            if base is None:
                return None
            chain.insert(0, base)
        return chain

    def _base(self, name: str, chain: Sequence[Page]) -> Page | None:
        own = chain[0]
        if name not in self._pages:
            if name not in self._found.names:  # else it is there, and wrong: that is told already
                others = {*self._pages, *self._found.names} - {own.name}
                cure = did_you_mean(name, others)
                self._blame(own, f"no agent is named {name!r}", cure)
            return None
        trail = [page.name for page in reversed(chain)]
        if name in trail:
            ring = (*trail[trail.index(name) :], name)
            if frozenset(ring) not in self._rings:  # each of its files leads into it
                self._rings.add(frozenset(ring))
                self._blame(own, f"{' -> '.join(ring)} goes round", "leave one of them out")
            return None
        if len(chain) >= MAX_DEPTH:
            self._blame(own, f"is the {MAX_DEPTH + 1}th file", f"at most {MAX_DEPTH} in a row")
            return None
        return self._pages[name]

    def _blame(self, page: Page, found: str, cure: str) -> None:
        where = page.source.where(("extends",))
        self._found.problems.append(Problem(where, "extends", found, cure))


class _Parts:
    """The parts that a folder's files include, each read once."""

    def __init__(self, folder: Path, found: Agents) -> None:
        self._folder = folder
        self._found = found
        self._read: dict[Path, tuple[Passage, ...]] = {}
        self.seen: set[Path] = set()
        """Paths of all parts."""

    def of(self, source: Document, trail: tuple[Path, ...] = ()) -> Iterator[Passage]:
        """Yield what a file includes, and what that includes in turn.

        Args:
            source: The file's front matter.
            trail: The parts by which it was reached.
        """
        names = source.values.get("include", ())
        for index, name in enumerate(names if isinstance(names, list) else ()):
            if isinstance(name, str):  # else the check of the front matter says so
                complaints = Complaints(source.where)
                yield from self._part(name, ("include", index), complaints, trail)
                self._found.problems += complaints.problems

    def _part(
        self, name: str, key: KeyPath, complaints: Complaints, trail: tuple[Path, ...]
    ) -> tuple[Passage, ...]:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name:
            complaints.add(key, f"{name!r} is elsewhere", "must be a path below agents_dir")
            return ()
        path = self._find(relative)
        if path is None:
            complaints.add(key, f"there is no file {name!r}", did_you_mean(name, self._names()))
        elif path in trail:
            ring = " -> ".join(each.name for each in (*trail[trail.index(path) :], path))
            complaints.add(key, f"{ring} goes round", "leave one of them out")
        elif len(trail) >= MAX_DEPTH:
            complaints.add(key, "is nested too deeply", f"at most {MAX_DEPTH} in a row")
        else:
            self.seen.add(path)
            if path not in self._read:
                self._read[path] = self._open(relative.as_posix(), path, trail)
            return self._read[path]
        return ()

    def _find(self, relative: PurePosixPath) -> Path | None:
        places = (self._folder / relative, SHIPPED / relative)
        return next((path for path in places if path.is_file()), None)

    def _names(self) -> list[str]:
        """Return the names of files that could have been meant."""
        own = (path.relative_to(self._folder) for path in sorted(self._folder.rglob("*.md")))
        return [*(path.as_posix() for path in own), *(path.name for path in SHIPPED.glob("*.md"))]

    def _open(self, name: str, path: Path, trail: tuple[Path, ...]) -> tuple[Passage, ...]:
        try:
            text = document.read_text(path)
            self._found.contents[f"part {name}"] = text.encode()
            if agents.is_plain(text):
                return (agents.passage(text.split("\n"), str(path), 1),)
            page = agents.split(text, name=name, file=str(path))
        except ConfigurationError as error:
            self._found.problems += error.problems
            return ()
        self._check(page)
        return (page.body, *self.of(page.source, (*trail, path)))

    def _check(self, page: Page) -> None:
        values, where = page.source.values, page.source.where
        if others := sorted(values.keys() - PartFront.model_fields):
            found = "has no place in a file that others include"
            cure = "must be include alone; to build upon an agent, say extends"
            self._found.problems.append(Problem(where((others[0],)), others[0], found, cure))
            return
        try:
            PartFront.model_validate(values)
        except ValidationError as error:
            wrong = problems_of(error, model=PartFront, raw=values, where=where)
            self._found.problems += [problem for _, problem in wrong]
