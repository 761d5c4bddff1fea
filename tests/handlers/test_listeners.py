from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from aiohttp import ClientSession, UnixConnector, web

from controller.errors import ControllerError
from controller.handlers.listeners import ControlSocket, Listener


def app() -> web.Application:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    return app


async def ask(path: Path) -> str:
    async with (
        ClientSession(connector=UnixConnector(path=str(path))) as session,
        session.get("http://service/") as answer,
    ):
        return await answer.text()


async def test_a_listener_says_where_it_is(http: ClientSession) -> None:
    listener = Listener(app(), "127.0.0.1", 0)
    assert listener.url == "http://127.0.0.1:0"
    await listener.open()
    async with http.get(listener.url) as answer:
        assert await answer.text() == "hello"
    await listener.close()
    await listener.close()


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert Listener(app(), "::1", 8080).url == "http://[::1]:8080"


async def test_a_taken_port_is_one_clear_sentence() -> None:
    first = Listener(app(), "127.0.0.1", 0)
    await first.open()
    port = int(first.url.rpartition(":")[2])
    second = Listener(app(), "127.0.0.1", port)
    with pytest.raises(ControllerError) as failed:
        await second.open()
    said = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert str(failed.value) == f"{said}; see [server] host and port"
    await second.close()
    await first.close()


async def test_an_address_that_is_not_ours_is_one_clear_sentence() -> None:
    listener = Listener(app(), "nowhere.invalid", 0)
    with pytest.raises(ControllerError, match=r"cannot listen on nowhere\.invalid port 0: ."):
        await listener.open()
    await listener.close()


async def test_the_control_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "control.sock"
    control = ControlSocket(app(), path)
    assert await control.open()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert await ask(path) == "hello"
    await control.close()
    assert not path.exists()


async def test_what_a_dead_service_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    control = ControlSocket(app(), path)
    assert await control.open()
    assert await ask(path) == "hello"
    await control.close()


async def test_a_living_service_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    first, second = ControlSocket(app(), path), ControlSocket(app(), path)
    assert await first.open()
    assert not await second.open()
    await second.close()
    assert await ask(path) == "hello"
    await first.close()


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_service_that_does_not_answer_keeps_its_socket(
    tmp_path: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    path = tmp_path / "control.sock"
    waiting = []
    with socket.socket(socket.AF_UNIX) as slow:
        slow.bind(str(path))
        slow.listen(0)
        with suppress(BlockingIOError):
            while True:  # fill what the kernel lets wait
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].settimeout(0)
                waiting[-1].connect(str(path))
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            assert not runner.run(ControlSocket(app(), path).open())
    for client in waiting:
        client.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
async def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, -1)
    control = ControlSocket(app(), tmp_path / "theirs" / "control.sock")
    with pytest.raises(ControllerError, match="belongs to another user"):
        await control.open()
    await control.close()


async def test_a_socket_that_is_anothers_by_now_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    first = ControlSocket(app(), path)
    assert await first.open()
    path.unlink()
    second = ControlSocket(app(), path)
    assert await second.open()
    await first.close()
    assert await ask(path) == "hello"
    await second.close()


async def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")
    control = ControlSocket(app(), path)
    with pytest.raises(ControllerError, match="cannot listen on the control socket"):
        await control.open()
    await control.close()
    assert path.read_text() == "precious"


async def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    control = ControlSocket(app(), tmp_path / "file" / "control.sock")
    with pytest.raises(ControllerError, match="cannot listen on the control socket"):
        await control.open()
    await control.close()


async def test_a_request_in_flight_is_finished_when_the_listener_closes(
    http: ClientSession,
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        begun.set()
        await go_on.wait()
        return web.Response(text="done")

    application = web.Application()
    application.router.add_get("/", slow)
    listener = Listener(application, "127.0.0.1", 0)
    await listener.open()
    request = asyncio.create_task(http.get(listener.url))
    await begun.wait()
    closing = asyncio.create_task(listener.close())
    await asyncio.sleep(0)
    go_on.set()
    assert await (await request).text() == "done"
    await closing
