from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from controller.clients.control import ControlClient
from controller.errors import ControlError
from controller.handlers.generations import GenerationsHandler
from controller.handlers.listeners import ControlSocket

Client = TestClient[web.Request, web.Application]


@dataclass(frozen=True)
class Done:
    result: str
    hash: str = "abc"
    problems: tuple[str, ...] = ()


@dataclass
class FakeWorkshop:
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def reload(self, by: str) -> Done:
        self.asked.append(("reload", by))
        return Done("failed", problems=("controller.toml:1: wrong",))

    def generations(self) -> list[Done]:
        return [Done("current"), Done("old", "def")]

    def activate(self, prefix: str, by: str) -> Done:
        self.asked.append(("activate", prefix, by))
        if prefix != "abc":
            raise ControlError("there is none")
        return Done("activated")


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


@pytest.fixture
def app(workshop: FakeWorkshop) -> web.Application:
    app = web.Application()
    GenerationsHandler(workshop).add_to(app)
    return app


@pytest.fixture
async def client(
    serve: Callable[[web.Application], Awaitable[Client]], app: web.Application
) -> Client:
    return await serve(app)


async def test_a_reload_is_answered_with_what_became_of_it(
    client: Client, workshop: FakeWorkshop
) -> None:
    answer = await client.post("/reload")

    assert answer.status == 200
    assert await answer.json() == {
        "result": "failed", "hash": "abc", "problems": ["controller.toml:1: wrong"],
    }  # fmt: skip
    assert workshop.asked == [("reload", "operator")]


async def test_generations_are_listed(client: Client) -> None:
    answer = await client.get("/generations")

    found: Any = await answer.json()
    assert [each["hash"] for each in found["generations"]] == ["abc", "def"]


async def test_one_that_is_kept_is_activated_and_another_is_404(client: Client) -> None:
    answer = await client.post("/generations/abc/activate")
    assert (answer.status, (await answer.json())["result"]) == (200, "activated")

    answer = await client.post("/generations/xyz/activate")
    assert (answer.status, await answer.json()) == (404, {"error": "there is none"})


async def test_who_asks_over_a_unix_socket_is_known_by_the_kernel(
    app: web.Application, workshop: FakeWorkshop, tmp_path: Path
) -> None:
    socket = ControlSocket(app, tmp_path / "control")
    assert await socket.open()
    control = ControlClient(tmp_path / "control")

    done = await control.reload()
    await control.activate("abc")
    found = await control.generations()
    await socket.close()

    uid = os.getuid()
    assert workshop.asked == [
        ("reload", f"operator uid {uid}"),
        ("activate", "abc", f"operator uid {uid}"),
    ]
    assert done["problems"] == ["controller.toml:1: wrong"]
    assert len(found) == 2


async def test_a_prefix_is_sent_as_it_is(
    app: web.Application, workshop: FakeWorkshop, tmp_path: Path
) -> None:
    socket = ControlSocket(app, tmp_path / "control")
    assert await socket.open()
    with pytest.raises(ControlError, match="there is none"):
        await ControlClient(tmp_path / "control").activate("../reload?x=1")
    await socket.close()

    assert [each[1] for each in workshop.asked] == ["../reload?x=1"]
