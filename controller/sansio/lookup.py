"""The look-up before a call is answered: what is asked, and what may come back.

It may add facts for the agent's texts (`{{ lookup.NAME }}`) and choose among some agents. It never
holds a call up: what is not there in time is as if nothing had been found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from controller.sansio.http_tool import HttpTool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Whom to ask before a call is answered."""

    tool: str | None = None
    """Name of a Python tool without arguments; None: `http` is asked."""
    http: HttpTool | None = None
    timeout: float = 1.0
    """Seconds (operations, Defaults: pre-answer look-up)."""
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The names that it may fill, each with what stands there when it fails."""
    agents: tuple[str, ...] = ()
    """The agents that it may choose."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up came back with. A caller may have written it, into a customer's record."""

    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """By name; names that were not asked for are left out."""
    agent: str | None = None
    """None: the one that the rules have chosen."""
