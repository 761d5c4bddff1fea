"""What the channel to the model and the dialect's turn machine report."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.sansio.events.values import Speech, ToolCall
from controller.sansio.usage import Usage


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


@dataclass(frozen=True, slots=True)
class Ready:
    """The session is proven: the model hears the caller."""


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """Words were played to their end, were cut off, or must be over by now."""

    say_id: str
    certain: bool
    """False: a timer said so, or the words were cut off or never came."""
    words: str | None = field(default=None, repr=False)
    """What the model generated, None where that is not known. Never logged."""


@dataclass(frozen=True, slots=True)
class VoiceHeard:
    """The caller hears the agent's voice: its first word in this call. Comes once."""


@dataclass(frozen=True, slots=True)
class CallerSpoke:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class CallerPaused:
    """The caller stopped speaking, as far as voice activity detection can tell."""


@dataclass(frozen=True, slots=True)
class FloorTaken:
    """The model has the floor: a response was asked for, is active, or is being played."""


@dataclass(frozen=True, slots=True)
class FloorFree:
    """Nothing is asked for, generated or played any more; the caller may speak, or nobody does."""


@dataclass(frozen=True, slots=True)
class SilenceTimedOut:
    """The provider's own idle timer fired (`idle_timeout_ms`): it makes the model speak."""


@dataclass(frozen=True, slots=True)
class ToolsCalled:
    """One completed response asks for tools."""

    say_id: str
    """Of the words of the same response."""
    speech: Speech
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class ToolCallsLost:
    """The channel was lost before the response that shows these calls was done."""

    tool_call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key. Never logged, never shown."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsageReported:
    """A response, or a transcription, was billed."""

    usage: Usage
    is_estimate: bool = False
    """The provider did not split it by modality."""


@dataclass(frozen=True, slots=True)
class TokensLeft:
    """How much of the project's token limit is left (`rate_limits.updated`)."""

    fraction: float
    """0 to 1."""
    reset: float
    """Seconds until all of it is there again."""


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """The model does not answer: a retry failed, and the line of apology too."""

    code: str


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """The model wants to use a tool of an MCP server that needs our approval."""

    request_id: str
    server: str
    tool: str


@dataclass(frozen=True, slots=True)
class ServerToolsListed:
    """OpenAI has asked an MCP server for its tools, or could not."""

    server: str
    """Its label; "" where the far end does not say."""
    failed: bool


@dataclass(frozen=True, slots=True)
class ServerToolCalled:
    """A tool of an MCP server was called by OpenAI; the result is in the conversation already."""

    server: str
    tool: str
    failed: bool


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
