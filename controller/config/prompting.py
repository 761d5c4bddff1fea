"""The texts of an agent that are templates: every name in them is known when they are loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from controller.config.document import dotted
from controller.config.problems import did_you_mean
from controller.errors import Problem
from controller.sansio import templating
from controller.sansio.templating import Prompts, Template

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.config.agents import AgentFile
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

SPOKEN: Final = "these words are spoken as they are: only values, date and time may stand in them"
_KEPT: Final = "must begin with header.x-, or be header.user-to-user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What the names in templates may stand for, beside what every call has."""

    values: Mapping[str, str] = field(default_factory=dict)
    """Of `[values]`, by name."""
    facts: Collection[str] = ()
    """Those that the look-up may find."""
    time_zone: str | None = None
    """Of agents without one of their own."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What an agent says and is told."""

    instructions: str
    """With the values of the configuration; other places as they were written."""
    greeting: str | None
    disclosure: str | Literal[False]
    prompts: Prompts | None
    """None where nothing changes from call to call."""


def read_texts(file: AgentFile, vocabulary: Vocabulary, complaints: Complaints) -> Texts:
    """Read the templates of an agent.

    Args:
        file: The agent's file.
        vocabulary: Which names there are.
        complaints: Takes what is wrong.
    """
    return _Reading(file, vocabulary, complaints).texts()


class _Reading:
    """One file."""

    def __init__(self, file: AgentFile, vocabulary: Vocabulary, complaints: Complaints) -> None:
        self._file = file
        self._vocabulary = vocabulary
        self._complaints = complaints
        self._zone = file.front.time_zone or vocabulary.time_zone
        self._values = {f"{templating.VALUE}{k}": v for k, v in vocabulary.values.items()}

    def texts(self) -> Texts:
        front = self._file.front
        verbatim: str | None = getattr(front.greeting, "verbatim", None)
        greeting = front.greeting if isinstance(front.greeting, str) else verbatim
        key: KeyPath = ("greeting",) if verbatim is None else ("greeting", "verbatim")
        instructions = self._instructions()
        first = self._setting(greeting or "", key, spoken=verbatim is not None)
        disclosure = self._setting(front.disclosure or "", ("disclosure",), spoken=True)
        return Texts(
            instructions=templating.written(instructions),
            greeting=templating.written(first) or None,
            disclosure=templating.written(disclosure) or False,
            prompts=self._prompts(instructions, first, disclosure),
        )

    def _prompts(
        self, instructions: Template, greeting: Template, disclosure: Template
    ) -> Prompts | None:
        if not any(templating.places((*instructions, *greeting, *disclosure))):
            return None
        return Prompts(
            instructions=instructions,
            greeting=greeting,
            disclosure=disclosure,
            zone=ZoneInfo(self._zone) if self._zone else None,
            zone_name=self._zone or "",
        )

    def _instructions(self) -> Template:
        texts: list[Template] = []
        for passage in self._file.passages:
            read = self._read(passage.text, passage.where, key="", spoken=False)
            texts += [("\n\n",), read] if texts else [read]
        if (language := self._file.front.language) is not None:
            texts.append((f"\n\n{spoken_language(language)}",))
        return templating.joined(part for text in texts for part in text)

    def _setting(self, text: str, path: KeyPath, *, spoken: bool) -> Template:
        where = self._file.source.where(path)
        return self._read(text, lambda _: where, key=dotted(path), spoken=spoken)

    def _read(self, text: str, where: Callable[[int], str], *, key: str, spoken: bool) -> Template:
        template, broken = templating.read(text)
        for each in broken:
            cure = r"must be {{ name }}; write \{{ for two braces"
            self._blame(where(each.line), key, "{{ is followed by no name and }}", cure)
        for place in templating.places(template):
            for found, cure in self._mistakes(place.name, spoken=spoken):
                self._blame(where(place.line), key, f"{{{{ {place.name} }}}} {found}", cure)
        return templating.bind(template, self._values)

    def _mistakes(self, name: str, *, spoken: bool) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with a name, and the cure."""
        if not self._is_known(name):
            if name.startswith(templating.HEADER):
                yield "is not kept of a call", _KEPT
            else:
                yield "is not known", did_you_mean(name, self._known())
        elif spoken and templating.is_caller_data(name):
            yield "is what somebody else wrote", SPOKEN
        elif name in templating.MOMENT and self._zone is None:
            yield "has no time zone", "give time_zone here or in [policy]"

    def _is_known(self, name: str) -> bool:
        header = name.removeprefix(templating.HEADER)
        if header != name:
            return header.startswith("x-") or header == templating.CARRIED
        return name in self._known()

    def _known(self) -> list[str]:
        facts = [f"{templating.LOOKUP}{name}" for name in self._vocabulary.facts]
        every_call = (templating.BLOCK, *templating.OF_THE_CALL, *templating.MOMENT)
        return [*every_call, *self._values, *facts]

    def _blame(self, where: str, key: str, found: str, cure: str) -> None:
        self._complaints.problems.append(Problem(where, key, found, cure))


def spoken_language(tag: str) -> str:
    """Return what an agent is told of the language in which it begins.

    Args:
        tag: BCP 47, `de-AT`.
    """
    return (
        f'Speak the language with the code "{tag}" (BCP 47), from the first word on; change to '
        "another one only when the caller speaks it."
    )
