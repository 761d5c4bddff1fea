from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from prometheus_client import CollectorRegistry, Counter

from controller.handlers.health import HealthHandler

Client = TestClient[web.Request, web.Application]


@dataclass
class Answers:
    why_not: list[str] = field(default_factory=list)

    def reasons(self) -> list[str]:
        return self.why_not

    def notes(self) -> list[str]:
        return ["trunk_unverified"]


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def client(serve: Callable[[web.Application], Awaitable[Client]], answers: Answers) -> Client:
    registry = CollectorRegistry()
    Counter("controller_things", "Things", registry=registry).inc()
    app = web.Application()
    HealthHandler(readiness=answers, registry=registry).add_to(app)
    return await serve(app)


async def test_it_is_alive_even_when_not_ready(client: Client, answers: Answers) -> None:
    answers.why_not = ["draining"]
    assert (await client.get("/livez")).status == 200


async def test_without_reasons_it_is_ready(client: Client) -> None:
    answer = await client.get("/readyz")
    assert answer.status == 200
    assert await answer.json() == {"ready": True, "reasons": [], "notes": ["trunk_unverified"]}


async def test_with_a_reason_it_is_not_ready(client: Client, answers: Answers) -> None:
    answers.why_not = ["draining", "accept_denied"]
    answer = await client.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["reasons"] == ["draining", "accept_denied"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
async def test_metrics_come_in_the_format_that_was_asked_for(
    client: Client, accept: str, content_type: str
) -> None:
    answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.status == 200
    assert answer.content_type == content_type
    assert "controller_things_total 1.0" in await answer.text()
