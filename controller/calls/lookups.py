"""The look-up before a call is answered, run: a Python tool or an HTTP request, under its limit.

It is somebody else's code or service: it may hang, block, ignore that it was cancelled, or answer
anything, and no call waits for it longer than its limit. A look-up that takes longer goes on for a
while, since what it finds may still be of use; it keeps its place as long as it runs. Where no
place is left the defaults stand at once: a customer database that hangs costs the first callers a
second, and those after them nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import structlog

from controller.calls.ports import Clock, Meter, Runnable
from controller.calls.threads import Threads
from controller.sansio.http_tool import HttpTool
from controller.sansio.lookup import Found, Lookup, read_answer
from controller.tools import CallContext

_log = structlog.get_logger()

AT_ONCE: Final = 32
"""Look-ups of one generation that run at once, those that were given up and still run included."""
LATEST: Final = 30.0
"""Seconds from the question after which an answer is of no use any more."""
QUESTION: Final = "lookup"
"""Stands for the model's id of a tool call: what a receiver tells a repetition by, with the call's
own id. There is one look-up in a call, and it is not repeated."""

_ERROR: Final = '{"error"'
"""How the output of a tool begins that has failed."""


class Result(StrEnum):
    """What became of a look-up."""

    OK = "ok"
    TIMEOUT = "timeout"
    """Nothing came in time."""
    LATE = "late"
    """What was not there in time came while the call lived."""
    FAILED = "failed"
    """It could not be asked, raised, or answered with an error."""
    MALFORMED = "malformed"
    """It answered with something else than was asked for."""
    BUSY = "busy"
    """Too many ran already: it was not asked."""
    STOPPED = "stopped"
    """The call was over first."""


_AS_IT_SHOULD_BE: Final = frozenset({Result.OK, Result.LATE, Result.STOPPED})
"""Of `LATE`, it was told before that nothing came in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look-up came to."""

    result: Result
    seconds: float
    """From the question."""
    found: Found
    """The defaults, unless the result is `OK` or `LATE`."""


class Lookups:
    """Asks, for the calls of one generation.

    Args:
        lookup: what to ask for.
        runnable: the tool or the request that answers.
        clock: for the metrics.
        meter: counts and times every look-up.
        at_once: how many may run.
    """

    def __init__(
        self,
        lookup: Lookup,
        runnable: Runnable,
        *,
        clock: Clock,
        meter: Meter,
        at_once: int = AT_ONCE,
    ) -> None:
        self.lookup = lookup
        self._runnable = runnable
        self._clock = clock
        self._meter = meter
        self._at_once = at_once
        self._threads = Threads(at_once)
        self._running: set[asyncio.Task[str | None]] = set()

    def ask(self, context: CallContext) -> Asked:
        """Ask now, if there is room. Whoever asks must call `Asked.stop` at the call's end."""
        task = None
        # A thread that hangs keeps its place among the threads when its task was given up.
        if len(self._running) < self._at_once and not self._threads.is_full:
            task = asyncio.create_task(self._contained(context), name="look-up")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return Asked(self, task, self._clock.now())

    async def _contained(self, context: CallContext) -> str | None:
        """Return the output, None where there is none."""
        try:
            return await self._runnable.run("", context, in_thread=self._threads.run)
        except BaseException:  # noqa: BLE001 - a KeyboardInterrupt would end the whole process
            return None

    def read(self, output: str | None) -> tuple[Result, Found | None]:
        """Return what an output means."""
        if output is None or output.startswith(_ERROR):
            return Result.FAILED, None
        found = read_answer(output, self.lookup)
        if found is None:
            return Result.MALFORMED, None
        if found.is_foreign:
            # Not its name: whoever answers may write anything there.
            _log.warning("lookup_agent_refused", known=list(self.lookup.agents))
        return Result.OK, found

    def close(self, result: Result, began_at: float, found: Found | None = None) -> Answer:
        """Return an answer, counted; with the defaults where nothing was found."""
        seconds = max(0.0, self._clock.now() - began_at)
        self._meter.looked_up(result, seconds)
        if result not in _AS_IT_SHOULD_BE:
            _log.warning("lookup_failed", result=str(result), seconds=round(seconds, 3))
        return Answer(result, seconds, found or Found(self.lookup.facts))


class Asked:
    """One look-up, of one call.

    Args:
        lookups: reads and counts.
        task: runs it; None where there was no room.
        began_at: Unix seconds.
    """

    def __init__(
        self, lookups: Lookups, task: asyncio.Task[str | None] | None, began_at: float
    ) -> None:
        self._lookups = lookups
        self._task = task
        self._began_at = began_at
        self._is_stopped = False

    async def answer(self) -> Answer:
        """Return the answer, or the defaults once the limit has passed. Never raises."""
        if self._task is None:
            return self._lookups.close(Result.BUSY, self._began_at)
        result, found = await self._wait(self._task, self._lookups.lookup.timeout)
        return self._lookups.close(result, self._began_at, found)

    async def late_answer(self) -> Answer | None:
        """Return what was not there in time, None where it never comes. Never raises."""
        if self._task is None:
            return None
        try:
            _, found = await self._wait(self._task, LATEST - self._lookups.lookup.timeout)
        finally:
            self.stop()
        if found is None:
            return None  # it was counted when its time was up
        return self._lookups.close(Result.LATE, self._began_at, found)

    def stop(self) -> None:
        """Wait for nothing any more; what still runs is cancelled."""
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _wait(
        self, task: asyncio.Task[str | None], limit: float
    ) -> tuple[Result, Found | None]:
        # Not a limit around the task: it would wait for one that ignores its cancellation.
        await asyncio.wait({task}, timeout=limit)
        if self._is_stopped:
            return Result.STOPPED, None
        if not task.done():
            return Result.TIMEOUT, None
        return self._lookups.read(None if task.cancelled() else task.result())


def patient(tool: HttpTool) -> HttpTool:
    """Return the request of a look-up, which is not given up when the call goes on without it."""
    return replace(tool, declaration=replace(tool.declaration, timeout=LATEST))
