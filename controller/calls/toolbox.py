"""Tools run here: under their time limit, and every failure becomes an output for the model.

A tool is somebody else's code. It may hang, block, ignore that it was cancelled, or raise anything;
none of this may reach the call, the other calls, or the end of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from controller.calls.ports import Clock, Meter
from controller.calls.threads import Threads
from controller.sansio.events import ToolCall, ToolOutput
from controller.tools import CallContext, Tool

_log = structlog.get_logger()

UNKNOWN_TOOL: Final = '{"error":"there is no such tool"}'
TIMED_OUT: Final = '{"error":"the tool took too long; what it did is not known"}'
FAILED: Final = '{"error":"the tool failed"}'
OUT_OF_ORDER: Final = '{"error":"the tool is out of order now; nothing was done"}'

STOP_LIMIT: Final = 1.0
"""Seconds that a tool has to end once it was cancelled."""
RUNAWAYS_LIMIT: Final = 16
"""Runs of one agent's tools that did not end when they were cancelled; while there are so many,
no tool is started."""


class Toolbox:
    """The tools of one agent.

    Args:
        tools: those that the agent may call, by name.
        clock: for the metrics.
        meter: counts and times every run.
    """

    def __init__(self, tools: Mapping[str, Tool], *, clock: Clock, meter: Meter) -> None:
        self._tools = tools
        self._clock = clock
        self._meter = meter
        self._threads = Threads()
        self._runaways: set[asyncio.Task[str]] = set()
        """Cancelled, and not over yet."""

    async def run(self, call: ToolCall, context: CallContext) -> ToolOutput:
        """Run a tool. Never raises but for cancellation.

        A model sometimes calls a tool that it was not given: it is told so, and nothing runs.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            self._meter.tool_ran("unknown", "unknown", 0.0)
            return ToolOutput(call.tool_call_id, UNKNOWN_TOOL)
        if len(self._runaways) >= RUNAWAYS_LIMIT:
            self._meter.tool_ran(call.name, "error", 0.0)
            return ToolOutput(call.tool_call_id, OUT_OF_ORDER)
        started_at = self._clock.now()
        output = await self._limited(tool, call.arguments, context)
        result = "ok"
        if output is None:
            output, result = TIMED_OUT, "timeout"
            if self._threads.is_full:  # of calls that were given up, as a rule
                self._alarm("tools_blocked", call.name)
        elif output.startswith('{"error"'):
            result = "error"
        self._meter.tool_ran(call.name, result, self._clock.now() - started_at)
        return ToolOutput(call.tool_call_id, output)

    async def _limited(self, tool: Tool, arguments: str, context: CallContext) -> str | None:
        """Return the output; None when the time limit has passed.

        The tool has a task of its own: a time limit around a coroutine that catches its
        cancellation would wait for it for ever.
        """
        name = tool.declaration.name
        task = asyncio.create_task(self._contained(tool, arguments, context), name=f"tool:{name}")
        try:
            await asyncio.wait({task}, timeout=tool.declaration.timeout)
            return task.result() if task.done() else None
        finally:
            if not task.done():
                await self._stop(task, name)

    async def _contained(self, tool: Tool, arguments: str, context: CallContext) -> str:
        try:
            return await tool.run(arguments, context, in_thread=self._threads.run)
        except BaseException:  # noqa: BLE001 - a KeyboardInterrupt would end the whole process
            return FAILED

    async def _stop(self, task: asyncio.Task[str], name: str) -> None:
        self._runaways.add(task)
        task.add_done_callback(self._runaways.discard)
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_LIMIT)
        if not task.done():
            self._alarm("tool_runs_on", name)

    def _alarm(self, kind: str, name: str) -> None:
        self._meter.alarm(kind)
        _log.error("alarm", kind=kind, tool=name)
