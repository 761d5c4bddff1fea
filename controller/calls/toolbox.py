"""Tools run here: under their time limit, and every failure becomes an output for the model.

A tool is somebody else's code. It may hang, block, ignore that it was cancelled, or raise anything;
none of this may reach the call, the other calls, or the end of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import msgspec
import structlog

from controller.calls.places import Places
from controller.calls.ports import Clock, Meter, Runnable
from controller.calls.threads import Threads
from controller.sansio.events import ToolCall, ToolOutput
from controller.sansio.masking import mask_keys
from controller.sansio.tool_output import bounded
from controller.tools import CallContext

_log = structlog.get_logger()

UNKNOWN_TOOL: Final = '{"error":"unknown_tool","message":"there is no such tool"}'
TIMED_OUT: Final = (
    '{"error":"timeout","message":"the tool took too long; what it did is not known"}'
)
FAILED: Final = '{"error":"tool_failed","message":"What it did is not known."}'
OUT_OF_ORDER: Final = (
    '{"error":"out_of_order","message":"the tool is out of order now; nothing was done"}'
)
TOO_BUSY: Final = (
    '{"error":"busy","message":"too many tools run at once; nothing was done, try again later"}'
)

STOP_LIMIT: Final = 1.0
"""Seconds that a tool has to end once it was cancelled."""
RUNAWAYS_LIMIT: Final = 16
"""Runs of one agent's tools that did not end when they were cancelled; while there are so many,
no tool is started."""

_NONE_OF_ITS_OWN: Final[Mapping[str, Runnable]] = MappingProxyType({})


class Toolbox:
    """The tools of one agent.

    Args:
        tools: those that the agent may call, by name.
        clock: for the metrics.
        meter: counts and times every run.
        places: how many tools may run at once, all toolboxes together.
        sensitive: the tool that alone gets a sensitive entry of digits (O13). The model cannot
            call it, unless it is among `tools` as well.
    """

    def __init__(
        self,
        tools: Mapping[str, Runnable],
        *,
        clock: Clock,
        meter: Meter,
        places: Places | None = None,
        sensitive: Runnable | None = None,
    ) -> None:
        self._tools = tools
        self._sensitive = sensitive
        self._clock = clock
        self._meter = meter
        self._places = places or Places()
        self._threads = Threads()
        self._runaways: set[asyncio.Task[str | None]] = set()
        """Cancelled, and not over yet."""

    def ends_with_call(self, name: str) -> bool:
        """Tell whether a tool is to be cancelled when the call is over."""
        tool = self._tools.get(name)
        return tool is not None and tool.declaration.cancel_on_hangup

    async def run(
        self,
        call: ToolCall,
        context: CallContext,
        *,
        own: Mapping[str, Runnable] = _NONE_OF_ITS_OWN,
        is_sensitive: bool = False,
    ) -> ToolOutput:
        """Run a tool. Never raises but for cancellation.

        A model sometimes calls a tool that it was not given: it is told so, and nothing runs.

        Args:
            call: of the model's.
            context: the call in which it runs.
            own: tools that belong to this call, beside the agent's.
            is_sensitive: it is for the tool that alone gets what nobody may keep. Where its output
                repeats the digits, the model reads a mask.
        """
        tool = self._tools.get(call.name) or own.get(call.name)
        if is_sensitive:
            tool = self._sensitive
        if tool is None:
            self._meter.tool_ran("unknown", "unknown", 0.0)
            return ToolOutput(call.tool_call_id, UNKNOWN_TOOL)
        if len(self._runaways) >= RUNAWAYS_LIMIT:
            self._meter.tool_ran(call.name, "error", 0.0)
            return ToolOutput(call.tool_call_id, OUT_OF_ORDER)
        if not self._places.take(context.call_id):
            self._meter.tool_ran(call.name, "busy", 0.0)
            return ToolOutput(call.tool_call_id, TOO_BUSY)
        try:
            output = await self._timed(tool, call, context)
        finally:
            self._places.give_back(context.call_id)
        if is_sensitive:
            output = mask_keys(output, _keys(call.arguments))
        return ToolOutput(call.tool_call_id, bounded(output))

    async def _timed(self, tool: Runnable, call: ToolCall, context: CallContext) -> str:
        """Run a tool and report how it went."""
        started_at = self._clock.now()
        result = "cancelled"
        try:
            output = await self._limited(tool, call.arguments, context)
            result = "ok"
            if output is None:
                output, result = TIMED_OUT, "timeout"
                if self._threads.is_full:  # of calls that were given up, as a rule
                    self._alarm("tools_blocked", call.name)
            elif output.startswith('{"error"'):
                result = "error"
        finally:
            self._meter.tool_ran(call.name, result, self._clock.now() - started_at)
        return output

    async def _limited(self, tool: Runnable, arguments: str, context: CallContext) -> str | None:
        """Return the output; None when the time limit has passed.

        The tool has a task of its own: a time limit around a coroutine that catches its
        cancellation would wait for it for ever.
        """
        name = tool.declaration.name
        work = self._contained(tool, arguments, context)
        task = asyncio.create_task(work, name=f"tool:{name}")
        try:
            await asyncio.wait({task}, timeout=tool.declaration.timeout)
            return (task.result() or FAILED) if task.done() else None
        finally:
            if not task.done():
                await self._stop(task, name)

    async def _contained(self, tool: Runnable, arguments: str, context: CallContext) -> str | None:
        """Return the output, None if it was cancelled."""
        count_late = partial(self._count_late, tool.declaration.name, self._clock.now())

        async def in_thread(work: Callable[[Any], str], given: Mapping[str, Any]) -> str:
            return await self._threads.run(work, given, when_late=count_late)

        try:
            return await tool.run(arguments, context, in_thread=in_thread)
        except asyncio.CancelledError:
            return None
        except BaseException:  # noqa: BLE001 - a KeyboardInterrupt would end the whole process
            return FAILED

    async def _stop(self, task: asyncio.Task[str | None], name: str) -> None:
        self._runaways.add(task)
        task.add_done_callback(partial(self._note_end, name, self._clock.now()))
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_LIMIT)
        if not task.done():
            self._alarm("tool_runs_on", name)

    def _note_end(self, name: str, given_up_at: float, task: asyncio.Task[str | None]) -> None:
        self._runaways.discard(task)
        if not task.cancelled() and task.result() is not None:  # cancelled: before it began
            self._count_late(name, given_up_at)

    def _count_late(self, name: str, since: float) -> None:
        """A result that nobody waits for any more: the model was told that there is none."""
        self._meter.tool_ran(name, "late", self._clock.now() - since)

    def _alarm(self, kind: str, name: str) -> None:
        self._meter.alarm(kind)
        _log.error("alarm", kind=kind, tool=name)


def _keys(arguments: str) -> str:
    """Return the keys of a sensitive entry, which our own machine has written as JSON."""
    given: dict[str, str] = msgspec.json.decode(arguments)
    return given["digits"]
