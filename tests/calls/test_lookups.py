"""Look-ups answer in time, late or never; whatever they do, the call has its facts by then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest

from controller.calls.lookups import AT_ONCE, LATEST, Lookups, Result, patient
from controller.calls.ports import Runnable
from controller.sansio.agent import ToolDeclaration
from controller.sansio.http_tool import HttpTool
from controller.sansio.lookup import Found, Lookup
from controller.tools import CallContext, ToolError, tool
from tests.calls.house import Gauges, LoopClock

pytestmark = pytest.mark.looptime

LOOKUP = Lookup(tool="find", timeout=1.0, facts={"customer": "unknown"}, agents=("vip",))
CONTEXT = CallContext(call_id="c-1", caller_shown="+12025550142", tool_call_id="lookup")
ANN = '{"agent": "vip", "facts": {"customer": "Ann"}}'
DEFAULTS = Found({"customer": "unknown"})


class Answers:
    """Answers a look-up as a test wants it."""

    declaration = ToolDeclaration("find", "", {})

    def __init__(self, run: Callable[[CallContext], Awaitable[str]]) -> None:
        self._run = run

    async def run(
        self, arguments_json: str, context: CallContext, *, in_thread: object = None
    ) -> str:
        assert arguments_json == ""
        return await self._run(context)


def after(seconds: float, output: str = ANN) -> Runnable:
    async def run(_context: CallContext) -> str:
        await asyncio.sleep(seconds)
        return output

    return cast("Runnable", Answers(run))


def lookups(runnable: Runnable, **options: Any) -> tuple[Lookups, Gauges]:
    meter = Gauges()
    return Lookups(LOOKUP, runnable, clock=LoopClock(), meter=meter, **options), meter


async def test_what_is_there_in_time_is_the_answer() -> None:
    asks, meter = lookups(after(0.5))

    answer = await asks.ask(CONTEXT).answer()

    assert (answer.result, answer.found) == (Result.OK, Found({"customer": "Ann"}, "vip"))
    assert answer.seconds == pytest.approx(0.5)
    assert meter.lookups == [("ok", answer.seconds)]


async def test_it_is_told_of_the_call() -> None:
    told: list[CallContext] = []

    async def run(context: CallContext) -> str:
        told.append(context)
        return "{}"

    asks, _ = lookups(cast("Runnable", Answers(run)))
    await asks.ask(CONTEXT).answer()

    assert told == [CONTEXT]


async def test_what_comes_late_is_told_when_it_comes(log: list[Any]) -> None:
    asks, meter = lookups(after(5.0))
    asked = asks.ask(CONTEXT)

    answer = await asked.answer()
    late = await asked.late_answer()

    assert (answer.result, answer.found) == (Result.TIMEOUT, DEFAULTS)
    assert answer.seconds == pytest.approx(1.0)
    assert late is not None
    assert (late.result, late.found.facts["customer"]) == (Result.LATE, "Ann")
    assert [each for each, _ in meter.lookups] == ["timeout", "late"]
    assert [(entry["event"], entry["result"]) for entry in log] == [("lookup_failed", "timeout")]


@pytest.mark.parametrize(
    ("seconds", "output"), [(LATEST + 1, ANN), (3.0, '{"error":"lost"}'), (3.0, "no JSON")]
)
async def test_what_is_never_of_use_is_waited_for_no_longer_than_half_a_minute(
    seconds: float, output: str
) -> None:
    asks, meter = lookups(after(seconds, output))
    asked = asks.ask(CONTEXT)
    began = asyncio.get_running_loop().time()

    await asked.answer()

    assert await asked.late_answer() is None
    assert asyncio.get_running_loop().time() - began == pytest.approx(min(seconds, LATEST))
    assert [each for each, _ in meter.lookups] == ["timeout"]


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ('{"error":"unreachable","message":"Nothing was done."}', Result.FAILED),
        ("Ann", Result.MALFORMED),
        ('{"facts": "Ann"}', Result.MALFORMED),
    ],
)
async def test_a_failure_is_as_if_nothing_was_found(
    output: str, result: Result, log: list[Any]
) -> None:
    asks, meter = lookups(after(0.1, output))

    answer = await asks.ask(CONTEXT).answer()

    assert (answer.result, answer.found) == (result, DEFAULTS)
    assert [each for each, _ in meter.lookups] == [result]
    assert [entry["result"] for entry in log] == [result]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
async def test_nothing_that_it_raises_gets_out(error: type[BaseException]) -> None:
    async def run(_context: CallContext) -> str:
        raise error

    asks, _ = lookups(cast("Runnable", Answers(run)))

    assert (await asks.ask(CONTEXT).answer()).result is Result.FAILED


async def test_a_tool_answers_with_what_it_returns() -> None:
    @tool
    def find(*, context: CallContext) -> dict[str, object]:
        """Find the customer."""
        return {"facts": {"customer": f"of {context.call_id}"}}

    asks, _ = lookups(find)

    answer = await asks.ask(CONTEXT).answer()

    assert answer.found.facts == {"customer": "of c-1"}


async def test_a_tool_that_finds_nothing_returns_none() -> None:
    @tool
    async def find() -> None:
        """Find nobody."""

    @tool
    async def fail() -> None:
        """Fail."""
        raise ToolError("The database is closed.")

    asks, _ = lookups(find)
    assert (await asks.ask(CONTEXT).answer()).result is Result.OK
    asks, _ = lookups(fail)
    assert (await asks.ask(CONTEXT).answer()).result is Result.FAILED


async def test_an_agent_that_may_not_be_chosen_is_not_named_in_the_log(log: list[Any]) -> None:
    asks, _ = lookups(after(0.1, '{"agent": "+12025550142", "facts": {"customer": "Ann"}}'))

    answer = await asks.ask(CONTEXT).answer()

    assert answer.found.agent is None
    assert [entry["event"] for entry in log] == ["lookup_agent_refused"]
    assert "2025550142" not in repr(log)


async def test_where_too_many_run_the_defaults_stand_at_once() -> None:
    asks, meter = lookups(after(10.0), at_once=2)
    asked = [asks.ask(CONTEXT) for _ in range(3)]

    busy = await asked[2].answer()

    assert (busy.result, busy.seconds, busy.found) == (Result.BUSY, 0.0, DEFAULTS)
    assert await asked[2].late_answer() is None
    assert meter.lookups == [("busy", 0.0)]
    for each in asked:
        each.stop()
    await asyncio.sleep(0.01)
    assert (await asks.ask(CONTEXT).answer()).result is Result.TIMEOUT


async def test_one_that_was_given_up_keeps_its_place_while_it_runs() -> None:
    asks, _ = lookups(after(10.0), at_once=1)
    first = asks.ask(CONTEXT)
    await first.answer()

    assert (await asks.ask(CONTEXT).answer()).result is Result.BUSY
    await first.late_answer()
    assert (await asks.ask(CONTEXT).answer()).result is Result.TIMEOUT


async def test_one_that_ignores_its_end_is_not_waited_for() -> None:
    async def run(_context: CallContext) -> str:
        for _ in range(2):
            try:
                await asyncio.sleep(60.0)
            except asyncio.CancelledError:
                continue
        return ANN

    asks, _ = lookups(cast("Runnable", Answers(run)), at_once=1)
    asked = asks.ask(CONTEXT)
    await asked.answer()
    asked.stop()

    assert (await asks.ask(CONTEXT).answer()).result is Result.BUSY
    await asyncio.sleep(61.0)  # virtual ones, until it has come to its end


async def test_a_call_that_is_over_waits_for_nothing() -> None:
    asks, _ = lookups(after(0.9))
    asked = asks.ask(CONTEXT)
    waiting = asyncio.create_task(asked.answer())
    await asyncio.sleep(0.1)

    asked.stop()

    answer = await waiting
    assert (answer.result, answer.found) == (Result.STOPPED, DEFAULTS)
    assert answer.seconds == pytest.approx(0.1)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds a thread back; opened at the end in any case."""
    gate = threading.Event()
    yield gate
    gate.set()


async def test_a_thread_that_hangs_leaves_no_place_for_another(gate: threading.Event) -> None:
    @tool
    def find() -> None:
        """Hang."""
        gate.wait()

    asks, _ = lookups(find, at_once=1)
    asked = asks.ask(CONTEXT)
    await asked.answer()
    asked.stop()
    await asyncio.sleep(0.01)

    assert (await asks.ask(CONTEXT).answer()).result is Result.BUSY


def test_the_request_of_a_look_up_outlives_its_limit() -> None:
    asked = HttpTool(ToolDeclaration("lookup", "", {}, timeout=1.0), "GET", "https://x.example/")

    assert patient(asked).declaration.timeout == LATEST
    assert patient(asked).url == asked.url


def test_a_generation_asks_no_more_than_one_service_may_be_asked_at_once() -> None:
    from controller.clients.http_tools import CONNECTIONS_PER_HOST

    assert AT_ONCE <= CONNECTIONS_PER_HOST
