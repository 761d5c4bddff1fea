"""`controller simulate demo`: the service against the simulator, with twenty calls to watch.

The service runs as it does for real, in a process of its own with the example configuration; only
the far end is played. Every call is told as it happens; a table at the end says how each ended, and
the exit code is 0 only when each ended as its scenario expects, and the service as well.

Calls in which nothing happens for most of a minute ring at the beginning, beside the others, and
are told when they are over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.errors import SimulatorError

if TYPE_CHECKING:
    import argparse

    from controller.simulator import OpenAISimulator, SimulatedCall
    from controller.simulator.timeline import Timeline

EXAMPLE = Path("deploy/example")
SLOW = Path("slow")
LIVE_WHILE_DRAINING = Path("draining/1-live.toml")
REFUSED_WHILE_DRAINING = Path("draining/2-refused.toml")

READY_LIMIT = 30.0
CALL_LIMIT = 90.0
STOP_LIMIT = 30.0
"""Seconds for the service to be ready, for a call to end, and for the service to stop."""
UNDECIDED_LIMIT = 3.0
"""Seconds that a caller rings whom nobody will answer; there is nothing to watch meanwhile."""
TOLD_LIMIT = 2.0
"""Seconds for the service to log a call that has ended."""
LINES_KEPT = 2_000
LINES_SHOWN = 20

DESCRIPTION = """\
Start the service with the example configuration, play OpenAI and twenty callers,
and tell what happens, in about a minute: no account and no telephone is needed.

The exit code is 0 only if every call ended as its scenario in
deploy/example/calls expects and the service stopped in good order.
"""


def register(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` to `controller simulate`."""
    import argparse

    demo = parts.add_parser(
        "demo",
        help="watch the service take calls, without an account or a telephone",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument(
        "--example",
        type=Path,
        default=EXAMPLE,
        metavar="FOLDER",
        help="controller.toml and the folder calls with scenarios (default: %(default)s)",
    )
    demo.add_argument(
        "--speed", type=float, default=4.0, metavar="N", help="talk N times as fast (%(default)s)"
    )
    demo.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the demo; 0 if all went as it should, 2 if there is nothing to play."""
    if not (args.example / "controller.toml").is_file():
        print(
            f"error: {args.example}: no controller.toml there; run this from the repository's "
            "root, or name the folder with --example",
            file=sys.stderr,
        )
        return 2
    try:
        return asyncio.run(_play(args.example, args.speed))
    except KeyboardInterrupt:
        return 130
    except SimulatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


async def _play(example: Path, speed: float) -> int:
    from controller.simulator import OpenAISimulator, Pace, Switches
    from controller.simulator.timeline import Timeline, summary

    if not 0 < speed < math.inf:
        raise SimulatorError("--speed must be a number above 0")
    _scenarios(example)  # nothing is started for nothing
    port = _free_port()
    simulator = OpenAISimulator(
        f"http://127.0.0.1:{port}/openai/webhook",
        pace=Pace().times(1 / speed),
        switches=Switches(decision_limit=UNDECIDED_LIMIT),
    )
    timeline = Timeline(_print, in_colour=sys.stdout.isatty(), width=terminal_width())
    simulator.on_entry(timeline)
    _print("The service and a stand-in for OpenAI start; then the callers ring, one by one.")
    _print("Each line: seconds, which call, who, and what happens.\n")
    async with simulator, _service(example, port, simulator) as service:
        if not await service.is_ready():
            return service.explain("the service did not become ready")
        slow = await _ring_beside(example, simulator, timeline)
        calls = await _ring(example, simulator, timeline, service)
        calls += await _tell_the_slow(slow, timeline, service)
        calls += await _ring_while_draining(example, simulator, timeline, service)
        stopped = await service.stopped()
    outcomes = service.outcomes()
    _print("\nWhat came of it:\n")
    for line in summary(calls, outcomes):
        _print(line)
    if not stopped:
        return service.explain("the service did not stop in good order")
    failed = sum(bool(call.verdict(outcomes)) for call in calls)
    _print(f"\n{len(calls) - failed} of {len(calls)} calls ended as they should.")
    return service.explain("a call did not end as it should") if failed else 0


def _scenarios(example: Path) -> list[Path]:
    """Return the scenarios that are played one after the other."""
    paths = sorted((example / "calls").glob("*.toml"))
    if not paths:
        raise SimulatorError(f"{example / 'calls'}: no scenarios there")
    return paths


async def _ring_beside(
    example: Path, simulator: OpenAISimulator, timeline: Timeline
) -> list[SimulatedCall]:
    """Place the calls that take most of a minute; they are told by `_tell_the_slow`."""
    from controller.simulator import load

    first = len(_scenarios(example)) + 1
    calls = []
    for number, path in enumerate(sorted((example / "calls" / SLOW).glob("*.toml")), first):
        calls.append(await simulator.place_call(load(path)))
        timeline.keep(calls[-1], number=number)
    return calls


async def _tell_the_slow(
    calls: list[SimulatedCall], timeline: Timeline, service: _Service
) -> list[SimulatedCall]:
    """Tell the calls that rang at the beginning, each when it is over."""
    if calls:
        _print("The next ones rang at the beginning, beside the others; their trouble takes time.")
        _print("Their seconds count from when each of them rang.\n")
    for call in calls:
        await _settle(call)
        await service.has_told(call)
        timeline.tell(call)
        _print("")
    return calls


async def _ring(
    example: Path, simulator: OpenAISimulator, timeline: Timeline, service: _Service
) -> list[SimulatedCall]:
    """Place the calls of the scenarios, one after the other."""
    calls = []
    for path in _scenarios(example):
        calls.append(await _place(path, simulator, timeline))
        await _settle(calls[-1])
        await service.has_told(calls[-1])
        _print("")
    return calls


async def _ring_while_draining(
    example: Path, simulator: OpenAISimulator, timeline: Timeline, service: _Service
) -> list[SimulatedCall]:
    """Tell the service to stop while a call is live; another caller rings meanwhile."""
    live = await _place(example / "calls" / LIVE_WHILE_DRAINING, simulator, timeline)
    await live.wait_until(lambda: bool(live.heard), CALL_LIMIT)
    _print(f"{'':18}service   is asked to stop (SIGTERM): it drains, and rejects new calls")
    service.terminate()
    await service.is_draining()
    refused = await _place(example / "calls" / REFUSED_WHILE_DRAINING, simulator, timeline)
    await _settle(refused)
    await _settle(live)
    await service.has_told(live)
    return [live, refused]


async def _place(path: Path, simulator: OpenAISimulator, timeline: Timeline) -> SimulatedCall:
    from controller.simulator import load

    call = await simulator.place_call(load(path))
    timeline.name(call)
    return call


async def _settle(call: SimulatedCall) -> None:
    """Wait for the end of a call; one that does not end is told by its verdict."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CALL_LIMIT):
            await call.settled()


class _Service:
    """The service in its process, and what it logs."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self._address = f"http://127.0.0.1:{port}"
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._has_said_more = asyncio.Event()

    async def read(self) -> None:
        """Keep the latest lines that it prints, until it closes its output."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        async for line in self._process.stdout:
            self._lines.append(line.decode(errors="replace").rstrip())
            self._has_said_more.set()

    async def is_ready(self) -> bool:
        """Wait until it takes calls."""
        return await self._answers(200)

    async def is_draining(self) -> bool:
        """Wait until it says that it is not ready any more."""
        return await self._answers(503)

    async def _answers(self, status: int) -> bool:
        import aiohttp

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_LIMIT), aiohttp.ClientSession() as session:
                while self._process.returncode is None:
                    with contextlib.suppress(aiohttp.ClientError):
                        async with session.get(f"{self._address}/readyz") as answer:
                            if answer.status == status:
                                return True
                    await asyncio.sleep(0.1)
        return False

    def terminate(self) -> None:
        """Ask it to stop."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    async def stopped(self) -> bool:
        """Wait for its end; True if that was in good order."""
        try:
            async with asyncio.timeout(STOP_LIMIT):
                return await self._process.wait() == 0
        except TimeoutError:
            return False

    def kill(self) -> None:
        """End it if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def outcomes(self) -> dict[str, str]:
        """Return what it logged as the outcome of each call, by OpenAI's id of the call."""
        logged = (_json(line) for line in self._lines)
        return {
            entry["provider_id"]: entry["outcome"]
            for entry in logged
            if entry.get("event") == "call" and "provider_id" in entry and "outcome" in entry
        }

    async def has_told(self, call: SimulatedCall) -> None:
        """Wait until it has logged a call's end, so that the next call is told by itself."""
        from controller.simulator import EndedBy

        if call.outcome is None or call.outcome.by is EndedBy.UNANSWERED:
            return  # the service may never have made a call of it
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOLD_LIMIT):
                while call.call_id not in self.outcomes():
                    self._has_said_more.clear()
                    await self._has_said_more.wait()

    def explain(self, failure: str) -> int:
        """Say what failed, with the end of the service's log; return the exit code."""
        print(f"\n{failure}; the last lines of its log:", file=sys.stderr)
        for line in list(self._lines)[-LINES_SHOWN:]:
            print(f"    {line}", file=sys.stderr)
        return 1


