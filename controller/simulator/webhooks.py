"""Signed deliveries to the service, and what it answered.

Signing follows Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, keyed with the
base64 of the secret; one `v1,` entry for each secret. Delivery follows OpenAI's webhooks guide:
2xx is success, redirects are not followed, anything else is retried with the same `webhook-id`
and a new `webhook-timestamp`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from controller.errors import SimulatorError
from controller.simulator.journal import Source
from controller.simulator.wire import Ids, JsonObject, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from controller.simulator.journal import Journal

RETRY_OFFSETS = (5.0, 300.0, 1800.0)
"""Seconds between attempts; the start of the specification's example, which goes on for days."""

_ANSWER_LIMIT = 10.0  # "a few seconds" (OpenAI); Azure's guide says 10
_USER_AGENT = "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)"


class Kind(StrEnum):
    """What is delivered for a call."""

    INCOMING = auto()
    """`realtime.call.incoming`, right in every respect."""
    DUPLICATE = auto()
    """The last delivery again: same `webhook-id`, new timestamp."""
    REDELIVERY = auto()
    """The same event under another `webhook-id` and event id."""
    LATE = auto()
    """An event whose `created_at` is ten minutes before its timestamp."""
    LIVE_TWIN = auto()
    """`live.transport.incoming`: same SIP Call-ID, an id of its own."""
    LIVE_CALL_TWIN = auto()
    """`live.call.incoming`, deprecated; `data.type` is absent."""
    TEST_EVENT = auto()
    """The sample event of OpenAI's dashboard, whose `call_id` belongs to no call."""
    UNKNOWN_TYPE = auto()
    """A verified event of a type that nobody has heard of."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered to one attempt."""

    kind: str
    status: int | None
    """HTTP status; None if no answer came."""
    seconds: float
    """From the request to the answer, on the event loop's clock."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP request to the service: header lines as bytes, because some are meant to be odd."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def signing_key(secret: str) -> bytes:
    """Return the key of a `whsec_…` secret.

    Raises:
        SimulatorError: it is not such a secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not key:
        raise SimulatorError("a signing secret is whsec_ followed by base64")
    return key


def signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return one entry of `webhook-signature`."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def sign(keys: Sequence[bytes], webhook_id: str, timestamp: str, body: bytes) -> Delivery:
    """Return a rightly signed delivery; several keys give several signatures (rotation)."""
    entries = " ".join(signature(key, webhook_id, timestamp, body) for key in keys)
    return Delivery(
        (
            (b"user-agent", _USER_AGENT.encode()),
            (b"content-type", b"application/json"),
            (b"webhook-id", webhook_id.encode()),
            (b"webhook-timestamp", timestamp.encode()),
            (b"webhook-signature", entries.encode()),
        ),
        body,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The SIP call that deliveries tell of."""

    call_id: str
    live_session_id: str
    sip_headers: Sequence[JsonObject]
    media_security: str = "rtp"


def event_of(kind: str, offer: Offer, *, event_id: str, created_at: int) -> JsonObject:
    """Return the event that a delivery of this kind carries."""
    types = {
        Kind.LIVE_TWIN: "live.transport.incoming",
        Kind.LIVE_CALL_TWIN: "live.call.incoming",
        Kind.UNKNOWN_TYPE: "realtime.call.pondered",
    }
    members: JsonObject = {"sip_headers": list(offer.sip_headers)}
    if offer.media_security:
        members["sip_media_security"] = offer.media_security
    if kind == Kind.LIVE_TWIN:
        members = {"type": "sip", "session_id": offer.live_session_id} | members
    elif kind == Kind.LIVE_CALL_TWIN:
        members = {"session_id": offer.live_session_id} | members
    else:
        fake = kind == Kind.TEST_EVENT
        members = {"call_id": "rtc_u0_test" if fake else offer.call_id} | members
    return {
        "object": "event",
        "id": event_id,
        "type": types.get(Kind(kind), "realtime.call.incoming"),
        "created_at": created_at - (600 if kind == Kind.LATE else 0),
        "data": members,
    }


class Sender:
    """Signs, posts and retries deliveries.

    Args:
        url: where the service takes them.
        secrets: `whsec_…` secrets; each one signs.
        clock: Unix seconds.
        ids: where ids come from.
        journal: where attempts and answers are written.
        retry_offsets: seconds between attempts; empty switches retries off.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        clock: Callable[[], float],
        ids: Ids,
        journal: Journal,
        retry_offsets: Sequence[float] = RETRY_OFFSETS,
    ) -> None:
        self.url = url
        self.keys = [signing_key(secret) for secret in secrets]
        self.clock = clock
        self.ids = ids
        self.retry_offsets = tuple(retry_offsets)
        self._journal = journal
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections to the service."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def deliver(self, webhook_id: str, event: JsonObject, *, kind: str, call_id: str) -> None:
        """Deliver an event until it is answered with 2xx or the retries are used up."""
        body = encode(event).encode()
        for offset in (0.0, *self.retry_offsets):
            await asyncio.sleep(offset)
            delivery = sign(self.keys, webhook_id, str(int(self.clock())), body)
            self._journal.record(call_id, Source.WEBHOOK, kind, event)
            answer = await self._attempt(kind, self._post(delivery))
            self._record(call_id, answer)
            if answer.status is not None and 200 <= answer.status < 300:  # noqa: PLR2004 - 2xx
                return

    async def deliver_raw(self, delivery: Delivery, *, kind: str, call_id: str = "") -> Answer:
        """Send a delivery byte for byte, once."""
        self._journal.record(call_id, Source.WEBHOOK, kind)
        answer = await self._attempt(kind, post_raw(self.url, delivery))
        self._record(call_id, answer)
        return answer

    async def _attempt(self, kind: str, post: Awaitable[int]) -> Answer:
        loop = asyncio.get_running_loop()
        started_at, status = loop.time(), None
        try:
            async with asyncio.timeout(_ANSWER_LIMIT):
                status = await post
        except (TimeoutError, aiohttp.ClientError, OSError):
            status = None
        return Answer(kind, status, loop.time() - started_at)

    async def _post(self, delivery: Delivery) -> int:
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        headers = {name.decode(): value.decode() for name, value in delivery.headers}
        async with self._http.post(
            self.url, data=delivery.body, headers=headers, allow_redirects=False
        ) as answer:
            await answer.read()
            return answer.status

    def _record(self, call_id: str, answer: Answer) -> None:
        self._journal.record(call_id, Source.ANSWER, answer.kind, answer)


async def post_raw(url: str, delivery: Delivery) -> int:
    """Post bytes over a fresh connection and return the status.

    Raises:
        OSError: the connection failed or closed without an answer.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    reader, writer = await asyncio.open_connection(
        parts.hostname, port, ssl=True if parts.scheme == "https" else None
    )
    try:
        head = [f"POST {parts.path or '/'} HTTP/1.1".encode(), b"host: " + parts.netloc.encode()]
        head += [name + b": " + value for name, value in delivery.headers]
        head += [b"content-length: %d" % len(delivery.body), b"connection: close", b"", b""]
        writer.write(b"\r\n".join(head) + delivery.body)
        words = (await reader.readline()).split()
        if len(words) < 2:  # noqa: PLR2004 - version and status
            raise ConnectionResetError("closed without an answer")
        return int(words[1])
    finally:
        writer.close()
