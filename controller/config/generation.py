"""One generation: everything that decides how calls are answered, loaded, checked and hashed.

A running service holds one generation for new calls, and older ones for the calls that began under
them. The hash is of content (agent files, tools, numbers, targets), so that two nodes with the same
files agree on it, and a reload that changes nothing is seen to change nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from controller.config import acceptance, telephony, toolbox
from controller.config.agents import NAME, AgentFile, read_agent
from controller.config.document import KeyPath, dotted
from controller.config.problems import did_you_mean
from controller.errors import ConfigurationError, Problem
from controller.sansio.agent import Agent, Target
from controller.sansio.policy import CATCH_ALL, Rules
from controller.tools import BUILT_IN, Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HASH_DIGITS: Final = 16

NOT_IMPORTED: Final = "is not imported; name it with letters, digits and _ if it holds tools"
UNREADABLE_CALLS: Final = (
    'no [policy] default_agent and no number "*": a call whose called number cannot be read is'
    " rejected, and the trunk's headers are not verified"
)
"""Operations, O2: `check` fails over it while the trunk is unverified, `run` warns."""


def _nowhere(path: KeyPath) -> str:
    return dotted(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a generation is made from: two folders, and plain values of the settings."""

    agents_dir: Path
    tools_dir: Path | None
    """None: there are no tools of ours."""
    numbers: Sequence[tuple[str, str]] = ()
    """Called number (E.164 or `*`) and agent's name, in the order of the file."""
    targets: Mapping[str, Target] = field(default_factory=dict)
    rules: Rules = field(default_factory=lambda: Rules(numbers={}))
    """Of admission; its numbers are those above."""
    default_region: str = "US"
    """The trunk's: how numbers without a country code are read."""
    where: Callable[[KeyPath], str] = _nowhere
    """Names file and line of a key of `controller.toml`, or the variable that set it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generation:
    """Immutable; made by `load`."""

    hash: str
    """16 hexadecimal digits of the SHA-256 of all content."""
    agents: Mapping[str, Agent]
    tools: Mapping[str, Tool]
    """Python tools by name; the built-in ones are not among them."""
    targets: Mapping[str, Target]
    rules: Rules
    """Of admission: called numbers, default agent, codes."""
    warnings: tuple[str, ...] = ()
    """What is allowed and yet worth a look; one sentence each."""


def load(sources: Sources) -> Generation:
    """Load, check and hash a generation.

    Raises:
        ConfigurationError: Names every mistake. No tool module is left behind.
    """
    return _Loading(sources).load()


def forget(generation: Generation) -> None:
    """Remove a generation's tool modules from the interpreter, when none of its calls is left."""
    toolbox.forget(generation.hash)


