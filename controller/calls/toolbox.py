"""Tools run here: under their time limit, and every failure becomes an output for the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from controller.calls.ports import Clock, Meter
from controller.sansio.events import ToolCall, ToolOutput
from controller.tools import CallContext, Tool

UNKNOWN_TOOL = json.dumps({"error": "there is no such tool"})
TIMED_OUT = json.dumps({"error": "the tool took too long; what it did is not known"})


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

    async def run(self, call: ToolCall, context: CallContext) -> ToolOutput:
        """Run a tool. Never raises but for cancellation.

        A model sometimes calls a tool that it was not given: it is told so, and nothing runs.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            self._meter.tool_ran("unknown", "unknown", 0.0)
            return ToolOutput(call.tool_call_id, UNKNOWN_TOOL)
        started_at = self._clock.now()
        try:
            async with asyncio.timeout(tool.declaration.timeout):
                output, result = await tool.run(call.arguments, context), "ok"
        except TimeoutError:
            output, result = TIMED_OUT, "timeout"
        if result == "ok" and output.startswith('{"error"'):
            result = "error"
        self._meter.tool_ran(call.name, result, self._clock.now() - started_at)
        return ToolOutput(call.tool_call_id, output)
