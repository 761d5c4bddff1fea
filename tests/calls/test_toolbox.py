"""Tools that hang, block, refuse to end, or raise what nobody should."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from controller.calls.places import Places
from controller.calls.threads import THREADS_LIMIT
from controller.calls.toolbox import (
    FAILED,
    OUT_OF_ORDER,
    RUNAWAYS_LIMIT,
    STOP_LIMIT,
    TIMED_OUT,
    TOO_BUSY,
    Toolbox,
)
from controller.sansio.agent import ToolDeclaration
from controller.sansio.events import ToolCall
from controller.sansio.tool_output import MAX_OUTPUT_BYTES
from controller.tools import CallContext, Tool, ToolError, tool
from tests.calls.house import Gauges, LoopClock

CONTEXT = CallContext(call_id="018f")


@pytest.fixture
def meter() -> Gauges:
    return Gauges()


async def run(meter: Gauges, *tools: Tool, name: str | None = None, toolbox: Any = None) -> str:
    """Run the first tool once."""
    by_name = {each.declaration.name: each for each in tools}
    toolbox = toolbox or Toolbox(by_name, clock=LoopClock(), meter=meter)
    call = ToolCall("call_1", name or next(iter(by_name)), "{}")
    output = await toolbox.run(call, CONTEXT)
    assert output.tool_call_id == "call_1"
    text: str = output.output
    return text


@tool
async def good() -> str:
    """It works."""
    await asyncio.sleep(2)
    return "done"


@pytest.mark.looptime
async def test_a_run_is_timed(meter: Gauges) -> None:
    assert await run(meter, good) == "done"
    ((name, result, seconds),) = meter.tools
    assert (name, result) == ("good", "ok")
    assert seconds == pytest.approx(2)


async def test_a_tool_that_the_agent_does_not_have_is_not_run(meter: Gauges) -> None:
    assert "no such tool" in await run(meter, good, name="rm_rf")
    assert meter.tools == [("unknown", "unknown", 0.0)]


@pytest.mark.looptime
async def test_a_tool_that_hangs_is_given_up_in_time(meter: Gauges) -> None:
    cancelled: list[bool] = []

    @tool(timeout=3)
    async def hangs() -> None:
        """It hangs."""
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.append(True)

    assert await run(meter, hangs) == TIMED_OUT
    ((name, result, seconds),) = meter.tools
    assert (name, result) == ("hangs", "timeout")
    assert seconds == pytest.approx(3)
    assert cancelled == [True]


@pytest.mark.looptime
async def test_a_tool_may_tidy_up_when_it_is_given_up(meter: Gauges) -> None:
    tidied: list[bool] = []

    @tool(timeout=3)
    async def hangs() -> None:
        """It hangs."""
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.5)
            tidied.append(True)

    assert await run(meter, hangs) == TIMED_OUT
    assert tidied == [True]
    assert meter.alarms == {}


def stubborn(enough: asyncio.Event) -> Tool:
    @tool(timeout=3)
    async def ignores_it() -> str:
        """It does not end when it is cancelled."""
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue
        return "at last"

    return ignores_it


@pytest.mark.looptime
async def test_a_tool_that_ignores_its_end_is_left_behind_and_reported(meter: Gauges) -> None:
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()

    assert await run(meter, stubborn(enough)) == TIMED_OUT

    assert loop.time() == pytest.approx(3 + STOP_LIMIT)
    assert meter.alarms == {"tool_runs_on": 1}
    enough.set()
    await asyncio.sleep(0)


@pytest.mark.looptime
async def test_no_tool_is_started_while_too_many_refuse_to_end(meter: Gauges) -> None:
    enough = asyncio.Event()
    refuses = stubborn(enough)
    tools = {"ignores_it": refuses, "good": good}
    toolbox = Toolbox(tools, clock=LoopClock(), meter=meter)

    outputs = await asyncio.gather(
        *(run(meter, refuses, toolbox=toolbox) for _ in range(RUNAWAYS_LIMIT))
    )
    assert set(outputs) == {TIMED_OUT}
    assert await run(meter, good, toolbox=toolbox) == OUT_OF_ORDER
    assert meter.tools[-1] == ("good", "error", 0.0)

    enough.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await run(meter, good, toolbox=toolbox) == "done"


@pytest.mark.looptime
async def test_a_tool_is_cancelled_with_its_call(meter: Gauges) -> None:
    cancelled: list[bool] = []

    @tool(timeout=3600)
    async def hangs() -> None:
        """It hangs."""
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.append(True)

    task = asyncio.create_task(run(meter, hangs))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cancelled == [True]
    assert meter.tools == [("hangs", "cancelled", 1.0)]


class StrangeError(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [
        partial(ValueError, "+12025550142"),
        TimeoutError,
        asyncio.CancelledError,
        KeyboardInterrupt,
        partial(SystemExit, 1),
        GeneratorExit,
        StrangeError,
        partial(ExceptionGroup, "several", [ValueError()]),
    ],
    ids=lambda error: getattr(error, "func", error).__name__,
)
@pytest.mark.parametrize("blocks", [False, True])
async def test_nothing_that_a_tool_raises_gets_out(
    meter: Gauges, error: Callable[[], BaseException], *, blocks: bool
) -> None:
    # A new one each time: an exception that outlives its test keeps the frames of that test, and
    # with them its tasks and its loop, and what is wrong with those is found in some other test.
    @tool
    async def fails() -> None:
        """It fails."""
        raise error()

    @tool(name="fails")
    def fails_blocking() -> None:
        """It fails in a thread."""
        raise error()

    assert await run(meter, fails_blocking if blocks else fails) == FAILED
    assert [run[:2] for run in meter.tools] == [("fails", "error")]


async def test_a_tool_that_cancels_itself_has_failed(meter: Gauges) -> None:
    @tool
    async def fails() -> None:
        """It cancels its own task."""
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    assert await run(meter, fails) == FAILED


async def test_the_author_of_a_tool_chooses_the_words_of_its_failure(meter: Gauges) -> None:
    @tool
    async def fails() -> None:
        """It fails."""
        raise ToolError("we are closed on that day")

    assert json.loads(await run(meter, fails)) == {
        "error": "tool_error",
        "message": "we are closed on that day",
    }
    assert [run[:2] for run in meter.tools] == [("fails", "error")]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds threads back; opened at the end in any case."""
    gate = threading.Event()
    yield gate
    gate.set()


