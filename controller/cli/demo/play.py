"""The calls of the demo, in their order.

`calls/*.toml` ring one after the other; a folder among them holds calls that are live together,
each ringing once the one before it is talking or over. Other folders need something done first:

    slow      nothing happens in them for most of a minute: they ring at the beginning, beside the
              others, and are told when they are over
    closing   the first rings while the practice is open, and talks on when it is closed
    holiday   after that, today is a holiday
    draining  the first is live when the service is asked to stop, the second rings after that
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from controller.cli.demo import questions, terminal_width
from controller.cli.demo.service import Service, free_port, serve
from controller.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.simulator import OpenAISimulator, SimulatedCall
    from controller.simulator.timeline import Timeline

SLOW, CLOSING, HOLIDAY, DRAINING = APART = ("slow", "closing", "holiday", "draining")
QUESTIONS = "questions.txt"

CALL_LIMIT = 90.0
"""Seconds for a call to end."""
UNDECIDED_LIMIT = 1.0
"""Seconds that a caller rings whom nobody will answer; there is nothing to watch meanwhile."""

_SERVICE = f"{'':18}service   "
_OPERATOR = f"{'':18}operator  "


async def play(example: Path, speed: float) -> int:
    """Play all calls of an example; return the exit code.

    Raises:
        SimulatorError: There is nothing to play, or it cannot be read.
    """
    from controller.simulator import OpenAISimulator, Pace, Switches
    from controller.simulator.timeline import Timeline

    if not 0 < speed < math.inf:
        raise SimulatorError("--speed must be a number above 0")
    _in_turn(example / "calls")  # nothing is started for nothing
    port = free_port()
    simulator = OpenAISimulator(
        f"http://127.0.0.1:{port}/openai/webhook",
        pace=Pace().times(1 / speed),
        switches=Switches(decision_limit=UNDECIDED_LIMIT),
    )
    timeline = Timeline(_print, in_colour=sys.stdout.isatty(), width=terminal_width())
    simulator.on_entry(timeline)
    _print("The service and a stand-in for OpenAI start; then the callers ring, one by one.")
    _print("Each line: seconds, which call, who, and what happens.\n")
    async with simulator, serve(example, port, simulator) as service:
        if not await service.is_ready():
            return service.explain("the service did not become ready")
        return await _Demo(example, simulator, timeline, service).play()


class _Demo:
    """One run."""

    def __init__(
        self, example: Path, simulator: OpenAISimulator, timeline: Timeline, service: Service
    ) -> None:
        self._example = example
        self._folder = example / "calls"
        self._simulator = simulator
        self._timeline = timeline
        self._service = service
        self._calls: list[SimulatedCall] = []
        """In the order in which they are told."""
        self._failures: list[str] = []

    async def play(self) -> int:
        """Play everything; return the exit code."""
        asked = questions.read(self._folder / QUESTIONS)
        answers = asyncio.create_task(self._answers(asked), name="questions")
        try:
            slow = await self._ring_beside()
            for path in _in_turn(self._folder):
                await self._ring([path] if path.is_file() else _files(path))
            await self._close()
            await self._go_on_holiday()
            self._answer(asked, await answers)
        finally:
            answers.cancel()
            await asyncio.wait([answers])
        await self._tell(slow)
        await self._drain()
        if not await self._service.stopped():
            self._failures.append("the service did not stop in good order")
        return self._sum_up()

    def _sum_up(self) -> int:
        from controller.simulator.timeline import summary

        outcomes = self._service.outcomes()
        _print("\nWhat came of it:\n")
        for line in summary(self._calls, outcomes):
            _print(line)
        failed = sum(bool(call.verdict(outcomes)) for call in self._calls)
        _print(f"\n{len(self._calls) - failed} of {len(self._calls)} calls ended as they should.")
        if failed:
            self._failures.append("a call did not end as it should")
        return self._service.explain("; ".join(self._failures)) if self._failures else 0

    # The calls

    async def _ring(self, paths: Iterable[Path]) -> None:
        """Place calls that are live together, and wait for the end of all."""
        calls = []
        for path in paths:
            calls.append(await self._place(path))
            await _talks(calls[-1])
        await self._settle(*calls)
        _print("")

    async def _ring_beside(self) -> list[SimulatedCall]:
        """Place the calls that take most of a minute; `_tell` tells them."""
        from controller.simulator import load

        before = [*_in_turn(self._folder), self._folder / CLOSING, self._folder / HOLIDAY]
        first = 1 + sum(1 if path.is_file() else len(_files(path)) for path in before)
        calls = []
        for number, path in enumerate(_files(self._folder / SLOW), first):
            calls.append(await self._simulator.place_call(load(path)))
            self._timeline.keep(calls[-1], number=number)
        return calls

    async def _tell(self, calls: list[SimulatedCall]) -> None:
        """Tell the calls that rang at the beginning, each when it is over."""
        if calls:
            _print("The next ones rang at the beginning, beside the others: their trouble takes")
            _print("time. Their seconds count from when each of them rang.\n")
        for call in calls:
            self._calls.append(call)
            await self._settle(call)
            self._timeline.tell(call)
            _print("")

    async def _close(self) -> None:
        """Close the practice while a call is live; another caller rings after that."""
        paths = _files(self._folder / CLOSING)
        if not paths:
            return
        live = await self._place(paths[0])
        await _talks(live)
        _print(f"{_OPERATOR}closes for today: {self._service.practice.close()}")
        await self._reload()
        late = [await self._place(path) for path in paths[1:]]
        await self._settle(*late, live)
        _print("")

    async def _go_on_holiday(self) -> None:
        paths = _files(self._folder / HOLIDAY)
        if not paths:
            return
        _print(f"{_OPERATOR}makes it a holiday: {self._service.practice.go_on_holiday()}")
        await self._reload()
        await self._ring(paths)

    async def _reload(self) -> None:
        _print(f"{_SERVICE}is asked to read its configuration again (SIGHUP); live calls go on")
        if not await self._service.has_reloaded():
            self._failures.append("the service did not take the new configuration")

    async def _drain(self) -> None:
        """Tell the service to stop while a call is live; another caller rings meanwhile."""
        paths = _files(self._folder / DRAINING)
        live = [await self._place(path) for path in paths[:1]]
        for call in live:
            await _talks(call)
        _print(f"{_SERVICE}is asked to stop (SIGTERM): it drains, and rejects new calls")
        self._service.terminate()
        await self._service.is_draining()
        await self._settle(*[await self._place(path) for path in paths[1:]], *live)

    async def _place(self, path: Path) -> SimulatedCall:
        from controller.simulator import load

        call = await self._simulator.place_call(load(path))
        self._timeline.name(call)
        self._calls.append(call)
        return call

    async def _settle(self, *calls: SimulatedCall) -> None:
        """Wait for the end of calls; one that does not end is told by its verdict."""
        for call in calls:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CALL_LIMIT):
                    await call.settled()
            await self._service.has_told(call)

    # And those that nobody places

    async def _answers(self, asked: list[list[str]]) -> list[str]:
        """Ask one after the other, while calls are played: each takes a second of a processor."""
        config = self._example / "controller.toml"
        return [await questions.ask(config, options) for options in asked]

    def _answer(self, asked: list[list[str]], answers: list[str]) -> None:
        """Tell what would become of calls at other times, with the example as it stands."""
        if asked:
            _print("What would become of other calls, at other hours? Nobody has to ring for it:\n")
        for options, answer in zip(asked, answers, strict=True):
            config = self._example / "controller.toml"
            _print(f"$ controller explain --config {config} {shlex.join(options)}")
            for line in answer.splitlines():
                _print(f"    {line}")
            _print("")


async def _talks(call: SimulatedCall) -> None:
    """Wait until a caller has heard something, or the call is over."""
    with contextlib.suppress(TimeoutError):
        await call.wait_until(lambda: bool(call.heard), CALL_LIMIT)


def _in_turn(folder: Path) -> list[Path]:
    """Return the scenarios, and the folders of scenarios, that are played one after the other."""
    found = [
        path
        for path in sorted(folder.glob("*"))
        if path.suffix == ".toml" or (path.is_dir() and path.name not in APART)
    ]
    if not found:
        raise SimulatorError(f"{folder}: no scenarios there")
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def _print(line: str) -> None:
    print(line, flush=True)