@contextlib.asynccontextmanager
async def _service(example: Path, port: int, simulator: OpenAISimulator) -> AsyncIterator[_Service]:
    """Run the service until the end of the demo, whatever becomes of it."""
    with tempfile.TemporaryDirectory(prefix="controller-demo-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "controller", "run", "--config", str(example / "controller.toml")),
            env=_environment(port, simulator, Path(folder)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        service = _Service(process, port)
        reader = asyncio.create_task(service.read(), name="service log")
        try:
            yield service
        finally:
            service.kill()
            await process.wait()
            await reader


def _environment(port: int, simulator: OpenAISimulator, folder: Path) -> dict[str, str]:
    """Return ours without the operator's own settings, and with the demo's."""
    from controller.simulator import DEFAULT_SECRET

    ours = ("CONTROLLER_", "OPENAI_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return inherited | {
        "OPENAI_API_KEY": simulator.api_key,
        "OPENAI_WEBHOOK_SECRET": DEFAULT_SECRET,
        "OPENAI_BASE_URL": simulator.base_url,
        "CONTROLLER_SERVER__PORT": str(port),
        "CONTROLLER_SERVER__CONTROL_SOCKET": str(folder / "control.sock"),
        "CONTROLLER_STORE__URL": f"sqlite:///{folder / 'controller.db'}",
        "CONTROLLER_LOG__FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def terminal_width() -> int | None:
    """Return the columns of the terminal to which we print; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _json(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _print(line: str) -> None:
    print(line, flush=True)
