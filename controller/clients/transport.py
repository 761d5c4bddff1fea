"""How requests for call control reach the network: one aiohttp session, kept for REST alone.

Two things matter to us and are kept apart here: whether a request can have landed, and that an
answer cannot fill the memory. Sidebands must not share this session: each attach would take the
warm connection away from the next accept.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from controller.clients.replies import Fault, Reply

MAX_ANSWER_BYTES: Final = 64 * 1024
"""What is read of an answer's body. The four verbs answer with nothing, errors with a line."""

KEEPALIVE_TIMEOUT: Final = 300.0
"""Seconds that an idle connection stays open, so that a quiet line's next accept finds it warm."""

CONNECT_LIMIT: Final = 3.0
"""Seconds for name, TCP and TLS together: less than any verb's limit but reject's."""

DNS_TTL: Final = 60
"""Seconds that an address is believed."""

BODY_LIMIT: Final = 1.0
"""Seconds for the body after the status: it is for the log, and must not cost us the status."""

_WORD: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,128}")
"""What of an answer's words may be logged: an identifier, never a sentence or a number's plus."""


class BoundedTransport:
    """Posts requests; tells "nothing was sent" from "it may have landed".

    Redirects are answers, never followed. An answer that is longer than `MAX_ANSWER_BYTES` is cut
    there, and its connection closed.

    Args:
        ssl_context: shared by all connections; a context for each would cost 22 ms.
        connect_limit: seconds for name, TCP and TLS together.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext, *, connect_limit: float = CONNECT_LIMIT
    ) -> None:
        self._session = aiohttp.ClientSession(
            # No limit here: the number of calls that are admitted bounds the connections.
            connector=aiohttp.TCPConnector(
                limit=0, ssl=ssl_context, keepalive_timeout=KEEPALIVE_TIMEOUT, ttl_dns_cache=DNS_TTL
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The total is the verb's, and is kept by the line.
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_limit),
            auto_decompress=False,
        )

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Post once and return what came of it, whatever it was. Has no total time limit."""
        try:
            return await self._exchange(url, headers, body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            # Refused, unreachable, unknown name, failed TLS, too slow to connect: nothing was sent.
            return Reply(fault=Fault.REFUSED)
        except (aiohttp.ClientError, OSError, ValueError):
            # ValueError: an answer so broken that a parser of headers or cookies gave up.
            return Reply(fault=Fault.LOST)

    async def _exchange(self, url: URL, headers: Mapping[str, str], body: bytes | None) -> Reply:
        async with self._session.post(
            url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            text = b"" if answer.content.at_eof() else await _some_of_body(answer)
            is_error = answer.status >= HTTPStatus.BAD_REQUEST
            error = _error_of(text) if is_error else {}
            return Reply(
                http_status=answer.status,
                request_id=_word(answer.headers.get("x-request-id")),
                code=_word(error.get("code")),
                param=_word(error.get("param")),
            )

    async def close(self) -> None:
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


def _error_of(body: bytes) -> Mapping[str, Any]:
    """Return the `error` member of an answer's body, as far as there is one."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None
