"""A far end that answers what a test tells it to, and a meter that remembers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class RecordingMeter:
    requests: list[tuple[str, str]] = field(default_factory=list)
    skews: list[float] = field(default_factory=list)

    def request(self, verb: str, status: str, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((verb, status))

    def clock_skew(self, seconds: float) -> None:
        self.skews.append(seconds)

    def delivery(self, result: str) -> None: ...
    def delivery_age(self, seconds: float) -> None: ...
    def acknowledged(self, seconds: float) -> None: ...
    def answer_sent(self, seconds: float) -> None: ...
    def answered(self, seconds: float) -> None: ...
    def live_calls(self, count: int) -> None: ...
    def outcome(self, outcome: str) -> None: ...
    def reattached(self) -> None: ...
    def tool_ran(self, tool: str, result: str, seconds: float) -> None: ...
    def ignored_frames(self, reason: str, count: int) -> None: ...
    def alarm(self, kind: str) -> None: ...
    def incident(self, *, is_on: bool) -> None: ...
    def tokens_left(self, fraction: float) -> None: ...
    def spent(self, usd: float) -> None: ...
    def one_way_audio(self) -> None: ...
    def looked_up(self, result: str, seconds: float) -> None: ...


@pytest.fixture
def meter() -> RecordingMeter:
    return RecordingMeter()


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Start an HTTP server whose every request goes to one handler; returns its base URL."""
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await handler(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        server = TestServer(app)
        servers.append(server)
        await server.start_server()
        return str(server.make_url("/v1"))

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def serve_bytes() -> AsyncIterator[Callable[[bytes], Awaitable[str]]]:
    """Start a TCP server that answers every request with these bytes; returns its base URL."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def closed_port() -> AsyncIterator[str]:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture
async def nobody() -> AsyncIterator[str]:
    """Yield a base URL at which nobody listens."""
    async with closed_port() as url:
        yield url
