"""Web services of a scenario, asked over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import parse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

SCRIPT = """
[[http]]
name = "slots"
status = 503
delay = 2
times = 1
headers = { Retry-After = "1" }
[[http]]
name = "slots"
body = { free = ["10:00"] }
[[http]]
name = "greeting"
body = "Hello"
times = 2
[expect]
http = { slots = 2 }
"""


async def test_answers_of_a_name_are_given_in_turn(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(SCRIPT))
    url = f"{service.openai.http_url}/slots/monday?x=1"

    async with service.http.get(url) as first:
        assert (first.status, first.headers["Retry-After"]) == (503, "1")
    async with service.http.post(url, json={"a": 1}) as second:
        assert (second.status, await second.json()) == (200, {"free": ["10:00"]})

    assert [name for name, _ in call.http_requests] == ["slots", "slots"]
    request = call.http_requests[1][1]
    assert (request["method"], request["path"]) == ("POST", "/http/slots/monday?x=1")
    assert request["body"] == {"a": 1}
    assert not [one for one in call.verdict() if "web service" in one]


async def test_requests_that_did_not_come_are_told(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(SCRIPT))

    assert "expected 2 requests of the web service 'slots', found 0" in call.verdict()


async def test_newest_call_that_knows_the_name_answers(serve: Callable[..., Any]) -> None:
    service = await serve()
    older = await service.openai.place_call(parse(SCRIPT))
    newer = await service.openai.place_call(parse('[[http]]\nname = "slots"\nbody = "free"'))

    async with service.http.get(f"{service.openai.http_url}/slots") as answer:
        assert await answer.text() == "free"
    async with service.http.get(f"{service.openai.http_url}/greeting") as answer:
        assert await answer.text() == "Hello"

    assert [len(call.http_requests) for call in (older, newer)] == [1, 1]


async def test_what_no_scenario_answers_is_not_found(serve: Callable[..., Any]) -> None:
    service = await serve()
    await service.openai.place_call(parse('[[http]]\nname = "slots"\ntimes = 1'))
    statuses = []
    for _ in range(2):
        async with service.http.get(f"{service.openai.http_url}/slots") as answer:
            statuses.append(answer.status)

    assert statuses == [200, 404]
