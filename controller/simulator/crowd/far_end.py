"""OpenAI's side for a crowd of calls: accept, hangup, reject, and the sidebands.

A call is greeted, held in silence, perhaps asked to use its tool, and let go. Pings are answered;
nothing else is sent to a call that is held.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from controller.simulator.crowd import frames
from controller.simulator.crowd.timing import Instants, now

SPEAKING: Final = 0.8
"""Seconds from the end of a response's generation until the caller has heard it."""

_BACKLOG: Final = 4096


class _ClientEvent(msgspec.Struct):
    type: str
    response: frames.JsonObject | None = None
    session: frames.JsonObject | None = None
    item: frames.JsonObject | None = None


_CLIENT_EVENT: Final = msgspec.json.Decoder(_ClientEvent)


@dataclass(slots=True, eq=False)
class CrowdCall:
    """One call of the crowd."""

    call_id: str
    instants: Instants = field(default_factory=Instants)
    session: frames.JsonObject = field(default_factory=dict)
    socket: web.WebSocketResponse | None = None
    is_over: bool = False
    turns: int = 0


class FarEnd:
    """Answers REST and plays sidebands. Use `start`, then `ring` and `ask_tool`, then `stop`.

    Args:
        api_key: what the service must present.
        tls: None for plain TCP.
        speaking: seconds until the caller has heard a response.
    """

    def __init__(
        self, *, api_key: str, tls: ssl.SSLContext | None = None, speaking: float = SPEAKING
    ) -> None:
        self._authorization = f"Bearer {api_key}"
        self._tls = tls
        self._speaking = speaking
        self._calls: dict[str, CrowdCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self.base_url = ""
        """What the service takes as `OPENAI_BASE_URL`, once started."""

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        app = web.Application()
        app.router.add_post("/v1/realtime/calls/{call_id}/accept", self._accept)
        app.router.add_post("/v1/realtime/calls/{call_id}/{verb:reject|hangup|refer}", self._end)
        app.router.add_get("/v1/realtime", self._attach)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls, backlog=_BACKLOG)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/v1"

    async def stop(self) -> None:
        """Cut every call and close the port."""
        for call in self._calls.values():
            call.is_over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    def ring(self, call_id: str) -> CrowdCall:
        """Make a call known, so that it can be accepted."""
        call = self._calls[call_id] = CrowdCall(call_id)
        return call

    async def let_go(self, call: CrowdCall) -> None:
        """Let the caller hang up: the socket closes, and a reattach gets 404."""
        call.is_over = True
        self._calls.pop(call.call_id, None)
        if call.socket is not None:
            await call.socket.close()

    async def ask_tool(self, call: CrowdCall) -> None:
        """Let the caller of a held call ask what the model needs its tool for."""
        call.turns += 1
        before, done = frames.tool_call(
            f"resp_{call.call_id}_{call.turns}", f"call_{call.call_id}_{call.turns}"
        )
        await self._send(call, before)
        call.instants.tool_answered_at = None
        call.instants.tool_asked_at = now()
        await self._send(call, [done])

    # REST

    def _known(self, request: web.Request, call_id: str) -> CrowdCall:
        if request.headers.get("Authorization") != self._authorization:
            raise web.HTTPUnauthorized
        call = self._calls.get(call_id)
        if call is None or call.is_over:
            raise web.HTTPNotFound
        return call

    async def _accept(self, request: web.Request) -> web.Response:
        arrived_at = now()
        call = self._known(request, request.match_info["call_id"])
        call.session = msgspec.json.decode(await request.read(), type=dict[str, Any])
        if call.instants.accept_at is not None:
            return web.Response(status=HTTPStatus.CONFLICT)
        call.instants.accept_at = arrived_at
        call.instants.accepted_at = now()
        return web.Response()

    async def _end(self, request: web.Request) -> web.Response:
        call = self._known(request, request.match_info["call_id"])
        self._spawn(self.let_go(call))
        return web.Response()

    # Sidebands

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        call = self._known(request, request.query.get("call_id", ""))
        socket = web.WebSocketResponse(compress=False, timeout=0.5)
        await socket.prepare(request)
        call.socket = socket
        call.instants.attached_at = now()
        await socket.send_str(frames.session_event("session.created", call.call_id, call.session))
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            await self._obey(call, _CLIENT_EVENT.decode(message.data))
        return socket

    async def _obey(self, call: CrowdCall, event: _ClientEvent) -> None:
        arrived_at = now()
        match event.type:
            case "response.create":
                if call.instants.asked_at is None:
                    call.instants.asked_at = arrived_at
                self._spawn(self._speak(call, (event.response or {}).get("metadata")))
            case "conversation.item.create":
                item = event.item or {}
                if item.get("type") == "function_call_output":
                    call.instants.tool_answered_at = arrived_at
                call.turns += 1
                item_id = f"item_{call.call_id}_{call.turns}"
                await self._send(call, frames.acknowledgement(item, item_id))
            case "session.update":
                call.session |= event.session or {}
                frame = frames.session_event("session.updated", call.call_id, call.session)
                await self._send(call, [frame])
            case _:
                pass  # nothing else changes what is measured

    async def _speak(self, call: CrowdCall, metadata: object) -> None:
        call.turns += 1
        is_greeting = call.instants.heard_at is None
        text = frames.GREETING if is_greeting else frames.ANSWER
        generated, heard = frames.spoken(f"resp_{call.call_id}_{call.turns}", text, metadata)
        await self._send(call, generated)
        await asyncio.sleep(self._speaking)
        await self._send(call, [heard])
        if is_greeting:
            call.instants.heard_at = now()

    async def _send(self, call: CrowdCall, batch: list[str]) -> None:
        if call.socket is None or call.is_over or call.socket.closed:
            return
        try:
            for frame in batch:
                await call.socket.send_str(frame)
        except ConnectionError:
            call.is_over = True  # the service has gone; what is missing shows in the figures

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
