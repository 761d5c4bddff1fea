"""Server events of the Realtime API, as far as the turn machine uses them.

Every frame is looked at once for its `type`; only what the machine uses is decoded further, into
typed values. A frame that is not understood is data too, `Skipped` with a reason: unknown types are
normal (the API grows), and a broken one must not end a call. Field names are OpenAI's
(https://developers.openai.com/api/docs/guides/realtime-conversations, and the SDK's types).
No payload ever gets into an exception's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, TypeAlias

import msgspec

Id: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
"""Identifiers are kept; the real ones have about thirty characters."""
NULL = msgspec.Raw(b"null")


class Frozen(msgspec.Struct, frozen=True):
    """Extra fields are ignored, missing ones take their default or make the frame malformed."""


class SessionCreated(Frozen, frozen=True):
    """The session is proven."""


class SessionUpdated(Frozen, frozen=True):
    """Our `session.update` was taken."""


class CreatedResponse(Frozen, frozen=True):
    """`response` of `response.created`."""

    id: Id
    metadata: msgspec.Raw = NULL
    """Ours, echoed; null where VAD started the response."""
    conversation_id: str | msgspec.UnsetType | None = msgspec.UNSET
    """null: an out-of-band response (`conversation: "none"`), which takes no floor."""


class ResponseCreated(Frozen, frozen=True):
    """A response began: ours, or one that VAD started."""

    response: CreatedResponse


class FinishedResponse(Frozen, frozen=True):
    """`response` of `response.done`."""

    id: Id
    status: str | None = None
    """`completed`, `cancelled`, `failed` or `incomplete`."""
    output: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL
    status_details: msgspec.Raw = NULL
    metadata: msgspec.Raw = NULL
    """As in `response.created`."""
    conversation_id: str | msgspec.UnsetType | None = msgspec.UNSET
    """As in `response.created`."""


class ResponseDone(Frozen, frozen=True):
    """A response was generated to its end; that it was heard is another event (rule 9)."""

    response: FinishedResponse


class AudioStarted(Frozen, frozen=True):
    """The caller begins to hear a response (WebRTC and SIP only)."""

    response_id: str | None = None


class AudioStopped(Frozen, frozen=True):
    """The caller has heard what was generated so far."""

    response_id: str | None = None


class AudioCleared(Frozen, frozen=True):
    """What was still to be played was thrown away."""

    response_id: str | None = None


class SpeechStarted(Frozen, frozen=True):
    """VAD hears the caller."""


class SpeechStopped(Frozen, frozen=True):
    """VAD hears the caller no more."""


class IdleTimeout(Frozen, frozen=True):
    """The provider's own idle timer (`idle_timeout_ms`) fired; it makes the model speak."""


class SpeechCommitted(Frozen, frozen=True):
    """The caller's words became an item of the conversation."""


class CallerTranscript(Frozen, frozen=True):
    """What the caller said, by a recogniser of its own; may come late."""

    item_id: str
    transcript: str
    usage: msgspec.Raw = NULL
    """Billed apart from the response, by tokens or by time."""


class CallerTranscriptFailed(Frozen, frozen=True):
    """The recogniser could not tell what the caller said; the model heard it all the same."""


class AgentTranscript(Frozen, frozen=True):
    """What the model said, or was about to."""

    item_id: str
    transcript: str


class Item(Frozen, frozen=True):
    """An item of the conversation, as far as it is not words."""

    type: str = ""
    id: Id | None = None
    call_id: Id | None = None
    """Of a `function_call` and its `function_call_output`."""
    name: str | None = None
    """Of a function, or of an MCP server's tool."""
    server_label: str | None = None
    """The items of MCP: `mcp_list_tools`, `mcp_approval_request`, `mcp_call`."""
    approval_request_id: Id | None = None
    """Of an `mcp_approval_response`."""
    output: msgspec.Raw = NULL
    error: msgspec.Raw = NULL


class ItemAdded(Frozen, frozen=True):
    """An item is in the conversation; the acknowledgement of those that we create."""

    item: Item


class ItemDone(Frozen, frozen=True):
    """An item is complete."""

    item: Item


class OutputItemAdded(Frozen, frozen=True):
    """A response shows its next item: a sign of life, and the first that is seen of a tool call."""

    item: Item
    response_id: Id | None = None


class ServerListed(Frozen, frozen=True):
    """OpenAI knows the tools of an MCP server."""

    item_id: Id | None = None


class ServerNotListed(Frozen, frozen=True):
    """OpenAI could not ask an MCP server for its tools."""

    item_id: Id | None = None


class ServerCallCompleted(Frozen, frozen=True):
    """A tool of an MCP server has given its output."""

    item_id: Id | None = None


class ServerCallFailed(Frozen, frozen=True):
    """A tool of an MCP server has failed; the model is told why."""

    item_id: Id | None = None


