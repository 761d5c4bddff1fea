"""What the parts of a simulated call need from the call itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from controller.simulator.faults import Faults
    from controller.simulator.journal import Source
    from controller.simulator.switches import Pace, Switches
    from controller.simulator.wire import Ids


class Host(Protocol):
    """The call, as its conversation, playback and caller see it."""

    @property
    def faults(self) -> Faults:
        """The faults of this call."""

    @property
    def pace(self) -> Pace:
        """How long things take."""

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided."""

    @property
    def ids(self) -> Ids:
        """Where identifiers come from."""

    @property
    def wall_time(self) -> float:
        """Unix seconds."""

    @property
    def audio_ms(self) -> int:
        """Milliseconds since the call was answered."""

    def emit(self, event_type: str, /, **fields: Any) -> None:
        """Send a server event to every attached sideband."""

    def record(self, source: Source, name: str, body: Any = None) -> None:
        """Write an entry into the journal."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` as a task that the call owns."""

    def ring(self) -> None:
        """Say that something changed, to whoever waits for a condition."""


class Bell:
    """Lets tasks wait until a condition holds, without polling.

    Whoever changes something that others may wait for rings; the waiters look again.
    """

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake all who wait."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def wait_until(self, holds: Callable[[], bool], limit: float | None = None) -> bool:
        """Wait until `holds()`, at most `limit` seconds; return whether it holds."""
        loop = asyncio.get_running_loop()
        # A timer that rings, not asyncio.timeout: nothing is cancelled, and it costs less.
        timer = None if limit is None else _Timer(self)
        handle = None if timer is None else loop.call_later(limit or 0.0, timer.expire)
        try:
            while not holds() and not (timer is not None and timer.is_over):
                waiter = loop.create_future()
                self._waiters.add(waiter)
                await waiter
        finally:
            if handle is not None:
                handle.cancel()
        return holds()


class _Timer:
    __slots__ = ("_bell", "is_over")

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self.is_over = False

    def expire(self) -> None:
        self.is_over = True
        self._bell.ring()


async def pause(seconds: float) -> None:
    """Let time pass; with nothing to wait for, do not even yield."""
    if seconds > 0:
        await asyncio.sleep(seconds)
