"""The processes of a benchmark: each pinned to one core from its start, each ended by us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from controller.errors import ControllerError

START_LIMIT: Final = 30.0
"""Seconds until a process must say where it listens."""

_LINE_LIMIT: Final = 16 * 1024 * 1024
_STOP_LIMIT: Final = 5.0
_TICK: Final = os.sysconf("SC_CLK_TCK")
_LAST_WORDS: Final = 2000


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where."""

    measured: int
    crowd: int

    @classmethod
    def of_this_machine(cls) -> Cores:
        """Return the first and the last core that we may use: the same one if there is one."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[-1])


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Pin this thread: a process that it starts meanwhile is on that core from its first step."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def need_linux() -> None:
    """Make sure that the kernel tells what a benchmark asks.

    Raises:
        ControllerError: It does not.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        raise ControllerError("the benchmark reads /proc, so it needs Linux")


def raise_file_limit() -> None:
    """Take as many open files as we may: a thousand sockets are more than some shells allow."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Program:
    """A started process. `line` reads what it says, `tell` speaks to it."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def line(self, limit: float) -> bytes:
        """Return the next line of its standard output.

        Raises:
            ControllerError: It ended, or said nothing within the limit in seconds.
        """
        assert self._process.stdout is not None  # noqa: S101 - start gives it a pipe
        try:
            async with asyncio.timeout(limit):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ControllerError(
                f"a process said nothing for {limit:g} s{self._words()}"
            ) from None
        if not line:
            raise ControllerError(f"a process ended{self._words()}")
        return line

    async def tell(self, limit: float, **command: Any) -> dict[str, Any]:
        """Send a line of JSON and return the answer, a line of JSON."""
        assert self._process.stdin is not None  # noqa: S101 - start gives it a pipe
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        return msgspec.json.decode(await self.line(limit), type=dict[str, Any])

    def _words(self) -> str:
        words = self._log.read_text(errors="replace")[-_LAST_WORDS:].strip()
        return f"; its last words:\n{words}" if words else ""

    async def stop(self) -> None:
        """End it: by the end of its input if it heeds that, else at once."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_LIMIT):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def program(
    *command: str | Path,
    core: int,
    log: Path,
    environ: Mapping[str, str] | None = None,
    is_told: bool = False,
) -> AsyncIterator[Program]:
    """Run a Python program on one core for as long as the context lasts.

    Args:
        command: arguments of the interpreter.
        core: where it runs.
        log: file for its standard error.
        environ: variables beside ours; those of a controller are not handed on.
        is_told: it takes commands on standard input, and ends with it.
    """
    ours = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    with log.open("wb") as stderr, pinned(core):
        process = await _start(command, ours | dict(environ or {}), stderr, is_told=is_told)
    started = Program(process, log)
    try:
        yield started
    finally:
        await started.stop()


_FOREIGN: Final = re.compile("CONTROLLER_|OPENAI_|CREDENTIALS_DIRECTORY|RUNTIME_DIRECTORY|NOTIFY_")


async def _start(
    command: tuple[str | Path, ...], environ: Mapping[str, str], stderr: IO[bytes], *, is_told: bool
) -> asyncio.subprocess.Process:
    nothing, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=pipe if is_told else nothing,
        stdout=pipe,
        stderr=stderr,
        env=environ,
        limit=_LINE_LIMIT,
    )


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, in user and in kernel mode.

    The scheduler's own account has nanoseconds; a kernel without it counts in ticks of 10 ms.
    """
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        total = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    except FileNotFoundError:
        total = 0
    if total:
        return total / 1e9
    # proc(5): after the name in parentheses, utime and stime are the 12th and 13th field.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_kib(pid: int) -> float:
    """Return the memory of a process, shared pages by their share (PSS), in KiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss: +(\d+) kB$", rollup, flags=re.MULTILINE)
    if found is None:
        raise ControllerError("the kernel does not say how much memory a process has")
    return float(found[1])
