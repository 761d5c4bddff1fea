"""Whole calls through the whole service, in virtual time."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from controller import logs
from controller.errors import ControlError
from controller.simulator import (
    DEFAULT_SECRET,
    EXPECTED_STATUS,
    FOREVER,
    EndedBy,
    Forgery,
    Kind,
    Scenario,
    parse,
)
from controller.simulator.webhooks import sign, signing_key

pytestmark = pytest.mark.looptime

HOURS = """
caller = ["Hi, when are you open on Monday?", "Thanks, goodbye."]

[[model]]
when = "greeting"
says = "Thank you for calling Acme Dental. How can I help?"

[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }

[[model]]
after = "opening_hours"
says = "On Monday we are open {output}."

[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"

[expect]
ended = "hung_up"
tools = ["opening_hours", "hang_up"]
said = ["Acme Dental", "open from 8 to 18", "Goodbye"]
requests = { accept = 1, hangup = 1 }
answers = [200]
"""


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream=stream, level="debug")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def answered(call: Any) -> None:
    """Wait until the service has attached and greeted."""
    assert await call.wait_until(lambda: "response.create" in _types(call.client_events), 30.0)


def _types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


async def test_a_call_is_greeted_helped_and_hung_up(house: Any) -> None:
    home = await house()
    call = await home.openai.place_call(parse(HOURS))

    assert (await call.ended).by is EndedBy.HUNG_UP
    assert call.verdict() == []


async def test_what_happened_is_counted(house: Any) -> None:
    home = await house()
    call = await home.openai.place_call(parse(HOURS))
    await call.ended
    await asyncio.sleep(5)

    status, text = await home.get("/metrics")
    assert status == 200
    for sample in (
        'controller_deliveries_total{result="accepted"} 1.0',
        'controller_calls_total{outcome="we_hung_up"} 1.0',
        'controller_request_seconds_count{status="200",verb="accept"} 1.0',
        'controller_tool_seconds_count{result="ok",tool="opening_hours"} 1.0',
        "controller_acknowledge_seconds_count 1.0",
        "controller_answer_sent_seconds_count 1.0",
        "controller_session_created_seconds_count 1.0",
        "controller_live_calls 0.0",
    ):
        assert sample in text


async def test_the_log_tells_of_a_call_and_nothing_of_its_caller(
    house: Any, log: io.StringIO
) -> None:
    home = await house()
    call = await home.openai.place_call(parse(HOURS))
    await call.ended
    await asyncio.sleep(5)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (canonical,) = [line for line in lines if line["event"] == "call"]
    assert canonical["outcome"] == "we_hung_up"
    assert canonical["caller"] == "…0101"
    requests = [line for line in lines if line["event"] == "openai_request"]
    assert [line["verb"] for line in requests] == ["accept", "hangup"]
    assert {line["call_id"] for line in requests} == {canonical["call_id"]}
    assert {line["sip_call_id"] for line in requests} == {call.sip_call_id}
    for secret in ("2025550101", "2025550100", "Monday", "Acme", "whsec", "sk-", logs.HIDDEN):
        assert secret not in log.getvalue()


async def test_an_unknown_number_is_rejected(house: Any) -> None:
    home = await house()
    call = await home.openai.place_call(Scenario(to="+12025550199"))

    ending = await call.ended
    assert (ending.by, ending.status_code) == (EndedBy.REJECTED, 404)
    assert home.requests() == ["reject"]


async def test_a_full_house_says_so(house: Any) -> None:
    home = await house()
    held = await home.openai.hold_calls(3, 10.0)
    for call in held:
        await answered(call)

    ending = await (await home.openai.place_call()).ended
    assert (ending.by, ending.status_code) == (EndedBy.REJECTED, 503)
    assert not any(call.is_over for call in held)


async def test_duplicates_and_twins_reach_openai_once(house: Any) -> None:
    home = await house()
    webhooks = (
        Kind.INCOMING, Kind.DUPLICATE, Kind.REDELIVERY, Kind.LIVE_TWIN, Kind.LIVE_CALL_TWIN,
        Kind.UNKNOWN_TYPE,
    )  # fmt: skip
    call = await home.openai.place_call(Scenario(webhooks=webhooks))
    await answered(call)

    assert [answer.status for answer in call.answers] == [200] * 6
    assert home.requests() == ["accept", "attach"]


async def test_a_stale_delivery_is_answered_and_nothing_else(house: Any) -> None:
    home = await house()
    call = await home.openai.place_call(Scenario(webhooks=(Kind.LATE,)))
    await call.ended

    assert [answer.status for answer in call.answers] == [200]
    assert home.requests() == []


@pytest.mark.parametrize("forgery", list(Forgery))
async def test_a_bad_delivery_never_reaches_openai(house: Any, forgery: Forgery) -> None:
    home = await house()
    answer = await home.openai.forge(forgery)

    assert answer.status == EXPECTED_STATUS[forgery]
    await asyncio.sleep(1)
    # A signed delivery that is merely strange is a call; one that nobody is waiting for.
    assert bool(home.requests()) == (answer.status == 200)


async def test_a_delivery_is_believed_as_long_as_the_operator_wants(house: Any) -> None:
    home = await house(webhook={"tolerance_limit": 30.0})
    answers = {}
    for age in (29, 32):
        timestamp = str(int(home.clock.now()) - age)
        delivery = sign([signing_key(DEFAULT_SECRET)], f"wh_{age}", timestamp, b'{"type": "x"}')
        headers = {name.decode(): value.decode() for name, value in delivery.headers}
        url = home.service.url + "/openai/webhook"
        async with home.http.post(url, data=delivery.body, headers=headers) as answer:
            answers[age] = answer.status
    assert answers == {29: 200, 32: 400}


async def test_a_body_is_waited_for_as_long_as_the_operator_wants(house: Any) -> None:
    home = await house(body_timeout=0.5)
    host, _, port = home.service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /openai/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    began_at = home.clock.now()
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert status.startswith(b"HTTP/1.1 408 ")
    assert 0.4 < home.clock.now() - began_at < 1.0  # in virtual time


async def test_the_loop_is_watched_from_the_start(house: Any) -> None:
    home = await house()
    await asyncio.sleep(2)
    _, text = await home.get("/metrics")
    (count,) = re.findall(r"^controller_event_loop_lag_seconds_count (\S+)$", text, re.MULTILINE)
    assert float(count) > 0


async def test_draining_rejects_new_calls_and_lets_live_ones_finish(house: Any) -> None:
    home = await house()
    live = await home.openai.place_call(Scenario(stays=60.0))
    await answered(live)
    home.service.request_stop()
    await asyncio.sleep(1)

    status, body = await home.get("/readyz")
    assert (status, body["reasons"]) == (503, ["draining"])
    assert (await home.get("/livez"))[0] == 200
    refused = await home.openai.place_call()
    assert (await refused.ended).status_code == 503
    assert [answer.status for answer in refused.answers] == [200]
    assert not live.is_over

    assert (await live.ended).by is EndedBy.CALLER_HUNG_UP
    await home.running


async def test_a_drain_that_takes_too_long_hangs_up(house: Any) -> None:
    home = await house(drain_timeout=30.0)
    (live,) = await home.openai.hold_calls(1, 1.0)
    await answered(live)
    home.service.request_stop()

    await home.running
    assert (await live.ended).by is EndedBy.HUNG_UP


async def test_a_second_request_to_stop_hangs_up_at_once(house: Any) -> None:
    home = await house()
    (live,) = await home.openai.hold_calls(1, 1.0)
    await answered(live)
    began_at = asyncio.get_running_loop().time()
    home.service.request_stop()
    await asyncio.sleep(1)
    home.service.request_stop()

    await home.running
    assert (await live.ended).by is EndedBy.HUNG_UP
    assert asyncio.get_running_loop().time() - began_at < 60.0


async def test_a_signal_after_the_command_to_drain_is_the_first_one(house: Any) -> None:
    home = await house()
    (live,) = await home.openai.hold_calls(1, 1.0)
    await answered(live)
    await home.control.drain()
    home.service.request_stop()
    await asyncio.sleep(60)

    assert not live.is_over


async def test_a_tool_that_does_not_end_does_not_hold_up_the_stop(
    house: Any, log: io.StringIO
) -> None:
    home = await house()
    call = await home.openai.place_call(
        parse("""
caller = ["Wait for ever."]
[[model]]
heard = "for ever"
calls = "wait_for_ever"
""")
    )
    assert await call.wait_until(lambda: call.tools_called == ["wait_for_ever"], 30.0)
    began_at = asyncio.get_running_loop().time()
    home.service.request_stop()
    home.service.request_stop()

    await home.running
    assert asyncio.get_running_loop().time() - began_at < 10.0
    assert (await call.ended).by is EndedBy.HUNG_UP
    assert '"event":"calls_left"' in log.getvalue()


async def test_an_operator_lists_and_hangs_up_a_call(house: Any) -> None:
    home = await house()
    (live,) = await home.openai.hold_calls(1, 1.0)
    await answered(live)

    (listed,) = await home.control.calls()
    assert listed["provider_id"] == live.call_id
    assert (listed["caller"], listed["called"]) == ("…0101", "…0100")
    with pytest.raises(ControlError, match="no such live call"):
        await home.control.hang_up("somebody else's")
    await home.control.hang_up(listed["call_id"])
    assert (await live.ended).by is EndedBy.HUNG_UP


async def test_pausing_rejects_calls_until_resumed(house: Any) -> None:
    home = await house()
    await home.control.pause()
    assert (await home.get("/readyz"))[1]["reasons"] == ["paused"]
    assert (await (await home.openai.place_call()).ended).status_code == 503

    await home.control.resume()
    assert (await home.get("/readyz"))[0] == 200
    await answered(await home.openai.place_call())


async def test_draining_by_command_is_draining(house: Any) -> None:
    home = await house()
    (live,) = await home.openai.hold_calls(1, 1.0)
    await answered(live)
    assert (await home.control.drain())["state"] == "draining"
    assert (await home.control.drain())["state"] == "draining"
    await asyncio.sleep(60)
    assert not live.is_over
    with pytest.raises(ControlError, match="draining"):
        await home.control.resume()


async def test_a_refused_key_makes_it_not_ready(house: Any) -> None:
    home = await house()
    call = await home.openai.place_call(Scenario(stays=FOREVER), faults=["accept_401"])
    await call.ended

    status, body = await home.get("/readyz")
    assert (status, body["reasons"]) == (503, ["accept_denied"])


async def test_the_operators_routes_can_have_a_port_of_their_own(house: Any) -> None:
    home = await house(operator_port=0)

    assert home.service.url != home.service.operator_url
    assert (await home.get("/readyz"))[0] == 200
    async with home.http.get(home.service.url + "/readyz") as answer:
        assert answer.status == 404
    async with home.http.post(home.service.operator_url + "/openai/webhook") as answer:
        assert answer.status == 404
    await answered(await home.openai.place_call())
