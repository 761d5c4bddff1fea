"""Whether what an agent file names is there, and whether what it says goes together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from controller.config import urls
from controller.config.keypad import KEYS, KeyAction
from controller.config.problems import did_you_mean
from controller.config.prompting import Vocabulary
from controller.sansio.agent import BUILT_IN, HAND_OFF, TRANSFER, Target, ToolDeclaration

if TYPE_CHECKING:
    from controller.config.agents import AgentFile
    from controller.config.document import KeyPath
    from controller.config.front_matter import FrontMatter, McpEntry
    from controller.config.problems import Complaints
    from controller.sansio.http_tool import HttpTool

_DIGITS: Final = "digits"
"""The one parameter of a tool for sensitive digits (operations, O13)."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose arguments travel in a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the names in agent files may stand for."""

    tools: Mapping[str, ToolDeclaration] = field(default_factory=dict)
    """Python tools."""
    all_tools: bool = True
    """False: the folder could not be read, and nobody is blamed for a name that is not there."""
    targets: Mapping[str, Target] = field(default_factory=dict)
    agents: Mapping[str, str | None] = field(default_factory=dict)
    """Descriptions by name; None where the file is wrong."""
    private_hosts: Collection[str] = ()
    """Hosts that HTTP tools may ask at private addresses."""
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    """Names in templates."""


def check(
    file: AgentFile, known: Known, http: Mapping[str, HttpTool], complaints: Complaints
) -> None:
    """Check everything that a file refers to.

    Args:
        file: The agent file.
        known: What there is.
        http: Its own HTTP tools, by name.
        complaints: Takes what is wrong.
    """
    _Checking(file, known, complaints).check(http)


