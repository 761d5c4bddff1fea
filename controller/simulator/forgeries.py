"""Deliveries that must not be believed, and signed ones that cannot be understood, by name.

The table is the one of bad input that both the `openai` SDK and the `standardwebhooks` library
stumble over, and what the attacks on a public HTTP port add to it. Each row changes one thing in a
right delivery.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from controller.simulator.webhooks import Delivery, signature
from controller.simulator.wire import JsonObject, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TOLERANCE = 300  # seconds, both ways (Standard Webhooks)
_DEEP = 60_000
_TOO_LARGE = 300 * 1024


class Forgery(StrEnum):
    """Kinds of bad deliveries. The name says what differs from a right one."""

    BAD_SIGNATURE = auto()
    WRONG_SECRET = auto()
    EMPTY_KEY = auto()
    """Signed with an empty key: some verifiers accept it while their secret is empty."""
    BODY_CHANGED = auto()
    ID_CHANGED = auto()
    NO_ID = auto()
    NO_TIMESTAMP = auto()
    NO_SIGNATURE = auto()
    SIGNATURE_EMPTY = auto()
    SIGNATURE_GARBAGE = auto()
    SIGNATURE_BARE = auto()
    """The right MAC without its version."""
    SIGNATURE_V2 = auto()
    SIGNATURE_ASYMMETRIC = auto()
    SIGNATURE_NOT_ASCII = auto()
    ID_NOT_UTF8 = auto()
    TIMESTAMP_OLD = auto()
    TIMESTAMP_FUTURE = auto()
    TIMESTAMP_GARBAGE = auto()
    TIMESTAMP_FRACTION = auto()
    TIMESTAMP_UNDERSCORE = auto()
    TIMESTAMP_NAN = auto()
    TIMESTAMP_NEGATIVE = auto()
    TIMESTAMP_ENDLESS = auto()
    BODY_NOT_UTF8 = auto()
    BODY_NOT_JSON = auto()
    BODY_WITH_BOM = auto()
    BODY_EMPTY = auto()
    BODY_ARRAY = auto()
    BODY_DEEP = auto()
    BODY_TOO_LARGE = auto()
    BODY_COMPRESSED = auto()
    BODY_COMPRESSED_BROKEN = auto()
    NO_TYPE = auto()
    NO_CALL_ID = auto()
    CALL_ID_NUMBER = auto()
    CALL_ID_ENDLESS = auto()
    HEADERS_NULL = auto()
    HEADERS_STRANGE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A delivery before it is signed."""

    event: JsonObject
    webhook_id: str
    now: int
    keys: Sequence[bytes]
    timestamp: str
    body: bytes
    sent_body: bytes | None = None
    """Sent in place of the body that was signed."""
    sent_id: bytes | None = None
    sent_signature: bytes | None = None
    omitted: str = ""
    extra: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def mac(self) -> bytes:
        """The base64 of the right MAC, without a version."""
        entry = signature(self.keys[0], self.webhook_id, self.timestamp, self.body)
        return entry.removeprefix("v1,").encode()

    def finish(self) -> Delivery:
        lines = {
            "content-type": b"application/json",
            "webhook-id": self.webhook_id.encode() if self.sent_id is None else self.sent_id,
            "webhook-timestamp": self.timestamp.encode(),
            "webhook-signature": (
                b"v1," + self.mac if self.sent_signature is None else self.sent_signature
            ),
        }
        lines.pop(self.omitted, None)
        headers = tuple((name.encode(), value) for name, value in lines.items())
        body = self.body if self.sent_body is None else self.sent_body
        return Delivery(headers + self.extra, body)


def _without(header: str) -> Callable[[_Draft], _Draft]:
    return lambda draft: replace(draft, omitted=header)


def _signed(value: Callable[[_Draft], bytes]) -> Callable[[_Draft], _Draft]:
    return lambda draft: replace(draft, sent_signature=value(draft))


def _stamped(timestamp: Callable[[int], str]) -> Callable[[_Draft], _Draft]:
    return lambda draft: replace(draft, timestamp=timestamp(draft.now))


def _bodied(body: Callable[[_Draft], bytes]) -> Callable[[_Draft], _Draft]:
    return lambda draft: replace(draft, body=body(draft))


def _zipped(squeeze: Callable[[bytes], bytes]) -> Callable[[_Draft], _Draft]:
    return lambda draft: replace(
        draft, sent_body=squeeze(draft.body), extra=((b"content-encoding", b"gzip"),)
    )


def _member(**members: object) -> Callable[[_Draft], _Draft]:
    """Change members of `data`; an ellipsis removes one."""

    def change(draft: _Draft) -> _Draft:
        inner = draft.event["data"] | members
        inner = {key: value for key, value in inner.items() if value is not ...}
        return replace(draft, body=encode(draft.event | {"data": inner}).encode())

    return change


def _no_type(draft: _Draft) -> bytes:
    return encode({key: value for key, value in draft.event.items() if key != "type"}).encode()


