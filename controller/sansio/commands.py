"""Everything that the machines may ask for.

Frozen values, imperative, in unions by who performs them:

- `LineCommand` and `RunTool` are outside effects. Each has a deterministic `effect_id`, unique in
  its call, and is written to the ledger before it is performed (design section 4, write-ahead).
- `ChannelCommand` opens and closes the model's socket, `SendFrame` writes to it.
- `DialectCommand` goes to the turn machine, `WatchCommand` to the watchers, inside the core.
- `Report` tells the shell what to record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, TypeAlias

from controller.sansio.events import MenuKeyPressed, Note, SpeechHeard, ToolCall, ToolOutput


class Outcome(StrEnum):
    """How a call ended; exactly one a call, unless it was released (design section 5, fixed)."""

    REJECTED = "rejected"
    EXPIRED = "expired"
    CALLER_GONE = "caller_gone"
    ACCEPT_FAILED = "accept_failed"
    ACCEPT_UNKNOWN = "accept_unknown"
    OTHER_OWNER = "other_owner"
    ATTACH_FAILED = "attach_failed"
    CALLER_HUNG_UP = "caller_hung_up"
    WE_HUNG_UP = "we_hung_up"
    TRANSFERRED = "transferred"
    REFERRED_UNCONFIRMED = "referred_unconfirmed"
    TRANSFER_FAILED = "transfer_failed"
    NO_HUMAN = "no_human"
    IDLE = "idle"
    MAX_DURATION = "max_duration"
    BUDGET = "budget"
    SIDEBAND_LOST = "sideband_lost"
    PROVIDER_ENDED = "provider_ended"
    CLEANUP_UNCONFIRMED = "cleanup_unconfirmed"


class AnswerForm(StrEnum):
    """Which session config an answer carries."""

    FULL = "full"
    MINIMAL = "minimal"
    """Type, model, instructions, voice; the rest follows by `Configure`."""


# --- the line ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """Answer the telephone call with the agent's session config."""

    effect_id: str
    form: AnswerForm


@dataclass(frozen=True, slots=True)
class RejectCall:
    """Refuse the telephone call with a SIP code."""

    effect_id: str
    status_code: int


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Hand the caller to a target, and leave."""

    effect_id: str
    target: str
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HangUpCall:
    """End the telephone call."""

    effect_id: str


# --- the channel -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """Open the model's socket, once; the machine counts and spaces the attempts."""

    attempt: int


@dataclass(frozen=True, slots=True)
class CloseChannel:
    """Close the model's socket, or give up opening it. This does not hang up (rule 12).

    No `ChannelLost` follows: the machine takes it as closed.
    """


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Write one text frame to the model's socket."""

    type: str
    """The client event's type, for logs."""
    frame: str = field(repr=False)


# --- the dialect -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configure:
    """Send the part of the session config that the minimal answer left out."""


class Priority(IntEnum):
    """Who goes first where several words or turns wait; the highest does."""

    PROMPT = 0
    """Idle prompts, fillers, warnings."""
    TURN = 1
    """The answer to the caller, or to tool outputs."""
    GREETING = 2
    OPERATOR = 3
    """What an operator, or the caller by a key, wants now."""
    DISCLOSURE = 4
    LAST = 5
    """The last words of a call: nothing else is worth saying any more."""


@dataclass(frozen=True, slots=True)
class Say:
    """Have the model speak now, when nothing else speaks. `SpeechHeard(say_id)` always follows."""

    say_id: str
    text: str = field(repr=False)
    """An instruction, or the words themselves."""
    verbatim: bool = False
    priority: Priority = Priority.TURN


@dataclass(frozen=True, slots=True)
class Unsay:
    """Drop words that still wait for their turn; once they are asked for it is too late."""

    say_id: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """Cancel the response that is asked for or active, and throw away what is left of its audio.

    One that is asked for and has not begun is cancelled as soon as it begins: a cancel sent before
    `response.created` is lost (livekit/agents#6244).
    """


@dataclass(frozen=True, slots=True)
class StopSpeaking:
    """Drop the words and turns that wait, and ask for no other until `ReleaseTurns`."""


@dataclass(frozen=True, slots=True)
class HoldTurns:
    """Let the caller's speech start no response and cut nothing off, until `ReleaseTurns`."""


@dataclass(frozen=True, slots=True)
class ReleaseTurns:
    """Restore turn detection; answer what the caller said meanwhile."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Tell the model something, unheard by the caller."""

    text: str


