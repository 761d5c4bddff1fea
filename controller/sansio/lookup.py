"""The look-up before a call is answered: what is asked, and what may come back.

It may add facts for the agent's texts (`{{ lookup.NAME }}`) and choose among some agents. It never
holds a call up: what is not there in time is as if nothing had been found.

The answer is JSON, `{"agent": "name", "facts": {"name": "text"}}`, either part of which may be
missing. It is somebody else's: reading it is total, and what it says reaches the model through the
block of caller data alone (`templating`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import msgspec

from controller.sansio.http_tool import HttpTool

MAX_FACT: Final = 1000
"""Characters of one fact that are kept; the model is shown fewer (`quoting.MAX_VALUE`)."""


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
    is_foreign: bool = False
    """It named an agent that it may not choose, which is left out."""


def read_answer(text: str, lookup: Lookup) -> Found | None:
    """Read an answer. Never raises.

    Args:
        text: As it came.
        lookup: What was asked for.

    Returns:
        None where it is no answer to a look-up: no JSON, or of another shape.
    """
    try:
        answer = msgspec.json.decode(text)
    except (ValueError, RecursionError):  # half a surrogate pair is a ValueError too
        return None
    if not isinstance(answer, dict):
        return None
    agent, facts = answer.get("agent"), answer.get("facts")
    if not (isinstance(agent, str | None) and isinstance(facts, dict | None)):
        return None
    chosen = agent if agent in lookup.agents else None
    return Found(_facts(facts or {}, lookup), chosen, is_foreign=bool(agent) and chosen is None)


def _facts(given: Mapping[str, Any], lookup: Lookup) -> Mapping[str, str]:
    """Return every fact that was asked for; one that was not found, or is null, by default."""
    facts = dict(lookup.facts)
    for name in lookup.facts:
        if (value := given.get(name)) is not None:
            facts[name] = _text(value)[:MAX_FACT]
    return MappingProxyType(facts)


def _text(value: Any) -> str:
    """Return a value as its JSON would show it, a text as it is."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
