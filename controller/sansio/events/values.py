"""Values that events and commands carry: tool calls, their outputs, usage."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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
