from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Iterator

import pytest

from controller.calls.threads import Threads

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds threads back; opened at the end in any case."""
    gate = threading.Event()
    yield gate
    gate.set()


async def test_a_function_runs_in_a_thread_with_its_context() -> None:
    NAME.set("call 1")

    result = await Threads().run(lambda word: (word, NAME.get(), threading.get_ident()), "hello")

    assert result[:2] == ("hello", "call 1")
    assert result[2] != threading.get_ident()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
async def test_what_it_raises_comes_to_whoever_waits(error: type[BaseException]) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(error):
        await Threads().run(fails)


async def test_no_more_run_than_the_limit_and_the_others_wait(gate: threading.Event) -> None:
    running: list[int] = []
    most: list[int] = []
    started: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def work(number: int) -> int:
        running.append(number)
        most.append(len(running))
        loop.call_soon_threadsafe(started.put_nowait, number)
        gate.wait(10)
        running.remove(number)
        return number

    threads = Threads(2)
    tasks = [asyncio.create_task(threads.run(work, number)) for number in range(5)]
    assert {await started.get(), await started.get()} == {0, 1}
    for _ in range(20):
        await asyncio.sleep(0)

    assert started.empty()
    gate.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4]
    assert max(most) == 2


async def test_a_thread_that_was_given_up_keeps_its_place_until_it_ends(
    gate: threading.Event,
) -> None:
    threads = Threads(1)
    given_up = asyncio.create_task(threads.run(gate.wait, 10))
    await asyncio.sleep(0)
    given_up.cancel()
    waiting = asyncio.create_task(threads.run(str, 7))
    for _ in range(20):
        await asyncio.sleep(0)
    assert given_up.cancelled()
    assert not waiting.done()

    gate.set()

    assert await waiting == "7"


async def test_a_thread_that_hangs_does_not_hold_up_host_names(gate: threading.Event) -> None:
    threads = Threads()
    tasks = [asyncio.create_task(threads.run(gate.wait, 10)) for _ in range(64)]
    await asyncio.sleep(0)

    found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)

    assert found
    gate.set()
    await asyncio.gather(*tasks)


def test_a_thread_that_outlives_the_loop_is_no_error(gate: threading.Event) -> None:
    started: queue.Queue[threading.Thread] = queue.Queue()

    def work() -> None:
        started.put(threading.current_thread())
        gate.wait(10)

    async def give_up() -> None:
        task = asyncio.create_task(Threads().run(work))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(give_up())
    thread = started.get(timeout=10)
    assert thread.daemon  # it would keep the process from ending
    gate.set()
    thread.join(10)  # an error in it is a warning, and so a failure of this test

    assert not thread.is_alive()


async def test_a_system_without_threads_is_an_error_and_costs_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    threads = Threads(1)
    with monkeypatch.context() as patched:
        patched.setattr(threading, "Thread", NoThread)
        with pytest.raises(RuntimeError):
            await threads.run(str, 7)

    assert await threads.run(str, 7) == "7"
