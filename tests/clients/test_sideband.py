from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest
from aiohttp import WSMsgType, web
from yarl import URL

from controller.calls.ports import Channels
from controller.clients.sideband import (
    MAX_REASON_CHARS,
    Sideband,
    SidebandLimits,
    Sidebands,
    sideband_url,
)
from controller.errors import ChannelClosed, ChannelRefused

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve: TypeAlias = Callable[[Handler], Awaitable[str]]
ServeBytes: TypeAlias = Callable[[bytes], Awaitable[str]]
Script: TypeAlias = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def sidebands_at(
    url: str, tls: ssl.SSLContext, limits: SidebandLimits | None = None
) -> AsyncIterator[Sidebands]:
    sidebands = Sidebands(api_key="sk-test", base_url=url, ssl_context=tls, limits=limits)
    _: Channels = sidebands
    yield sidebands
    await sidebands.close()


@asynccontextmanager
async def attached(
    url: str, tls: ssl.SSLContext, limits: SidebandLimits | None = None
) -> AsyncIterator[Sideband]:
    async with sidebands_at(url, tls, limits) as sidebands:
        sideband = await sidebands.open("rtc_1")
        yield sideband
        await sideband.close()
        # However it ended: what is not given back is held until the garbage collector comes.
        assert sideband._websocket._response.connection is None


def far_end(script: Script) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(timeout=0.5)
        await websocket.prepare(request)
        await script(websocket)
        return websocket

    return handle


async def close_of(sideband: Sideband) -> ChannelClosed:
    with pytest.raises(ChannelClosed) as closed:
        await sideband.receive()
    return closed.value


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime"),
        ("https://eu.api.openai.com/v1/", "wss://eu.api.openai.com/v1/realtime"),
        ("http://127.0.0.1:8081/v1", "ws://127.0.0.1:8081/v1/realtime"),
    ],
)
def test_the_address_is_that_of_rest_with_ws(base_url: str, expected: str) -> None:
    assert sideband_url(base_url) == URL(expected)


