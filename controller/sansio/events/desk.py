"""What tools, operators, the watchers and the process itself report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controller.sansio.events.values import ToolOutput


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool gave its output, or an error as its output."""

    output: ToolOutput


# --- the operator ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """An operator, or a second SIGTERM, wants the call to end now."""


@dataclass(frozen=True, slots=True)
class SayRequested:
    """An operator has the agent say something now."""

    text: str = field(repr=False)
    verbatim: bool = False
    """The words themselves, not an instruction."""


@dataclass(frozen=True, slots=True)
class InjectRequested:
    """An operator tells the model something that the caller does not hear."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransferRequested:
    """An operator sends the caller to a target of the agent's."""

    target: str


@dataclass(frozen=True, slots=True)
class ReconfigureRequested:
    """The session is to go on with other instructions, tools or turn detection.

    An operator wants it, or what a look-up found came late. None leaves a thing as it is.
    """

    instructions: str | None = field(default=None, repr=False)
    tools: tuple[str, ...] | None = None
    """Names among the agent's own; the others are taken away."""
    turn_detection: Mapping[str, Any] | None = None
    agent: str | None = None
    """For this agent alone: nothing is changed when another one talks by now. None: for any."""


# --- the watchers ------------------------------------------------------------------------------


class Absence(StrEnum):
    """Why it looks as if nobody were there (operations, O10)."""

    GHOST = "ghost"
    """Not a sound and no key since the answer."""
    IDLE = "idle"
    """The caller was there, and says nothing more."""
    NO_HUMAN = "no_human"
    """Speech without words, or the same words again and again: music, a fax, another machine."""


@dataclass(frozen=True, slots=True)
class PromptDue:
    """The caller is to be asked whether they are still there."""

    absence: Absence
    number: int
    """1 for the first prompt of this silence."""


@dataclass(frozen=True, slots=True)
class NobodyThere:
    """The prompts were in vain: say goodbye and hang up."""

    absence: Absence


@dataclass(frozen=True, slots=True)
class MenuKeyPressed:
    """The caller pressed a key of the agent's menu."""

    key: str = field(repr=False)


class EntryEnd(StrEnum):
    """Why no further digit is waited for."""

    TERMINATOR = "terminator"
    LENGTH = "length"
    PAUSE = "pause"
    """No digit for the inter-digit time."""
    NOTHING = "nothing"
    """Not one digit within the first-digit time."""


@dataclass(frozen=True, slots=True)
class DigitsEntered:
    """The caller has entered digits. Never logged, never shown."""

    request_id: str | None
    """Of the `CollectDigits` that asked for them; None: nobody asked."""
    digits: str = field(repr=False)
    """Without the terminator."""
    end: EntryEnd


@dataclass(frozen=True, slots=True)
class SpendReported:
    """What the call has cost so far."""

    usd: float
    is_estimate: bool = False
    """Usage was not split, or part of it was missed while the channel was lost."""


@dataclass(frozen=True, slots=True)
class BudgetWarned:
    """A share of the call's budget is spent."""

    share: float
    """0.5: half of it."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The call's budget is spent: end politely."""


# --- the process -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncidentDeclared:
    """Many calls lost their channel at once (operations, O15): keep trying, hang nobody up."""

    until: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class OwnershipLost:
    """Another process owns the call; this one must not touch it again."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The machine's own deadline has passed."""
