"""HTTP tools, run: one pool of connections for all of them, and one runner for each.

The far end is somebody's service and not to be trusted with our memory, our time or our network:
what it says is read up to a limit and never unpacked, redirects are not followed, cookies are
forgotten, and private addresses are asked only by tools that may. Whatever it does becomes an
output for the model.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from yarl import URL

from controller import __version__
from controller.calls.ports import Clock
from controller.clients.addresses import AddressRefused, PublicResolver, public_socket
from controller.errors import ConfigurationError, LocalProtocolError, Problem
from controller.sansio.arguments import Arguments, Complaints
from controller.sansio.call_facts import signed_headers
from controller.sansio.http_answer import (
    TRY_AGAIN,
    Fault,
    HttpAnswer,
    is_read,
    output_of,
    retry_after,
)
from controller.sansio.http_tool import HttpRequest, HttpTool, build
from controller.sansio.tool_output import INVALID, failed
from controller.sansio.webhook import Secret
from controller.tools import CallContext

_log = structlog.get_logger()

CONNECT_LIMIT: Final = 3.0
"""Seconds for a free place, name, TCP and TLS together: an address that swallows what it is sent
leaves time for another attempt."""
CONNECTIONS_LIMIT: Final = 128
"""Requests under way at once; further ones wait for a place, within `CONNECT_LIMIT`."""
CONNECTIONS_PER_HOST: Final = 32
"""Of those, to one service: one that hangs must not take the places of the others."""
KEEPALIVE_TIMEOUT: Final = 4.0
"""Seconds that an idle connection stays open. Common servers close theirs after 5: a request that
meets a closing connection is lost, and a POST must not be sent again."""
DNS_TTL: Final = 60
"""Seconds that an address is believed."""
SHORTEST_ATTEMPT: Final = 0.05
"""Seconds. aiohttp takes 0, which a late wake-up from a pause could leave, for "no limit"."""
FIRST_PAUSE: Final = 0.2
"""Seconds before the second attempt; twice as long before each further one, give or take half."""

_REDIRECTION: Final = 300
_NO_CONNECTION: Final = frozenset({Fault.UNREACHABLE, Fault.LOST})


class HttpToolClient:
    """Sends the requests of all HTTP tools. To be made within the event loop, and closed.

    Args:
        clock: for the signatures' timestamps.
        ssl_context: shared by all connections.
        signing: secrets that sign the facts of a call; with none, no facts are sent.
        resolver: resolves names; aiohttp's if None. Closed with the client.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ssl_context: ssl.SSLContext,
        signing: Sequence[Secret] = (),
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.clock = clock
        self.signing = signing
        self._resolver = resolver or aiohttp.DefaultResolver()
        # Two pools: a tool that may ask public addresses only must not be handed a connection that
        # another tool has opened to a private one.
        self._public = self._session(
            aiohttp.TCPConnector(
                resolver=PublicResolver(self._resolver),
                socket_factory=public_socket,
                **_pool(ssl_context),
            )
        )
        self._any = self._session(
            aiohttp.TCPConnector(resolver=self._resolver, **_pool(ssl_context))
        )

    @staticmethod
    def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": f"controller/{__version__}"},
        )

    async def send(
        self,
        request: HttpRequest,
        headers: Sequence[tuple[str, str]],
        *,
        limit: float,
        max_bytes: int,
        allow_private: bool,
    ) -> HttpAnswer | Fault:
        """Send a request once. Never raises.

        Args:
            request: What to send.
            headers: Beside those of the request.
            limit: Seconds, for all of it.
            max_bytes: Longest answer that is read.
            allow_private: Whether private addresses may be asked.
        """
        session = self._any if allow_private else self._public
        # Less than the whole, so that it can still be told that nothing was sent.
        connect_limit = min(CONNECT_LIMIT, 0.9 * limit)
        try:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),  # as it is: not decoded, no dots resolved
                headers=[*request.headers, *headers],
                data=request.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=limit, connect=connect_limit),
            ) as response:
                return await _read(response, max_bytes)
        except aiohttp.ConnectionTimeoutError:
            return Fault.UNREACHABLE
        except TimeoutError:
            return Fault.TIMEOUT
        except aiohttp.ClientConnectorError as error:
            is_refused = isinstance(error.os_error, AddressRefused)
            return Fault.ADDRESS if is_refused else Fault.UNREACHABLE
        except aiohttp.InvalidURL:
            return Fault.ADDRESS  # an address in an odd spelling, `0177.0.0.1`
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError):
            # ValueError: an answer so broken that a parser of headers gave up. RuntimeError: the
            # client was closed while a tool of an ended call still ran.
            return Fault.LOST

    async def close(self) -> None:
        """Close every connection."""
        await self._public.close()
        await self._any.close()
        await self._resolver.close()