async def test_attaching_names_the_call_and_shows_the_key(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return await far_end(websocket_closes)(request)

    async with sidebands_at(await serve(handle), tls) as sidebands:
        sideband = await sidebands.open("rtc_a&b=c")
        await sideband.close()

    (request,) = seen
    assert request.path == "/v1/realtime"
    assert dict(request.query) == {"call_id": "rtc_a&b=c"}
    assert request.headers["Authorization"] == "Bearer sk-test"
    assert "Sec-WebSocket-Extensions" not in request.headers


async def websocket_closes(websocket: web.WebSocketResponse) -> None:
    await websocket.close()


async def test_frames_pass_both_ways_as_they_are(serve: Serve, tls: ssl.SSLContext) -> None:
    async def echo(websocket: web.WebSocketResponse) -> None:
        async for message in websocket:
            await websocket.send_str(message.data)

    async with attached(await serve(far_end(echo)), tls) as sideband:
        await sideband.send('{"type": "café"}')
        assert await sideband.receive() == '{"type": "café"}'.encode()


async def test_a_frame_of_broken_utf_8_is_handed_on(serve: Serve, tls: ssl.SSLContext) -> None:
    async def garble(websocket: web.WebSocketResponse) -> None:
        await websocket.send_frame(b"\xff\xfe", WSMsgType.TEXT)
        await websocket.send_bytes(b"binary")
        await websocket.receive()

    async with attached(await serve(far_end(garble)), tls) as sideband:
        assert await sideband.receive() == b"\xff\xfe"
        assert await sideband.receive() == b"binary"


@pytest.mark.parametrize("status", [301, 400, 401, 404, 426, 429, 500, 200])
async def test_an_http_answer_refuses_with_its_status(
    serve: Serve, tls: ssl.SSLContext, status: int
) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with sidebands_at(await serve(refuse), tls) as sidebands:
        with pytest.raises(ChannelRefused) as refused:
            await sidebands.open("rtc_1")

    assert refused.value.http_status == status


async def test_a_redirect_is_not_followed(serve: Serve, tls: ssl.SSLContext) -> None:
    elsewhere: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        elsewhere.append(request.path)
        return web.Response(status=404)

    url = await serve(note)

    async def redirect(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": url})

    async with sidebands_at(await serve(redirect), tls) as sidebands:
        with pytest.raises(ChannelRefused) as refused:
            await sidebands.open("rtc_1")

    assert refused.value.http_status == 307
    assert elsewhere == []


@pytest.mark.parametrize(
    ("header", "request_id"), [("req_1", "req_1"), ("call +12025550123", None), (None, None)]
)
async def test_a_refusal_names_the_request_for_a_ticket(
    serve: Serve, tls: ssl.SSLContext, header: str | None, request_id: str | None
) -> None:
    headers = {} if header is None else {"x-request-id": header}

    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, headers=headers)

    async with sidebands_at(await serve(refuse), tls) as sidebands:
        with pytest.raises(ChannelRefused) as refused:
            await sidebands.open("rtc_1")

    assert refused.value.request_id == request_id


async def test_when_nobody_listens_there_is_no_status(nobody: str, tls: ssl.SSLContext) -> None:
    async with sidebands_at(nobody, tls) as sidebands:
        with pytest.raises(ChannelRefused) as refused:
            await sidebands.open("rtc_1")

    assert refused.value.http_status is None


async def test_an_upgrade_that_takes_too_long_is_refused(serve: Serve, tls: ssl.SSLContext) -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    limits = SidebandLimits(connect=0.05)
    async with sidebands_at(await serve(never), tls, limits) as sidebands:
        with pytest.raises(ChannelRefused) as refused:
            await sidebands.open("rtc_1")

    assert refused.value.http_status is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_upgrade_is_refused(
    serve_bytes: ServeBytes, tls: ssl.SSLContext, answer: bytes
) -> None:
    async with sidebands_at(await serve_bytes(answer), tls) as sidebands:
        with pytest.raises(ChannelRefused):
            await sidebands.open("rtc_1")


async def test_a_close_frame_ends_it_with_its_code_and_reason(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    async def end(websocket: web.WebSocketResponse) -> None:
        await websocket.close(code=1001, message=b"Your session hit the maximum duration.")

    async with attached(await serve(far_end(end)), tls) as sideband:
        closed = await close_of(sideband)

    assert closed.code == 1001
    assert closed.reason == "Your session hit the maximum duration."
    assert len(closed.reason) <= MAX_REASON_CHARS


async def test_a_lost_connection_ends_it_as_1006(serve: Serve, tls: ssl.SSLContext) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return websocket

    async with attached(await serve(cut), tls) as sideband:
        assert (await close_of(sideband)).code == 1006
        assert (await close_of(sideband)).code == 1006


async def test_a_lost_connection_is_given_back_at_once(serve: Serve, tls: ssl.SSLContext) -> None:
    async def reset(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        assert request.transport is not None
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return websocket

    async with sidebands_at(await serve(reset), tls) as sidebands:
        sideband = await sidebands.open("rtc_1")
        await close_of(sideband)
        await sideband.close()
        assert sideband._websocket._response.connection is None


async def test_a_frame_over_the_limit_ends_it(serve: Serve, tls: ssl.SSLContext) -> None:
    async def flood(websocket: web.WebSocketResponse) -> None:
        await websocket.send_str("x" * 2000)
        await websocket.receive()

    limits = SidebandLimits(max_frame_bytes=1000)
    async with attached(await serve(far_end(flood)), tls, limits) as sideband:
        assert (await close_of(sideband)).code == 1009


async def test_a_broken_frame_ends_it(serve: Serve, tls: ssl.SSLContext) -> None:
    async def break_rules(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(timeout=0.5)
        await websocket.prepare(request)
        assert request.transport is not None
        request.transport.write(b"\xff\xff\xff\xff")
        await websocket.receive()
        return websocket

    async with attached(await serve(break_rules), tls) as sideband:
        assert (await close_of(sideband)).code == 1002


async def test_after_our_close_nothing_is_sent_or_received(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    async def listen(websocket: web.WebSocketResponse) -> None:
        await websocket.receive()

    async with attached(await serve(far_end(listen)), tls) as sideband:
        await sideband.close()
        await sideband.close()
        with pytest.raises(ChannelClosed):
            await sideband.send("{}")
        await close_of(sideband)


async def test_closing_wakes_a_reader(serve: Serve, tls: ssl.SSLContext) -> None:
    async def listen(websocket: web.WebSocketResponse) -> None:
        await websocket.receive()

    async with attached(await serve(far_end(listen)), tls) as sideband:
        reader = asyncio.create_task(close_of(sideband))
        await asyncio.sleep(0)
        await sideband.close()
        await reader


async def test_a_close_that_is_cancelled_gives_the_connection_back(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    async def listen(websocket: web.WebSocketResponse) -> None:
        await websocket.receive()

    async with sidebands_at(await serve(far_end(listen)), tls) as sidebands:
        sideband = await sidebands.open("rtc_1")
        reader = asyncio.create_task(close_of(sideband))
        await asyncio.sleep(0)
        closing = asyncio.create_task(sideband.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert sideband._websocket._response.connection is None
        await reader


async def test_a_peer_that_never_answers_the_close_does_not_hold_us(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    gone = asyncio.Event()

    async def deaf(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await gone.wait()
        return websocket

    limits = SidebandLimits(close=0.05)
    async with attached(await serve(deaf), tls, limits) as sideband:
        await sideband.close()
        gone.set()


async def test_a_peer_that_does_not_read_is_lost_after_the_limit(
    serve: Serve, tls: ssl.SSLContext
) -> None:
    gone = asyncio.Event()

    async def deaf(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(timeout=0.1)
        await websocket.prepare(request)
        assert request.transport is not None
        request.transport.pause_reading()
        await gone.wait()
        request.transport.abort()
        return websocket

    limits = SidebandLimits(send=0.05, close=0.05)
    async with attached(await serve(deaf), tls, limits) as sideband:
        frame = "x" * (8 * 1024 * 1024)
        with pytest.raises(ChannelClosed):
            await sideband.send(frame)
        await close_of(sideband)
        gone.set()


async def test_an_unread_flood_waits_at_the_peer(serve: Serve, tls: ssl.SSLContext) -> None:
    sent = 0
    frame = "x" * 16_384
    total = 2000  # 32 MB: far more than the sockets' buffers and aiohttp's 256 KiB

    async def flood(websocket: web.WebSocketResponse) -> None:
        nonlocal sent
        for _ in range(total):
            await websocket.send_str(frame)
            sent += 1

    async with attached(await serve(far_end(flood)), tls) as sideband:
        while True:  # until the peer stands still for many turns of the loop
            before = sent
            for _ in range(200):
                await asyncio.sleep(0)
            if sent == before and sent:
                break
        assert sent < total
        for _ in range(total):
            assert len(await sideband.receive()) == len(frame)


@pytest.mark.looptime
async def test_a_peer_that_answers_no_ping_is_lost(serve: Serve, tls: ssl.SSLContext) -> None:
    async def dead(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(timeout=0.5, autoping=False)
        await websocket.prepare(request)
        async for message in websocket:
            assert message.type is WSMsgType.PING
        return websocket

    async with attached(await serve(dead), tls, SidebandLimits(heartbeat=20.0)) as sideband:
        asked_at = asyncio.get_running_loop().time()
        assert (await close_of(sideband)).code == 1006
        assert 29 < asyncio.get_running_loop().time() - asked_at < 35  # in virtual time
