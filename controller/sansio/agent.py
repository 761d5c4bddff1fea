"""Who answers a call: an agent, resolved from its file, as one immutable value.

The configuration builds it (`controller.config`), the session config for accept is made from it
(`session.py`), and the machines read their limits from it. It holds no function and no secret, so
that it can be stored with the call and outlive the files that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from controller.sansio.hours import Hours

JsonObject = Mapping[str, Any]

HANG_UP = "hang_up"
TRANSFER = "transfer"
COLLECT_DIGITS = "collect_digits"
TAKE_MESSAGE = "take_message"
WAIT_FOR_CALLER = "wait_for_caller"
HAND_OFF = "handoff"
NO_TRANSCRIPT = "no_transcript"
BUILT_IN = frozenset(
    {
        HANG_UP,
        TRANSFER,
        COLLECT_DIGITS,
        TAKE_MESSAGE,
        WAIT_FOR_CALLER,
        HAND_OFF,
        NO_TRANSCRIPT,
    }
)
"""The tools that are ours: the model calls them, and the call's machine follows. `take_message`
alone is run by the shell, as an effect like any other tool."""

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
    on_duplicate: Literal["run", "reuse", "refuse"] = "run"
    """What a second call with the same arguments does, in one telephone call: run again, give the
    output of the first, or be told that it was done already."""
    cancel_on_hangup: bool = False
    """Stop it when the call ends; otherwise it may finish, within its time limit."""
    speak_while_waiting: bool = True
    """Say a filler while the caller waits for it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to whom a call may be transferred. The model sees the name and the description."""

    name: str
    uri: str
    """`sip:…`, `sips:…` or `tel:…`; never shown to the model, never made by it."""
    description: str
    hours: Hours | None = None
    """When it may be called; None: always."""
    next: tuple[str, ...] = ()
    """Names of the targets to try where this one is closed, or the transfer fails."""
    user_to_user: bool = False
    """Hand over the caller's context in a User-to-User parameter (RFC 7433)."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another agent to whom this one may hand the call. The model sees both."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server that OpenAI calls by itself; its secrets are named, not held."""

    label: str
    url: str
    description: str = ""
    authorization: str | None = None
    """Name of a secret."""
    headers: tuple[tuple[str, str], ...] = ()
    """Header and value; `${NAME}` in a value stands for a secret."""
    allowed_tools: tuple[str, ...] | None = None
    """None: all that it offers."""
    require_approval: Literal["always", "never"] = "never"
    """Whether OpenAI asks us before it calls a tool of the server."""
    approved_tools: tuple[str, ...] = ()
    """Those that we approve when asked; the others are refused."""


@dataclass(frozen=True, slots=True)
class Filler:
    """What is said while a tool runs. Seconds from the tool's start."""

    first: float = 1.8
    second: float = 6.5


@dataclass(frozen=True, slots=True)
class Silence:
    """How long nobody may be there (operations, O10). Seconds."""

    ghost_prompts: tuple[float, ...] = (12.0, 24.0)
    """From the end of the first words, while the caller was never heard."""
    ghost_end: float = 40.0
    idle_prompts: tuple[float, ...] = (10.0, 25.0)
    """From the end of the last words of either side."""
    idle_end: float = 45.0
    awaited: float = 90.0
    """Of silence that `wait_for_caller` allows."""
    wordless: float = 120.0
    """Of speech without one intelligible word."""
    repeats: int = 6
    """Near-identical turns of the caller's; one more is no human."""
    ringing_out: float = 300.0
    """Without a transcript, a key or a tool, whatever voice activity detection hears: comfort noise
    must not keep a dead call alive."""


MenuVerb: TypeAlias = Literal["transfer", "hang_up", "repeat", "say", "handoff"]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """What a key does, whatever the model does."""

    key: str
    verb: MenuVerb
    argument: str | None = None
    """Target of `transfer`, instruction of `say`, agent of `handoff`."""


@dataclass(frozen=True, slots=True)
class Keypad:
    """What becomes of the caller's keys."""

    menu: tuple[MenuEntry, ...] = ()
    first_digit_timeout: float = 10.0
    inter_digit_timeout: float = 4.0
    terminator: str = "#"
    """"": none."""
    max_digits: int = 32
    sensitive_tool: str | None = None
    """HTTP tool that alone gets the digits of `collect_digits(sensitive=true)` (O13); its one
    parameter is `digits`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much money a call may cost."""

    usd: float = 5.0
    warn_at: tuple[float, ...] = (0.5, 0.8)
    """Shares of it."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent file, resolved."""

    name: str
    """The file's name without `.md`."""
    model: str
    voice: str
    instructions: str = field(repr=False)
    """The body of the file, with what it builds upon; for a call that has begun, what the caller's
    side sent may stand in it."""
    description: str = ""
    """What it is for, as other agents that may hand a call over are told."""
    greeting: str | None = None
    """Instruction for the first words; None: the agent waits for the caller."""
    greeting_is_verbatim: bool = False
    """`greeting` is the words themselves."""
    disclosure: str | Literal[False] = False
    """Text that must be heard before anything else."""
    tools: tuple[ToolDeclaration, ...] = ()
    """Python and HTTP tools, in the order of the file."""
    built_in: frozenset[str] = frozenset()
    """Those of `BUILT_IN` that it may use."""
    targets: tuple[Target, ...] = ()
    """Those that the model may choose, and those that menu, fallback and `next` name."""
    offered: tuple[str, ...] = ()
    """Names of the targets that the model may choose."""
    fallback: str | None = None
    """Target of callers whom nobody can talk to: the model fails, the channel is lost."""
    colleagues: tuple[Colleague, ...] = ()
    mcp: tuple[McpServer, ...] = ()
    filler: Filler | None = field(default_factory=Filler)
    silence: Silence = field(default_factory=Silence)
    keypad: Keypad = field(default_factory=Keypad)
    budget: Budget | None = None
    """None: no limit for one call."""
    transcript: Literal["always", "after_disclosure", "never"] = "always"
    """Which words are kept (O8)."""
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
    warn_before: float = 120.0
    """Seconds before that, the caller is told; 0: not."""
    at_the_end: Literal["goodbye", "transfer"] = "goodbye"
    """What follows the longest duration: a goodbye, or a transfer to `fallback`."""
    hands_on: bool = False
    """There is no conversation: the first words heard, the caller is transferred to `fallback`."""

    @property
    def can_hang_up(self) -> bool:
        """The model may end the call."""
        return HANG_UP in self.built_in

    @property
    def can_transfer(self) -> bool:
        """The model may send the caller on."""
        return TRANSFER in self.built_in and bool(self.offered)

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