@dataclass(frozen=True, slots=True)
class GiveToolOutputs:
    """Post every output, then ask for one response if `respond`."""

    outputs: tuple[ToolOutput, ...]
    respond: bool


@dataclass(frozen=True, slots=True)
class Approve:
    """Answer the model's request to use a tool of an MCP server, then ask for one response."""

    request_id: str
    approve: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Change the session from here on; None leaves a thing as it is."""

    instructions: str | None = field(default=None, repr=False)
    tools: tuple[str, ...] | None = None
    """Names among the agent's own; the others are taken away."""
    turn_detection: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Become:
    """Go on as another agent: its instructions, tools and turn detection; voice and model stay."""

    agent: str


# --- the watchers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CollectDigits:
    """Take the caller's keys as one entry; `DigitsEntered(request_id)` always follows.

    A later one takes the place of one that is not finished, which then ends with what it has.
    """

    request_id: str
    max_digits: int
    terminator: str
    """One of `0`-`9`, `*`, `#`; "" for none."""
    first_digit_timeout: float
    """Seconds, from the end of the words that ask for the digits."""
    inter_digit_timeout: float
    sensitive: bool = False
    """No snapshot holds them (operations, O13)."""


@dataclass(frozen=True, slots=True)
class AllowSilence:
    """The caller asked for a moment: so many seconds of silence are no reason to ask (O10)."""

    seconds: float


# --- tools and reports -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a tool, under its time limit; its output comes back as `ToolFinished`."""

    effect_id: str
    call: ToolCall
    agent: str = ""
    """Whose tool it is: a call may be handed to another agent while the tool runs."""
    is_sensitive: bool = False
    """The arguments hold what nobody may keep, digits of a card: no ledger and no log."""


@dataclass(frozen=True, slots=True)
class ReportAnswered:
    """The conversation has begun."""


class DisclosureResult(StrEnum):
    """What became of the disclosure (operations, O8)."""

    HEARD = "heard"
    """Its words, as far as the transcript of what the model said can tell, played to the end."""
    DIFFERENT = "different"
    """Twice something else than the text."""
    UNPROVEN = "unproven"
    """Said, but nobody can tell which words, or whether they were played to the end."""
    FAILED = "failed"
    """Not said."""


@dataclass(frozen=True, slots=True)
class ReportDisclosure:
    """The evidence of a disclosure; the text's hash stands with the agent."""

    result: DisclosureResult
    attempts: int


@dataclass(frozen=True, slots=True)
class ReportNoTranscript:
    """The caller does not agree that their words are kept: none is, of the whole call (O8).

    Once a call. It holds for every agent that the call is handed on to.
    """


@dataclass(frozen=True, slots=True)
class ReportHandOff:
    """The call goes on with another agent."""

    agent: str


@dataclass(frozen=True, slots=True)
class ReportReattached:
    """The sideband was lost and is back."""


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Something that an operator must look at."""

    kind: str
    """A stable word."""


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """The call is over. The last command of every call that was not released."""

    outcome: Outcome
    detail: str | None = None
    """A stable word that says more, `provider_capacity`."""


@dataclass(frozen=True, slots=True)
class Record:
    """Keep what was heard, said, pressed or billed."""

    note: Note | MenuKeyPressed | SpeechHeard


LineCommand: TypeAlias = AnswerCall | RejectCall | TransferCall | HangUpCall
Effect: TypeAlias = LineCommand | RunTool
ChannelCommand: TypeAlias = OpenChannel | CloseChannel
DialectCommand: TypeAlias = (
    Configure
    | Say
    | Unsay
    | CutOff
    | StopSpeaking
    | HoldTurns
    | ReleaseTurns
    | Inject
    | GiveToolOutputs
    | Approve
    | Reconfigure
    | Become
)
WatchCommand: TypeAlias = CollectDigits | AllowSilence
Report: TypeAlias = (
    ReportAnswered
    | ReportDisclosure
    | ReportNoTranscript
    | ReportHandOff
    | ReportReattached
    | RaiseAlarm
    | ReportOutcome
)

CallCommand: TypeAlias = Effect | ChannelCommand | DialectCommand | WatchCommand | Report
"""What the call's machine asks for."""

ShellCommand: TypeAlias = Effect | ChannelCommand | SendFrame | Report | Record
"""What reaches the shell."""
