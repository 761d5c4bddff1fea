"""From an agent file to an agent: what its keys and the names in it become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from controller.config import checking, http_tools, urls
from controller.config.keypad import KeyAction, keypad_of
from controller.config.problems import Complaints
from controller.config.prompting import Texts, read_texts
from controller.sansio.agent import (
    BUILT_IN,
    Agent,
    Budget,
    Colleague,
    Filler,
    McpServer,
    Silence,
    Target,
)
from controller.sansio.templating import Prompts

if TYPE_CHECKING:
    from controller.config.agents import AgentFile
    from controller.config.checking import Known
    from controller.config.document import KeyPath
    from controller.config.front_matter import FrontMatter, McpEntry, SilenceSection
    from controller.errors import Problem
    from controller.sansio.http_tool import HttpTool

WARN_BEFORE: Final = 120.0
"""Seconds (operations, Defaults: 30 min, warning at 28)."""
_SHORT_CALL: Final = 0.25
"""Share of the longest duration that a warning may take away at most, where none is given."""
_PATIENCE: Final = 2.0
"""Operations, O10: `patient` doubles all timers."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an agent file has become."""

    agent: Agent
    http_tools: Mapping[str, HttpTool]
    """Its own, by name; the one for sensitive digits is among them."""
    secrets: tuple[tuple[KeyPath, str], ...]
    """Names of secrets, each with the place in the file."""
    problems: tuple[Problem, ...]
    prompts: Prompts | None = None
    """None where its texts are the same in every call."""


def resolve(file: AgentFile, known: Known) -> Resolved:
    """Return the agent of a file and everything that is wrong with it."""
    return _Resolving(file, known).resolve()


class _Resolving:
    """One file."""

    def __init__(self, file: AgentFile, known: Known) -> None:
        self._file = file
        self._front: FrontMatter = file.front
        self._known = known
        self._complaints = Complaints(file.source.where)

    def resolve(self) -> Resolved:
        http = self._http_tools()
        checking.check(self._file, self._known, http, self._complaints)
        texts = read_texts(self._file, self._known.vocabulary, self._complaints)
        agent = self._agent(http, texts)
        problems = tuple(self._complaints.problems)
        return Resolved(agent, http, tuple(self._secrets()), problems, texts.prompts)

    def _blame(self, path: KeyPath, found: str, cure: str) -> None:
        self._complaints.add(path, found, cure)

    def _http_tools(self) -> dict[str, HttpTool]:
        found: dict[str, HttpTool] = {}
        for index, entry in enumerate(self._front.http_tools):
            path: KeyPath = ("http_tools", index)
            tool = http_tools.read(
                entry, path, self._complaints, private_hosts=self._known.private_hosts
            )
            if entry.name in BUILT_IN:
                self._blame((*path, "name"), f"{entry.name} is built in", "name it otherwise")
            elif entry.name in found or entry.name in self._known.tools:
                what = "an HTTP tool" if entry.name in found else "a Python tool"
                self._blame(
                    (*path, "name"), f"{entry.name!r} is {what} already", "name it otherwise"
                )
            if entry.name not in {*self._front.tools, self._front.keypad.sensitive_tool}:
                self._blame((*path, "name"), f"nobody uses {entry.name!r}", "name it in tools")
            found.setdefault(entry.name, tool)
        return found

    def _secrets(self) -> Iterator[tuple[KeyPath, str]]:
        for index, tool in enumerate(self._front.http_tools):
            for path, name in http_tools.secrets_of(tool):
                yield ("http_tools", index, *path), name
        for index, server in enumerate(self._front.mcp):
            if server.authorization is not None:
                yield ("mcp", index, "authorization"), server.authorization
            for header, value in server.headers.items():
                for name in urls.secrets_in(value):
                    yield ("mcp", index, "headers", header), name

    def _agent(self, http: Mapping[str, HttpTool], texts: Texts) -> Agent:
        front, known = self._front, self._known
        declared = {**known.tools, **{name: tool.declaration for name, tool in http.items()}}
        stretch = _PATIENCE if front.patient else 1.0
        return Agent(
            name=self._file.name,
            instructions=texts.instructions,
            greeting=texts.greeting,
            disclosure=texts.disclosure,
            **_plain(front),
            tools=tuple(declared[name] for name in front.tools if name in declared),
            built_in=BUILT_IN.intersection(front.tools),
            targets=tuple(_reachable(self._named_targets(), known.targets)),
            offered=tuple(name for name in front.targets if name in known.targets),
            colleagues=tuple(
                Colleague(name, known.agents[name] or "")
                for name in front.agents
                if name in known.agents
            ),
            mcp=tuple(_server(entry) for entry in front.mcp),
            silence=_silence(front.silence, stretch),
            keypad=keypad_of(front.keypad, stretch=stretch),
        )

    def _named_targets(self) -> list[str]:
        front = self._front
        actions = front.keypad.menu.values()
        by_key = [action.transfer for action in actions if isinstance(action, KeyAction)]
        return [name for name in (*front.targets, front.fallback, *by_key) if name is not None]


