"""HTTP tools against services that answer well, badly, slowly, or from the wrong place."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from structlog.testing import capture_logs
from yarl import URL

from controller.calls.ports import Runnable
from controller.clients.http_tools import CONNECT_LIMIT, HttpToolClient, HttpToolRunner
from controller.errors import ConfigurationError
from controller.sansio.agent import ToolDeclaration
from controller.sansio.call_facts import FACTS_HEADER
from controller.sansio.http_tool import HttpTool, Method
from controller.sansio.webhook import decode_secrets, verify
from controller.tools import CallContext

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve: TypeAlias = Callable[[Handler], Awaitable[str]]
ServeBytes: TypeAlias = Callable[[bytes], Awaitable[str]]

SIGNING = decode_secrets("whsec_" + base64.b64encode(bytes(range(32))).decode())
CONTEXT = CallContext(
    call_id="018f",
    sip_call_id="abc@trunk.example.net",
    caller_shown=None,
    called_number="+12025550100",
    agent="frontdesk",
    tool_call_id="call_1",
)
SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "string"}, "guests": {"type": "integer"}},
    "required": ["day"],
}
UNSURE = "what it did is not known"


class Clock:
    def now(self) -> float:
        return time.time()


class Names(AbstractResolver):
    """Resolves every name to these addresses, one list after the other, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in answer
        ]

    async def close(self) -> None: ...


@dataclass
class FarEnd:
    """Gives its answers one after the other, the last for ever, and remembers the requests."""

    answers: list[Any] = field(default_factory=lambda: [(200, {"free": True})])
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:  # break the connection
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, content, *headers = answer
        if isinstance(content, bytes):
            return web.Response(status=status, body=content, headers=headers[0])
        return web.json_response(content, status=status, headers=headers[0] if headers else None)


@asynccontextmanager
async def client_with(tls: ssl.SSLContext, **more: Any) -> AsyncIterator[HttpToolClient]:
    client = HttpToolClient(clock=Clock(), ssl_context=tls, **more)
    yield client
    await client.close()


def tool_at(url: str, method: Method = "GET", **more: Any) -> HttpTool:
    options = {key: more.pop(key) for key in ("timeout", "idempotent", "parameters") if key in more}
    declaration = ToolDeclaration("free", "A tool.", **{"parameters": SCHEMA, **options})
    return HttpTool(declaration, method, url, **{"allow_private": True, **more})


async def run(tool: HttpTool, client: HttpToolClient, arguments: str = '{"day":"friday"}') -> Any:
    runner: Runnable = HttpToolRunner(tool, client, jitter=lambda: 0.5)
    output = await runner.run(arguments, CONTEXT)
    try:
        return json.loads(output)
    except ValueError:
        return output


async def asked(tls: ssl.SSLContext, tool: HttpTool, **more: Any) -> Any:
    async with client_with(tls, **more) as client:
        return await run(tool, client)


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
        await run(tool_at(await serve(far_end) + "/a%2Fb/{day}"), client, '{"day":"~%41 \u00e9?"}')

    assert far_end.requests[0].raw_path == "/v1/a%2Fb/~%2541%20%C3%A9%3F"


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

    assert output == {"error": "invalid arguments", "problems": [problem]}


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


# --- where it is sent --------------------------------------------------------------------------


async def test_a_private_address_is_refused_unless_it_is_allowed(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()
    url = await serve(far_end)

    assert await asked(tls, tool_at(url, allow_private=False)) == {"error": "address_not_allowed"}
    assert far_end.requests == []
    assert await asked(tls, tool_at(url)) == {"free": True}


async def test_a_connection_that_another_tool_opened_is_no_way_in(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()
    url = await serve(far_end)
    async with client_with(tls) as client:
        assert await run(tool_at(url), client) == {"free": True}
        assert await run(tool_at(url, allow_private=False), client) == {
            "error": "address_not_allowed"
        }
    assert len(far_end.requests) == 1


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "100.64.0.1"]
)
async def test_a_name_that_leads_inside_is_refused(tls: ssl.SSLContext, address: str) -> None:
    names = Names([address])

    output = await asked(
        tls, tool_at("https://api.example.com/", allow_private=False), resolver=names
    )

    assert output == {"error": "address_not_allowed"}
    assert names.asked == ["api.example.com"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0x7f000001",
    ],
)
async def test_an_address_in_the_url_is_refused_however_it_is_written(
    tls: ssl.SSLContext, host: str
) -> None:
    # What aiohttp takes for a name resolves to what the system makes of it.
    output = await asked(
        tls, tool_at(f"http://{host}:9/", allow_private=False), resolver=Names(["127.0.0.1"])
    )

    assert output == {"error": "address_not_allowed"}


