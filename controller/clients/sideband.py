"""The sideband of a call: OpenAI's Realtime events on a WebSocket of aiohttp's.

One session and one TLS context serve every call: a context for each connection would cost 22 ms of
blocked event loop and over 1 MiB. The session is not the one for REST (`transport.py` says why).

Frames are handed on as they came, undecoded: what they mean, and whether they mean anything, is the
dialect's business. Back-pressure is TCP's: aiohttp keeps at most 256 KiB of unread frames for each
call (`WebSocketDataQueue`, twice its 128 KiB chunk), or one frame that is larger, then stops
reading until the reader has caught up. Nothing is queued here.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Final, TypeAlias

import aiohttp
from yarl import URL

from controller.errors import ChannelClosed, ChannelRefused

MAX_REASON_CHARS: Final = 123
"""RFC 6455 §5.5: a control frame holds 125 bytes, two of which are the close code."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
"""What of an answer's header may be logged: an identifier, and nothing that could be a sentence."""

# aiohttp is typed for text that is decoded or not; ours is not: a frame with broken UTF-8 is then
# an event that nobody understands, and not the end of a call (RFC 6455 §8.1 would have it so).
_WebSocket: TypeAlias = "aiohttp.ClientWebSocketResponse[bool]"


@dataclass(frozen=True, slots=True)
class SidebandLimits:
    """Seconds and bytes of a sideband."""

    connect: float = 5.0
    """Seconds for name, TCP, TLS and upgrade together."""
    send: float = 5.0
    """Seconds for one frame; a peer that does not read for so long is lost."""
    close: float = 1.0
    """Seconds for the closing handshake."""
    heartbeat: float = 20.0
    """Seconds between our pings; half of it without a pong ends the connection."""
    max_frame_bytes: int = 16 * 1024 * 1024
    """Items and tool arguments can be large; aiohttp's own limit is 4 MiB."""


class Sidebands:
    """Where sidebands come from. Satisfies `Channels`; to be made inside a running event loop.

    Args:
        api_key: key of the project that the calls belong to.
        base_url: as for REST; `http` becomes `ws`.
        ssl_context: shared with every other client of the process.
        limits: seconds and bytes.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        ssl_context: ssl.SSLContext,
        limits: SidebandLimits | None = None,
    ) -> None:
        self._url = sideband_url(base_url)
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._limits = limits or SidebandLimits()
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_refuse_redirect)
        self._session = aiohttp.ClientSession(
            # aiohttp's own limit is 100 connections; the admission of calls is ours.
            connector=aiohttp.TCPConnector(limit=0, ssl=ssl_context, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=[tracing],
        )

    async def open(self, provider_id: str) -> Sideband:
        """Attach to a call. Raises ChannelRefused."""
        limits = self._limits
        try:
            async with asyncio.timeout(limits.connect):
                websocket = await self._session.ws_connect(
                    self._url.with_query(call_id=provider_id),
                    headers=self._headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=limits.close),
                    heartbeat=limits.heartbeat,
                    max_msg_size=limits.max_frame_bytes,
                    compress=0,  # deflate would keep 32 KiB and more of state for each call
                    decode_text=False,
                )
        except aiohttp.ClientResponseError as error:
            raise ChannelRefused(error.status or None, _request_id(error)) from None
        except (aiohttp.ClientError, OSError, ValueError):
            # TimeoutError is an OSError; ValueError: an answer so broken that a parser gave up.
            raise ChannelRefused(None) from None
        return Sideband(websocket, limits)

    async def close(self) -> None:
        """Close the connections that are left."""
        await self._session.close()


class Sideband:
    """One open sideband. Satisfies `Channel`."""

    __slots__ = ("_limits", "_websocket")

    def __init__(self, websocket: _WebSocket, limits: SidebandLimits) -> None:
        self._websocket = websocket
        self._limits = limits

    async def receive(self) -> str | bytes:
        """Return the next frame. Raises ChannelClosed at the end, however it came (rule 12)."""
        message = await self._websocket.receive()
        if message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
            frame: str | bytes = message.data
            return frame
        # CLOSE, CLOSING, CLOSED and ERROR; pings and pongs are aiohttp's.
        reason = message.extra if isinstance(message.extra, str) else ""
        raise ChannelClosed(self._websocket.close_code, reason[:MAX_REASON_CHARS])

    async def send(self, frame: str) -> None:
        """Send one text frame. Raises ChannelClosed when it cannot be sent within the limit."""
        try:
            async with asyncio.timeout(self._limits.send):
                await self._websocket.send_str(frame)
        except (aiohttp.ClientError, OSError, RuntimeError):
            # The frame may be half written, or the socket closing: it is of no more use.
            code = self._websocket.close_code
            await self.close()
            raise ChannelClosed(code) from None

    async def close(self) -> None:
        """Close it, waiting at most the limit for the peer. Never raises; may be repeated."""
        try:
            async with asyncio.timeout(self._limits.close):
                await self._websocket.close()
        except (aiohttp.ClientError, OSError, RuntimeError):
            pass  # cut off by the limit
        finally:
            # aiohttp does not on every path: after a cancelled close the connection would be held
            # until the garbage collector comes.
            self._websocket._response.close()  # noqa: SLF001  # it has no public way to it


def sideband_url(base_url: str) -> URL:
    """Return where sidebands are, for an API at `base_url`: the same address with `ws`."""
    url = URL(base_url)
    return url.with_scheme("ws" if url.scheme == "http" else "wss") / "realtime"


def _request_id(error: aiohttp.ClientResponseError) -> str | None:
    value = error.headers.get("x-request-id", "") if error.headers else ""
    return value if _REQUEST_ID.fullmatch(value) else None


async def _refuse_redirect(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    params: aiohttp.TraceRequestRedirectParams,
) -> None:
    # ws_connect follows redirects and has no switch for it; no call is driven from elsewhere.
    response = params.response
    response.close()
    raise aiohttp.WSServerHandshakeError(
        response.request_info,
        response.history,
        status=response.status,
        headers=response.headers,
    )
