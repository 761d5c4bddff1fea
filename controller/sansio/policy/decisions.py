"""What becomes of a call: one of three, each with the rule that decided and a sentence of why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from controller.sansio.policy.shares import Share


@dataclass(frozen=True, slots=True)
class Accept:
    """Answer with this agent."""

    agent_name: str
    rule: str = ""
    """A stable word for logs: the name of a rule of the operator's or of a limit, or `number`,
    `catch_all`, `default_agent`, `emergency`."""
    why: str = ""
    """One sentence for the operator; it holds no number."""
    alarm: str | None = None
    """What must be told to the operator besides."""
    say: str | None = None
    """The first words, as they are written; None: the agent's own greeting."""
    refer_to: str | None = None
    """The name of a target to whom the caller is sent after the first words, with no conversation:
    a cheap, human answer (O7), or a human in an emergency (O9)."""
    shares: tuple[Share, ...] = field(default=(), repr=False)
    """What is to be reserved before the call is answered."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse with this SIP code."""

    status_code: int
    rule: str = ""
    """A stable word: the name of a rule of the operator's or of a limit, or `not_admitting`,
    `unknown_number`, `unreadable_number`, `loop`, `provider_tokens`."""
    why: str = ""
    """One sentence for the operator; it holds no number."""
    alarm: str | None = None
    """What must be told to the operator besides."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Do nothing: neither accept nor reject. Another controller decides."""

    rule: str = ""
    """A stable word: the name of a rule of the operator's, or `unknown_number`,
    `unreadable_number`."""
    why: str = ""
    """One sentence for the operator; it holds no number."""
    alarm: str | None = None
    """What must be told to the operator besides."""


Decision: TypeAlias = Accept | Reject | Ignore