class _Checking:
    """One file."""

    def __init__(self, file: AgentFile, known: Known, complaints: Complaints) -> None:
        self._file = file
        self._front: FrontMatter = file.front
        self._known = known
        self._complaints = complaints
        self._blame = complaints.add

    def check(self, http: Mapping[str, HttpTool]) -> None:
        self._check_tools(http)
        self._check_targets()
        self._check_agents()
        self._check_menu()
        self._check_sensitive(http)
        self._check_mcp()
        self._check_warning()

    def _check_warning(self) -> None:
        front = self._front
        if front.warn_before is not None and front.warn_before >= front.max_duration:
            self._blame(
                ("warn_before",), "comes before the call", "must be less than max_duration, or 0"
            )

    def _check_tools(self, http: Mapping[str, HttpTool]) -> None:
        names = self._front.tools
        self._check_once("tools", names)
        known = {*self._known.tools, *http, *BUILT_IN}
        for index, name in enumerate(names):
            if name not in known and self._known.all_tools:
                cure = did_you_mean(name, known)
                if not cure.startswith("did"):
                    cure = f"a function of that name needs @tool above it; {cure}"
                self._blame(("tools", index), f"no tool is named {name!r}", cure)

    def _check_once(self, key: str, names: Sequence[str]) -> None:
        for index in (i for i, name in enumerate(names) if name in names[:i]):
            self._blame((key, index), f"{names[index]!r} is listed twice", "once will do")

    def _check_targets(self) -> None:
        front = self._front
        self._check_once("targets", front.targets)
        for index, name in enumerate(front.targets):
            self._check_target(("targets", index), name)
        if front.fallback is not None:
            self._check_target(("fallback",), front.fallback)
        elif front.at_the_end == "transfer":
            self._blame(("at_the_end",), "there is nobody to transfer to", "name a fallback")
        self._check_pair(TRANSFER, "targets", "transfer has nobody to transfer to", front.targets)

    def _check_target(self, path: KeyPath, name: str) -> None:
        if name not in self._known.targets:
            cure = did_you_mean(name, self._known.targets)
            self._blame(path, f"no target is named {name!r}", cure)

    def _check_pair(self, tool: str, key: str, found: str, names: Sequence[str]) -> None:
        """Check that a built-in tool and the names that it works with are both there."""
        tools = self._front.tools
        if tool in tools and not names:
            cure = f"name {key}, or leave {tool} out"
            self._blame(("tools", tools.index(tool)), found, cure)
        if names and tool not in tools:
            cure = f'add "{tool}" to tools, or leave {key} out'
            self._blame((key,), f"{key} are of no use without {tool}", cure)

    def _check_agents(self) -> None:
        front = self._front
        self._check_once("agents", front.agents)
        for index, name in enumerate(front.agents):
            path: KeyPath = ("agents", index)
            if name == self._file.name:
                self._blame(path, "is the agent itself", "name another one")
            elif name not in self._known.agents:
                cure = did_you_mean(name, self._known.agents.keys() - {self._file.name})
                self._blame(path, f"no agent is named {name!r}", cure)
            elif self._known.agents[name] == "":
                cure = f"give description in {name}.md: callers are handed over by it"
                self._blame(path, f"{name!r} has no description", cure)
        by_key = any(action.handoff for _, action in self._key_actions())
        if not by_key or HAND_OFF in front.tools:
            self._check_pair(HAND_OFF, "agents", "handoff has nobody to hand to", front.agents)

    def _key_actions(self) -> Iterator[tuple[str, KeyAction]]:
        for key, action in self._front.keypad.menu.items():
            if isinstance(action, KeyAction):
                yield key, action

    def _check_menu(self) -> None:
        for key in self._front.keypad.menu:
            if key not in KEYS:
                self._blame(("keypad", "menu", key), "is no key", "must be 0 to 9, * or #")
        for key, action in self._key_actions():
            path: KeyPath = ("keypad", "menu", key)
            if action.transfer is not None:
                self._check_target((*path, "transfer"), action.transfer)
            if action.handoff is not None and action.handoff not in self._front.agents:
                self._blame(
                    (*path, "handoff"), f"{action.handoff!r} is not in agents", "name it there"
                )

    def _check_sensitive(self, http: Mapping[str, HttpTool]) -> None:
        name = self._front.keypad.sensitive_tool
        path: KeyPath = ("keypad", "sensitive_tool")
        if name is None:
            return
        if name not in http:
            self._blame(path, f"no HTTP tool is named {name!r}", did_you_mean(name, http))
        elif name in self._front.tools:
            self._blame(path, f"the model may call {name!r}", "take it out of tools (it gets keys)")
        elif list(http[name].declaration.parameters["properties"]) != [_DIGITS]:
            self._blame(path, f"{name!r} takes something else", "its one parameter must be digits")
        else:
            self._check_digits_are_hidden(http[name], path)

    def _check_digits_are_hidden(self, tool: HttpTool, path: KeyPath) -> None:
        """Check that the digits travel in a body: addresses are logged everywhere, and signed."""
        name = tool.declaration.name
        if tool.method not in _WITH_BODY:
            found = f"{name!r} puts the digits into its address ({tool.method} has no body)"
            self._blame(path, found, 'give it method = "POST", "PUT" or "PATCH"')
        elif f"{{{_DIGITS}}}" in tool.url:
            found = f"{name!r} puts the digits into its address"
            self._blame(path, found, f"take {{{_DIGITS}}} out of its url; they go into the body")

    def _check_mcp(self) -> None:
        labels: set[str] = set()
        for index, entry in enumerate(self._front.mcp):
            path: KeyPath = ("mcp", index)
            if entry.label in labels:
                self._blame((*path, "label"), f"{entry.label!r} is taken", "name it otherwise")
            labels.add(entry.label)
            if refusal := urls.check_url(entry.url, allow_http=False):
                self._blame((*path, "url"), refusal.found, refusal.cure)
            urls.check_headers(entry.headers, (*path, "headers"), self._complaints)
            self._check_approvals(entry, path)

    def _check_approvals(self, entry: McpEntry, path: KeyPath) -> None:
        if entry.approve and entry.require_approval != "always":
            self._blame((*path, "approve"), "nothing is asked", 'say require_approval = "always"')
        if entry.allowed_tools is None:
            return
        for index, name in enumerate(entry.approve):
            if name not in entry.allowed_tools:
                cure = did_you_mean(name, entry.allowed_tools)
                self._blame((*path, "approve", index), f"{name!r} is not in allowed_tools", cure)
