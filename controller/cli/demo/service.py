"""The service in a process of its own, as `controller run` starts it, and what it logs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli.demo.practice import Practice

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.simulator import OpenAISimulator, SimulatedCall

READY_LIMIT = 30.0
STOP_LIMIT = 30.0
RELOAD_LIMIT = 15.0
"""Seconds for the service to be ready, to stop, and to read its configuration again."""
TOLD_LIMIT = 2.0
"""Seconds for the service to log a call that has ended."""
LINES_KEPT = 2_000
LINES_SHOWN = 20
ACTIVATED = "generation_activated"
"""What it logs once new calls get another configuration."""
RELOAD_FAILED = "reload_failed"
"""The alarm that it logs when it keeps the one that it had."""


class Service:
    """A service that runs.

    Args:
        process: its process, whose output is a pipe.
        port: where it listens.
        practice: the configuration that it reads.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int, practice: Practice) -> None:
        self.practice = practice
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

    async def has_reloaded(self) -> bool:
        """Have it read its configuration again (SIGHUP); True once new calls get that."""
        before, failures = self._count(ACTIVATED), self._count(RELOAD_FAILED)
        self._signal(signal.SIGHUP)
        await self._logs(
            lambda: self._count(ACTIVATED) > before or self._count(RELOAD_FAILED) > failures,
            RELOAD_LIMIT,
        )
        return self._count(ACTIVATED) > before

    def terminate(self) -> None:
        """Ask it to stop."""
        self._signal(signal.SIGTERM)

    async def stopped(self) -> bool:
        """Wait for its end; True if that was in good order."""
        try:
            async with asyncio.timeout(STOP_LIMIT):
                return await self._process.wait() == 0
        except TimeoutError:
            return False

    def kill(self) -> None:
        """End it if it still runs."""
        self._signal(signal.SIGKILL)

    def outcomes(self) -> dict[str, str]:
        """Return what it logged as the outcome of each call, by OpenAI's id of the call."""
        return {
            entry["provider_id"]: entry["outcome"]
            for entry in map(_json, self._lines)
            if entry.get("event") == "call" and "provider_id" in entry and "outcome" in entry
        }

    async def has_told(self, call: SimulatedCall) -> None:
        """Wait until it has logged a call's end, so that the next call is told by itself."""
        from controller.simulator import EndedBy

        if call.outcome is None or call.outcome.by is EndedBy.UNANSWERED:
            return  # the service may never have made a call of it
        await self._logs(lambda: call.call_id in self.outcomes(), TOLD_LIMIT)

    def explain(self, failure: str) -> int:
        """Say what failed, with the end of the service's log; return the exit code."""
        print(f"\n{failure}; the last lines of its log:", file=sys.stderr)
        for line in list(self._lines)[-LINES_SHOWN:]:
            print(f"    {line}", file=sys.stderr)
        return 1

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _count(self, event: str) -> int:
        """Return how often it has logged an event, or an alarm of that kind."""
        entries = map(_json, self._lines)
        return sum(event in {entry.get("event"), entry.get("kind")} for entry in entries)

    async def _logs(self, holds: Callable[[], bool], limit: float) -> bool:
        """Wait until what it has logged makes something true."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while not holds():
                    self._has_said_more.clear()
                    await self._has_said_more.wait()
        return holds()


@contextlib.asynccontextmanager
async def serve(example: Path, port: int, simulator: OpenAISimulator) -> AsyncIterator[Service]:
    """Run the service with an open practice until the end of the demo, whatever becomes of it."""
    with tempfile.TemporaryDirectory(prefix="controller-demo-") as name:
        folder = Path(name)
        practice = Practice(example, folder / "practice")
        practice.open()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "controller", "run", "--config", str(practice.config)),
            env=_environment(port, simulator, folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        service = Service(process, port, practice)
        reader = asyncio.create_task(service.read(), name="service log")
        try:
            yield service
        finally:
            service.kill()
            await process.wait()
            await reader


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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


def _json(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