def _pool(ssl_context: ssl.SSLContext) -> dict[str, Any]:
    return {
        "limit": CONNECTIONS_LIMIT,
        "limit_per_host": CONNECTIONS_PER_HOST,
        "ssl": ssl_context,
        "keepalive_timeout": KEEPALIVE_TIMEOUT,
        "ttl_dns_cache": DNS_TTL,
    }


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> HttpAnswer | Fault:
    body = await _body(response, max_bytes) if is_read(response.status) else b""
    if not response.content.at_eof():
        response.close()  # what follows on this connection is no answer to the next request
    if isinstance(body, Fault) and response.status < _REDIRECTION:
        return body
    return HttpAnswer(
        response.status,
        response.content_type if "Content-Type" in response.headers else "",
        response.charset,
        response.headers.get("Retry-After"),
        b"" if isinstance(body, Fault) else body,
    )


async def _body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes | Fault:
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return Fault.ENCODED
    if (response.content_length or 0) > max_bytes:
        return Fault.TOO_LONG
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            return Fault.TOO_LONG
    return bytes(body)


class HttpToolRunner:
    """Runs one HTTP tool.

    Args:
        tool: the declaration.
        client: sends the requests.
        secrets: values for `${NAME}` in headers, of the generation that the tool belongs to.
        jitter: returns 0 to 1; spreads the attempts of calls that failed together.

    Raises:
        ConfigurationError: The tool cannot be run: its schema or its URL is none, or a secret that
            it names is missing or does not fit into a header.
    """

    def __init__(
        self,
        tool: HttpTool,
        client: HttpToolClient,
        *,
        secrets: Mapping[str, str] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.declaration = tool.declaration
        self._tool = tool
        self._client = client
        self._secrets = secrets or {}
        self._jitter = jitter
        self._arguments = Arguments(tool.declaration.parameters)
        try:
            build(tool, {}, self._secrets)
        except LocalProtocolError as error:
            problem = Problem("", tool.declaration.name, str(error), "correct the agent file")
            raise ConfigurationError(problem) from None

    async def run(
        self, arguments_json: str, context: CallContext, *, in_thread: object = None
    ) -> str:
        """Validate the model's arguments, send the request, and return the output for the model.

        Every failure is an output, `{"error": …}`; only a cancellation is raised. Whoever calls
        applies `declaration.timeout`; all attempts together are limited to it as well.

        Args:
            arguments_json: As the model made them: a JSON object, or nothing.
            context: The call.
            in_thread: As Python tools take it; nothing blocks here.
        """
        del in_thread
        arguments = self._arguments.read(arguments_json)
        if isinstance(arguments, tuple):
            return _refused(arguments)
        request = build(self._tool, arguments, self._secrets)
        if isinstance(request, tuple):
            return _refused(request)
        answer, attempts = await self._ask(request, context)
        if isinstance(answer, Fault) or answer.status >= _REDIRECTION:
            result = answer if isinstance(answer, Fault) else f"http_{answer.status}"
            _log.warning(
                "http_tool_failed",
                tool=self.declaration.name,
                tool_call_id=context.tool_call_id,
                result=str(result),
                attempts=attempts,
            )
        return output_of(answer)

    async def _ask(
        self, request: HttpRequest, context: CallContext
    ) -> tuple[HttpAnswer | Fault, int]:
        """Return the answer to keep, and after how many attempts it came."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.declaration.timeout
        attempt = 0
        while True:
            attempt += 1
            limit = max(deadline - clock(), SHORTEST_ATTEMPT)
            answer = await self._send(request, context, limit=limit)
            pause = self._pause(answer, attempt)
            if pause is None or clock() + pause >= deadline:
                return answer, attempt
            await asyncio.sleep(pause)

    async def _send(
        self, request: HttpRequest, context: CallContext, *, limit: float
    ) -> HttpAnswer | Fault:
        tool, client = self._tool, self._client
        signing = client.signing if tool.signed else ()
        proof = signed_headers(
            request, _facts(tool, context), secrets=signing, now=client.clock.now()
        )
        return await client.send(
            request,
            proof,
            limit=limit,
            max_bytes=tool.max_response_bytes,
            allow_private=tool.allow_private,
        )

    def _pause(self, answer: HttpAnswer | Fault, attempt: int) -> float | None:
        """Return the seconds until the next attempt; None where there is none."""
        if attempt > self._tool.retries or not self._tool.may_repeat:
            return None
        pause = FIRST_PAUSE * float(2 ** (attempt - 1)) * (0.5 + self._jitter())
        if isinstance(answer, Fault):
            return pause if answer in _NO_CONNECTION else None
        if answer.status not in TRY_AGAIN:
            return None
        asked = retry_after(answer.retry_after, self._client.clock.now())
        return max(pause, asked or 0.0)


def _facts(tool: HttpTool, context: CallContext) -> dict[str, str | None]:
    return {
        "call_id": context.call_id,
        "sip_call_id": context.sip_call_id,
        "caller_shown": context.caller_shown,
        "called_number": context.called_number,
        "agent": context.agent,
        "tool": tool.declaration.name,
        "tool_call_id": context.tool_call_id,
    }


def _refused(complaints: Complaints) -> str:
    problems = [{"field": each.field, "problem": each.problem} for each in complaints]
    return failed("invalid_arguments", INVALID, {"problems": problems})
