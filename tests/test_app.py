from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from prometheus_client import generate_latest

from controller import app, reloading
from controller.app import Service
from controller.errors import ControllerError
from controller.reloading import Loaded
from controller.settings import load_all
from controller.simulator import DEFAULT_API_KEY, DEFAULT_SECRET
from controller.store.counts import Spent
from controller.systemd import ServiceManager

CONFIG = """
[server]
port = 0

[[numbers]]
number = "*"
agent = "frontdesk"

[trunk]
called_number_headers = ["X-Dialled"]
"""

AGENT = """+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
+++
You are the receptionist.
"""

Make = Callable[..., Service]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    services: list[Service] = []
    (tmp_path / "agents").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "agents" / "frontdesk.md").write_text(AGENT)
    (tmp_path / "controller.toml").write_text(CONFIG)

    def make(
        manager: ServiceManager | None = None,
        load: Callable[[], Loaded] | None = None,
        **server: Any,
    ) -> Service:
        settings, generation = load_all(
            tmp_path / "controller.toml",
            overrides={"server": {"control_socket": str(tmp_path / "control"), **server}},
            environ={"OPENAI_API_KEY": DEFAULT_API_KEY, "OPENAI_WEBHOOK_SECRET": DEFAULT_SECRET},
        )
        service = Service(settings, generation, manager=manager, load=load)
        services.append(service)
        return service

    yield make
    for service in services:
        await service.stop()


def port_of(service: Service) -> int:
    return int(service.url.rpartition(":")[2])


