"""A webhook delivery: is it OpenAI's, is it of now, what does it say?

Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md)
and OpenAI's webhook guide (developers.openai.com/api/docs/guides/webhooks), without a library: the
two that exist let exceptions of other kinds escape, take an empty secret, or let one malformed
signature hide a good one behind it.

Three steps, in this order; each one may trust only what the steps before it have established:

1. `verify` establishes who sent these bytes, and when.
2. `parse` establishes what they say; only `realtime.call.incoming` is read further than its type.
3. `staleness` establishes whether that still matters: a delivery is signed anew at each attempt,
   for up to 72 hours, so an old event passes the check of the timestamp.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol, TypeAlias

import msgspec

from controller.errors import ConfigurationError, MalformedDelivery, Problem, SignatureError

TOLERANCE: Final = 300.0
"""Seconds that `webhook-timestamp` may be off, both ways: the specification's five minutes."""

STALE_AFTER: Final = 60.0
"""Seconds after which nobody is waiting for an answer any more (design, section 4, rule 1)."""

SECRET_VARIABLE: Final = "OPENAI_WEBHOOK_SECRET"  # noqa: S105 - a name, not a secret
"""Where the operator writes the secrets; named in the error message."""

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - it announces a secret
_MIN_SECRET_BYTES: Final = 24  # Standard Webhooks, "Signature scheme": 192 bits …
_MAX_SECRET_BYTES: Final = 64  # … to 512 bits
_MAX_TIMESTAMP_DIGITS: Final = 15
_MAX_ID_LENGTH: Final = 256
_MAX_SIGNATURES_LENGTH: Final = 2048  # some forty entries; a rotation needs two
MAX_LOGGED: Final = 64
"""Characters of a word of the sender's, in logs."""

_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]+")
_UNSAFE_IN_LOGS: Final = re.compile(r"[^A-Za-z0-9._-]")


# Step 1: the signature


@dataclass(frozen=True, slots=True)
class Secret:
    """A decoded signing secret. Its `repr` does not show it."""

    key: bytes = field(repr=False)
    """24 to 64 bytes."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The delivery is OpenAI's, and of now."""

    webhook_id: str
    """`wh_…`, the same at every attempt of one delivery: visible ASCII, at most 256 characters."""
    webhook_timestamp: int
    """Unix seconds of this attempt, by OpenAI's clock."""
    secret_index: int
    """Which of our secrets signed it, from 0: during a rotation it says when the old one may go."""


class Headers(Protocol):
    """What `verify` needs of a header collection: a `dict` and aiohttp's multidicts have it."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names (in any case) and values, repeated headers repeated."""


def decode_secrets(text: str, *, variable: str = SECRET_VARIABLE) -> tuple[Secret, ...]:
    """Read one or more `whsec_…` secrets, separated by white space or commas.

    Padding may be missing, as in the specification's own examples; nothing else is forgiven. A
    secret that is empty or short would let anybody sign, so the service must not start with one.

    Args:
        text: The secrets.
        variable: Where the operator wrote them, for the error message.

    Raises:
        ConfigurationError: There is none, or one is not usable. Every mistake is named by its
            position, and no message shows any part of a secret.
    """
    entries = text.replace(",", " ").split()
    if not entries:
        raise ConfigurationError(
            Problem(variable, "", "there is no secret in it", "give one or more, whsec_…")
        )
    decoded = [_decode_secret(entry) for entry in entries]
    problems = [
        Problem(
            variable,
            "",
            f"secret {position} of {len(entries)} {outcome}",
            "copy it from the webhook's page as it stands: whsec_ and the base64 of 24 to 64 bytes",
        )
        for position, outcome in enumerate(decoded, start=1)
        if isinstance(outcome, str)
    ]
    if problems:
        raise ConfigurationError(*problems)
    return tuple(secret for secret in decoded if isinstance(secret, Secret))


