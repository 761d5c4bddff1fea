from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from controller.clients.control import ControlClient
from controller.errors import ControlError
from controller.handlers.control import BODY_LIMIT, TEXT_LIMIT, ControlHandler

Client = TestClient[web.Request, web.Application]


@dataclass(frozen=True)
class Summary:
    call_id: str
    caller: str = "…0123"


@dataclass(frozen=True)
class Refused:
    reason: str
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Left:
    name: str
    number: str = "+12025550142"


@dataclass
class FakeSwitchboard:
    live: list[str] = field(default_factory=lambda: ["call-1"])
    admitting: bool = True
    draining: bool = False
    hung_up: list[str] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    refusal: Refused | None = None

    @property
    def live_count(self) -> int:
        return len(self.live)

    def calls(self) -> list[Summary]:
        return [Summary(call_id) for call_id in self.live]

    def hang_up(self, call_id: str) -> bool:
        self.hung_up.append(call_id)
        return call_id in self.live

    def say(self, call_id: str, text: str, *, verbatim: bool) -> Refused | None:
        self.asked.append(("say", call_id, text, str(verbatim)))
        return self.refusal

    def inject(self, call_id: str, text: str) -> Refused | None:
        self.asked.append(("inject", call_id, text))
        return self.refusal

    def transfer(self, call_id: str, target: str) -> Refused | None:
        self.asked.append(("transfer", call_id, target))
        return self.refusal

    async def messages(self, limit: int) -> list[Left]:
        return [Left("Eve"), Left("Bob")][:limit]

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


@pytest.mark.parametrize(
    ("verb", "body", "asked"),
    [
        ("say", {"text": "Ask for the name."}, ("say", "call-1", "Ask for the name.", "False")),
        ("say", {"text": "Wait.", "verbatim": True}, ("say", "call-1", "Wait.", "True")),
        ("inject", {"text": "A regular."}, ("inject", "call-1", "A regular.")),
        ("transfer", {"target": "reception"}, ("transfer", "call-1", "reception")),
    ],
)
async def test_what_an_operator_wants_is_passed_on(
    client: Client, switchboard: FakeSwitchboard, verb: str, body: Any, asked: tuple[str, ...]
) -> None:
    answer = await client.post(f"/calls/call-1/{verb}", json=body)

    assert answer.status == 202
    assert await answer.json() == {"state": "running", "live_calls": 1}
    assert switchboard.asked == [asked]


@pytest.mark.parametrize(
    ("refusal", "status", "said"),
    [
        (Refused("no_call"), 404, "no such live call"),
        (Refused("not_now"), 409, "do not talk"),
        (Refused("target_tried"), 409, "that target was tried in this call already"),
        (Refused("transfer_just_tried"), 409, "a transfer was just tried"),
        (Refused("too_many"), 429, "later"),
        (Refused("unknown_target", ("billing", "reception")), 422, "billing, reception"),
        (Refused("unknown_target"), 422, "it has none"),
    ],
)
@pytest.mark.parametrize(
    ("verb", "body"),
    [("say", {"text": "x"}), ("inject", {"text": "x"}), ("transfer", {"target": "x"})],
)
async def test_a_wish_that_cannot_be_is_answered_with_why(
    client: Client,
    switchboard: FakeSwitchboard,
    refusal: Refused,
    status: int,
    said: str,
    verb: str,
    body: Any,
) -> None:
    switchboard.refusal = refusal

    answer = await client.post(f"/calls/call-1/{verb}", json=body)

    assert answer.status == status
    content = await answer.json()
    assert said in content["error"]
    assert content.get("targets", []) == list(refusal.known)


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("say", b""),
        ("say", b"Hello"),
        ("say", b"[]"),
        ("say", b"{}"),
        ("say", b'{"text": 5}'),
        ("say", b'{"text": ""}'),
        ("say", b'{"text": "  "}'),
        ("say", b'{"text": "x", "verbatim": "yes"}'),
        ("say", b'{"text": "x", "urgent": true}'),
        ("say", b'{"text": "%s"}' % (b"x" * (TEXT_LIMIT + 1))),
        ("say", b'{"text": "\xff"}'),
        ("inject", b'{"text": "x", "verbatim": true}'),
        ("transfer", b'{"target": null}'),
        ("transfer", b'{"target": ""}'),
    ],
)
async def test_a_body_that_is_not_what_it_should_be_does_nothing(
    client: Client, switchboard: FakeSwitchboard, verb: str, body: bytes
) -> None:
    answer = await client.post(f"/calls/call-1/{verb}", data=body)

    assert answer.status == 400
    assert (await answer.json())["error"].startswith("the body is not what it should be")
    assert switchboard.asked == []


async def test_a_body_that_is_too_long_is_not_read(
    client: Client, switchboard: FakeSwitchboard
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT):
            yield b" " * 10

    answer = await client.post("/calls/call-1/say", data=endless())

    assert answer.status == 413
    assert "8192" in (await answer.json())["error"]
    assert switchboard.asked == []


async def test_messages_are_listed(client: Client) -> None:
    answer = await client.get("/messages")
    assert [each["name"] for each in (await answer.json())["messages"]] == ["Eve", "Bob"]

    answer = await client.get("/messages?limit=1")
    assert len((await answer.json())["messages"]) == 1


@pytest.mark.parametrize("limit", ["0", "1001", "99999", "-1", "x", "", "²"])
async def test_a_limit_that_is_none_is_refused(client: Client, limit: str) -> None:
    assert (await client.get("/messages", params={"limit": limit})).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/pause", "/resume", "/drain", "/calls/call-1/hangup", "/calls/call-1/say",
        "/calls/call-1/inject", "/calls/call-1/transfer",
    ],
)  # fmt: skip
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
    await control.say("call-1", "Grüß Gott", verbatim=True)
    await control.inject("call-1", "A regular.")
    await control.transfer("call-1", "reception")
    assert switchboard.asked == [
        ("say", "call-1", "Grüß Gott", "True"),
        ("inject", "call-1", "A regular."),
        ("transfer", "call-1", "reception"),
    ]
    assert [each["name"] for each in await control.messages(1)] == ["Eve"]
    switchboard.refusal = Refused("unknown_target", ("reception",))
    with pytest.raises(ControlError, match="its targets: reception"):
        await control.transfer("call-1", "nobody")
    assert (await control.drain())["state"] == "draining"
    with pytest.raises(ControlError, match="draining"):
        await control.resume()
    await runner.cleanup()