async def test_it_is_ready_only_when_it_listens(make: Make, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        service = make(ServiceManager(environ))
        with pytest.raises(BlockingIOError):
            manager.recv(4096)
        await service.start()
        assert manager.recv(4096).startswith(b"READY=1\nSTATUS=listening on http://127.0.0.1:")
        await asyncio.sleep(0)
        assert manager.recv(4096) == b"WATCHDOG=1"

        service.request_stop()
        await service.run_until_stopped()
        assert manager.recv(4096).startswith(b"STOPPING=1\nSTATUS=draining, 0 calls live")
        assert manager.recv(4096).startswith(b"EXTEND_TIMEOUT_USEC=1815000000")


async def test_a_taken_port_stops_the_start_and_leaves_nothing_open(
    make: Make, tmp_path: Path
) -> None:
    first = make()
    await first.start()
    second = make(port=port_of(first), control_socket=str(tmp_path / "other"))
    with pytest.raises(ControllerError, match="Address already in use"):
        await second.start()
    assert not (tmp_path / "other").exists()


async def test_without_its_control_socket_it_answers_calls_all_the_same(make: Make) -> None:
    first, second = make(), make()
    await first.start()
    with structlog.testing.capture_logs() as logs:
        await second.start()

    assert "control_socket_taken" in [entry["event"] for entry in logs]
    assert second.notes() == ["records_not_kept", "no_control", "trunk_unverified"]
    assert first.notes() == ["records_not_kept", "trunk_unverified"]
    assert second.reasons() == []


async def test_a_task_of_its_own_that_fails_is_logged_and_counted(make: Make) -> None:
    service = make()
    await service.start()

    async def fail() -> None:
        raise ValueError("+12025550123")

    with structlog.testing.capture_logs() as logs:
        service._own("something", fail())
        for _ in range(3):
            await asyncio.sleep(0)

    assert [(entry["event"], entry["task"]) for entry in logs] == [("task_failed", "something")]
    async with (
        aiohttp.ClientSession() as http,
        http.get(service.operator_url + "/metrics") as answer,
    ):
        assert 'controller_alarms_total{kind="task_failed"} 1.0' in await answer.text()


async def test_stopping_leaves_no_task_behind(make: Make) -> None:
    before = asyncio.all_tasks()
    service = make()
    await service.start()
    assert len(asyncio.all_tasks()) > len(before)
    await service.stop()
    assert asyncio.all_tasks() == before


async def test_a_fault_that_nobody_awaited_is_logged_once() -> None:
    loop = asyncio.get_running_loop()
    app.watch_loop(loop)
    try:
        with structlog.testing.capture_logs() as logs:
            loop.call_exception_handler({"message": "lost", "exception": ValueError("secret")})
    finally:
        loop.set_exception_handler(None)

    (entry,) = logs
    assert (entry["event"], entry["message"]) == ("loop_fault", "lost")


def test_the_manager_is_the_one_of_the_environment() -> None:
    assert app.manager_of_environment().ready("x") is ("NOTIFY_SOCKET" in os.environ)


async def test_it_announces_itself_in_one_line_and_warns(make: Make, tmp_path: Path) -> None:
    config = CONFIG.replace('"*"', '"+12025550100"')
    (tmp_path / "controller.toml").write_text(config)
    service = make()
    announced: asyncio.Queue[str] = asyncio.Queue()
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(service.run(announced.put_nowait))
        line = await announced.get()
    url = service.url
    service.request_stop()
    await running
    frozen = gc.get_freeze_count()
    gc.unfreeze()

    assert frozen > 0
    assert line == f"listening on {url}; records are not kept yet"
    assert announced.empty()
    assert [entry["event"] for entry in logs] == ["ready", "configuration"]
    assert "default_agent" in logs[1]["warning"]


async def test_it_serves_although_nobody_reads_that_it_is_ready(make: Make) -> None:
    announced = asyncio.Event()

    def announce(_line: str) -> None:
        announced.set()
        raise BrokenPipeError

    service = make()
    running = asyncio.create_task(service.run(announce))
    await announced.wait()
    await asyncio.sleep(0)
    is_up = not running.done()
    service.request_stop()
    await running
    gc.unfreeze()
    assert is_up


async def test_with_too_few_tokens_left_the_service_is_not_ready(make: Make) -> None:
    service = make()
    assert service.reasons() == []

    service._world.headroom.note("m", 0.01, 30.0, service._clock.now())

    assert service.reasons() == ["provider_tokens"]


async def test_in_an_incident_the_service_is_ready_and_says_so(make: Make) -> None:
    service = make()
    now = service._clock.now()
    for number in range(3):
        service._calls._incidents.lost(str(number), 3, now)

    assert service.notes()[:2] == ["records_not_kept", "incident"]
    assert service.reasons() == []


async def test_whoever_watches_learns_how_much_money_is_spent(make: Make) -> None:
    service = make()
    with structlog.testing.capture_logs() as logs:
        service._note_spent(Spent("spend_day", 0.6, (0.5,)))
        service._note_spent(Spent("spend_day", 1.01234, (0.8, 1.0)))

    assert [(each["kind"], each["limit"], each["ratio"]) for each in logs] == [
        ("spend_50", "spend_day", 0.6),
        ("spend_80", "spend_day", 1.012),
        ("spend_100", "spend_day", 1.012),
    ]
    text = generate_latest(service._collectors).decode()
    assert 'controller_spend_ratio{limit="spend_day"} 1.01234' in text
    assert 'controller_alarms_total{kind="spend_100"} 1.0' in text


async def test_what_is_loaded_is_hidden_from_the_collector_while_nobody_is_on_the_line(
    make: Make,
) -> None:
    service = make()
    await service.start()
    service._is_for_good = True
    service._calls._holding.add("somebody")
    service._freeze()
    assert gc.get_freeze_count() == 0

    service._calls._holding.clear()
    service._freeze()
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen > 0


async def test_builds_that_hang_leave_room_for_one_that_does_not(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    hangs = True

    def load() -> Loaded:
        if hangs:
            gate.wait()
        return load_all(tmp_path / "controller.toml", environ={}, with_secrets=False)

    service = make(load=load)
    await service.start()
    monkeypatch.setattr(reloading, "BUILD_LIMIT", 0.01)
    try:
        for _ in range(3):
            assert (await service._reloading.reload("signal")).result == "failed"

        hangs = False
        monkeypatch.setattr(reloading, "BUILD_LIMIT", 20.0)
        assert (await service._reloading.reload("signal")).result == "unchanged"
    finally:
        gate.set()