class LimitsUpdated(Frozen, frozen=True):
    """What is left of the project's limits, at the start of a response."""

    rate_limits: msgspec.Raw = NULL


class DigitReceived(Frozen, frozen=True):
    """The caller pressed a key. SIP only; has no `event_id`."""

    event: Annotated[str, msgspec.Meta(pattern=r"\A[0-9*#A-D]\Z")]


class Fault(Frozen, frozen=True):
    """`error` of an `error` event. The message may quote what was said: it is not kept."""

    code: str | None = None
    type: str | None = None
    event_id: str | None = None
    param: str | None = None


class ServerError(Frozen, frozen=True):
    """Something that we sent was refused, or the session has a fault. The socket stays open."""

    error: Fault


@dataclass(frozen=True, slots=True)
class Skipped:
    """A frame that nobody uses."""

    reason: str
    """`unused`, `not_json`, `malformed`."""


ServerEvent: TypeAlias = (
    SessionCreated
    | SessionUpdated
    | ResponseCreated
    | ResponseDone
    | AudioStarted
    | AudioStopped
    | AudioCleared
    | SpeechStarted
    | SpeechStopped
    | IdleTimeout
    | SpeechCommitted
    | CallerTranscript
    | CallerTranscriptFailed
    | AgentTranscript
    | ItemAdded
    | ItemDone
    | OutputItemAdded
    | ServerListed
    | ServerNotListed
    | ServerCallCompleted
    | ServerCallFailed
    | LimitsUpdated
    | DigitReceived
    | ServerError
)


class _Head(msgspec.Struct):
    type: str
    item: msgspec.Raw = NULL


class _ItemHead(msgspec.Struct):
    type: str = ""


_HEAD = msgspec.json.Decoder(_Head)
_ITEM_HEAD = msgspec.json.Decoder(_ItemHead)
_ITEMS_USED = frozenset(
    {
        "function_call_output",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
    }
)
"""Messages and function calls are read where their response is done; that they begin is told by
`response.output_item.added`."""

_TYPES: Mapping[str, type[Frozen]] = {
    "session.created": SessionCreated,
    "session.updated": SessionUpdated,
    "response.created": ResponseCreated,
    "response.done": ResponseDone,
    "output_audio_buffer.started": AudioStarted,
    "output_audio_buffer.stopped": AudioStopped,
    "output_audio_buffer.cleared": AudioCleared,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.speech_stopped": SpeechStopped,
    "input_audio_buffer.timeout_triggered": IdleTimeout,
    "input_audio_buffer.committed": SpeechCommitted,
    "input_audio_buffer.dtmf_event_received": DigitReceived,
    "conversation.item.added": ItemAdded,
    "conversation.item.created": ItemAdded,  # the older name of the same event
    "conversation.item.done": ItemDone,
    "conversation.item.input_audio_transcription.completed": CallerTranscript,
    "conversation.item.input_audio_transcription.failed": CallerTranscriptFailed,
    "response.output_audio_transcript.done": AgentTranscript,
    "response.output_item.added": OutputItemAdded,
    "mcp_list_tools.completed": ServerListed,
    "mcp_list_tools.failed": ServerNotListed,
    "response.mcp_call.completed": ServerCallCompleted,
    "response.mcp_call.failed": ServerCallFailed,
    "rate_limits.updated": LimitsUpdated,
    "error": ServerError,
}
_DECODERS = MappingProxyType({name: msgspec.json.Decoder(type_) for name, type_ in _TYPES.items()})

# What a decoder raises for any input; RecursionError for deeply nested JSON is not a MsgspecError.
BAD_INPUT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode(frame: str | bytes) -> ServerEvent | Skipped:
    """Return what a frame says, or why nobody uses it. Never raises, text or bytes."""
    try:
        decoder = _decoder(_HEAD.decode(frame))
    except msgspec.ValidationError:
        return Skipped("malformed")
    except (*BAD_INPUT, UnicodeEncodeError):  # a lone surrogate in a str cannot be encoded
        return Skipped("not_json")
    if decoder is None:
        return Skipped("unused")
    try:
        return decoder.decode(frame)  # type: ignore[return-value]  # each value type is in the union
    except BAD_INPUT:
        return Skipped("malformed")


def is_unused(frame: str | bytes) -> bool:
    """Tell by its type alone that nobody uses a frame. A broken one is for `decode` to report."""
    try:
        return _decoder(_HEAD.decode(frame)) is None
    except (*BAD_INPUT, UnicodeEncodeError):
        return False


def _decoder(head: _Head) -> msgspec.json.Decoder[Frozen] | None:
    """Return what reads a frame, None where nobody uses it."""
    decoder = _DECODERS.get(head.type)
    if decoder is not None and decoder.type in {ItemAdded, ItemDone}:
        try:
            used = _ITEM_HEAD.decode(head.item).type in _ITEMS_USED
        except BAD_INPUT:
            return decoder  # it will say what is wrong
        return decoder if used else None
    return decoder
