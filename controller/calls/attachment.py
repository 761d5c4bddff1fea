"""The call's socket to the model: one at a time, read by one task.

Whoever closes it has done with it: the reader is cancelled, even while it still opens, and what is
left of its frames is dropped. So two attempts can never be mistaken for each other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeAlias

import structlog

from controller.calls.inbox import Inbox
from controller.calls.ports import Channel, Channels, Clock, Request
from controller.calls.traffic import Traffic
from controller.errors import ChannelClosed, ChannelRefused
from controller.sansio.events import AttachFailed, ChannelLost, ChannelOpened

_log = structlog.get_logger()

Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task that somebody else owns."""


class Attachment:
    """Opens, reads, writes and closes it.

    Args:
        channels: where sockets come from.
        provider_id: the call to attach to.
        inbox: gets the frames, and what happens to the socket.
        wants: tells which frames; the others are dropped where they are read.
        clock: for the record.
        traffic: keeps every attempt, and how the sockets closed.
    """

    __slots__ = (
        "_channel", "_channels", "_clock", "_inbox", "_provider_id", "_reader", "_refused_as",
        "_traffic", "_wants",
    )  # fmt: skip

    def __init__(
        self,
        channels: Channels,
        provider_id: str,
        inbox: Inbox,
        *,
        wants: Callable[[str | bytes], bool],
        clock: Clock,
        traffic: Traffic,
    ) -> None:
        self._channels = channels
        self._provider_id = provider_id
        self._inbox = inbox
        self._wants = wants
        self._clock = clock
        self._traffic = traffic
        self._refused_as: str | None = None
        """How the last attempt was refused."""
        self._channel: Channel | None = None
        self._reader: asyncio.Task[None] | None = None

    async def open(
        self, start: Start, *, before: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Begin to open the socket and to read it; what comes of it is told to the inbox.

        Args:
            start: starts the reader.
            before: what the reader waits for first.
        """
        await self.close()  # an attempt that was given up must not open behind our back
        self._reader = start(self._read(before))

    async def send(self, frame: str) -> None:
        """Send a frame.

        Without a socket it is lost: the reader has reported the loss, and the turn machine posts
        again what must not be lost.
        """
        if self._channel is not None:
            with suppress(ChannelClosed):
                await self._channel.send(frame)

    async def close(self) -> None:
        """Close it, or stop opening it. May be repeated."""
        reader, self._reader = self._reader, None
        channel, self._channel = self._channel, None
        if reader is not None:
            reader.cancel()
            self._inbox.forget_channel()
        if channel is not None:
            await channel.close()

    async def _read(self, before: Callable[[], Awaitable[None]] | None) -> None:
        if before is not None:
            await before()
        started = time.perf_counter()
        try:
            channel = await self._channels.open(self._provider_id)
        except ChannelRefused as refused:
            self._note_attempt(started, refused)
            self._inbox.tell(AttachFailed(gone=refused.http_status == HTTPStatus.NOT_FOUND))
            return
        self._channel = channel  # nothing is awaited before this: `close` sees every open socket
        self._note_attempt(started, None)
        self._inbox.tell(ChannelOpened())
        try:
            while True:
                frame = await channel.receive()
                if self._wants(frame):
                    await self._inbox.add(frame)
        except ChannelClosed as closed:
            self._channel = None
            self._traffic.closed(closed.code, self._clock.now())
            _log.info("sideband", phase="closed", close_code=closed.code)
            self._inbox.tell(ChannelLost(closed.code))
            await channel.close()

    def _note_attempt(self, started: float, refused: ChannelRefused | None) -> None:
        """Keep an attempt that was answered, or was not; log it, and what is the same only once."""
        status = HTTPStatus.SWITCHING_PROTOCOLS if refused is None else refused.http_status
        latency_ms = round((time.perf_counter() - started) * 1e3, 1)
        label = "lost" if status is None else str(int(status))
        request_id = None if refused is None else refused.request_id
        request = Request("attach", label, latency_ms, request_id)
        self._traffic.asked(request, self._clock.now())
        is_repeated = label == self._refused_as
        self._refused_as = None if refused is None else label
        if is_repeated:
            return  # the record has it; a provider that is away for minutes fills no disk
        _log.info(
            "sideband",
            phase="open" if refused is None else "refused",
            status=label,
            latency_ms=latency_ms,
            request_id=request_id,
        )
