from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from controller.clients.control import ControlClient
from controller.errors import ControlError

Answer = Callable[[bytes | None], Awaitable[ControlClient]]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Answer]:
    """Start something on a Unix socket that answers with these bytes, or never (None)."""
    servers: list[asyncio.Server] = []
    done = asyncio.Event()

    async def start(answer: bytes | None) -> ControlClient:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(4096)
            if answer is None:
                await done.wait()
            else:
                writer.write(answer)
            writer.close()

        path = tmp_path / "control.sock"
        servers.append(await asyncio.start_unix_server(talk, path))
        return ControlClient(path, limit=0.2)

    yield start
    done.set()
    for server in servers:
        server.close()
        await server.wait_closed()


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def test_when_nobody_listens_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match=r"no service listens on .*gone\.sock"):
        await ControlClient(tmp_path / "gone.sock").status()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
async def test_when_this_user_may_not_ask_it_says_so(service: Answer, tmp_path: Path) -> None:
    control = await service(b"")
    (tmp_path / "control.sock").chmod(0)
    with pytest.raises(ControlError, match="permission denied"):
        await control.status()


async def test_when_there_is_no_answer_in_time_it_says_so(service: Answer) -> None:
    control = await service(None)
    with pytest.raises(ControlError, match=r"did not answer on .* within 0\.2 s"):
        await control.status()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "no controller"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no controller"),
        (http(200, b"<html>"), "HTTP 200 without JSON"),
        (http(200, b"[]"), "HTTP 200 without JSON"),
        (http(500, b"{}"), "HTTP 500"),
        (http(409, b'{"error": "not now"}'), "not now"),
    ],
)
async def test_an_answer_that_is_none_is_one_clear_message(
    service: Answer, answer: bytes, message: str
) -> None:
    control = await service(answer)
    with pytest.raises(ControlError, match=message):
        await control.status()
