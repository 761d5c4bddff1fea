"""What waits for a call's task.

Events are few: results of what the machines asked for, and an operator's wishes, which are refused
where too much waits already (`has_room`). Frames are as many as the far end likes, so their number
and their size are bounded: where there is no room, the call's reader stops, aiohttp's buffer fills,
and TCP holds the far end back. Nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Final, TypeAlias

from controller.sansio.events import AttachFailed, ChannelLost, ChannelOpened, Event

FRAMES_LIMIT: Final = 64
"""Frames that may wait."""
WISHES_LIMIT: Final = 256
"""Items that may wait before an operator is told to come back later."""
SIZE_LIMIT: Final = 1024 * 1024
"""Bytes of waiting frames above which no further one is taken. A frame may have 16 MiB."""

Item: TypeAlias = Event | str | bytes

_OF_THE_CHANNEL: Final = (str, bytes, ChannelOpened, AttachFailed, ChannelLost)


class Inbox:
    """In the order of arrival, for one reader of the inbox."""

    __slots__ = ("_frames", "_items", "_news", "_room", "_size")

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._frames = 0
        self._size = 0
        self._news: asyncio.Future[bool] | None = None
        """Of whoever waits in `next`: True for news, False for the end of the wait."""
        self._room = asyncio.Event()
        self._room.set()

    @property
    def has_room(self) -> bool:
        """An operator's wish may be added."""
        return len(self._items) < WISHES_LIMIT

    def tell(self, event: Event) -> None:
        """Add an event."""
        self._items.append(event)
        _wake(self._news, is_news=True)

    async def add(self, frame: str | bytes) -> None:
        """Add a frame, once there is room."""
        await self._room.wait()
        self._items.append(frame)
        _wake(self._news, is_news=True)
        self._count(1, len(frame))

    async def next(self, limit: float) -> Item | None:
        """Return the next item, or None when none has come within the limit, in seconds."""
        if not self._items and not await self._has_news(limit):
            return None
        item = self._items.popleft()
        if isinstance(item, str | bytes):
            self._count(-1, -len(item))
        return item

    async def _has_news(self, limit: float) -> bool:
        """Wait for news; a bare timer, for `asyncio.timeout` costs more than the wait itself."""
        loop = asyncio.get_running_loop()
        news: asyncio.Future[bool] = loop.create_future()
        self._news = news
        timer = loop.call_later(limit, partial(_wake, news, is_news=False))
        try:
            return await news
        finally:
            timer.cancel()

    def forget_channel(self) -> None:
        """Drop what a channel said that is closed by now: the next one must not be taken for it."""
        self._items = deque(each for each in self._items if not isinstance(each, _OF_THE_CHANNEL))
        self._count(-self._frames, -self._size)

    def _count(self, frames: int, size: int) -> None:
        self._frames += frames
        self._size += size
        if self._frames < FRAMES_LIMIT and self._size < SIZE_LIMIT:
            self._room.set()
        else:
            self._room.clear()


def _wake(waiter: asyncio.Future[bool] | None, *, is_news: bool) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(is_news)
