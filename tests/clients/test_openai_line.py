from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
import structlog
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.calls.ports import Line, Meter, Request
from controller.clients.openai_line import OpenAILine, RequestLimits
from controller.clients.transport import MAX_ANSWER_BYTES
from controller.sansio.events import (
    Answered,
    AnswerFailed,
    AnswerResult,
    HangUpFailed,
    LineEnded,
    RejectSettled,
    TransferFailed,
    TransferUnproven,
)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve: TypeAlias = Callable[[Handler], Awaitable[str]]
ServeBytes: TypeAlias = Callable[[bytes], Awaitable[str]]

SESSION = {"type": "realtime", "model": "gpt-realtime-2.1", "unheard_of": {"by": ["the", "SDK"]}}
UNKNOWN = AnswerFailed(AnswerResult.UNKNOWN)


@dataclass
class FarEnd:
    """Answers every request alike and remembers what was asked."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    authorization: str = ""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.authorization = request.headers["Authorization"]
        asked = await request.json() if await request.read() else None
        self.asked.append((request.method, request.raw_path, asked))
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def line_to(
    url: str, tls: ssl.SSLContext, meter: Meter, limits: RequestLimits | None = None
) -> AsyncIterator[OpenAILine]:
    line = OpenAILine(api_key="sk-test", base_url=url, ssl_context=tls, meter=meter, limits=limits)
    _: Line = line
    yield line
    await line.close()


async def test_the_four_verbs_go_to_their_paths_with_their_bodies(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    far_end = FarEnd()
    async with line_to(await serve(far_end), tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == Answered()
        assert await line.reject("rtc_1", 486) == RejectSettled(certain=True)
        assert await line.transfer("rtc_1", "tel:+12025550123") == TransferUnproven()
        assert await line.hang_up("rtc_1") == LineEnded()

    assert far_end.asked == [
        ("POST", "/v1/realtime/calls/rtc_1/accept", SESSION),
        ("POST", "/v1/realtime/calls/rtc_1/reject", {"status_code": 486}),
        ("POST", "/v1/realtime/calls/rtc_1/refer", {"target_uri": "tel:+12025550123"}),
        ("POST", "/v1/realtime/calls/rtc_1/hangup", None),
    ]
    assert far_end.authorization == "Bearer sk-test"
    assert meter.requests == [
        ("accept", "200"),
        ("reject", "200"),
        ("refer", "200"),
        ("hangup", "200"),
    ]


async def test_a_call_id_cannot_leave_its_place_in_the_path(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    far_end = FarEnd()
    async with line_to(await serve(far_end), tls, meter) as line:
        await line.hang_up("../../files?x=#")

    (_, path, _) = far_end.asked[0]
    assert path.startswith("/v1/realtime/calls/")
    assert path.endswith("/hangup")
    assert path.count("/") == 5


@pytest.mark.parametrize("status", [400, 401, 404, 409, 418, 429, 500, 503, 599])
async def test_an_http_error_is_one_request_and_a_result(
    serve: Serve, tls: ssl.SSLContext, meter: Any, status: int
) -> None:
    far_end = FarEnd(status, b'{"error": {"message": "no", "code": "bad"}}')
    async with line_to(await serve(far_end), tls, meter) as line:
        answered = await line.answer("rtc_1", SESSION)
        referred = await line.transfer("rtc_1", "sip:a@example.com")

    assert isinstance(answered, AnswerFailed)
    assert answered.http_status == status
    assert referred == TransferFailed(status)
    assert len(far_end.asked) == 2
    assert meter.requests == [("accept", str(status)), ("refer", str(status))]


async def test_a_redirect_is_not_followed(serve: Serve, tls: ssl.SSLContext, meter: Any) -> None:
    elsewhere = FarEnd()
    url = await serve(elsewhere)
    far_end = FarEnd(307, headers={"Location": url})
    async with line_to(await serve(far_end), tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == AnswerFailed(AnswerResult.OTHER, 307)

    assert elsewhere.asked == []


async def test_when_nobody_listens_nothing_was_sent(
    nobody: str, tls: ssl.SSLContext, meter: Any
) -> None:
    async with line_to(nobody, tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == AnswerFailed(AnswerResult.UNREACHABLE)
        assert await line.transfer("rtc_1", "sip:a@example.com") == TransferFailed(None)
        assert await line.hang_up("rtc_1") == HangUpFailed()
        assert await line.reject("rtc_1", 503) == RejectSettled(certain=False)

    assert {status for _, status in meter.requests} == {"refused"}


async def test_a_name_that_does_not_exist_means_nothing_was_sent(
    tls: ssl.SSLContext, meter: Any
) -> None:
    async with line_to("http://nowhere.invalid/v1", tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == AnswerFailed(AnswerResult.UNREACHABLE)


async def test_a_failed_tls_handshake_means_nothing_was_sent(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    url = await serve(FarEnd())
    async with line_to(url.replace("http:", "https:"), tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == AnswerFailed(AnswerResult.UNREACHABLE)


async def test_a_connection_that_breaks_before_the_answer_may_have_landed(
    serve_bytes: ServeBytes, tls: ssl.SSLContext, meter: Any
) -> None:
    async with line_to(await serve_bytes(b""), tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == UNKNOWN
        assert await line.transfer("rtc_1", "sip:a@example.com") == TransferUnproven()

    assert meter.requests == [("accept", "lost"), ("refer", "lost")]


async def test_each_verb_has_a_total_limit(serve: Serve, tls: ssl.SSLContext, meter: Any) -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    limits = RequestLimits(accept=0.05, reject=0.05, refer=0.05, hang_up=0.05)
    async with line_to(await serve(never), tls, meter, limits) as line:
        assert await line.answer("rtc_1", SESSION) == UNKNOWN
        assert await line.reject("rtc_1", 503) == RejectSettled(certain=False)
        assert await line.transfer("rtc_1", "sip:a@example.com") == TransferUnproven()
        assert await line.hang_up("rtc_1") == HangUpFailed()

    assert {status for _, status in meter.requests} == {"timeout"}


async def test_cancelling_passes_through(serve: Serve, tls: ssl.SSLContext, meter: Any) -> None:
    asked = asyncio.Event()

    async def never(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with line_to(await serve(never), tls, meter) as line:
        task = asyncio.create_task(line.answer("rtc_1", SESSION))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_endless_body_does_not_cost_us_the_status(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    async def talk_on(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        chunk = b"x" * MAX_ANSWER_BYTES
        while True:
            try:
                await answer.write(chunk)
            except ConnectionError:
                return answer

    async with line_to(await serve(talk_on), tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == Answered()
        assert await line.answer("rtc_1", SESSION) == Answered()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"HTTP/1.1 9999 Nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http_may_have_landed(
    serve_bytes: ServeBytes, tls: ssl.SSLContext, meter: Any, answer: bytes
) -> None:
    async with line_to(await serve_bytes(answer), tls, meter) as line:
        assert await line.answer("rtc_1", SESSION) == UNKNOWN


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Encoding: gzip\r\nContent-Length: 4\r\n", b"nope"),
        (b"Content-Length: 400\r\n", b"cut short"),
        (b"Content-Type: text/plain; charset=idna\r\nContent-Length: 2\r\n", b"\xff\xfe"),
        (b"Content-Length: 60000\r\n", b"[" * 60_000),
        (b"X-Request-Id: \xff\xfe\r\nContent-Length: 0\r\n", b""),
        (b"Set-Cookie: =;;=\xff\r\nContent-Length: 0\r\n", b""),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
async def test_a_garbled_answer_still_counts_by_its_status(
    serve_bytes: ServeBytes,
    tls: ssl.SSLContext,
    meter: Any,
    headers: bytes,
    body: bytes,
    status: int,
) -> None:
    answer = b"HTTP/1.1 %d X\r\nConnection: close\r\n%b\r\n%b" % (status, headers, body)
    async with line_to(await serve_bytes(answer), tls, meter) as line:
        assert await line.hang_up("rtc_1") == LineEnded()

    assert meter.requests == [("hangup", str(status))]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.integers(min_value=100, max_value=700),
    headers=st.lists(st.binary(max_size=40), max_size=4),
    body=st.binary(max_size=200),
)
async def test_no_answer_raises(
    tls: ssl.SSLContext, meter: Any, status: int, headers: list[bytes], body: bytes
) -> None:
    answer = b"HTTP/1.1 %d X\r\n%b\r\n\r\n%b" % (status, b"\r\n".join(headers), body)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server, line_to(url, tls, meter, RequestLimits(accept=1.0)) as line:
        assert isinstance(await line.answer("rtc_1", SESSION), Answered | AnswerFailed)


async def test_a_request_is_logged_without_anything_that_was_said(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    error = (
        b'{"error": {"message": "no route to +12025550123", "code": "unknown_parameter",'
        b' "param": "session.audio.input.turn_detection.threshold"}}'
    )
    far_end = FarEnd(400, error, {"x-request-id": "req_1"})
    with structlog.testing.capture_logs() as logs:
        async with line_to(await serve(far_end), tls, meter) as line:
            await line.transfer("rtc_1", "tel:+12025550123")

    (entry,) = logs
    assert entry.pop("latency_ms") >= 0
    assert entry == {
        "event": "openai_request",
        "log_level": "warning",
        "verb": "refer",
        "status": "400",
        "request_id": "req_1",
        "error_code": "unknown_parameter",
        "error_param": "session.audio.input.turn_detection.threshold",
    }


async def test_words_of_an_answer_that_are_no_identifiers_are_not_logged(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    error = b'{"error": {"message": "no", "code": "call +12025550123", "param": ["x"]}}'
    far_end = FarEnd(400, error, {"x-request-id": "req 1"})
    with structlog.testing.capture_logs() as logs:
        async with line_to(await serve(far_end), tls, meter) as line:
            await line.hang_up("rtc_1")

    assert logs[0]["request_id"] is None
    assert logs[0]["error_code"] is None
    assert logs[0]["error_param"] is None


async def test_every_request_is_kept_with_what_a_ticket_needs(
    serve: Serve, tls: ssl.SSLContext, meter: Any, nobody: str
) -> None:
    kept: list[Request] = []
    far_end = FarEnd(404, headers={"x-request-id": "req_1"})
    async with line_to(await serve(far_end), tls, meter) as line:
        await line.answer("rtc_1", SESSION, keep=kept.append)
        await line.reject("rtc_1", 486, keep=kept.append)
        await line.transfer("rtc_1", "tel:+12025550123", keep=kept.append)
        far_end.status = 200
        await line.hang_up("rtc_1", keep=kept.append)
    async with line_to(nobody, tls, meter) as line:
        await line.hang_up("rtc_1", keep=kept.append)

    assert [(each.verb, each.status, each.request_id) for each in kept] == [
        ("accept", "404", "req_1"),
        ("reject", "404", "req_1"),
        ("refer", "404", "req_1"),
        ("hangup", "200", "req_1"),
        ("hangup", "refused", None),
    ]
    assert all(each.latency_ms >= 0 for each in kept)


@pytest.mark.parametrize("status", [200, 404])
async def test_a_clock_that_is_off_shows_in_any_answer(
    serve: Serve, tls: ssl.SSLContext, meter: Any, status: int
) -> None:
    far_end = FarEnd(status)
    line = OpenAILine(
        api_key="sk-test",
        base_url=await serve(far_end),
        ssl_context=tls,
        meter=meter,
        wall=lambda: time.time() - 100.0,
    )
    with structlog.testing.capture_logs() as logs:
        await line.hang_up("rtc_1")
        await line.hang_up("rtc_1")
    await line.close()

    assert meter.skews == pytest.approx([-100.0, -100.0], abs=2.0)
    assert [entry["event"] for entry in logs].count("clock_skew") == 1


async def test_warming_reaches_nobody(serve: Serve, tls: ssl.SSLContext, meter: Any) -> None:
    far_end = FarEnd()
    async with line_to(await serve(far_end), tls, meter) as line:
        await line.warm()
        assert far_end.asked == []
        assert meter.requests == []
        await line.hang_up("rtc_1")

    assert len(far_end.asked) == 1


async def test_requests_one_after_another_use_one_connection(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    ports = set()

    async def note_port(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async with line_to(await serve(note_port), tls, meter) as line:
        for _ in range(3):
            await line.hang_up("rtc_1")

    assert len(ports) == 1


async def test_a_refused_key_is_remembered_until_a_request_succeeds(
    serve: Serve, tls: ssl.SSLContext, meter: Any
) -> None:
    far_end = FarEnd(401)
    denied: list[bool] = []
    async with line_to(await serve(far_end), tls, meter) as line:
        denied.append(line.is_denied)
        for status in (401, 404, 200):
            far_end.status = status
            await line.answer("rtc_1", SESSION)
            denied.append(line.is_denied)

    assert denied == [False, True, True, False]
