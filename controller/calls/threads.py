"""Threads for tools that block.

asyncio's own executor has a handful of threads, and resolves host names with them: a few tools that
hang there would keep every new call from being accepted. So tools have threads of their own. They
are daemons, because Python cannot stop a thread, and one that hangs for ever must not keep the
process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

THREADS_LIMIT: Final = 32
"""Tools of one agent that may block at once, those that were given up included. Further ones wait,
within their own time limit."""


class Threads:
    """Runs functions in threads, a bounded number at a time.

    Args:
        limit: how many.
    """

    def __init__(self, limit: int = THREADS_LIMIT) -> None:
        self._places = asyncio.Semaphore(limit)

    @property
    def is_full(self) -> bool:
        """No further function could begin now."""
        return self._places.locked()

    async def run(
        self, work: Callable[..., _T], /, *args: Any, when_late: Callable[[], None] | None = None
    ) -> _T:
        """Run a function in a thread and return its result, as `asyncio.to_thread` does.

        Whoever stops waiting leaves the thread behind; it keeps its place until it ends.

        Args:
            work: the function.
            args: its arguments.
            when_late: called if the function ends when nobody waits any more.
        """
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[_T] = loop.create_future()
        bound = partial(contextvars.copy_context().run, work, *args)
        try:
            threading.Thread(
                target=self._work, args=(bound, result, when_late), name="tool", daemon=True
            ).start()
        except RuntimeError:  # the system has no more of them
            self._places.release()
            raise
        return await result

    def _work(
        self,
        bound: Callable[[], _T],
        result: asyncio.Future[_T],
        when_late: Callable[[], None] | None,
    ) -> None:
        settle: Callable[[], None]
        try:
            settle = partial(result.set_result, bound())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            settle = partial(result.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            result.get_loop().call_soon_threadsafe(self._settle, result, settle, when_late)

    def _settle(
        self,
        result: asyncio.Future[_T],
        settle: Callable[[], None],
        when_late: Callable[[], None] | None,
    ) -> None:
        self._places.release()
        if not result.done():
            settle()
        elif when_late is not None:  # nobody waits any more
            when_late()
