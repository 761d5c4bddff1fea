"""Everything that the machines may ask for.

Frozen values, imperative, in unions by who performs them:

- `LineCommand` and `RunTool` are outside effects. Each has a deterministic `effect_id`, unique in
  its call, and is written to the ledger before it is performed (design section 4, write-ahead).
- `ChannelCommand` opens and closes the model's socket, `SendFrame` writes to it.
- `DialectCommand` goes to the turn machine, inside the core.
- `Report` tells the shell what to record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from controller.sansio.events import Note, ToolCall, ToolOutput


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


@dataclass(frozen=True, slots=True)
class Say:
    """Have the model speak now, when nothing else speaks. `SpeechHeard(say_id)` always follows."""

    say_id: str
    text: str
    """An instruction, or the words themselves."""
    verbatim: bool = False


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


# --- tools and reports -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a tool, under its time limit; its output comes back as `ToolFinished`."""

    effect_id: str
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ReportAnswered:
    """The conversation has begun."""


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

    note: Note


LineCommand: TypeAlias = AnswerCall | RejectCall | TransferCall | HangUpCall
Effect: TypeAlias = LineCommand | RunTool
ChannelCommand: TypeAlias = OpenChannel | CloseChannel
DialectCommand: TypeAlias = (
    Configure | Say | StopSpeaking | HoldTurns | ReleaseTurns | Inject | GiveToolOutputs
)
Report: TypeAlias = ReportAnswered | ReportReattached | RaiseAlarm | ReportOutcome

CallCommand: TypeAlias = Effect | ChannelCommand | DialectCommand | Report
"""What the call's machine asks for."""

ShellCommand: TypeAlias = Effect | ChannelCommand | SendFrame | Report | Record
"""What reaches the shell."""