def _decode_secret(entry: str) -> Secret | str:
    """Return the secret, or what is wrong with it."""
    if not entry.startswith(_SECRET_PREFIX):
        # The SDK takes such a text as raw bytes, standardwebhooks as base64: no guess is safe.
        return "does not start with whsec_"
    encoded = entry.removeprefix(_SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:  # binascii.Error is one, and so is the complaint about non-ASCII text
        return "is not base64 after whsec_"
    if len(key) < _MIN_SECRET_BYTES:
        return f"holds fewer than {_MIN_SECRET_BYTES} bytes"
    if len(key) > _MAX_SECRET_BYTES:
        return f"holds more than {_MAX_SECRET_BYTES} bytes"
    return Secret(key)


def verify(
    headers: Headers,
    body: bytes,
    *,
    secrets: Sequence[Secret],
    now: float,
    tolerance: float = TOLERANCE,
) -> Signed:
    """Establish that one of our secrets signed these bytes, now.

    Args:
        headers: All headers of the request, as received.
        body: The body, as received: neither decoded nor decompressed.
        secrets: Every secret that may sign; all are tried. With none, nothing verifies.
        now: Unix seconds.
        tolerance: Seconds that the timestamp may be off, both ways.

    Raises:
        SignatureError: The delivery is not to be believed. `reason` is one of `webhook_id_missing`,
            `webhook_id_repeated`, `webhook_id_malformed`, the same three for `webhook_timestamp`
            and `webhook_signature`, `timestamp_too_old`, `timestamp_too_new`,
            `signature_mismatch`.
    """
    values = _required_headers(headers)
    webhook_id = values["webhook-id"]
    if len(webhook_id) > _MAX_ID_LENGTH or not _VISIBLE_ASCII.fullmatch(webhook_id):
        raise SignatureError("webhook_id_malformed")
    webhook_timestamp = _read_timestamp(values["webhook-timestamp"], now=now, tolerance=tolerance)
    if len(values["webhook-signature"]) > _MAX_SIGNATURES_LENGTH:
        raise SignatureError("webhook_signature_malformed")
    signatures = tuple(_signatures(values["webhook-signature"]))
    for index, secret in enumerate(secrets):
        # The text of the timestamp is signed, not its value: `01750861210` is another text.
        expected = _signature(secret, webhook_id, values["webhook-timestamp"], body)
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            return Signed(webhook_id, webhook_timestamp, index)
    raise SignatureError("signature_mismatch")


def sign(
    secrets: Sequence[Secret], *payloads: bytes, webhook_id: str, timestamp: int
) -> tuple[tuple[str, str], ...]:
    """Return the three headers that prove to somebody else who sent something, and when.

    A receiver accepts a payload when any of the signatures is its own (Standard Webhooks, "Webhook
    headers"), so that one set of headers can vouch for several payloads, by several secrets.

    Args:
        secrets: Each of them signs: during a rotation the old and the new one.
        payloads: What is vouched for, each for itself.
        webhook_id: The same at every attempt; visible ASCII without a full stop.
        timestamp: Unix seconds of this attempt.
    """
    signatures = [
        "v1," + _signature(secret, webhook_id, str(timestamp), payload).decode()
        for payload in payloads
        for secret in secrets
    ]
    return (
        ("webhook-id", webhook_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(signatures)),
    )


def _signature(secret: Secret, webhook_id: str, timestamp: str, payload: bytes) -> bytes:
    content = f"{webhook_id}.{timestamp}.".encode() + payload
    return binascii.b2a_base64(hmac.digest(secret.key, content, "sha256"), newline=False)


def _required_headers(headers: Headers) -> dict[str, str]:
    """Return the three headers of the specification, each of which must come exactly once."""
    required = ("webhook-id", "webhook-timestamp", "webhook-signature")
    found: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        if key not in required:
            continue
        if key in found:
            # Two readers could take two different ones; the sender never repeats them.
            raise SignatureError(f"{key.replace('-', '_')}_repeated")
        found[key] = value
    for key in required:
        if not found.get(key):
            raise SignatureError(f"{key.replace('-', '_')}_missing")
    return found


def _read_timestamp(text: str, *, now: float, tolerance: float) -> int:
    """Return the timestamp when it is decimal digits and of now.

    `int()` alone would take `1_750`, `+1750`, other scripts' digits and, at length, seconds of our
    time.
    """
    if len(text) > _MAX_TIMESTAMP_DIGITS or not (text.isascii() and text.isdigit()):
        raise SignatureError("webhook_timestamp_malformed")
    timestamp = int(text)
    # Whole seconds on both sides, so that a delivery exactly at the limit passes for the whole
    # second.
    age = math.floor(now) - timestamp
    if age > tolerance:
        raise SignatureError("timestamp_too_old")
    if -age > tolerance:
        raise SignatureError("timestamp_too_new")
    return timestamp


def _signatures(text: str) -> Iterator[bytes]:
    """Yield the base64 text of each `v1` entry; others (`v1a`, `v2`, junk) are somebody else's."""
    for entry in text.split():
        version, comma, signature = entry.partition(",")
        if version == "v1" and comma and signature.isascii():
            yield signature.encode("ascii")


# Step 2: the event


@dataclass(frozen=True, slots=True)
class CallOffered:
    """`realtime.call.incoming`: a caller is ringing, and waits for a decision."""

    event_id: str
    """`evt_…`; not the `webhook-id`."""
    created_at: int
    """Unix seconds, OpenAI's clock, of the event: the same at every attempt."""
    provider_id: str
    """`rtc_…`, to be passed on unchanged; safe in a URL path."""
    sip_headers: tuple[tuple[str, str], ...] = field(repr=False)
    """The INVITE's headers, order and repeats kept. Hostile."""
    sip_media_security: str | None = None
    """`rtp`, `srtp`, or a word that we do not know yet; None when OpenAI does not know."""


@dataclass(frozen=True, slots=True)
class Unhandled:
    """An event that is not ours to act on: answered 200, and nothing else.

    `live.transport.incoming` and `live.call.incoming` are among these. They announce the *same*
    pending INVITE; rejecting the twin would end the call (design, section 4, rule 2).
    """

    type: str
    """The event's type, fit for a log line: at most 64 of `A-Za-z0-9._-`, others shown as `?`."""


Event: TypeAlias = CallOffered | Unhandled


class _Envelope(msgspec.Struct):
    """What every event has, and all that is read of one that we do not handle."""

    type: str


class _SipHeader(msgspec.Struct):
    name: str
    value: str


class _IncomingData(msgspec.Struct):
    call_id: Annotated[
        str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,128}\Z")
    ]  # goes into a URL path
    sip_headers: list[_SipHeader]
    sip_media_security: str | None = None


