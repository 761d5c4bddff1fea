"""The look-up before a call is answered: what `[lookup]` may say, and what it becomes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, model_validator

from controller.config import http_tools, urls
from controller.config.http_tools import HttpToolEntry
from controller.config.problems import did_you_mean, refusal
from controller.config.section import Names, Section, Text
from controller.config.values import check_names
from controller.sansio.lookup import Lookup

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from controller.config.document import KeyPath
    from controller.config.problems import Complaints
    from controller.sansio.agent import ToolDeclaration

LONGEST: Final = 5.0
"""Seconds that a caller may be kept ringing for it."""

_PATH: Final = ("lookup",)


class LookupHttp(Section):
    """A request that is signed as those of HTTP tools are, with the facts of the call."""

    url: str
    """the address, `https://…`"""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of the request; `${NAME}` in a value stands for a secret."""
    allow_private: bool = False
    """`http` and private addresses may be asked."""
    signed: bool = True
    """Send the facts of the call, signed."""


class LookupSection(Section):
    """What is asked before a call is answered, and what stands there when no answer comes.

    [What happens when](../how-to/look-up.md#when-what-happens).
    """

    tool: Text | None = None
    """Name of a Python tool without arguments."""
    http: LookupHttp | None = None
    """Instead of it, a request: `{ url = "https://crm.example.net/callers" }`, with `headers`,
    `allow_private` and `signed` as [HTTP tools](../how-to/http-tools.md) have them."""
    timeout: Annotated[float, Field(gt=0, le=LONGEST, allow_inf_nan=False)] = 1.0
    """Seconds for the answer, while the caller hears it ring; at most 5."""
    facts: dict[str, str] = Field(default_factory=dict)
    """The names that it may fill, each with what stands there when it fails:
    `{ customer = "unknown" }`. Texts of agents name them `{{ lookup.customer }}`."""
    agents: Names = ()
    """Names of the agents that it may choose instead of the one that the rules have chosen."""

    @model_validator(mode="after")
    def _one_of_them(self) -> LookupSection:
        if (self.tool is None) is (self.http is None):
            raise refusal("must hold one of tool and http")
        return self


def resolve(
    section: LookupSection,
    *,
    tools: Mapping[str, ToolDeclaration] | None,
    agents: Collection[str] | None,
    private_hosts: Collection[str],
    complaints: Complaints,
) -> Lookup:
    """Return the look-up.

    Args:
        section: As written.
        tools: The Python tools by name; None: they could not be read.
        agents: Names of the agents; None: they could not be read.
        private_hosts: Hosts that may be asked at private addresses.
        complaints: Takes what is wrong.
    """
    _check_tool(section.tool, tools, complaints)
    _check_agents(section.agents, agents, complaints)
    check_names(section.facts, (*_PATH, "facts"), complaints)
    tool = None
    if section.http is not None:
        entry = HttpToolEntry(name="lookup", description="The look-up", **section.http.model_dump())
        entry = entry.model_copy(update={"timeout": section.timeout, "retries": 0})
        tool = http_tools.read(entry, (*_PATH, "http"), complaints, private_hosts=private_hosts)
    return Lookup(
        tool=section.tool,
        http=tool,
        timeout=section.timeout,
        facts=MappingProxyType(dict(section.facts)),
        agents=section.agents,
    )


def secrets_of(section: LookupSection) -> Iterator[tuple[KeyPath, str]]:
    """Yield the secrets that a look-up names, each with its place in the settings."""
    for header, value in section.http.headers.items() if section.http else ():
        for name in urls.secrets_in(value):
            yield (*_PATH, "http", "headers", header), name


def _check_tool(
    name: str | None, tools: Mapping[str, ToolDeclaration] | None, complaints: Complaints
) -> None:
    if name is None or tools is None:
        return
    path = (*_PATH, "tool")
    if name not in tools:
        complaints.add(path, f"no tool is named {name!r}", did_you_mean(name, tools))
    elif wanted := tools[name].parameters.get("required"):
        found = f"{name!r} takes {', '.join(wanted)}"
        complaints.add(path, found, "must need no argument but the CallContext")


def _check_agents(
    names: tuple[str, ...], agents: Collection[str] | None, complaints: Complaints
) -> None:
    for index, name in enumerate(names if agents is not None else ()):
        if name not in (agents or ()):
            cure = did_you_mean(name, agents or ())
            complaints.add((*_PATH, "agents", index), f"no agent is named {name!r}", cure)