async def test_a_name_is_looked_up_once_and_cannot_change_its_mind(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    far_end = FarEnd()
    port = URL(await serve(far_end)).port
    names = Names(["127.0.0.1"], ["192.0.2.1"])

    output = await asked(tls, tool_at(f"http://name.example.com:{port}/"), resolver=names)

    assert output == {"free": True}
    assert names.asked == ["name.example.com"]


async def test_the_connector_itself_looks_at_the_address(serve: Serve, tls: ssl.SSLContext) -> None:
    """If ever a resolver let one through, the socket would still not be made."""
    far_end = FarEnd()
    port = URL(await serve(far_end)).port
    async with client_with(tls, resolver=Names(["127.0.0.1"])) as client:
        connector: Any = client._public.connector
        connector._resolver = client._resolver
        url = f"http://name.example.com:{port}/"
        assert await run(tool_at(url, allow_private=False), client) == {
            "error": "address_not_allowed"
        }
    assert far_end.requests == []


async def test_a_redirect_is_not_followed(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(302, {}, {"Location": "http://169.254.169.254/latest/meta-data/"})])

    assert await asked(tls, tool_at(await serve(far_end))) == {"error": "http_302"}
    assert len(far_end.requests) == 1


# --- what comes back ---------------------------------------------------------------------------


async def test_a_mistake_is_explained_and_a_fault_is_not(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(404, {"detail": "no table"}), (500, {"trace": "password"})])
    url = await serve(far_end)

    assert await asked(tls, tool_at(url)) == {"error": "http_404", "body": {"detail": "no table"}}
    with capture_logs() as logs:
        assert await asked(tls, tool_at(url)) == {"error": "http_500"}
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

    assert await asked(tls, tool_at(await serve(far_end))) == {"error": "answer_not_text"}


async def test_an_answer_without_a_content_type_is_refused(
    serve_bytes: ServeBytes, tls: ssl.SSLContext
) -> None:
    url = await serve_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    assert await asked(tls, tool_at(url)) == {"error": "answer_not_text"}


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
    assert await asked(tls, tool) == {"error": "answer_too_long"}


async def test_a_body_that_announces_too_much_is_not_read(
    serve_bytes: ServeBytes, tls: ssl.SSLContext
) -> None:
    url = await serve_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n")

    assert await asked(tls, tool_at(url)) == {"error": "answer_too_long"}


async def test_a_long_explanation_is_left_out(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(404, b"x" * 200, {"Content-Type": "text/plain"})])

    tool = tool_at(await serve(far_end), max_response_bytes=100)
    assert await asked(tls, tool) == {"error": "http_404"}


async def test_a_body_is_read_up_to_its_limit_exactly(serve: Serve, tls: ssl.SSLContext) -> None:
    far_end = FarEnd([(200, b"x" * 100, {"Content-Type": "text/plain"})])
    url = await serve(far_end)

    assert await asked(tls, tool_at(url, max_response_bytes=100)) == "x" * 100
    assert await asked(tls, tool_at(url, max_response_bytes=99)) == {"error": "answer_too_long"}


async def test_what_was_packed_is_not_unpacked(serve: Serve, tls: ssl.SSLContext) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    far_end = FarEnd([(200, bomb, headers)])

    assert len(bomb) < 65_536
    assert await asked(tls, tool_at(await serve(far_end))) == {"error": "answer_compressed"}


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

    assert output == {"error": "timeout", "problem": UNSURE}
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

    assert output == {"error": "timeout", "problem": UNSURE}
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

    assert output == {"error": "connection_lost", "problem": UNSURE}


# --- once more ---------------------------------------------------------------------------------


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

    assert await asked(tls, tool_at(url, retries=1)) == {"error": "http_503"}
    assert len(far_end.requests) == 2
    assert await asked(tls, tool_at(url, retries=0)) == {"error": "http_503"}
    assert len(far_end.requests) == 3


@pytest.mark.parametrize("status", [400, 404, 409, 500, 501])
async def test_a_definite_answer_is_not_asked_for_again(
    serve: Serve, tls: ssl.SSLContext, status: int
) -> None:
    far_end = FarEnd([(status, b"", {})])

    assert await asked(tls, tool_at(await serve(far_end))) == {"error": f"http_{status}"}
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
        assert await asked(tls, tool_at(nobody)) == {"error": "unreachable"}
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

    assert await asked(tls, tool_at(await serve(far_end), timeout=8.0)) == {"error": "http_503"}
    assert len(far_end.requests) == 1


@pytest.mark.looptime
async def test_an_address_that_swallows_everything_leaves_time_for_another_attempt(
    tls: ssl.SSLContext,
) -> None:
    class Slow(Names):
        async def resolve(self, *arguments: Any, **more: Any) -> list[ResolveResult]:
            await asyncio.sleep(CONNECT_LIMIT + 1)
            return await super().resolve(*arguments, **more)

    with capture_logs() as logs:
        output = await asked(
            tls, tool_at("https://api.example.com/", timeout=8.0), resolver=Slow(["127.0.0.1"])
        )

    assert output == {"error": "unreachable"}
    assert logs[0]["attempts"] > 1


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
    url = await serve(far_end)
    async with client_with(tls) as client:
        await run(tool_at(url), client)
        await run(tool_at(url), client)

    assert not any("Cookie" in request.headers for request in far_end.requests)


async def test_a_client_that_is_closed_is_a_lost_connection(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    client = HttpToolClient(clock=Clock(), ssl_context=tls)
    tool = tool_at(await serve(FarEnd()), retries=0)
    await client.close()

    assert await run(tool, client) == {"error": "connection_lost", "problem": UNSURE}
