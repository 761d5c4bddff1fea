"""A service and a stand-in that were started differently are told what to look at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from controller.simulator import EndedBy, OpenAISimulator, SimulatedCall, Switches, parse
from controller.simulator.advice import advice, knows_the_end
from controller.simulator.ending import Ending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Start = Callable[..., Awaitable[OpenAISimulator]]

ANSWERED = '[expect]\nended = "hung_up"'


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a stand-in, and a service that answers deliveries with a status and then does `act`."""
    async with aiohttp.ClientSession() as http:
        runners: list[web.AppRunner] = []
        stand_ins: list[OpenAISimulator] = []

        async def begin(
            status: int = 200, verb: str = "", body: object = None, key: str = "sk-other"
        ) -> OpenAISimulator:
            tasks: set[asyncio.Task[None]] = set()

            async def act(call_id: str) -> None:
                url = f"{stand_in.base_url}/realtime/calls/{call_id}/{verb}"
                headers = {"Authorization": f"Bearer {key}"}
                async with http.post(url, json=body, headers=headers):
                    pass

            async def take(request: web.Request) -> web.Response:
                event = await request.json()
                if verb:
                    task = asyncio.create_task(act(event["data"]["call_id"]))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                return web.Response(status=status)

            app = web.Application()
            app.router.add_post("/", take)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            stand_in = OpenAISimulator(
                f"http://127.0.0.1:{runner.addresses[0][1]}/",
                switches=Switches(decision_limit=0.5),
                retry_offsets=(),
            )
            stand_ins.append(stand_in)
            await stand_in.start()
            return stand_in

        yield begin
        for stand_in in stand_ins:
            await stand_in.stop()
        for runner in runners:
            await runner.cleanup()


async def settled(stand_in: OpenAISimulator, script: str = ANSWERED) -> SimulatedCall:
    call = await stand_in.place_call(parse(script))
    await call.settled()
    return call


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "OPENAI_WEBHOOK_SECRET"),
        (404, "answered with 404: is --webhook-url"),
        (405, "answered with 405: is --webhook-url"),
        (200, "OPENAI_BASE_URL"),
    ],
)
async def test_an_answer_points_at_what_differs(start: Start, status: int, word: str) -> None:
    stand_in = await start(status)
    calls = [await settled(stand_in), await settled(stand_in)]

    (sentence,) = advice(calls)

    assert word in sentence


@pytest.mark.looptime
@pytest.mark.parametrize(("verb", "body"), [("accept", {}), ("reject", {"status_code": 486})])
async def test_a_refused_key_is_named(start: Start, verb: str, body: object) -> None:
    stand_in = await start(verb=verb, body=body)

    (sentence,) = advice([await settled(stand_in)])

    assert "OPENAI_API_KEY" in sentence


@pytest.mark.looptime
async def test_no_advice_without_a_mistake(start: Start) -> None:
    stand_in = await start(500)
    as_expected = await settled(stand_in, '[expect]\nended = "unanswered"')

    assert advice([as_expected, await settled(stand_in)]) == []


@pytest.mark.looptime
async def test_a_service_learns_the_end_by_asking_once_more(start: Start) -> None:
    stand_in = await start(
        verb="accept", body={"type": "realtime", "model": "m"}, key=OpenAISimulator().api_key
    )
    call = await stand_in.place_call(parse(""))
    assert await call.wait_until(lambda: call.was_accepted, 5)
    call.end(Ending(EndedBy.CALLER_HUNG_UP))
    knew_before = knows_the_end(call)
    async with aiohttp.ClientSession() as http:
        url = f"{stand_in.base_url}/realtime?call_id={call.call_id}"
        headers = {"Authorization": f"Bearer {stand_in.api_key}"}
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url, headers=headers)

    assert not knew_before
    assert knows_the_end(call)


@pytest.mark.looptime
async def test_a_service_that_never_took_the_call_has_nothing_to_learn(start: Start) -> None:
    stand_in = await start()

    assert knows_the_end(await settled(stand_in))