class _Loading:
    """One attempt: collects problems, so that all of them are found at once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._problems: list[Problem] = []
        self._warnings: list[str] = []
        self._agent_names: list[str] = []
        self._agents_known = True
        self._tools_known = True

    def load(self) -> Generation:
        sources = self._sources
        digest = _Digest()
        files = self._read_agents(digest)
        tool_files = self._read_tools(digest)
        digest.add("routing", _routing(sources))
        generation = digest.text()
        known_before = toolbox.is_imported(generation)
        tools = self._import(tool_files, generation)
        self._check_numbers()
        self._check_targets()
        agents = {file.name: self._resolve(file, tools) for file in files}
        if not self._problems:  # a body made of half an agent would be blamed for what is known
            for file in files:
                self._check_body(file, agents[file.name])
        if self._problems:
            if not known_before:
                toolbox.forget(generation)
            raise ConfigurationError(*self._problems)
        return Generation(
            hash=generation,
            agents=MappingProxyType(agents),
            tools=MappingProxyType(tools),
            targets=MappingProxyType(dict(sources.targets)),
            rules=replace(sources.rules, numbers=MappingProxyType(dict(sources.numbers))),
            warnings=tuple(self._warnings),
        )

    def _read_agents(self, digest: _Digest) -> list[AgentFile]:
        folder = self._sources.agents_dir
        if not self._is_folder(folder, "agents_dir", "with one .md file for each agent"):
            self._agents_known = False
            return []
        paths = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() == ".md" and not path.name.startswith(".")
        )
        if not paths:
            self._complain("agents_dir", f"{folder} holds no agent", "write agents/NAME.md")
        files = []
        for path in paths:
            self._note_name(path)
            try:
                file = read_agent(path)
            except ConfigurationError as error:
                self._problems += error.problems
            else:
                digest.add(f"agent {file.name}", file.text.encode())
                files.append(file)
        return files

    def _note_name(self, path: Path) -> None:
        twin = next((n for n in self._agent_names if n.casefold() == path.stem.casefold()), None)
        if twin is not None:
            self._problems.append(
                Problem(str(path), "", f"there is an agent {twin!r} already", "rename one of them")
            )
        self._agent_names.append(path.stem)

    def _read_tools(self, digest: _Digest) -> toolbox.ToolFiles:
        folder = self._sources.tools_dir
        if folder is None:
            return toolbox.ToolFiles(Path(), {})
        empty = toolbox.ToolFiles(folder, {})
        if not self._is_folder(folder, "tools_dir", "with Python files, or with none"):
            self._tools_known = False
            return empty
        try:
            files = toolbox.read_tool_files(folder)
        except ConfigurationError as error:
            self._problems += error.problems
            self._tools_known = False
            return empty
        self._warnings += [f"{path}: {NOT_IMPORTED}" for path in files.left_alone]
        for name, (_, content) in files.modules.items():
            digest.add(f"tool {name}", content)
        return files

    def _import(self, files: toolbox.ToolFiles, generation: str) -> dict[str, Tool]:
        try:
            return toolbox.import_tools(files, generation)
        except ConfigurationError as error:
            self._problems += error.problems
            self._tools_known = False
            return {}

    def _is_folder(self, folder: Path, key: str, cure: str) -> bool:
        try:
            next(folder.iterdir(), None)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._complain(key, f"{folder}: {reason}", f"must be a folder {cure}")
            return False
        return True

    def _check_numbers(self) -> None:
        seen: set[str] = set()
        for index, (number, agent) in enumerate(self._sources.numbers):
            path = ("numbers", index, "number")
            if refusal := telephony.check_number(number):
                self._complain(path, refusal.found, refusal.cure)
            elif number in seen:
                self._complain(path, f"{number} is listed twice", "one entry a number")
            seen.add(number)
            self._check_agent(("numbers", index, "agent"), agent)
        if self._sources.rules.default_agent is not None:
            self._check_agent(("policy", "default_agent"), self._sources.rules.default_agent)
        elif CATCH_ALL not in seen:
            self._warnings.append(UNREADABLE_CALLS)

    def _check_agent(self, path: KeyPath, name: str) -> None:
        if name not in self._agent_names and self._agents_known:
            cure = did_you_mean(name, self._agent_names)
            self._complain(path, f"no agent is named {name!r}", cure)

    def _check_targets(self) -> None:
        sources = self._sources
        own = {number for number, _ in sources.numbers}
        for name, target in sources.targets.items():
            if not NAME.fullmatch(name):
                self._complain(
                    ("targets", name), f"{name!r} cannot be a name", "use letters, digits, - and _"
                )
            path = ("targets", name, "uri")
            if refusal := telephony.check_target(target.uri, region=sources.default_region):
                self._complain(path, refusal.found, refusal.cure)
            elif telephony.number_of(target.uri, region=sources.default_region) in own:
                self._complain(
                    path,
                    f"{target.uri!r} is one of our own numbers",
                    "a call sent there would ring here again; name another line",
                )

    def _resolve(self, file: AgentFile, tools: Mapping[str, Tool]) -> Agent:
        front = file.front
        for key, names in (("tools", front.tools), ("targets", front.targets)):
            for index in (i for i, name in enumerate(names) if name in names[:i]):
                self._blame(file, (key, index), f"{names[index]!r} is listed twice", "once will do")
        known = {*tools, *BUILT_IN}
        for index, name in enumerate(front.tools):
            if name not in known and self._tools_known:
                cure = did_you_mean(name, known)
                if not cure.startswith("did"):
                    cure = f"a function of that name needs @tool above it; {cure}"
                self._blame(file, ("tools", index), f"no tool is named {name!r}", cure)
        targets = self._sources.targets
        for index, name in enumerate(front.targets):
            if name not in targets:
                cure = did_you_mean(name, targets)
                self._blame(file, ("targets", index), f"no target is named {name!r}", cure)
        self._check_transfer(file)
        return file.resolve(
            tools=tuple(tools[name].declaration for name in front.tools if name in tools),
            targets=tuple(targets[name] for name in front.targets if name in targets),
        )

    def _check_body(self, file: AgentFile, agent: Agent) -> None:
        for found in acceptance.unrecognised(agent):
            self._blame(file, (), f"OpenAI's client would not send {found}", "leave it out")
        self._warnings += [f"{file.source.name}: {each}" for each in acceptance.unfamiliar(agent)]

    def _check_transfer(self, file: AgentFile) -> None:
        if "transfer" in file.front.tools and not file.front.targets:
            self._blame(
                file,
                ("tools", file.front.tools.index("transfer")),
                "transfer has nobody to transfer to",
                "name targets, or leave transfer out",
            )
        if file.front.targets and "transfer" not in file.front.tools:
            self._blame(
                file,
                ("targets",),
                "targets are of no use without transfer",
                'add "transfer" to tools, or leave targets out',
            )

    def _complain(self, path: KeyPath | str, found: str, cure: str) -> None:
        path = (path,) if isinstance(path, str) else path
        self._problems.append(Problem(self._sources.where(path), dotted(path), found, cure))

    def _blame(self, file: AgentFile, path: KeyPath, found: str, cure: str) -> None:
        self._problems.append(Problem(file.source.where(path), dotted(path), found, cure))


class _Digest:
    """SHA-256 over named pieces, each with its length, so that no two contents look alike."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, name: str, content: bytes) -> None:
        for piece in (name.encode(errors="surrogateescape"), content):
            self._sha.update(len(piece).to_bytes(8) + piece)

    def text(self) -> str:
        return self._sha.hexdigest()[:_HASH_DIGITS]


def _routing(sources: Sources) -> bytes:
    targets = {name: [each.uri, each.description] for name, each in sources.targets.items()}
    routing = [list(sources.numbers), targets, asdict(sources.rules), sources.default_region]
    return json.dumps(routing, sort_keys=True).encode()
