from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient

from controller.handlers.faults import answer_faults

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def alarms() -> list[str]:
    return []


@pytest.fixture
async def client(
    serve: Callable[[web.Application], Awaitable[Client]], alarms: list[str]
) -> Client:
    async def fine(_request: web.Request) -> web.Response:
        return web.Response(text="fine")

    async def broken(_request: web.Request) -> web.Response:
        raise ValueError("+12025550123")

    app = web.Application(middlewares=[answer_faults(alarms.append)])
    app.router.add_get("/fine", fine)
    app.router.add_get("/broken", broken)
    return await serve(app)


async def test_a_mistake_of_ours_is_logged_once_and_answered_500(
    client: Client, alarms: list[str]
) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await client.get("/broken")

    assert answer.status == 500
    assert await answer.json() == {"error": "internal_error"}
    assert alarms == ["handler_failed"]
    assert [(entry["event"], entry["path"]) for entry in logs] == [("handler_failed", "/broken")]


async def test_everything_else_passes(client: Client, alarms: list[str]) -> None:
    assert (await client.get("/fine")).status == 200
    assert (await client.get("/nowhere")).status == 404
    assert (await client.post("/fine")).status == 405
    assert alarms == []
