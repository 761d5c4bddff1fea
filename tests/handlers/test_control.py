from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from controller.clients.control import ControlClient
from controller.errors import ControlError
from controller.handlers.control import ControlHandler

Client = TestClient[web.Request, web.Application]


@dataclass(frozen=True)
class Summary:
    call_id: str
    caller: str = "…0123"


@dataclass
class FakeSwitchboard:
    live: list[str] = field(default_factory=lambda: ["call-1"])
    admitting: bool = True
    draining: bool = False
    hung_up: list[str] = field(default_factory=list)

    @property
    def live_count(self) -> int:
        return len(self.live)

    def calls(self) -> list[Summary]:
        return [Summary(call_id) for call_id in self.live]

    def hang_up(self, call_id: str) -> bool:
        self.hung_up.append(call_id)
        return call_id in self.live

    def pause(self) -> None:
        self.admitting = False

    def resume(self) -> None:
        self.admitting = not self.draining

    def state(self) -> str:
        if self.draining:
            return "draining"
        return "running" if self.admitting else "paused"

    def drain(self) -> None:
        self.draining = True


@pytest.fixture
def switchboard() -> FakeSwitchboard:
    return FakeSwitchboard()


@pytest.fixture
def app(switchboard: FakeSwitchboard) -> web.Application:
    app = web.Application()
    ControlHandler(
        switchboard=switchboard, state=switchboard.state, drain=switchboard.drain
    ).add_to(app)
    return app


@pytest.fixture
async def client(
    serve: Callable[[web.Application], Awaitable[Client]], app: web.Application
) -> Client:
    return await serve(app)


async def test_status_says_what_it_does_and_how_many_calls_live(client: Client) -> None:
    answer = await client.get("/status")
    assert answer.status == 200
    assert await answer.json() == {"state": "running", "live_calls": 1}


async def test_calls_are_listed(client: Client) -> None:
    answer = await client.get("/calls")
    assert await answer.json() == {"calls": [{"call_id": "call-1", "caller": "…0123"}]}


async def test_a_live_call_is_hung_up(client: Client, switchboard: FakeSwitchboard) -> None:
    assert (await client.post("/calls/call-1/hangup")).status == 202
    assert (await client.post("/calls/call-2/hangup")).status == 404
    assert switchboard.hung_up == ["call-1", "call-2"]


async def test_pause_and_resume(client: Client, switchboard: FakeSwitchboard) -> None:
    assert (await (await client.post("/pause")).json())["state"] == "paused"
    assert switchboard.admitting is False
    assert (await (await client.post("/resume")).json())["state"] == "running"


async def test_there_is_no_way_back_from_draining(client: Client) -> None:
    answer = await client.post("/drain")
    assert answer.status == 202
    assert (await answer.json())["state"] == "draining"
    assert (await client.post("/resume")).status == 409


@pytest.mark.parametrize("path", ["/pause", "/resume", "/drain", "/calls/call-1/hangup"])
async def test_nothing_changes_by_reading(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 405


async def test_the_client_speaks_to_the_handler_over_its_socket(
    app: web.Application, switchboard: FakeSwitchboard, tmp_path: Path
) -> None:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    control = ControlClient(tmp_path / "s")

    assert await control.status() == {"state": "running", "live_calls": 1}
    assert await control.calls() == [{"call_id": "call-1", "caller": "…0123"}]
    assert (await control.pause())["state"] == "paused"
    assert (await control.resume())["state"] == "running"
    assert (await control.hang_up("call-1"))["live_calls"] == 1
    with pytest.raises(ControlError, match="no such live call"):
        await control.hang_up("../pause")
    assert switchboard.hung_up == ["call-1", "../pause"]
    assert (await control.drain())["state"] == "draining"
    with pytest.raises(ControlError, match="draining"):
        await control.resume()
    await runner.cleanup()