class _RealtimeCallIncoming(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(pattern=r"\A[\x21-\x7e]{1,256}\Z")]
    created_at: Annotated[int, msgspec.Meta(ge=0, lt=100_000_000_000)]
    data: _IncomingData


_read_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_read_incoming: Final = msgspec.json.Decoder(_RealtimeCallIncoming).decode


def parse(body: bytes) -> Event:
    """Read a verified body. Unknown keys are tolerated, everything that we use is checked.

    Raises:
        MalformedDelivery: It is not an event. `reason` is one of `not_utf8`, `not_json` (a byte
            order mark counts, RFC 8259 §8.1), `nested_too_deeply`, `not_an_event` (no object, or
            no text in `type`), `unexpected_shape` (a `realtime.call.incoming` that lacks what we
            need). The cause names the place, never a value.
    """
    try:
        body.decode("utf-8")  # the JSON decoder does not look into what it skips
    except UnicodeDecodeError:
        raise MalformedDelivery("not_utf8") from None  # the error holds the body
    try:
        return _parse_text(body)
    except msgspec.ValidationError as error:
        raise MalformedDelivery("unexpected_shape") from error
    except msgspec.DecodeError as error:
        raise MalformedDelivery("not_json") from error
    except RecursionError:
        raise MalformedDelivery("nested_too_deeply") from None


def _parse_text(body: bytes) -> Event:
    try:
        event_type = _read_envelope(body).type
    except msgspec.ValidationError as error:
        raise MalformedDelivery("not_an_event") from error
    # Dispatch on the text alone: the SDK gives an unknown type the class of some other event.
    if event_type != "realtime.call.incoming":
        return Unhandled(loggable(event_type))
    event = _read_incoming(body)
    media_security = event.data.sip_media_security
    return CallOffered(
        event_id=event.id,
        created_at=event.created_at,
        provider_id=event.data.call_id,
        sip_headers=tuple((header.name, header.value) for header in event.data.sip_headers),
        sip_media_security=None if media_security is None else loggable(media_security),
    )


def loggable(text: str) -> str:
    """Return a sender's word fit for a log line: at most 64 of `A-Za-z0-9._-`, else `?`."""
    return _UNSAFE_IN_LOGS.sub("?", text[:MAX_LOGGED])


# Step 3: the age


def staleness(webhook_timestamp: int, created_at: int, queued: float) -> float:
    """Return how long the caller has been waiting, in seconds, as far as we can know.

    Both instants are OpenAI's, so that our clock, which may be wrong, has no say (O16).

    Args:
        webhook_timestamp: When this attempt was sent.
        created_at: When the event was made. One that lies after the attempt counts as no wait.
        queued: Seconds that the delivery has spent with us, by a monotonic clock.
    """
    return max(0.0, float(webhook_timestamp - created_at)) + max(0.0, queued)