_STRANGE_HEADERS = [
    {"name": 5, "value": "x"},
    ["From", "x"],
    "From: x",
    {"name": "From"},
    None,
]

_CHANGES: Mapping[Forgery, Callable[[_Draft], _Draft]] = {
    Forgery.BAD_SIGNATURE: _signed(lambda draft: b"v1," + draft.mac[::-1].lstrip(b"=") + b"="),
    Forgery.WRONG_SECRET: lambda draft: replace(draft, keys=[b"another key, as long as needed"]),
    Forgery.EMPTY_KEY: lambda draft: replace(draft, keys=[b""]),
    Forgery.BODY_CHANGED: lambda draft: replace(draft, sent_body=draft.body + b" "),
    Forgery.ID_CHANGED: lambda draft: replace(draft, sent_id=b"wh_another"),
    Forgery.NO_ID: _without("webhook-id"),
    Forgery.NO_TIMESTAMP: _without("webhook-timestamp"),
    Forgery.NO_SIGNATURE: _without("webhook-signature"),
    Forgery.SIGNATURE_EMPTY: _signed(lambda _draft: b""),
    Forgery.SIGNATURE_GARBAGE: _signed(lambda _draft: b"v1,a v1 ,, v1,, v1,===="),
    Forgery.SIGNATURE_BARE: _signed(lambda draft: draft.mac),
    Forgery.SIGNATURE_V2: _signed(lambda draft: b"v2," + draft.mac),
    Forgery.SIGNATURE_ASYMMETRIC: _signed(
        lambda draft: b"v1a," + base64.b64encode(draft.mac.ljust(64, b"."))
    ),
    Forgery.SIGNATURE_NOT_ASCII: _signed(lambda draft: b"v1," + "é".encode() + draft.mac),
    Forgery.ID_NOT_UTF8: lambda draft: replace(draft, sent_id=b"wh_\xff"),
    Forgery.TIMESTAMP_OLD: _stamped(lambda now: str(now - _TOLERANCE - 60)),
    Forgery.TIMESTAMP_FUTURE: _stamped(lambda now: str(now + _TOLERANCE + 60)),
    Forgery.TIMESTAMP_GARBAGE: _stamped(lambda _now: "soon"),
    Forgery.TIMESTAMP_FRACTION: _stamped(lambda now: f"{now}.9"),
    Forgery.TIMESTAMP_UNDERSCORE: _stamped(lambda now: f"{str(now)[:2]}_{str(now)[2:]}"),
    Forgery.TIMESTAMP_NAN: _stamped(lambda _now: "nan"),
    Forgery.TIMESTAMP_NEGATIVE: _stamped(lambda now: f"-{now}"),
    Forgery.TIMESTAMP_ENDLESS: _stamped(lambda _now: "9" * 5000),
    Forgery.BODY_NOT_UTF8: _bodied(lambda draft: draft.body.replace(b"event", b"\xff\xfe")),
    Forgery.BODY_NOT_JSON: _bodied(lambda draft: draft.body[:-1]),
    Forgery.BODY_WITH_BOM: _bodied(lambda draft: b"\xef\xbb\xbf" + draft.body),
    Forgery.BODY_EMPTY: _bodied(lambda _draft: b""),
    Forgery.BODY_ARRAY: _bodied(lambda draft: b"[" + draft.body + b"]"),
    Forgery.BODY_DEEP: _bodied(lambda _draft: b"[" * _DEEP + b"]" * _DEEP),
    Forgery.BODY_TOO_LARGE: _bodied(lambda draft: draft.body + b" " * _TOO_LARGE),
    Forgery.BODY_COMPRESSED: _zipped(gzip.compress),
    Forgery.BODY_COMPRESSED_BROKEN: _zipped(lambda body: gzip.compress(body)[:-9] + b"broken"),
    Forgery.NO_TYPE: _bodied(_no_type),
    Forgery.NO_CALL_ID: _member(call_id=...),
    Forgery.CALL_ID_NUMBER: _member(call_id=123),
    Forgery.CALL_ID_ENDLESS: _member(call_id="rtc_" + "x" * 5000),
    Forgery.HEADERS_NULL: _member(sip_headers=None),
    Forgery.HEADERS_STRANGE: _member(sip_headers=_STRANGE_HEADERS),
}

EXPECTED_STATUS: Mapping[Forgery, int] = dict.fromkeys(Forgery, 400) | {Forgery.BODY_TOO_LARGE: 413}
"""What the service is to answer to each: 400, and 413 where the body is too large."""


def forge(
    forgery: Forgery, event: JsonObject, *, keys: Sequence[bytes], webhook_id: str, now: int
) -> Delivery:
    """Return a bad delivery.

    Args:
        forgery: what is to be wrong.
        event: a right event.
        keys: the right keys; the first one signs.
        webhook_id: the id of the delivery.
        now: Unix seconds.
    """
    draft = _Draft(
        event=event,
        webhook_id=webhook_id,
        now=now,
        keys=keys,
        timestamp=str(now),
        body=encode(event).encode(),
    )
    return _CHANGES[forgery](draft).finish()
