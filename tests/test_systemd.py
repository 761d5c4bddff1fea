from __future__ import annotations

import asyncio
import os
import socket
import uuid
from typing import TYPE_CHECKING

import pytest

from controller.systemd import BEATS_PER_WATCHDOG, ServiceManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(0)
        yield bound


def environ_of(listener: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": listener.getsockname(), **more}


def heard(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().split("\n")


def test_ready_and_its_status_leave_in_one_datagram(listener: socket.socket) -> None:
    assert ServiceManager(environ_of(listener)).ready("taking calls")

    assert heard(listener) == ["READY=1", "STATUS=taking calls"]


def test_stopping_says_why(listener: socket.socket) -> None:
    assert ServiceManager(environ_of(listener)).stopping("draining, 12 calls")

    assert heard(listener) == ["STOPPING=1", "STATUS=draining, 12 calls"]


def test_a_line_break_in_a_status_cannot_begin_another_assignment(listener: socket.socket) -> None:
    assert ServiceManager(environ_of(listener)).status("draining\nREADY=1\r\n")

    assert heard(listener) == ["STATUS=draining READY=1"]


def test_an_extension_is_in_microseconds(listener: socket.socket) -> None:
    assert ServiceManager(environ_of(listener)).extend_timeout(12.5)

    assert heard(listener) == ["EXTEND_TIMEOUT_USEC=12500000"]


def test_a_leading_at_sign_names_an_abstract_socket() -> None:
    name = f"controller-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(f"\0{name}")
        bound.settimeout(0)

        assert ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).status("here")

        assert heard(bound) == ["STATUS=here"]


def test_without_a_manager_every_message_is_dropped() -> None:
    manager = ServiceManager({})

    sent = [
        manager.ready("a"),
        manager.stopping("b"),
        manager.status("c"),
        manager.extend_timeout(1),
    ]

    assert sent == [False] * 4


def test_a_manager_that_went_away_is_told_nothing_and_raises_nothing(tmp_path: Path) -> None:
    assert not ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("taking calls")


def test_a_manager_that_does_not_read_cannot_block_us(listener: socket.socket) -> None:
    manager = ServiceManager(environ_of(listener))

    while manager.status("x" * 1024):
        pass

    assert heard(listener) == ["STATUS=" + "x" * 1024]


@pytest.mark.looptime
async def test_the_event_loop_beats_three_times_within_the_limit(listener: socket.socket) -> None:
    manager = ServiceManager(environ_of(listener, WATCHDOG_USEC="20000000"))
    beating = asyncio.create_task(manager.beat())
    loop = asyncio.get_running_loop()
    began = loop.time()

    beats: list[str] = []
    while len(beats) < 4:
        await asyncio.sleep(0.5)
        try:
            beats += heard(listener)
        except BlockingIOError:
            continue
    elapsed = loop.time() - began
    beating.cancel()

    assert beats == ["WATCHDOG=1"] * 4
    assert elapsed <= 20 / BEATS_PER_WATCHDOG * 3 + 0.5


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "20s"},
        {"WATCHDOG_USEC": "²"},
        {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"},
    ],
)
async def test_nobody_beats_where_nobody_watches(
    listener: socket.socket, watchdog: dict[str, str]
) -> None:
    manager = ServiceManager(environ_of(listener, **watchdog))

    await manager.beat()

    assert manager.watchdog_timeout == 0.0
    with pytest.raises(BlockingIOError):
        heard(listener)


def test_the_watchdog_counts_when_it_names_this_process(listener: socket.socket) -> None:
    own = {"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}

    assert ServiceManager(environ_of(listener, **own)).watchdog_timeout == 20.0


async def test_a_watchdog_without_a_socket_beats_nowhere() -> None:
    await ServiceManager({"WATCHDOG_USEC": "20000000"}).beat()