def _plain(front: FrontMatter) -> dict[str, Any]:
    """Return the arguments of an agent that name nothing."""
    warn_before = front.warn_before
    if warn_before is None:
        warn_before = min(WARN_BEFORE, front.max_duration * _SHORT_CALL)
    filler, budget = front.filler, front.budget
    return {
        "model": front.model,
        "voice": front.voice,
        "description": front.description,
        "greeting_is_verbatim": hasattr(front.greeting, "verbatim"),
        "fallback": front.fallback,
        "filler": Filler(filler.first, filler.second) if filler else None,
        "budget": Budget(budget.usd, tuple(budget.warn_at)) if budget else None,
        "transcript": front.transcript,
        "turn_detection": front.turn_detection.model_dump(exclude_none=True),
        "noise_reduction": front.noise_reduction,
        "transcription": _transcription(front),
        "reasoning_effort": front.reasoning_effort,
        "speed": front.speed,
        "max_output_tokens": front.max_output_tokens,
        "max_duration": front.max_duration,
        "warn_before": warn_before,
        "at_the_end": front.at_the_end,
    }


def _transcription(front: FrontMatter) -> dict[str, Any] | None:
    if front.transcription is None:
        return None
    # OpenAI's `language` is ISO 639-1 or -3: the first subtag (RFC 5646 §2.2.1).
    spoken = {"language": front.language.partition("-")[0]} if front.language else {}
    return {**spoken, **front.transcription.model_dump(exclude_none=True)}


def _reachable(names: Iterable[str], targets: Mapping[str, Target]) -> Iterator[Target]:
    """Yield the targets of these names, then those that follow them, each once."""
    waiting = list(names)
    seen: set[str] = set()
    for name in waiting:
        if name in targets and name not in seen:
            seen.add(name)
            waiting.extend(targets[name].next)
            yield targets[name]


def _server(entry: McpEntry) -> McpServer:
    return McpServer(
        label=entry.label,
        url=entry.url,
        description=entry.description,
        authorization=entry.authorization,
        headers=tuple(entry.headers.items()),
        allowed_tools=None if entry.allowed_tools is None else tuple(entry.allowed_tools),
        require_approval=entry.require_approval,
        approved_tools=tuple(entry.approve),
    )


def _silence(section: SilenceSection, stretch: float) -> Silence:
    return Silence(
        ghost_prompts=tuple(each * stretch for each in section.ghost_prompts),
        ghost_end=section.ghost_end * stretch,
        idle_prompts=tuple(each * stretch for each in section.idle_prompts),
        idle_end=section.idle_end * stretch,
        awaited=section.awaited * stretch,
        wordless=section.wordless * stretch,
        repeats=section.repeats,
        ringing_out=section.ringing_out * stretch,
    )
