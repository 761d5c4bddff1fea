"""How the OpenAI SDK reaches the network: one aiohttp session, kept for REST alone.

The SDK's own aiohttp transport reports a refused connection as a time-out and reads an answer
however long it is. Two things matter to us and are kept apart here: whether a request can have
landed, and that an answer cannot fill the memory. Sidebands must not share this session: each
attach would take the warm connection away from the next accept.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp
import httpx2

MAX_ANSWER_BYTES: Final = 64 * 1024
"""What is read of an answer's body. The four verbs answer with nothing, errors with a line."""

KEEPALIVE_TIMEOUT: Final = 300.0
"""Seconds that an idle connection stays open, so that a quiet line's next accept finds it warm."""

CONNECT_LIMIT: Final = 3.0
"""Seconds for name, TCP and TLS together: less than any verb's limit but reject's."""

CONNECTIONS_LIMIT: Final = 128
"""Requests under way at once; at 0.1 s each that is over a thousand a second."""

DNS_TTL: Final = 60
"""Seconds that an address is believed."""

BODY_LIMIT: Final = 1.0
"""Seconds for the body after the status: it is for the log, and must not cost us the status."""

_KEPT_HEADERS: Final = frozenset({"date", "retry-after", "x-request-id"})
"""Others are dropped: a false length, encoding or charset would make a fault of a status."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Carries the SDK's requests; tells "nothing was sent" from "it may have landed".

    Raises `httpx2.ConnectError` when no connection came about, `httpx2.ReadError` for every fault
    after that. Redirects are returned, never followed. An answer that is longer than
    `MAX_ANSWER_BYTES` is cut there, and its connection closed.

    Args:
        ssl_context: shared by all connections; a context for each would cost 22 ms.
        connect_limit: seconds for name, TCP and TLS together.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext, *, connect_limit: float = CONNECT_LIMIT
    ) -> None:
        self._session = aiohttp.ClientSession(
            # A burst of rejections waits here rather than open a connection each; who waits too
            # long has sent nothing, and the verb's own time goes on.
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS_LIMIT,
                ssl=ssl_context,
                keepalive_timeout=KEEPALIVE_TIMEOUT,
                ttl_dns_cache=DNS_TTL,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The total is the verb's, and is kept by the line.
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_limit),
            auto_decompress=False,
        )
        self.is_rehearsing = False
        """True: answer 200 without a network, so that the SDK can be run warm before READY."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return its answer, whatever the status."""
        if self.is_rehearsing:
            return httpx2.Response(200, request=request)
        try:
            return await self._exchange(request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Refused, unreachable, unknown name, failed TLS, too slow to connect: nothing was sent.
            raise httpx2.ConnectError(type(error).__name__, request=request) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: an answer so broken that a parser of headers or cookies gave up.
            raise httpx2.ReadError(type(error).__name__, request=request) from error

    async def _exchange(self, request: httpx2.Request) -> httpx2.Response:
        async with self._session.request(
            request.method,
            str(request.url),
            headers=request.headers.multi_items(),
            data=request.content or None,
            allow_redirects=False,
        ) as answer:
            return httpx2.Response(
                answer.status,
                headers=_kept(answer.headers),
                content=await _some_of_body(answer),
                request=request,
            )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


async def _some_of_body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_LIMIT):
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    break
            else:
                return bytes(body)
    except (aiohttp.ClientError, OSError):
        pass  # TimeoutError is an OSError
    answer.close()  # cut short: what follows on this connection is no answer to the next request
    return bytes(body[:MAX_ANSWER_BYTES])


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    # isascii: httpx2 encodes a header as ASCII or guesses, and a guess can fail.
    return {
        name: value
        for name, value in headers.items()
        if name.lower() in _KEPT_HEADERS and value.isascii()
    }