async def test_a_tool_that_blocks_runs_beside_the_loop(
    meter: Gauges, gate: threading.Event
) -> None:
    @tool
    def blocks() -> str:
        """It blocks."""
        return "opened" if gate.wait(10) else "never"

    task = asyncio.create_task(run(meter, blocks))
    await asyncio.sleep(0)
    gate.set()

    assert await task == "opened"


async def test_tools_that_block_for_ever_hold_up_neither_the_call_nor_host_names(
    meter: Gauges, gate: threading.Event
) -> None:
    started: list[int] = []

    @tool(timeout=0.05)
    def blocks() -> None:
        """It blocks."""
        started.append(threading.get_ident())
        gate.wait(60)

    places = Places(per_call=100)
    toolbox = Toolbox({"blocks": blocks}, clock=LoopClock(), meter=meter, places=places)
    outputs = await asyncio.gather(*(run(meter, blocks, toolbox=toolbox) for _ in range(100)))

    assert set(outputs) == {TIMED_OUT}
    assert await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    assert 0 < len(started) <= THREADS_LIMIT
    assert set(meter.alarms) == {"tools_blocked"}


async def test_one_tool_that_blocks_too_long_is_no_alarm(
    meter: Gauges, gate: threading.Event
) -> None:
    @tool(timeout=0.05)
    def blocks() -> None:
        """It blocks."""
        gate.wait(60)

    assert await run(meter, blocks) == TIMED_OUT
    assert meter.alarms == {}


# --- late results --------------------------------------------------------------------------------


@pytest.mark.looptime
async def test_a_result_after_the_time_limit_is_dropped_and_counted(meter: Gauges) -> None:
    enough = asyncio.Event()
    assert await run(meter, stubborn(enough)) == TIMED_OUT
    await asyncio.sleep(7)

    enough.set()
    await asyncio.sleep(1)

    assert [run[:2] for run in meter.tools] == [("ignores_it", "timeout"), ("ignores_it", "late")]
    assert meter.tools[1][2] == pytest.approx(STOP_LIMIT + 7)


@pytest.mark.looptime
async def test_a_tool_that_ends_as_it_is_told_is_not_late(meter: Gauges) -> None:
    @tool(timeout=3)
    async def hangs() -> None:
        """It hangs."""
        await asyncio.sleep(3600)

    assert await run(meter, hangs) == TIMED_OUT
    await asyncio.sleep(1)

    assert [run[:2] for run in meter.tools] == [("hangs", "timeout")]


