"""HTTP tools: what is sent, and what becomes of what comes back."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import time

import pytest
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from controller.clients.http_tools import HttpToolClient, HttpToolRunner
from controller.errors import ConfigurationError
from controller.sansio.call_facts import FACTS_HEADER
from controller.sansio.http_tool import HttpTool
from controller.sansio.tool_output import INVALID
from controller.sansio.webhook import verify
from tests.clients.services import (
    SIGNING,
    UNSURE,
    Clock,
    FarEnd,
    Names,
    Serve,
    ServeBytes,
    asked,
    client_with,
    run,
    tool_at,
)

# --- what is sent ------------------------------------------------------------------------------


async def test_a_get_carries_its_arguments_in_the_address(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()

    output = await asked(tls, tool_at(await serve(far_end) + "/{day}/x"))

    assert output == {"free": True}
    (request,) = far_end.requests
    assert (request.method, request.raw_path) == ("GET", "/v1/friday/x")
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["User-Agent"].startswith("controller/")


async def test_the_address_is_sent_as_it_was_built(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd()
    async with client_with(tls) as client:
        await run(
            tool_at(await serve(far_end) + "/a%2Fb/{day}"), client, '{"day":"~%41 \u00e9?@:"}'
        )

    assert far_end.requests[0].raw_path == "/v1/a%2Fb/~%2541%20%C3%A9%3F%40%3A"


async def test_a_post_carries_them_as_json(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd()
    headers = (("Authorization", "Bearer ${CRM}"),)

    await asked(tls, tool_at(await serve(far_end), "POST", headers=headers), secrets={"CRM": "t0"})

    (request,) = far_end.requests
    assert (request.method, far_end.bodies) == ("POST", [b'{"day":"friday"}'])
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer t0"


async def test_the_facts_of_the_call_are_signed(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd()
    url = await serve(far_end)

    await asked(tls, tool_at(url, "POST"), signing=SIGNING)

    (request,) = far_end.requests
    facts = request.headers[FACTS_HEADER]
    assert json.loads(facts) == {
        "call_id": "018f",
        "sip_call_id": "abc@trunk.example.net",
        "caller_shown": None,
        "called_number": "+12025550100",
        "agent": "frontdesk",
        "tool": "free",
        "tool_call_id": "call_1",
        "request": f"POST {url}",
    }
    for payload in (facts.encode(), far_end.bodies[0]):
        verify(request.headers, payload, secrets=SIGNING, now=time.time())


async def test_somebody_elses_service_is_told_nothing_of_the_call(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()
    url = await serve(far_end)

    await asked(tls, tool_at(url, signed=False), signing=SIGNING)
    await asked(tls, tool_at(url))

    for request in far_end.requests:
        assert not {FACTS_HEADER, "webhook-id"} & set(request.headers)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("{}", {"field": "day", "problem": "is missing"}),
        ('{"day":1}', {"field": "day", "problem": 'it is not of type "string"'}),
        ('{"day":".."}', {"field": "day", "problem": "must not be empty or a dot"}),
    ],
)
async def test_bad_arguments_are_explained_and_nothing_is_sent(
    tls: ssl.SSLContext, arguments: str, problem: dict[str, str]
) -> None:
    async with client_with(tls, resolver=Names([])) as client:
        output = await run(tool_at("https://api.example.com/{day}"), client, arguments)

    assert output == {
        "error": "invalid_arguments",
        "message": INVALID,
        "problems": [problem],
    }


@pytest.mark.parametrize(
    "tool",
    [
        tool_at("https://api.example.com/", headers=(("A", "${NONE}"),)),
        tool_at("https://{day}/"),
        tool_at("https://api.example.com/", parameters={"type": 1}),
    ],
)
async def test_a_tool_that_cannot_be_run_is_found_when_it_is_made(
    tls: ssl.SSLContext, tool: HttpTool
) -> None:
    async with client_with(tls) as client:
        with pytest.raises(ConfigurationError):
            HttpToolRunner(tool, client)


# --- what comes back ---------------------------------------------------------------------------


async def test_a_mistake_is_explained_and_a_fault_is_not(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(404, {"detail": "no table"}), (500, {"trace": "password"})])
    url = await serve(far_end)

    assert await asked(tls, tool_at(url)) == {
        "error": "http_404",
        "message": "The service refused it.",
        "body": {"detail": "no table"},
    }
    with capture_logs() as logs:
        assert (await asked(tls, tool_at(url)))["error"] == "http_500"
    assert logs == [
        {
            "event": "http_tool_failed",
            "log_level": "warning",
            "tool": "free",
            "tool_call_id": "call_1",
            "result": "http_500",
            "attempts": 1,
        }
    ]


async def test_a_success_without_a_body_is_told_as_done(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(204, b"", {})])

    assert await asked(tls, tool_at(await serve(far_end))) == {"ok": True}


async def test_what_is_no_text_is_refused(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(200, b"\x89PNG", {"Content-Type": "image/png"})])

    assert (await asked(tls, tool_at(await serve(far_end))))["error"] == "answer_not_text"


async def test_an_answer_without_a_content_type_is_refused(
    serve_bytes: ServeBytes, tls: ssl.SSLContext
) -> None:
    url = await serve_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    assert (await asked(tls, tool_at(url)))["error"] == "answer_not_text"


async def test_an_endless_body_is_read_up_to_its_limit(serve: Serve, tls: ssl.SSLContext) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except ConnectionError:
            return response

    tool = tool_at(await serve(endless), max_response_bytes=100_000)
    assert (await asked(tls, tool))["error"] == "answer_too_long"


async def test_a_body_that_announces_too_much_is_not_read(
    serve_bytes: ServeBytes, tls: ssl.SSLContext
) -> None:
    url = await serve_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n")

    assert (await asked(tls, tool_at(url)))["error"] == "answer_too_long"


async def test_a_long_explanation_is_left_out(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(404, b"x" * 200, {"Content-Type": "text/plain"})])

    tool = tool_at(await serve(far_end), max_response_bytes=100)
    assert (await asked(tls, tool))["error"] == "http_404"


async def test_a_body_is_read_up_to_its_limit_exactly(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(200, b"x" * 100, {"Content-Type": "text/plain"})])
    url = await serve(far_end)

    assert await asked(tls, tool_at(url, max_response_bytes=100)) == "x" * 100
    assert (await asked(tls, tool_at(url, max_response_bytes=99)))["error"] == "answer_too_long"


async def test_what_was_packed_is_not_unpacked(serve: Serve, tls: ssl.SSLContext) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    far_end = FarEnd([(200, bomb, headers)])

    assert len(bomb) < 65_536
    assert (await asked(tls, tool_at(await serve(far_end))))["error"] == "answer_compressed"


@pytest.mark.looptime
async def test_a_body_that_drips_ends_with_the_time_limit(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    async def drips(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b".")
                await asyncio.sleep(1)
        except ConnectionError:
            return response

    started_at = asyncio.get_running_loop().time()
    output = await asked(tls, tool_at(await serve(drips), timeout=8.0))

    assert output == {"error": "timeout", "message": UNSURE}
    assert asyncio.get_running_loop().time() - started_at < 10


@pytest.mark.looptime
async def test_an_answer_that_never_comes_ends_with_the_time_limit_and_once(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()

    async def silent(request: web.Request) -> web.StreamResponse:
        await far_end(request)
        await asyncio.sleep(3600)
        return web.Response()

    output = await asked(tls, tool_at(await serve(silent), timeout=4.0))

    assert output == {"error": "timeout", "message": UNSURE}
    assert len(far_end.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_lost_connection(
    serve_bytes: ServeBytes, tls: ssl.SSLContext, answer: bytes
) -> None:
    output = await asked(tls, tool_at(await serve_bytes(answer), retries=0))

    assert output == {"error": "connection_lost", "message": UNSURE}


async def test_a_run_can_be_cancelled(serve: Serve, tls: ssl.SSLContext) -> None:
    arrived = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.Event().wait()
        return web.Response()

    async with client_with(tls) as client:
        task = asyncio.create_task(run(tool_at(await serve(silent)), client))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cookies_are_forgotten(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(200, {}, {"Set-Cookie": "caller=1; Path=/"})])
    port = URL(await serve(far_end)).port
    # By name: what is known by its address alone is given no cookies anyway.
    url = f"http://name.example.com:{port}/"
    async with client_with(tls, resolver=Names(["127.0.0.1"])) as client:
        await run(tool_at(url), client)
        await run(tool_at(url), client)

    assert len(far_end.requests) == 2
    assert not any("Cookie" in request.headers for request in far_end.requests)


async def test_a_client_that_is_closed_is_a_lost_connection(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    client = HttpToolClient(clock=Clock(), ssl_context=tls)
    tool = tool_at(await serve(FarEnd()), retries=0)
    await client.close()

    assert await run(tool, client) == {"error": "connection_lost", "message": UNSURE}
