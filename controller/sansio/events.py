"""Everything that can happen to a call, as the call's machine sees it.

Frozen values, named in the past tense, one union: `Event`. They come from four places: admission,
the line (`Answered` …), the dialect's turn machine (`Ready`, `SpeechHeard` …) and the operator.
Nothing here is a vendor's event: what OpenAI sends is in `realtime/codec.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class AnswerResult(StrEnum):
    """How an attempt to answer failed (design section 4, "Accept results")."""

    REFUSED = "refused"
    """400 or 422: the session config was not liked."""
    DENIED = "denied"
    """401 or 403: our key is wrong, or of another project."""
    GONE = "gone"
    """404: the caller has left, or somebody else's runtime took the call."""
    CONFLICT = "conflict"
    """409: somebody decided already, perhaps an earlier attempt of ours."""
    CAPACITY = "capacity"
    """429: the provider takes no more."""
    UNKNOWN = "unknown"
    """5xx, a time-out, or a connection lost after sending: it may have landed."""
    UNREACHABLE = "unreachable"
    """The connection was refused: nothing was sent."""
    OTHER = "other"
    """Any other definite refusal."""


class Speech(StrEnum):
    """What became of the words of a response by the time that it was complete."""

    SILENT = "silent"
    """It had none."""
    UNHEARD = "unheard"
    """They are still being played; `SpeechHeard` will follow."""
    HEARD = "heard"
    """They were played to the end, or cut off, already."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. The arguments are what somebody said: never logged."""

    tool_call_id: str
    name: str
    arguments: str = field(repr=False)
    """JSON as the model wrote it, not validated."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool answers to the model."""

    tool_call_id: str
    output: str = field(repr=False)
    """Text. A lone surrogate, which no frame can carry, becomes a question mark."""

    def __post_init__(self) -> None:
        """Make it fit for a frame: a tool of the operator's wrote it."""
        object.__setattr__(self, "output", self.output.encode(errors="replace").decode())


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response, or of a whole call by addition.

    `cached_*` are part of `input_*` (the provider bills them at another price).
    """

    responses: int = 0
    input_text: int = 0
    input_audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    output_text: int = 0
    output_audio: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return the sum, field by field."""
        return Usage(
            self.responses + other.responses,
            self.input_text + other.input_text,
            self.input_audio + other.input_audio,
            self.cached_text + other.cached_text,
            self.cached_audio + other.cached_audio,
            self.output_text + other.output_text,
            self.output_audio + other.output_audio,
        )


# --- admission ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admitted:
    """The policy lets the call through to an agent."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The policy refuses the call with a SIP code."""

    status_code: int


# --- the line ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """The line took our answer. Not yet a conversation: that is `Ready`."""


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """The line did not take our answer, or we do not know."""

    result: AnswerResult
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class RejectSettled:
    """The rejection was delivered, or could not be."""

    certain: bool


@dataclass(frozen=True, slots=True)
class TransferDone:
    """The line proved that the target answered (never on `openai_sip`)."""


@dataclass(frozen=True, slots=True)
class TransferUnproven:
    """The transfer was relayed, or may have been; the line reports no result (rule 10)."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The transfer was refused for certain; the caller is still with us."""

    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class LineEnded:
    """The telephone call is over: by our hang-up, or by the line's own signal."""


@dataclass(frozen=True, slots=True)
class HangUpFailed:
    """The hang-up was not confirmed; the call may go on, and be billed."""


# --- the channel to the model ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """The socket is open; the session is not proven yet."""


@dataclass(frozen=True, slots=True)
class AttachFailed:
    """The socket could not be opened. `gone`: the far end knows no such call (404)."""

    gone: bool


@dataclass(frozen=True, slots=True)
class ChannelLost:
    """The socket closed. On SIP this is also how a normal end looks (rule 12)."""

    code: int | None = None


# --- the dialect -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The session is proven: the model hears the caller."""


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """Words were played to their end, were cut off, or must be over by now."""

    say_id: str
    certain: bool
    """False: a timer said so, or the words were cut off or never came."""


@dataclass(frozen=True, slots=True)
class CallerSpoke:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class ToolsCalled:
    """One completed response asks for tools."""

    say_id: str
    """Of the words of the same response."""
    speech: Speech
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key. Never logged, never shown."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsageReported:
    """A response was billed."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class TranscriptAdded:
    """Somebody said something. Never logged unless the operator asked for it."""

    speaker: str
    """`caller` or `agent`."""
    item_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProviderEnding:
    """The provider says that the session has reached its longest duration."""


@dataclass(frozen=True, slots=True)
class FaultReported:
    """The far end reported an error that the machine did not expect; for the record only."""

    code: str


# --- the rest ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool gave its output, or an error as its output."""

    output: ToolOutput


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """An operator, or a second SIGTERM, wants the call to end now."""


@dataclass(frozen=True, slots=True)
class OwnershipLost:
    """Another process owns the call; this one must not touch it again."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The machine's own deadline has passed."""


Event: TypeAlias = (
    Admitted
    | Refused
    | Answered
    | AnswerFailed
    | RejectSettled
    | TransferDone
    | TransferUnproven
    | TransferFailed
    | LineEnded
    | HangUpFailed
    | ChannelOpened
    | AttachFailed
    | ChannelLost
    | Ready
    | SpeechHeard
    | CallerSpoke
    | ToolsCalled
    | Digit
    | UsageReported
    | TranscriptAdded
    | ProviderEnding
    | FaultReported
    | ToolFinished
    | HangUpRequested
    | OwnershipLost
    | DeadlineReached
)

Note: TypeAlias = CallerSpoke | Digit | UsageReported | TranscriptAdded | FaultReported
"""What is only recorded: the first form of the call's machine has no use for it."""
