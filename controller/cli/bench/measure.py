"""Runs a plan: one system after the other, and what was read of each."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

from controller.cli.bench import machine, stage
from controller.cli.bench.plan import Plan, System, Transport
from controller.cli.bench.process import (
    START_LIMIT,
    Cores,
    Program,
    cpu_seconds,
    memory_kib,
    need_linux,
    program,
    raise_file_limit,
)
from controller.simulator import DEFAULT_API_KEY, DEFAULT_SECRET

Note = Callable[[str], None]

_ANSWER_MARGIN: Final = 60.0
"""Seconds that the crowd may need for a command beyond the arrivals themselves."""

_LAG = re.compile(
    r'^controller_event_loop_lag_seconds_bucket\{le="([^"]+)"\} ([0-9.]+)$', re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of one system at one step of one run."""

    system: System
    transport: Transport
    rate: float
    held: int
    """Calls that are held at the end of the step."""
    round: int
    placed: int
    greeted: int
    cpu_ms: float
    """Processor time of a call from its webhook to its greeting."""
    memory_kib: float
    """Memory of each held call: what was added since the process was idle."""
    idle_mib: float
    """Memory of the process, warm, without a call."""
    spans: Mapping[str, list[float]]
    """Milliseconds by name (`controller.simulator.crowd.timing.SPANS`), one for each call."""
    lag: Mapping[float, int]
    """Probes of the system's event loop by upper bound in seconds, not cumulative."""
    crowd_lag: list[float] = field(repr=False)
    """Milliseconds that the crowd's own event loop was late."""


@dataclass(frozen=True, slots=True)
class Result:
    """All of a benchmark."""

    plan: Plan
    machine: str
    began_at: float
    seconds: float
    readings: tuple[Reading, ...]


async def measure(plan: Plan, *, note: Note) -> Result:
    """Run a plan.

    Args:
        plan: what is measured.
        note: takes a line of progress.

    Raises:
        ControllerError: this machine cannot measure, or what is measured did not start.
    """
    need_linux()
    raise_file_limit()
    note(f"{machine.describe()}; about {plan.seconds / 60:.0f} min")
    began_at, started = time.time(), time.monotonic()
    readings: list[Reading] = []
    with TemporaryDirectory(prefix="bench-") as folder:
        config = stage.write_config(Path(folder))
        certificate = None
        if Transport.TLS in plan.transports:
            certificate = await stage.make_certificate(Path(folder))
        for number, transport, rate, system in plan.runs():
            note(f"  round {number + 1} of {plan.rounds}: {transport}, {rate:g}/s, {system}")
            run = Run(plan, config, certificate if transport is Transport.TLS else None)
            readings += await run.read(number, transport, rate, system)
    seconds = time.monotonic() - started
    return Result(plan, machine.describe(), began_at, seconds, tuple(readings))


class Run:
    """One process of one system, with a crowd of its own.

    Args:
        plan: what is measured.
        config: the service's `controller.toml`.
        certificate: with its key; None for plain TCP.
    """

    def __init__(self, plan: Plan, config: Path, certificate: tuple[Path, Path] | None) -> None:
        self._plan = plan
        self._config = config
        self._certificate = certificate
        self._cores = Cores.of_this_machine()

    async def read(
        self, number: int, transport: Transport, rate: float, system: System
    ) -> list[Reading]:
        """Start both, go through the steps of the plan, end both."""
        folder = self._config.parent
        crowd_command = ["-m", "controller.simulator.crowd", "--api-key", DEFAULT_API_KEY]
        crowd_command += ["--secret", DEFAULT_SECRET]
        if self._certificate is not None:
            crowd_command += ["--tls", *map(str, self._certificate)]
        async with program(
            *crowd_command, core=self._cores.crowd, log=folder / "crowd.log", is_told=True
        ) as crowd:
            greeting = await crowd.line(START_LIMIT)
            base_url = re.findall(r'"(https?://[^"]+)"', greeting.decode())[0]
            async with program(
                *self._command(system),
                core=self._cores.measured,
                log=folder / f"{system}.log",
                environ=self._environ(base_url),
            ) as measured:
                url = (await measured.line(START_LIMIT)).decode().split()[2].rstrip(";")
                await crowd.tell(START_LIMIT, do="meet", webhook_url=f"{url}/openai/webhook")
                steps = Steps(self._plan, crowd, measured, url)
                return [
                    Reading(system=system, transport=transport, rate=rate, round=number, **each)
                    for each in await steps.read(rate)
                ]

    def _command(self, system: System) -> tuple[str | Path, ...]:
        if system is System.FLOOR:
            return (self._plan.floor, "0")
        return ("-m", "controller", "run", "--config", self._config, "--port", "0")

    def _environ(self, base_url: str) -> dict[str, str]:
        environ = {
            "OPENAI_API_KEY": DEFAULT_API_KEY,
            "OPENAI_WEBHOOK_SECRET": DEFAULT_SECRET,
            "OPENAI_BASE_URL": base_url,
        }
        if self._certificate is not None:
            environ["SSL_CERT_FILE"] = str(self._certificate[0])
        return environ


class Steps:
    """Holds more and more calls, and reads at each step.

    Args:
        plan: how many.
        crowd: the callers.
        measured: whom they call.
        url: where it listens.
    """

    def __init__(self, plan: Plan, crowd: Program, measured: Program, url: str) -> None:
        self._plan = plan
        self._crowd = crowd
        self._measured = measured
        self._url = url

    async def read(self, rate: float) -> list[dict[str, Any]]:
        """Return the fields of a `Reading` for each step."""
        plan, pid = self._plan, self._measured.pid
        await self._place(plan.warm_up, 20)
        await self._ask(1)
        await self._crowd.tell(_ANSWER_MARGIN, do="let_go")
        await asyncio.sleep(plan.settle)
        idle, found, before = memory_kib(pid), [], 0
        for held in plan.held:
            lag, cpu = await self._lag(), cpu_seconds(pid)
            placed = await self._place(held - before, rate)
            cpu = cpu_seconds(pid) - cpu
            lag = {bound: n - lag.get(bound, 0) for bound, n in (await self._lag()).items()}
            await asyncio.sleep(plan.settle)
            memory = (memory_kib(pid) - idle) / held
            asked = await self._ask(plan.tool_calls)
            found.append(
                {
                    "held": held,
                    "placed": placed["placed"],
                    "greeted": placed["greeted"],
                    "cpu_ms": cpu * 1e3 / placed["placed"],
                    "memory_kib": memory,
                    "idle_mib": idle / 1024,
                    "spans": placed["spans"] | asked["spans"],
                    "lag": lag,
                    "crowd_lag": placed["lag"] + asked["lag"],
                }
            )
            before = held
        return found

    async def _place(self, count: int, rate: float) -> dict[str, Any]:
        limit = count / rate + _ANSWER_MARGIN
        return await self._crowd.tell(limit, do="place", count=count, rate=rate)

    async def _ask(self, count: int) -> dict[str, Any]:
        rate = self._plan.tool_rate
        limit = count / rate + _ANSWER_MARGIN
        return await self._crowd.tell(limit, do="ask", count=count, rate=rate)

    async def _lag(self) -> dict[float, int]:
        """Return the probes of the system's own event loop so far, by upper bound in seconds."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self._url}/metrics", timeout=aiohttp.ClientTimeout(10)) as answer,
        ):
            text = await answer.text()
        counts, total = {}, 0
        for bound, cumulated in _LAG.findall(text):
            counts[float(bound)] = int(float(cumulated)) - total
            total = int(float(cumulated))
        return counts
