"""One generation: everything that decides how calls are answered, loaded, checked and hashed.

A running service holds one generation for new calls, and older ones for the calls that began under
them. The hash is of content (agent files, tools, rules, lists, targets), so that two nodes with the
same files agree on it, and a reload that changes nothing is seen to change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from controller.config import acceptance, lookup, prices, retirement, targets, telephony, toolbox
from controller.config.agents import AgentFile
from controller.config.checking import Known
from controller.config.document import KeyPath, dotted
from controller.config.fingerprint import Pieces, add_routing
from controller.config.folder import read_folder
from controller.config.policy import lists
from controller.config.policy.consequences import Known as KnownToPolicy
from controller.config.policy.resolving import Policy, Surroundings
from controller.config.policy.resolving import resolve as resolve_policy
from controller.config.problems import Complaints, did_you_mean
from controller.config.prompting import Vocabulary
from controller.config.resolving import Resolved, resolve
from controller.config.secrets import OURS, Filler
from controller.config.sources import Sources
from controller.config.values import check_names
from controller.errors import ConfigurationError, Problem
from controller.sansio.agent import Agent, Target
from controller.sansio.hours import Calendar
from controller.sansio.http_tool import HttpTool
from controller.sansio.lookup import Lookup
from controller.sansio.policy import CATCH_ALL, NumberSet, Rules
from controller.sansio.templating import Prompts
from controller.sansio.trunk import TrunkFacts
from controller.sansio.usage import PriceEntry
from controller.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOT_IMPORTED: Final = "is not imported; name it with letters, digits and _ if it holds tools"
UNSIGNED: Final = (
    "sends requests that nobody can trust; give [http_tools] signing_secret, or say signed = false"
)
UNREADABLE_CALLS: Final = (
    'no [policy] default_agent and no number "*": a call whose called number cannot be read is'
    " rejected, and the trunk's headers are not verified"
)
"""Operations, O2: `check` fails over it while the trunk is unverified, `run` warns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generation:
    """Immutable; made by `load`."""

    hash: str
    """16 hexadecimal digits of the SHA-256 of all content."""
    agents: Mapping[str, Agent]
    tools: Mapping[str, Tool]
    """Python tools by name; the built-in ones are not among them."""
    http_tools: Mapping[str, Mapping[str, HttpTool]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By agent, then by name; the tool for sensitive digits is among them, though not offered."""
    prompts: Mapping[str, Prompts] = field(default_factory=lambda: MappingProxyType({}))
    """By agent, of those whose texts differ from call to call (`templating.address`)."""
    lookup: Lookup | None = None
    targets: Mapping[str, Target]
    rules: Rules
    """Of admission: called numbers, default agent, codes, rules, limits, emergencies."""
    trunk: TrunkFacts = field(default_factory=TrunkFacts)
    """How its calls are known and read."""
    calendars: Mapping[str, Calendar] = field(default_factory=lambda: MappingProxyType({}))
    lists: Mapping[str, NumberSet] = field(default_factory=lambda: MappingProxyType({}))
    """Lists of callers, by name."""
    prices: tuple[PriceEntry, ...] = ()
    """The price list, the operator's lines last."""
    secrets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """Those that agent files, the look-up and the policy name, by name."""
    pieces: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """A short hash of each part of the content, by a name that operators know: `agent frontdesk`,
    `tool acme`, `numbers`, `rules`, `list blocked`. Of two generations these tell what differs."""
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
        self._complaints = Complaints(sources.where)
        self._problems = self._complaints.problems
        self._warnings: list[str] = []
        self._agent_names: list[str] = []
        self._abstract: list[str] = []
        self._agents_known = True
        self._tools_known = True

    def load(self) -> Generation:
        sources = self._sources
        pieces = Pieces()
        files = self._read_agents(pieces)
        tool_files = self._read_tools(pieces)
        listed = lists.resolve(sources.policy.lists, self._complaints)
        add_routing(pieces, sources, listed)
        generation = pieces.hash()
        known_before = toolbox.is_imported(generation)
        tools = self._import(tool_files, generation)
        self._check_numbers()
        check_names(sources.values, ("values",), self._complaints)
        rules = replace(sources.transfer_rules, own=self._own_numbers())
        resolved_targets = targets.resolve(sources.targets, rules, self._complaints)
        agents = self._resolve(files, tools, resolved_targets)
        filler = Filler(sources.secrets, is_needed=sources.with_secrets)
        policy = self._policy(resolved_targets, listed, filler)
        if not self._problems:  # a body made of half an agent would be blamed for what is known
            for file in files:
                self._check_body(file, agents[file.name])
        asked = self._lookup(tools)
        secrets = {**filler.found, **self._find_secrets(files, agents)}
        if self._problems:
            if not known_before:
                toolbox.forget(generation)
            # What is wrong in a file that others extend is found in each of them.
            raise ConfigurationError(*dict.fromkeys(self._problems))
        return Generation(
            hash=generation,
            agents=MappingProxyType({name: each.agent for name, each in agents.items()}),
            tools=MappingProxyType(tools),
            http_tools=MappingProxyType({name: each.http_tools for name, each in agents.items()}),
            prompts=MappingProxyType({n: r.prompts for n, r in agents.items() if r.prompts}),
            lookup=asked,
            targets=MappingProxyType(resolved_targets),
            rules=policy.rules,
            trunk=policy.trunk,
            calendars=MappingProxyType(dict(policy.calendars)),
            lists=MappingProxyType(listed),
            pieces=MappingProxyType(pieces.hashes()),
            prices=sources.prices,
            secrets=MappingProxyType(secrets),
            # Agents that take over the same line are warned of it once.
            warnings=tuple(dict.fromkeys(self._warnings)),
        )

    def _read_agents(self, pieces: Pieces) -> list[AgentFile]:
        folder = self._sources.agents_dir
        if not self._is_folder(folder, "agents_dir", "with one .md file for each agent"):
            self._agents_known = False
            return []
        found = read_folder(folder)
        if not found.names:
            self._complain("agents_dir", f"{folder} holds no agent", "write agents/NAME.md")
            self._agents_known = False
        self._problems += found.problems
        self._agent_names, self._abstract = found.names, found.abstract
        for name, content in found.contents.items():
            pieces.add(name, content)
        return found.files

    def _read_tools(self, pieces: Pieces) -> toolbox.ToolFiles:
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
            pieces.add(f"tool {name}", content)
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
        elif CATCH_ALL not in seen and self._sources.policy.trunk.verified_at is None:
            self._warnings.append(UNREADABLE_CALLS)

    def _check_agent(self, path: KeyPath, name: str) -> None:
        if name in self._abstract:
            self._complain(path, f"{name!r} is abstract", "name an agent that extends it")
        elif name not in self._agent_names and self._agents_known:
            cure = did_you_mean(name, self._agent_names)
            self._complain(path, f"no agent is named {name!r}", cure)

    def _policy(
        self, found: Mapping[str, Target], listed: Mapping[str, NumberSet], filler: Filler
    ) -> Policy:
        sources = self._sources
        known = KnownToPolicy(
            self._check_agent,
            targets=found,
            numbers=self._own_numbers(),
        )
        return resolve_policy(
            sources.policy,
            replace(sources.rules, numbers=MappingProxyType(dict(sources.numbers))),
            Surroundings(
                known=known,
                targets=found,
                lists=listed,
                filler=filler,
                complaints=self._complaints,
                warn=self._warn,
            ),
        )

    def _warn(self, path: KeyPath, sentence: str) -> None:
        where, key = self._sources.where(path), dotted(path)
        place = key if where == key else f"{where}: {key}"
        self._warnings.append(f"{place}: {sentence}")

    def _own_numbers(self) -> frozenset[str]:
        return frozenset(number for number, _ in self._sources.numbers)

    def _resolve(
        self, files: Sequence[AgentFile], tools: Mapping[str, Tool], found: Mapping[str, Target]
    ) -> dict[str, Resolved]:
        descriptions = {file.name: file.front.description.strip() for file in files}
        known = Known(
            tools={name: tool.declaration for name, tool in tools.items()},
            all_tools=self._tools_known,
            targets=found,
            agents={name: descriptions.get(name) for name in self._agent_names},
            private_hosts=self._sources.private_hosts,
            vocabulary=self._vocabulary(),
        )
        agents = {file.name: resolve(file, known) for file in files}
        voices = {name: each.agent for name, each in agents.items()}
        for file in files:
            self._problems.extend(agents[file.name].problems)
            unheard = acceptance.unheard(agents[file.name].agent, voices)
            self._warnings += [f"{file.source.name}: {each}" for each in unheard]
        return agents

    def _vocabulary(self) -> Vocabulary:
        sources = self._sources
        return Vocabulary(
            values=sources.values,
            facts=tuple(sources.lookup.facts) if sources.lookup else (),
            time_zone=sources.transfer_rules.time_zone,
        )

    def _lookup(self, tools: Mapping[str, Tool]) -> Lookup | None:
        section = self._sources.lookup
        if section is None:
            return None
        declared = {name: tool.declaration for name, tool in tools.items()}
        return lookup.resolve(
            section,
            tools=declared if self._tools_known else None,
            agents=self._agent_names if self._agents_known else None,
            private_hosts=self._sources.private_hosts,
            complaints=self._complaints,
        )

    def _check_body(self, file: AgentFile, resolved: Resolved) -> None:
        for found in acceptance.unrecognised(resolved.agent):
            self._blame(file, (), f"OpenAI's client would not send {found}", "leave it out")
        for path, sentence in self._doubts(resolved):
            place = f"{file.source.where(path)}: {dotted(path)}" if path else file.source.name
            self._warnings.append(f"{place}: {sentence}")

    def _doubts(self, resolved: Resolved) -> Iterator[tuple[KeyPath, str]]:
        """Yield what is worth a look in an agent that is right, by the key that says it."""
        sources = self._sources
        yield from acceptance.unfamiliar(resolved.agent)
        yield from retirement.retiring(resolved.agent)
        if sources.prices:
            yield from prices.unpriced(resolved.agent, sources.prices)
        if not sources.signs_http_tools:
            for name in (name for name, tool in resolved.http_tools.items() if tool.signed):
                yield (), f"HTTP tool {name!r} {UNSIGNED}"

    def _find_secrets(
        self, files: Sequence[AgentFile], agents: Mapping[str, Resolved]
    ) -> dict[str, str]:
        named: list[tuple[Callable[[KeyPath], str], KeyPath, str]]
        named = [(file.source.where, *each) for file in files for each in agents[file.name].secrets]
        if (section := self._sources.lookup) is not None:
            named += [(self._sources.where, *each) for each in lookup.secrets_of(section)]
        found: dict[str, str] = {}
        for where, path, name in named:
            value = self._sources.secrets.find(name)
            if isinstance(value, str):
                found[name] = value
            elif self._sources.with_secrets or name in OURS:
                self._problems.append(Problem(where(path), dotted(path), value.found, value.cure))
        return found

    def _complain(self, path: KeyPath | str, found: str, cure: str) -> None:
        self._complaints.add((path,) if isinstance(path, str) else path, found, cure)

    def _blame(self, file: AgentFile, path: KeyPath, found: str, cure: str) -> None:
        self._problems.append(Problem(file.source.where(path), dotted(path), found, cure))
