"""Server events of the Realtime API, as far as the turn machine uses them.

Every frame is looked at once for its `type`; only what the machine uses is decoded further, into
typed values. A frame that is not understood is data too, `Skipped` with a reason: unknown types are
normal (the API grows), and a broken one must not end a call. Field names are OpenAI's
(https://developers.openai.com/api/docs/guides/realtime-conversations, and the SDK's types).
No payload ever gets into an exception's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from controller.sansio.events import Usage
from controller.sansio.realtime.frames import MARK

_T = TypeVar("_T")

_Id: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
"""Identifiers are kept; the real ones have about thirty characters."""
_NULL = msgspec.Raw(b"null")


class _Frozen(msgspec.Struct, frozen=True):
    """Extra fields are ignored, missing ones take their default or make the frame malformed."""


class SessionCreated(_Frozen, frozen=True):
    """The session is proven."""


class SessionUpdated(_Frozen, frozen=True):
    """Our `session.update` was taken."""


class CreatedResponse(_Frozen, frozen=True):
    """`response` of `response.created`."""

    id: _Id
    metadata: msgspec.Raw = _NULL
    """Ours, echoed; null where VAD started the response."""


class ResponseCreated(_Frozen, frozen=True):
    """A response began: ours, or one that VAD started."""

    response: CreatedResponse


class ContentPart(_Frozen, frozen=True):
    """A part of a message item."""

    type: str = ""
    transcript: str | None = None
    text: str | None = None


class OutputItem(_Frozen, frozen=True):
    """An item of a finished response: `message` or `function_call`, others are passed over."""

    type: str = ""
    status: str | None = None
    call_id: _Id | None = None
    name: str | None = None
    arguments: str | None = None
    content: tuple[msgspec.Raw, ...] | None = None


class ResponseError(_Frozen, frozen=True):
    """Why a response failed."""

    code: str | None = None
    type: str | None = None


class StatusDetails(_Frozen, frozen=True):
    """More on the status of a response."""

    reason: str | None = None
    error: ResponseError | None = None


class FinishedResponse(_Frozen, frozen=True):
    """`response` of `response.done`."""

    id: _Id
    status: str | None = None
    """`completed`, `cancelled`, `failed` or `incomplete`."""
    output: msgspec.Raw = _NULL
    usage: msgspec.Raw = _NULL
    status_details: msgspec.Raw = _NULL
    metadata: msgspec.Raw = _NULL
    """As in `response.created`."""


class ResponseDone(_Frozen, frozen=True):
    """A response was generated to its end; that it was heard is another event (rule 9)."""

    response: FinishedResponse


class AudioStarted(_Frozen, frozen=True):
    """The caller begins to hear a response (WebRTC and SIP only)."""

    response_id: str | None = None


class AudioStopped(_Frozen, frozen=True):
    """The caller has heard what was generated so far."""

    response_id: str | None = None


class AudioCleared(_Frozen, frozen=True):
    """What was still to be played was thrown away."""

    response_id: str | None = None


class SpeechStarted(_Frozen, frozen=True):
    """VAD hears the caller."""


class SpeechCommitted(_Frozen, frozen=True):
    """The caller's words became an item of the conversation."""


class CallerTranscript(_Frozen, frozen=True):
    """What the caller said, by a recogniser of its own; may come late."""

    item_id: str
    transcript: str


class AgentTranscript(_Frozen, frozen=True):
    """What the model said, or was about to."""

    item_id: str
    transcript: str


class AddedItem(_Frozen, frozen=True):
    """`item` of `conversation.item.added`."""

    type: str = ""
    call_id: str | None = None


class ItemAdded(_Frozen, frozen=True):
    """An item is in the conversation; the acknowledgement of those that we create."""

    item: AddedItem


class DigitReceived(_Frozen, frozen=True):
    """The caller pressed a key. SIP only; has no `event_id`."""

    event: Annotated[str, msgspec.Meta(pattern=r"\A[0-9*#A-D]\Z")]


class Fault(_Frozen, frozen=True):
    """`error` of an `error` event. The message may quote what was said: it is not kept."""

    code: str | None = None
    type: str | None = None
    event_id: str | None = None
    param: str | None = None


class ServerError(_Frozen, frozen=True):
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
    | SpeechCommitted
    | CallerTranscript
    | AgentTranscript
    | ItemAdded
    | DigitReceived
    | ServerError
)


class _Head(msgspec.Struct):
    type: str


_HEAD = msgspec.json.Decoder(_Head)

_TYPES: Mapping[str, type[_Frozen]] = {
    "session.created": SessionCreated,
    "session.updated": SessionUpdated,
    "response.created": ResponseCreated,
    "response.done": ResponseDone,
    "output_audio_buffer.started": AudioStarted,
    "output_audio_buffer.stopped": AudioStopped,
    "output_audio_buffer.cleared": AudioCleared,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.committed": SpeechCommitted,
    "input_audio_buffer.dtmf_event_received": DigitReceived,
    "conversation.item.added": ItemAdded,
    "conversation.item.created": ItemAdded,  # the older name of the same event
    "conversation.item.input_audio_transcription.completed": CallerTranscript,
    "response.output_audio_transcript.done": AgentTranscript,
    "error": ServerError,
}
_DECODERS = MappingProxyType({name: msgspec.json.Decoder(type_) for name, type_ in _TYPES.items()})

