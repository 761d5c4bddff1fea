"""HTTP tools ask again where that is safe, and in time."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from aiohttp.abc import ResolveResult
from structlog.testing import capture_logs

from controller.clients.http_tools import CONNECT_LIMIT
from tests.clients.services import (
    SIGNING,
    FarEnd,
    Names,
    Serve,
    asked,
    tool_at,
)


@pytest.mark.looptime
@pytest.mark.parametrize("first", [None, (429, {}), (502, {}), (503, {}), (504, {})])
async def test_a_safe_request_is_tried_again(serve: Serve, tls: ssl.SSLContext, first: Any) -> None:
    far_end = FarEnd([first, first, (200, {"free": True})])

    output = await asked(tls, tool_at(await serve(far_end)), signing=SIGNING)

    assert output == {"free": True}
    assert len(far_end.requests) >= 3
    assert len({request.headers["webhook-id"] for request in far_end.requests}) == 1


@pytest.mark.looptime
async def test_there_are_only_so_many_attempts(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(503, {})])
    url = await serve(far_end)

    assert (await asked(tls, tool_at(url, retries=1)))["error"] == "http_503"
    assert len(far_end.requests) == 2
    assert (await asked(tls, tool_at(url, retries=0)))["error"] == "http_503"
    assert len(far_end.requests) == 3


@pytest.mark.parametrize("status", [400, 404, 409, 500, 501])
async def test_a_definite_answer_is_not_asked_for_again(
    serve: Serve, tls: ssl.SSLContext, status: int
) -> None:
    far_end = FarEnd([(status, b"", {})])

    output = await asked(tls, tool_at(await serve(far_end)))
    assert output["error"] == f"http_{status}"
    assert len(far_end.requests) == 1


@pytest.mark.parametrize("first", [None, (503, {})])
async def test_what_may_have_happened_is_not_done_twice(
    serve: Serve, tls: ssl.SSLContext, first: Any
) -> None:
    far_end = FarEnd([first])

    output = await asked(tls, tool_at(await serve(far_end), "POST"))

    assert output["error"] in {"connection_lost", "http_503"}
    assert len(far_end.requests) == 1


@pytest.mark.looptime
async def test_what_is_idempotent_is_done_again(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([None, (200, {"free": True})])

    tool = tool_at(await serve(far_end), "POST", idempotent=True)

    assert await asked(tls, tool) == {"free": True}
    assert far_end.bodies == [b'{"day":"friday"}'] * 2


@pytest.mark.looptime
async def test_where_nobody_listens_is_tried_again(nobody: str, tls: ssl.SSLContext) -> None:
    with capture_logs() as logs:
        assert (await asked(tls, tool_at(nobody)))["error"] == "unreachable"
    assert [(each["result"], each["attempts"]) for each in logs] == [("unreachable", 3)]


@pytest.mark.looptime
async def test_the_service_says_when_to_come_back(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(429, {}, {"Retry-After": "3"}), (200, {"free": True})])
    loop = asyncio.get_running_loop()
    url = await serve(far_end)

    started_at = loop.time()
    assert await asked(tls, tool_at(url, timeout=8.0)) == {"free": True}
    assert loop.time() - started_at >= 3


async def test_later_than_the_limit_is_never(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(503, {}, {"Retry-After": "9"})])

    assert (await asked(tls, tool_at(await serve(far_end), timeout=8.0)))["error"] == "http_503"
    assert len(far_end.requests) == 1


@pytest.mark.looptime
async def test_an_address_that_swallows_everything_leaves_time_for_another_attempt(
    tls: ssl.SSLContext,
) -> None:
    class Slow(Names):
        async def resolve(self, *arguments: Any, **more: Any) -> list[ResolveResult]:
            await asyncio.sleep(3600)
            return await super().resolve(*arguments, **more)

    with capture_logs() as logs:
        output = await asked(
            tls, tool_at("https://api.example.com/", timeout=8.0), resolver=Slow(["127.0.0.1"])
        )

    assert output["error"] == "unreachable"
    assert logs[0]["attempts"] == 8.0 // CONNECT_LIMIT + 1
