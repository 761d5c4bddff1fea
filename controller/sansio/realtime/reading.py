"""What stands inside the server events: items, words, marks, errors.

These parts are read apart from their event, each by itself: one that is broken hides no other, and
costs nothing where nobody asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from controller.sansio.realtime.codec import (
    BAD_INPUT,
    CreatedResponse,
    FinishedResponse,
    Frozen,
    Item,
)
from controller.sansio.realtime.frames import MARK

_T = TypeVar("_T")


class ContentPart(Frozen, frozen=True):
    """A part of a message item."""

    type: str = ""
    transcript: str | None = None
    text: str | None = None


class OutputItem(Item, frozen=True):
    """An item of a finished response: words, a function call, or something of MCP's."""

    status: str | None = None
    arguments: str | None = None
    content: tuple[msgspec.Raw, ...] | None = None


class ResponseError(Frozen, frozen=True):
    """Why a response failed."""

    code: str | None = None
    type: str | None = None


class StatusDetails(Frozen, frozen=True):
    """More on the status of a response."""

    reason: str | None = None
    error: ResponseError | None = None


_SPOKEN = frozenset({"output_audio", "audio", "output_text", "text"})
_ITEMS = msgspec.json.Decoder(tuple[msgspec.Raw, ...] | None)
_ITEM = msgspec.json.Decoder(OutputItem)
_PART = msgspec.json.Decoder(ContentPart)
_DETAILS = msgspec.json.Decoder(StatusDetails | None)


def items(response: FinishedResponse) -> tuple[OutputItem, ...]:
    """Return the items of a response that can be read; a broken one hides no other."""
    try:
        raws = _ITEMS.decode(response.output) or ()
    except BAD_INPUT:
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
    except BAD_INPUT:
        return StatusDetails()


_METADATA = msgspec.json.Decoder(dict[str, Any] | None)


def is_aside(response: CreatedResponse | FinishedResponse) -> bool:
    """Tell whether a response is outside the conversation: it takes no floor and says nothing.

    Those that we ask for all bear our mark and are inside, whatever else is said of them.
    """
    return response.conversation_id is None and mark(response.metadata) is None


def mark(metadata: msgspec.Raw) -> str | None:
    """Return the `event_id` of the request that a response answers, None where it does not say."""
    try:
        found = (_METADATA.decode(metadata) or {}).get(MARK)
    except BAD_INPUT:
        return None
    return found if isinstance(found, str) else None


_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def word(code: str | None) -> str:
    """Return an error code if it is one: it goes into logs, where no sentence may go."""
    return code if code is not None and _WORD.fullmatch(code) else "unknown"


def _readable(decoder: msgspec.json.Decoder[_T], raws: Iterable[msgspec.Raw]) -> list[_T]:
    read = []
    for raw in raws:
        with suppress(*BAD_INPUT):
            read.append(decoder.decode(raw))
    return read


def is_null(raw: msgspec.Raw) -> bool:
    """Tell whether a field is null, or not there."""
    return bytes(raw).strip() == b"null"
