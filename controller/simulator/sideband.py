"""One attached sideband: a WebSocket between the service and a call.

Reading never stops while the call lives, so that pings are answered. Frames leave through a queue
with a bound; a client that lets it fill up is cut off. Closing the sideband does not end the call.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from controller.simulator.faults import Effect, Planned, Point
from controller.simulator.host import pause
from controller.simulator.journal import Source
from controller.simulator.wire import RefusedError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.simulator.call import SimulatedCall
    from controller.simulator.wire import JsonObject

MALFORMED: tuple[str | bytes, ...] = (
    "",
    "not JSON",
    "{",
    "[]",
    "null",
    "NaN",
    '"session.created"',
    "{}",
    '{"type":7}',
    '{"type":null,"event_id":"event_x"}',
    '{"type":"response.pondered","event_id":"event_x","thought":{"deep":[1,2,3]}}',
    '{"type":"response.done"}',
    '{"type":"response.done","response":null}',
    '{"type":"response.done","response":{"id":5,"status":"dreaming","output":"none"}}',
    '{"type":"response.done","response":{"status":"completed","output":[null,{"type":7}]}}',
    '{"type":"conversation.item.done","item":[]}',
    '{"type":"input_audio_buffer.dtmf_event_received"}',
    '{"type":"input_audio_buffer.dtmf_event_received","event":"\\ud800","received_at":"now"}',
    '{"type":"rate_limits.updated","rate_limits":{"name":"tokens"}}',
    '{"type":"error"}',
    '{"type":"error","error":"out of order"}',
    '{"type":"session.updated","session":7}',
    "[" * 5000 + "]" * 5000,
    b"\x00\xff\xfe binary",
)
"""Frames that a service must survive; the fault `malformed_frames` sends them in turn."""

HUGE: tuple[str, ...] = (
    encode({"type": "response.padded", "event_id": "event_x", "padding": "x" * 2 * 1024 * 1024}),
    encode({"type": "rate_limits.updated", "rate_limits": [], "padding": "x" * 2 * 1024 * 1024}),
)
"""Frames of 2 MiB, of an unknown and of a known type; sent once each."""


class Sideband:
    """A WebSocket that is attached to a call."""

    def __init__(
        self, call: SimulatedCall, socket: web.WebSocketResponse, request: web.Request
    ) -> None:
        self._call = call
        self._socket = socket
        self._transport = request.transport
        self._queue: deque[str | bytes] = deque()
        self._wake = asyncio.Event()
        self._ends = asyncio.get_running_loop().create_future()
        self._cut_at_tool_call: Planned | None = None
        self._cut_timer: asyncio.TimerHandle | None = None
        self._junk: Iterator[str | bytes] = iter(())
        self._is_stalled = False

    def send(self, frame: str, *, calls_tool: bool = False) -> None:
        """Queue a frame. `calls_tool` marks the `response.done` that holds a tool call."""
        if self._ends.done() or self._is_stalled:
            return
        self._queue.append(frame)
        self._queue.extend(itertools.islice(self._junk, 1))
        if len(self._queue) > self._call.switches.send_queue_limit:
            self.end(None, "the client reads too slowly")
            if self._transport is not None:
                self._transport.abort()  # what is buffered would wait for the slow reader
        elif calls_tool and self._cut_at_tool_call is not None:
            self._strike(self._cut_at_tool_call)
        self._wake.set()

    def end(self, close_code: int | None, reason: str) -> None:
        """End the sideband; None cuts it without a close frame (the client sees 1006)."""
        if not self._ends.done():
            self._ends.set_result((close_code, reason))
            self._wake.set()

    async def serve(self) -> None:
        """Be the sideband until either side ends it."""
        writer = self._call.spawn(self._write(), "sideband writer")
        try:
            await self._open()
            await self._read()
        finally:
            self.end(None, "the client closed")
            if self._cut_timer is not None:
                self._cut_timer.cancel()
            self._call.detach(self, self._socket.close_code)
            await writer

    async def _open(self) -> None:
        faults = self._call.faults
        created = faults.take(Point.SESSION_CREATED)
        if created is not None:
            self._call.record(Source.FAULT, created.fault)
            if created.effect.variant == "never":
                return
            await pause(created.effect.seconds)
        frames = faults.take(Point.FRAMES)
        if frames is not None:
            self._call.record(Source.FAULT, frames.fault)
            malformed = frames.effect.variant == "malformed"
            self._junk = itertools.cycle(MALFORMED) if malformed else iter(HUGE)
        self._call.attach(self)
        cut = faults.take(Point.SOCKET)
        if cut is not None and cut.effect.at_tool_call:
            self._cut_at_tool_call = cut
        elif cut is not None:
            loop = asyncio.get_running_loop()
            self._cut_timer = loop.call_later(cut.effect.seconds, self._strike, cut)
        slow = faults.take(Point.READER)
        if slow is not None:
            self._call.record(Source.FAULT, slow.fault)
            await pause(slow.effect.seconds)

    def _strike(self, cut: Planned) -> None:
        self._cut_at_tool_call = None
        self._call.record(Source.FAULT, cut.fault)
        if cut.effect.variant == "locks":
            self._call.faults.add(Planned(cut.fault, _locked(cut.effect.status)))
        if cut.effect.variant == "stalls":
            self._stall()
            return
        self.end(cut.effect.close_code, "fault")

    def _stall(self) -> None:
        """Be a connection of which one direction died: no event, no pong, and no end either."""
        self._is_stalled = True
        if self._transport is not None:
            self._transport.pause_reading()

    async def _read(self) -> None:
        async for message in self._socket:
            if self._ends.done():
                return
            if message.type is WSMsgType.TEXT:
                self._receive(message.data)
            else:
                self._refuse(RefusedError("Expected a text frame.", code="invalid_frame"), None)

    def _receive(self, text: str) -> None:
        event: JsonObject = {}
        try:
            event = decode(text)
            self._call.record(Source.CLIENT, str(event.get("type", "")), event)
            self._call.obey(event)
        except RefusedError as refusal:
            self._refuse(refusal, event.get("event_id"))

    def _refuse(self, refusal: RefusedError, event_id: object) -> None:
        self._call.emit_to(self, "error", error=refusal.error() | {"event_id": event_id})

    async def _write(self) -> None:
        """Send what is queued, in order, until the end; then close or cut."""
        try:
            while not self._ends.done():
                await self._wake.wait()
                self._wake.clear()
                await self._flush()
            await self._flush()
            close_code, reason = self._ends.result()
            if close_code is not None:
                await self._socket.close(code=close_code, message=reason.encode())
            elif self._transport is not None:
                self._transport.close()
        except ConnectionError:
            self.end(None, "the client is gone")

    async def _flush(self) -> None:
        while self._queue:
            frame = self._queue.popleft()
            if isinstance(frame, str):
                await self._socket.send_str(frame)
            else:
                await self._socket.send_bytes(frame)


def _locked(status: int) -> Effect:
    """Return the effect that refuses every further sideband."""
    code = "call_id_not_found" if status == 404 else None  # noqa: PLR2004 - HTTP
    return Effect(point=Point.ATTACH, times=None, status=status, code=code)
