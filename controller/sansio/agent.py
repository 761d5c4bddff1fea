"""Who answers a call: an agent, resolved from its file, as one immutable value.

The configuration builds it (`controller.config`), the session config for accept is made from it
(`session.py`), and the machines read their limits from it. It holds no function and no secret, so
that it can be stored with the call and outlive the files that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JsonObject = Mapping[str, Any]

HANG_UP = "hang_up"
TRANSFER = "transfer"
"""The two tools that are ours: the model calls them, and the call's machine follows."""

NOISE_REDUCTION = ("near_field", "far_field")
REASONING_EFFORT = ("minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class ToolDeclaration:
    """A function that the model may call."""

    name: str
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments, an object."""
    timeout: float = 8.0
    """Seconds until the tool is given up and the model is told so."""
    idempotent: bool = False
    """May be run again for the same `tool_call_id` after a crash."""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to whom a call may be transferred. The model sees the name and the description."""

    name: str
    uri: str
    """`sip:…`, `sips:…` or `tel:…`; never shown to the model, never made by it."""
    description: str


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent file, resolved."""

    name: str
    """The file's name without `.md`."""
    model: str
    voice: str
    instructions: str
    """The body of the file."""
    greeting: str | None = None
    """Instruction for the first words; None: the agent waits for the caller."""
    disclosure: str | Literal[False] = False
    """Text that must be heard before anything else."""
    tools: tuple[ToolDeclaration, ...] = ()
    """Python tools, in the order of the file."""
    can_hang_up: bool = False
    """`hang_up` is among the tools."""
    can_transfer: bool = False
    """`transfer` is among the tools."""
    targets: tuple[Target, ...] = ()
    turn_detection: JsonObject = field(default_factory=lambda: {"type": "server_vad"})
    """`type` and its options; `create_response` and `interrupt_response` are ours to set."""
    noise_reduction: Literal["near_field", "far_field"] | None = None
    transcription: JsonObject | None = field(default_factory=lambda: {"model": "gpt-transcribe"})
    """Transcription of the caller: `model`, `language`, `prompt`; None: off."""
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    speed: float | None = None
    """0.25 to 1.5; None: the provider's default."""
    max_output_tokens: int | None = None
    """1 to 4096; None: the provider's default."""
    max_duration: float = 1800.0
    """Seconds from the answer to the goodbye."""

    def target(self, name: str) -> Target | None:
        """Return the target of that name, None where there is none."""
        return next((target for target in self.targets if target.name == name), None)


_NUMBER_AT_HOST = re.compile(r"sips?:(\+[0-9]{6,15})@", re.ASCII)


def other_uri_form(uri: str) -> str | None:
    """Return the `tel:` form of a SIP URI whose user part is an E.164 number, else None.

    A trunk may refuse one form of a REFER target and take the other (rule 10). The way back, from
    `tel:` to `sip:`, needs a host that nobody but the operator knows.
    """
    match = _NUMBER_AT_HOST.match(uri)
    return f"tel:{match[1]}" if match else None