async def test_a_thread_that_ends_after_the_time_limit_is_counted(
    meter: Gauges, gate: threading.Event
) -> None:
    @tool(timeout=0.05)
    def blocks() -> None:
        """It blocks."""
        gate.wait(60)

    assert await run(meter, blocks) == TIMED_OUT
    gate.set()
    async with asyncio.timeout(10):
        while len(meter.tools) < 2:  # noqa: ASYNC110 - a thread rings no bell here
            await asyncio.sleep(0.001)

    assert [run[:2] for run in meter.tools] == [("blocks", "timeout"), ("blocks", "late")]


# --- how many, how much --------------------------------------------------------------------------


async def test_more_tools_than_there_are_places_are_told_so(meter: Gauges) -> None:
    places = Places(per_call=2)
    enough = asyncio.Event()

    @tool
    async def waits() -> str:
        """It waits."""
        await enough.wait()
        return "done"

    toolbox = Toolbox({"waits": waits}, clock=LoopClock(), meter=meter, places=places)
    running = [asyncio.create_task(run(meter, waits, toolbox=toolbox)) for _ in range(2)]
    await asyncio.sleep(0)

    assert await run(meter, waits, toolbox=toolbox) == TOO_BUSY
    assert meter.tools == [("waits", "busy", 0.0)]

    enough.set()
    assert await asyncio.gather(*running) == ["done", "done"]
    assert await run(meter, waits, toolbox=toolbox) == "done"


@dataclass(frozen=True)
class Verbose:
    """Something that runs and knows of no limit."""

    declaration: ToolDeclaration = field(
        default_factory=lambda: ToolDeclaration("verbose", "", {}, cancel_on_hangup=True)
    )

    async def run(self, arguments_json: str, context: CallContext, *, in_thread: Any = None) -> str:
        return "ö" * MAX_OUTPUT_BYTES


async def test_no_output_is_longer_than_the_limit_whatever_the_tool_is(meter: Gauges) -> None:
    toolbox = Toolbox({"verbose": Verbose()}, clock=LoopClock(), meter=meter)

    output = await toolbox.run(ToolCall("call_1", "verbose", "{}"), CONTEXT)

    assert len(output.output.encode()) <= MAX_OUTPUT_BYTES
    assert "cut" in output.output[-60:]


async def test_a_call_may_have_tools_of_its_own(meter: Gauges) -> None:
    toolbox = Toolbox({}, clock=LoopClock(), meter=meter)
    call = ToolCall("call_1", "verbose", "{}")

    output = await toolbox.run(call, CONTEXT, own={"verbose": Verbose()})

    assert output.output.startswith("ö")
    assert "no such tool" in (await toolbox.run(call, CONTEXT)).output


async def test_only_a_sensitive_entry_reaches_the_tool_for_it(meter: Gauges) -> None:
    toolbox = Toolbox({}, clock=LoopClock(), meter=meter, sensitive=Verbose())
    call = ToolCall("call_1", "verbose", '{"digits":"1"}')

    assert "no such tool" in (await toolbox.run(call, CONTEXT)).output
    assert (await toolbox.run(call, CONTEXT, is_sensitive=True)).output.startswith("ö")


async def test_a_sensitive_entry_reaches_no_other_tool(meter: Gauges) -> None:
    toolbox = Toolbox({"verbose": Verbose()}, clock=LoopClock(), meter=meter)
    call = ToolCall("call_1", "verbose", '{"digits":"1"}')

    assert "no such tool" in (await toolbox.run(call, CONTEXT, is_sensitive=True)).output


class Echo:
    """Answers with what it was given, in a sentence."""

    declaration = ToolDeclaration("echo", "It repeats.", {"type": "object"})

    async def run(self, arguments: str, context: CallContext, *, in_thread: Any = None) -> str:
        return f"declined: {arguments}, ending 1234"


async def test_digits_that_a_sensitive_tool_repeats_do_not_reach_the_model(meter: Gauges) -> None:
    toolbox = Toolbox({"echo": Echo()}, clock=LoopClock(), meter=meter, sensitive=Echo())
    call = ToolCall("call_1", "echo", '{"digits":"49291234"}')

    assert "49291234" in (await toolbox.run(call, CONTEXT)).output
    hidden = (await toolbox.run(call, CONTEXT, is_sensitive=True)).output
    assert hidden == f'declined: {{"digits":"{"•" * 8}"}}, ending 1234'


def test_which_tools_end_with_their_call_is_declared() -> None:
    toolbox = Toolbox({"verbose": Verbose(), "good": good}, clock=LoopClock(), meter=Gauges())

    ending = [name for name in ("verbose", "good", "unknown") if toolbox.ends_with_call(name)]

    assert ending == ["verbose"]
