"""A real server on a free port for whatever handlers a test adds, and ports that remember."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer


class WallClock:
    def now(self) -> float:
        return time.time()


@dataclass
class RecordingMeter:
    deliveries: list[str] = field(default_factory=list)
    acknowledgements: list[float] = field(default_factory=list)

    def delivery(self, result: str) -> None:
        self.deliveries.append(result)

    def acknowledged(self, seconds: float) -> None:
        self.acknowledgements.append(seconds)

    def delivery_age(self, seconds: float) -> None: ...
    def answer_sent(self, seconds: float) -> None: ...
    def answered(self, seconds: float) -> None: ...
    def live_calls(self, count: int) -> None: ...
    def outcome(self, outcome: str) -> None: ...
    def reattached(self) -> None: ...
    def tool_ran(self, tool: str, result: str, seconds: float) -> None: ...
    def request(self, verb: str, status: str, seconds: float) -> None: ...
    def ignored_frames(self, reason: str, count: int) -> None: ...
    def alarm(self, kind: str) -> None: ...
    def incident(self, *, is_on: bool) -> None: ...
    def tokens_left(self, fraction: float) -> None: ...
    def spent(self, usd: float) -> None: ...
    def one_way_audio(self) -> None: ...
    def looked_up(self, result: str, seconds: float) -> None: ...
    def clock_skew(self, seconds: float) -> None: ...


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def meter() -> RecordingMeter:
    return RecordingMeter()


Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[web.Application], Awaitable[Client]]]:
    clients: list[Client] = []

    async def start(app: web.Application) -> Client:
        client = TestClient(TestServer(app))
        clients.append(client)
        await client.start_server()
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session
