from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from controller.cli.bench.process import Cores, cpu_seconds, memory_kib, pinned, program
from controller.errors import ControllerError

LIMIT = 30.0
CORE = Cores.of_this_machine().measured


async def test_a_program_is_on_its_core_from_its_start(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    core = Cores.of_this_machine().crowd
    code = "import os; print(*os.sched_getaffinity(0))"

    async with program("-c", code, core=core, log=tmp_path / "log") as started:
        line = await started.line(LIMIT)

    assert line.split() == [str(core).encode()]
    assert os.sched_getaffinity(0) == before


def test_an_error_while_pinned_unpins() -> None:
    before = os.sched_getaffinity(0)

    with pytest.raises(ZeroDivisionError), pinned(min(before)):
        _ = 1 / 0

    assert os.sched_getaffinity(0) == before


async def test_a_program_sees_its_own_variables_and_none_of_a_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTROLLER_SERVER__PORT", "1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nowhere")
    code = """if True:
        import os
        print([name for name in os.environ if name[:6] in ("CONTRO", "OPENAI", "CREDEN")])
    """

    async with program(
        "-c", code, core=CORE, log=tmp_path / "log", environ={"OPENAI_BASE_URL": "x"}
    ) as started:
        line = await started.line(LIMIT)

    assert line.decode().strip() == "['OPENAI_BASE_URL']"


async def test_a_program_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    async with program(
        "-c", "raise SystemExit('alas')", core=CORE, log=tmp_path / "log"
    ) as started:
        with pytest.raises(ControllerError, match=r"(?s)ended.*alas"):
            await started.line(LIMIT)


async def test_a_program_that_says_nothing_is_reported(tmp_path: Path) -> None:
    async with program("-c", "input()", core=CORE, log=tmp_path / "log", is_told=True) as started:
        with pytest.raises(ControllerError, match="said nothing"):
            await started.line(0.0)


async def test_a_program_answers_what_it_is_told_and_ends_with_its_input(tmp_path: Path) -> None:
    code = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"

    async with program("-c", code, core=CORE, log=tmp_path / "log", is_told=True) as started:
        assert await started.tell(LIMIT, do="echo", count=3) == {"do": "echo", "count": 3}

    with pytest.raises(ProcessLookupError):
        os.kill(started.pid, 0)


async def test_a_program_that_does_not_heed_the_end_is_killed(tmp_path: Path) -> None:
    code = "print('up', flush=True)\nimport signal\nsignal.pause()"

    async with program("-c", code, core=CORE, log=tmp_path / "log") as started:
        await started.line(LIMIT)

    with pytest.raises(ProcessLookupError):
        os.kill(started.pid, 0)


async def test_processor_time_and_memory_grow_with_what_is_done(tmp_path: Path) -> None:
    code = (
        "print('up', flush=True); input(); waste = bytearray(40_000_000); sum(range(3_000_000));"
        " print('{}', flush=True); input()"
    )
    async with program("-c", code, core=CORE, log=tmp_path / "log", is_told=True) as started:
        await started.line(LIMIT)
        cpu, memory = cpu_seconds(started.pid), memory_kib(started.pid)
        await started.tell(LIMIT)

        assert cpu_seconds(started.pid) > cpu > 0
        assert memory_kib(started.pid) - memory > 38_000


async def test_memory_of_nobody_is_an_error(tmp_path: Path) -> None:
    async with program("-c", "", core=CORE, log=tmp_path / "log") as started:
        with pytest.raises(ControllerError):
            await started.line(LIMIT)
        await asyncio.sleep(0)
    with pytest.raises(FileNotFoundError):
        memory_kib(started.pid)
