"""`POST /openai/webhook`: the only door for callers, and open to the whole internet.

The order of the checks is part of their meaning: what is cheap and needs no body comes first, and
nothing is believed of a body before its signature. The answers are the fixed table of the design
(section 5). Anything but 2xx makes OpenAI deliver again, for up to 72 hours: a delivery that is
OpenAI's own is answered 200 whatever becomes of the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, Protocol

import structlog
from aiohttp import web

from controller.calls.ports import Clock, Meter
from controller.errors import MalformedDelivery, SignatureError
from controller.handlers.peers import source_address
from controller.sansio.webhook import TOLERANCE, Secret, Signed, loggable, verify

MAX_BODY_BYTES: Final = 256 * 1024
"""A body of exactly so many bytes passes. A real one has some 1.5 kB."""

BODY_TIMEOUT: Final = 5.0
"""Seconds for the body: aiohttp itself would wait for ever."""

_QUIET_RESULTS: Final = frozenset({"accepted", "rejected"})
"""Each of these gets the canonical line of its call; a line here would say it twice."""

_log = structlog.stdlib.get_logger(__name__)


class Reception(Protocol):
    """Where verified deliveries go."""

    async def receive(self, signed: Signed, body: bytes, received_at: float) -> str:
        """Read, claim and hand on a delivery. Returns a stable word for what became of it.

        Raises MalformedDelivery.
        """


class RefusedDelivery(Exception):  # an answer, not an error of ours
    """An answer that is not 200."""

    def __init__(self, status: HTTPStatus, result: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.result = result
        """A stable word for metrics, of a small set."""
        self.reason = reason
        """A stable word that tells the sender what is wrong, and reveals nothing secret."""


class WebhookHandler:
    """Answers `POST /openai/webhook`.

    Args:
        reception: takes verified deliveries.
        secrets: every secret that may sign.
        clock: for what is measured.
        wall: Unix seconds, for the signature's timestamp; the clock's if None. A clock that never
            goes back knows nothing of a machine that slept, and would refuse every delivery.
        meter: counts every delivery once.
        tolerance: seconds that the timestamp may be off.
        body_timeout: seconds for the body.
    """

    def __init__(
        self,
        *,
        reception: Reception,
        secrets: Sequence[Secret],
        clock: Clock,
        meter: Meter,
        tolerance: float = TOLERANCE,
        body_timeout: float = BODY_TIMEOUT,
        wall: Callable[[], float] | None = None,
    ) -> None:
        self._reception = reception
        self._secrets = tuple(secrets)
        self._clock = clock
        self._wall = wall or clock.now
        self._meter = meter
        self._tolerance = tolerance
        self._body_timeout = body_timeout

    def add_to(self, app: web.Application) -> None:
        """Add the route. aiohttp answers 405 to every other method by itself."""
        app.router.add_post("/openai/webhook", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one delivery."""
        received_at = self._clock.now()
        try:
            result = await self._receive(request, received_at)
        except RefusedDelivery as refused:
            self._note(request, refused.result, refused.reason)
            return web.json_response({"error": refused.reason}, status=refused.status)
        self._note(request, result)
        self._meter.acknowledged(self._clock.now() - received_at)
        return web.Response()

    async def _receive(self, request: web.Request, received_at: float) -> str:
        body = await self._read(request)
        try:
            signed = verify(
                request.headers,
                body,
                secrets=self._secrets,
                now=self._wall(),
                tolerance=self._tolerance,
            )
            return await self._reception.receive(signed, body, received_at)
        except SignatureError as error:
            raise RefusedDelivery(HTTPStatus.BAD_REQUEST, "forged", error.reason) from error
        except MalformedDelivery as error:
            raise RefusedDelivery(HTTPStatus.BAD_REQUEST, "malformed", error.reason) from error

    async def _read(self, request: web.Request) -> bytes:
        # The signature is of the bytes as they travel: a coded body is not what was signed, and
        # decoding it would do work for anybody who asks. `identity` is a coding too, and not used.
        if "Content-Encoding" in request.headers:
            raise RefusedDelivery(HTTPStatus.BAD_REQUEST, "refused", "content_encoding")
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise _too_large()
        try:
            async with asyncio.timeout(self._body_timeout):
                return await _read_bounded(request)
        except TimeoutError:
            raise RefusedDelivery(HTTPStatus.REQUEST_TIMEOUT, "refused", "body_timeout") from None
        except (web.RequestPayloadError, OSError) as error:
            # A connection that ended early. Broken chunks that come with the headers are aiohttp's
            # to answer, 400; those that come later look like a body that does not end: 408.
            raise RefusedDelivery(HTTPStatus.BAD_REQUEST, "refused", "body_broken") from error

    def _note(self, request: web.Request, result: str, reason: str | None = None) -> None:
        self._meter.delivery(result)
        if result in _QUIET_RESULTS:
            return
        webhook_id = request.headers.get("webhook-id")
        is_ours = reason is None and result != "stale"
        (_log.info if is_ours else _log.warning)(
            "delivery",
            result=result,
            reason=reason,
            source=source_address(request),
            content_length=request.content_length,
            webhook_id=None if webhook_id is None else loggable(webhook_id),
        )


async def _read_bounded(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> RefusedDelivery:
    return RefusedDelivery(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "refused", "body_too_large")