# What a decoder raises for any input; RecursionError for deeply nested JSON is not a MsgspecError.
_BAD_INPUT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode(frame: str | bytes) -> ServerEvent | Skipped:
    """Return what a frame says, or why nobody uses it. Never raises, text or bytes."""
    try:
        decoder = _DECODERS.get(_HEAD.decode(frame).type)
    except msgspec.ValidationError:
        return Skipped("malformed")
    except (*_BAD_INPUT, UnicodeEncodeError):  # a lone surrogate in a str cannot be encoded
        return Skipped("not_json")
    if decoder is None:
        return Skipped("unused")
    try:
        return decoder.decode(frame)  # type: ignore[return-value]  # each value type is in the union
    except _BAD_INPUT:
        return Skipped("malformed")


def is_unused(frame: str | bytes) -> bool:
    """Tell by its type alone that nobody uses a frame. A broken one is for `decode` to report."""
    try:
        return _HEAD.decode(frame).type not in _DECODERS
    except (*_BAD_INPUT, UnicodeEncodeError):
        return False


_SPOKEN = frozenset({"output_audio", "audio", "output_text", "text"})
_ITEMS = msgspec.json.Decoder(tuple[msgspec.Raw, ...] | None)
_ITEM = msgspec.json.Decoder(OutputItem)
_PART = msgspec.json.Decoder(ContentPart)
_DETAILS = msgspec.json.Decoder(StatusDetails | None)


def items(response: FinishedResponse) -> tuple[OutputItem, ...]:
    """Return the items of a response that can be read; a broken one hides no other."""
    try:
        raws = _ITEMS.decode(response.output) or ()
    except _BAD_INPUT:
        return ()
    return tuple(_readable(_ITEM, raws))


def words(item: OutputItem) -> str | None:
    """Return what a message item says, "" where its words are unknown, None where it has none."""
    if item.type != "message":
        return None
    parts = _readable(_PART, item.content or ())
    spoken = [part for part in parts if part.type in _SPOKEN]
    if not spoken:
        return None
    return " ".join(part.transcript or part.text or "" for part in spoken)


def details(response: FinishedResponse) -> StatusDetails:
    """Return the status details of a response; empty ones where they cannot be read."""
    try:
        return _DETAILS.decode(response.status_details) or StatusDetails()
    except _BAD_INPUT:
        return StatusDetails()


_METADATA = msgspec.json.Decoder(dict[str, Any] | None)


def mark(metadata: msgspec.Raw) -> str | None:
    """Return the `event_id` of the request that a response answers, None where it does not say."""
    try:
        found = (_METADATA.decode(metadata) or {}).get(MARK)
    except _BAD_INPUT:
        return None
    return found if isinstance(found, str) else None


_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def word(code: str | None) -> str:
    """Return an error code if it is one: it goes into logs, where no sentence may go."""
    return code if code is not None and _WORD.fullmatch(code) else "unknown"


def _readable(decoder: msgspec.json.Decoder[_T], raws: Iterable[msgspec.Raw]) -> list[_T]:
    read = []
    for raw in raws:
        with suppress(*_BAD_INPUT):
            read.append(decoder.decode(raw))
    return read


class _CachedDetails(_Frozen, frozen=True):
    text_tokens: int | None = None
    audio_tokens: int | None = None


class _InputDetails(_Frozen, frozen=True):
    text_tokens: int | None = None
    audio_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: _CachedDetails | None = None


class _OutputDetails(_Frozen, frozen=True):
    text_tokens: int | None = None
    audio_tokens: int | None = None


class _UsageObject(_Frozen, frozen=True):
    input_token_details: _InputDetails | None = None
    output_token_details: _OutputDetails | None = None


_USAGE = msgspec.json.Decoder(_UsageObject | None)


def usage(response: FinishedResponse) -> Usage:
    """Return the tokens of a response. Any field may be absent or null: it counts as none.

    Cached tokens without a split by modality are counted as text, the modality in which a prompt
    is repeated.
    """
    try:
        read = _USAGE.decode(response.usage) or _UsageObject()
    except _BAD_INPUT:
        read = _UsageObject()
    given = read.input_token_details or _InputDetails()
    taken = read.output_token_details or _OutputDetails()
    cached = given.cached_tokens_details or _CachedDetails(text_tokens=given.cached_tokens)
    return Usage(
        responses=1,
        input_text=given.text_tokens or 0,
        input_audio=given.audio_tokens or 0,
        cached_text=cached.text_tokens or 0,
        cached_audio=cached.audio_tokens or 0,
        output_text=taken.text_tokens or 0,
        output_audio=taken.audio_tokens or 0,
    )
