"""What an HTTP tool's answer tells the model.

JSON and text go to the model as they are. What went wrong is `{"error": …}`: what the service says
of a mistake of the model's (4xx) is shown, because it can be corrected; what it says of a fault of
its own (5xx) is not, because it may hold anything, and a model would read it out.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import msgspec

from controller.sansio.tool_output import NOT_DONE, UNSURE, bounded, failed

DONE: Final = '{"ok":true}'
"""Output of a success that says nothing."""

MAX_SHOWN: Final = 2048
"""Bytes of a 4xx answer that the model is shown."""

_REDIRECTION: Final = 300
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500

TRY_AGAIN: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Statuses that say "not now" rather than "no"."""

_JSON: Final = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json")  # RFC 6839 §3.1
_CHARSETS: Final = frozenset({"ascii", "utf-8", "utf-16", "iso8859-1", "iso8859-15", "cp1252"})
"""Python names. Others are read as UTF-8: not every codec of Python's takes linear time."""
_SECONDS: Final = re.compile(r"[0-9]{1,6}")


class Fault(StrEnum):
    """Why there is no answer. The words are what the model reads."""

    ADDRESS = "address_not_allowed"
    """Its address is private, and the tool may ask public ones only: nothing was sent."""
    UNREACHABLE = "unreachable"
    """No connection came about: nothing was sent."""
    LOST = "connection_lost"
    """The connection broke, or did not speak HTTP; the request may have landed."""
    TIMEOUT = "timeout"
    """The limit passed; the request may have landed."""
    TOO_LONG = "answer_too_long"
    ENCODED = "answer_compressed"
    """It came compressed, though we had asked for it plain: a little of it can unfold to a lot."""


_REFUSED: Final = "The service refused it."
_UNREADABLE: Final = "It may have been done; the answer cannot be read."
_TOLD: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.LOST: UNSURE,
        Fault.TIMEOUT: UNSURE,
        Fault.TOO_LONG: _UNREADABLE,
        Fault.ENCODED: _UNREADABLE,
    }
)
"""The others happen before anything is sent."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer, read as far as it is wanted."""

    status: int
    content_type: str = ""
    """Lower case, without parameters; empty where none was given."""
    charset: str | None = None
    retry_after: str | None = None
    """The header's value."""
    body: bytes = field(default=b"", repr=False)
    """Empty where the status says that nobody will read it."""


def is_read(status: int) -> bool:
    """Tell whether anybody reads the body of an answer with this status: of 2xx and 4xx."""
    return status < _REDIRECTION or _CLIENT_ERROR <= status < _SERVER_ERROR


def output_of(answer: HttpAnswer | Fault) -> str:
    """Return what the model is told. Never raises."""
    if isinstance(answer, Fault):
        return failed(answer, _TOLD.get(answer, NOT_DONE))
    if answer.status >= _REDIRECTION:
        message = UNSURE if answer.status >= _SERVER_ERROR else _REFUSED
        return failed(f"http_{answer.status}", message, _explanation(answer))
    if not answer.body:
        return DONE
    text = _text(answer)
    return failed("answer_not_text", _UNREADABLE) if text is None else bounded(text)


def _explanation(answer: HttpAnswer) -> dict[str, Any]:
    text = _text(answer)
    if not text or not _CLIENT_ERROR <= answer.status < _SERVER_ERROR:
        return {}
    if len(answer.body) <= MAX_SHOWN and _JSON.fullmatch(answer.content_type):
        try:
            return {"body": msgspec.json.decode(text)}
        except (ValueError, RecursionError):
            pass  # so much for its content type
    return {"body": text.encode()[:MAX_SHOWN].decode(errors="ignore")}


def _text(answer: HttpAnswer) -> str | None:
    """Return the body as text, None where it is none. Bytes of no character become U+FFFD."""
    if not (_JSON.fullmatch(answer.content_type) or answer.content_type.startswith("text/")):
        return None
    try:
        charset = codecs.lookup(answer.charset or "utf-8").name
    except (LookupError, ValueError):  # a null character in its name
        charset = "utf-8"
    if charset not in _CHARSETS:
        charset = "utf-8"
    return answer.body.decode(charset, errors="replace").removeprefix("\ufeff")


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds to wait that a `Retry-After` asks for (RFC 9110 §10.2.3).

    Args:
        value: Seconds, or a date. None where there is none, or one that makes no sense.
        now: Unix seconds.
    """
    if value is None:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return None
