"""The socket itself: attaching, closing, cutting, and what is sent that nobody can read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from openai._models import construct_type
from openai.types.realtime import RealtimeServerEvent

from controller.simulator import (
    DEFAULT_API_KEY,
    EndedBy,
    Fault,
    Phase,
    Scenario,
    Source,
    Switches,
    plan,
)
from controller.simulator.sideband import HUGE, MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime


async def test_session_created_comes_first_and_is_complete(
    serve: Callable[..., Any], virtual_clock: Callable[[], float]
) -> None:
    service = await serve(clock=virtual_clock)
    call = await service.openai.place_call()
    sideband = await service.answer(call, model="gpt-realtime-2.1", instructions="Be kind.")

    session = sideband.events[0]["session"]
    assert sideband.types == ["session.created"]
    assert session["instructions"] == "Be kind."
    assert session["expires_at"] == pytest.approx(virtual_clock() + 3600, abs=2)
    assert session["audio"]["input"]["turn_detection"]["create_response"] is True
    assert session["id"].startswith("sess_")


async def test_openai_sdk_reads_the_sideband(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.stopped")
    for event in sideband.events:
        parsed: Any = construct_type(value=event, type_=RealtimeServerEvent)
        assert parsed.type == event["type"]
        assert parsed.to_dict().keys() == event.keys()


async def test_closing_the_sideband_does_not_end_the_call(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.socket.close()
    await asyncio.sleep(5)
    assert call.phase is Phase.LIVE
    again = await service.attach(call)
    assert (await again.until("session.created"))["session"]["id"]


async def test_reattach_gets_the_present_session_and_no_replay(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.send("session.update", session={"type": "realtime", "instructions": "New."})
    await sideband.until("session.updated")
    await sideband.send("response.create")
    await sideband.until("response.done")
    await sideband.socket.close()
    again = await service.attach(call)
    call.cut_sidebands(1000)
    assert [event["type"] for event in await again.rest()] == ["session.created"]
    assert again.events[0]["session"]["instructions"] == "New."


async def test_reattach_can_replay_the_last_response(serve: Callable[..., Any]) -> None:
    service = await serve(switches=Switches(reattach_replays=True))
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.send("response.create")
    done = await sideband.until("response.done")
    await sideband.socket.close()
    again = await service.attach(call)
    assert await again.until("response.done") == done


async def test_events_without_a_sideband_are_lost(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.started")
    await sideband.socket.close()
    await asyncio.sleep(10)
    assert call.heard == ["Hello, how can I help you?"]
    lost = service.openai.journal.of(call.call_id, Source.LOST)
    assert "output_audio_buffer.stopped" in [entry.name for entry in lost]


@pytest.mark.parametrize(
    ("switch", "close_code"), [("drop", 1006), ("close_1000", 1000), ("close_1001", 1001)]
)
async def test_end_of_the_call_ends_the_sideband(
    serve: Callable[..., Any], switch: Any, close_code: int
) -> None:
    service = await serve(switches=Switches(end_of_call=switch))
    call = await service.openai.place_call(Scenario(stays=1))
    sideband = await service.answer(call)
    await sideband.rest()
    assert sideband.socket.close_code == close_code
    assert (await call.ended).by is EndedBy.CALLER_HUNG_UP
    assert await service.attach_status(call) == 404


async def test_longest_session_ends_with_1001(serve: Callable[..., Any]) -> None:
    service = await serve(switches=Switches(session_limit=60))
    call = await service.openai.place_call(Scenario(stays=600))
    sideband = await service.answer(call)
    await sideband.rest()
    assert sideband.socket.close_code == 1001
    assert (await call.ended).by is EndedBy.EXPIRED


@pytest.mark.parametrize(
    ("fault", "close_code"),
    [
        (Fault.SIDEBAND_CUT, 1006),
        (Fault.SIDEBAND_CLOSED_1000, 1000),
        (Fault.SIDEBAND_CLOSED_1001, 1001),
        (Fault.SIDEBAND_CLOSED_1011, 1011),
    ],
)
async def test_sideband_breaks_once_while_the_call_lives(
    serve: Callable[..., Any], fault: Fault, close_code: int
) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[fault])
    sideband = await service.answer(call)
    await sideband.rest()
    assert sideband.socket.close_code == close_code
    again = await service.attach(call)
    await asyncio.sleep(5)
    assert call.phase is Phase.LIVE
    assert not again.socket.closed
    assert len(call.sidebands) == 1


async def test_sideband_breaks_each_time(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.SIDEBAND_CUT_REPEATEDLY])
    await (await service.answer(call)).rest()
    for _ in range(4):
        await (await service.attach(call)).rest()
    assert call.attached == 5


async def test_sideband_can_be_lost_for_good(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.SIDEBAND_LOST])
    await (await service.answer(call)).rest()
    assert [await service.attach_status(call) for _ in range(3)] == [500, 500, 500]
    assert call.phase is Phase.LIVE


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (plan("attach_404", times=2), [404, 404, 101]),
        (Fault.ATTACH_404_FOREVER, [404] * 5),
        (Fault.ATTACH_500, [500, 500, 101]),
        (Fault.ATTACH_HANGS, [504, 101]),
    ],
)
async def test_attach_is_refused_as_named(
    serve: Callable[..., Any], fault: Any, statuses: list[int]
) -> None:
    service = await serve()
    call = await service.openai.place_call(Scenario(stays=300), faults=[fault])
    await service.accept(call)
    assert [await service.attach_status(call) for _ in statuses] == statuses


async def test_session_created_may_never_come(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(Scenario(stays=5), faults=[Fault.SESSION_CREATED_NEVER])
    await service.accept(call)
    sideband = await service.attach(call)
    await sideband.send("response.create")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(20):
            await sideband.next()
    assert sideband.events == []


async def test_session_created_may_come_late(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.SESSION_CREATED_LATE])
    began_at = asyncio.get_running_loop().time()
    await service.answer(call)
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(3.0, abs=0.1)


async def test_call_that_ends_before_a_late_sideband_closes_it(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.SESSION_CREATED_LATE])
    await service.accept(call)
    sideband = await service.attach(call)
    call.leave()
    assert await sideband.rest() == []


@pytest.mark.parametrize(
    ("mode", "status", "survivors"), [("many", 101, 2), ("newest", 101, 1), ("first", 409, 1)]
)
async def test_second_sideband_is_a_matter_of_the_switch(
    serve: Callable[..., Any], mode: Any, status: int, survivors: int
) -> None:
    service = await serve(switches=Switches(sidebands=mode))
    call = await service.openai.place_call()
    first = await service.answer(call)
    if status == 101:
        second = await service.attach(call)
        await second.until("session.created")
        assert len(call.sidebands) == survivors
        if survivors == 1:
            await first.rest()
            assert first.socket.close_code == 1000
    else:
        assert await service.attach_status(call) == status


async def test_ping_is_answered(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(Scenario(stays=300))
    await service.accept(call)
    url = f"{service.openai.base_url}/realtime?call_id={call.call_id}"
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}
    async with service.http.ws_connect(url, headers=headers, heartbeat=5.0) as socket:
        await socket.receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await socket.receive()
        assert not socket.closed


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_type"),
        ("{}", "missing_required_parameter"),
        ('{"type": 7}', "invalid_value"),
        ('{"type": "response.ponder"}', "invalid_value"),
        ('{"type": "response.create", "novelty": 1}', "unknown_parameter"),
        ('{"type": "response.create", "response": []}', "invalid_type"),
    ],
)
async def test_bad_client_event_is_an_error_and_the_socket_stays(
    serve: Callable[..., Any], frame: str, code: str
) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.socket.send_str(frame)
    error = await sideband.until("error")
    assert error["error"]["code"] == code
    await sideband.send("response.cancel", event_id="mine")
    assert (await sideband.until("error"))["error"]["event_id"] == "mine"


async def test_error_goes_to_the_sideband_that_caused_it(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    first = await service.answer(call)
    second = await service.attach(call)
    await second.socket.send_bytes(b"\x00")
    assert (await second.until("error"))["error"]["code"] == "invalid_frame"
    await second.send("response.create")
    assert (await first.next() or {})["type"] == "response.created"


async def test_malformed_frames_stand_between_the_proper_ones(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.MALFORMED_FRAMES])
    sideband = await service.answer(call)
    for _ in range(2):
        await sideband.send("response.create")
        await sideband.until("output_audio_buffer.stopped")
    assert len(sideband.junk) > 10
    assert b"\x00\xff\xfe binary" in MALFORMED


async def test_huge_frames_are_sent_once_each(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.HUGE_FRAMES])
    sideband = await service.answer(call)
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.stopped")
    assert [len(event["padding"]) for event in sideband.events if "padding" in event] == [
        2 * 1024 * 1024
    ] * len(HUGE)


async def test_slow_reader_reads_later(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.SLOW_READER])
    sideband = await service.answer(call)
    began_at = asyncio.get_running_loop().time()
    await sideband.send("response.create")
    await sideband.until("response.created")
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(5.0, abs=0.1)


async def test_client_that_reads_too_slowly_is_cut(serve: Callable[..., Any]) -> None:
    service = await serve(switches=Switches(send_queue_limit=3))
    call = await service.openai.place_call()
    await service.accept(call)
    sideband = await service.attach(call)
    await sideband.send("response.create")
    await sideband.rest()
    assert sideband.socket.close_code == 1006
    assert call.phase is Phase.LIVE


async def test_frame_over_the_limit_closes_the_socket(serve: Callable[..., Any]) -> None:
    service = await serve(switches=Switches(frame_limit=1000))
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.socket.send_str("x" * 2000)
    await sideband.rest()
    assert sideband.socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    assert not call.is_over


async def test_sideband_can_be_cut_right_after_a_tool_call(serve: Callable[..., Any]) -> None:
    from controller.simulator import parse

    scenario = parse('caller = ["Hours?"]\n[[model]]\nheard = "hours"\ncalls = "hours"')
    service = await serve()
    call = await service.openai.place_call(scenario, faults=[Fault.SIDEBAND_CUT_AT_TOOL_CALL])
    sideband = await service.answer(call)
    events = await sideband.rest()
    assert events[-1]["type"] == "response.done"
    assert events[-1]["response"]["output"][0]["type"] == "function_call"
    again = await service.attach(call)
    item = events[-1]["response"]["output"][0]
    await again.send(
        "conversation.item.create",
        item={"type": "function_call_output", "call_id": item["call_id"], "output": "9 to 5"},
    )
    await again.until("conversation.item.done")
    assert call.tool_outputs == [("hours", "9 to 5")]


async def test_sideband_that_is_gone_cannot_be_attached_again(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.SIDEBAND_GONE])
    await (await service.answer(call)).rest()
    assert [await service.attach_status(call) for _ in range(3)] == [404, 404, 404]
    assert call.phase is Phase.LIVE


async def test_stalled_sideband_sends_nothing_and_answers_no_ping(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=[Fault.SIDEBAND_STALLS])
    sideband = await service.answer(call)
    await asyncio.sleep(2)
    await sideband.send("response.create")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sideband.next(), 20)
    assert call.client_events == []
    call.leave()
    assert await sideband.next() is None


async def test_many_sidebands_are_cut_at_once_and_refused_for_a_while(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    calls = [await service.openai.place_call() for _ in range(4)]
    sidebands = [await service.answer(call) for call in calls]

    assert service.openai.cut_sidebands(0.5, refuse_for=10) == 2
    await sidebands[0].rest()
    assert [len(call.sidebands) for call in calls] == [0, 0, 1, 1]
    assert await service.attach_status(calls[0]) == 503
    await asyncio.sleep(10)
    assert await service.attach_status(calls[0]) == 101


async def test_incident_can_be_made_by_hand(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    url = service.openai.base_url.replace("/v1", "/simulator/cut")

    async with service.http.post(f"{url}?share=many") as answer:
        assert answer.status == 400
    async with service.http.post(url) as answer:
        assert await answer.json() == {"cut": 1}
    await sideband.rest()
    assert await service.attach_status(call) == 101
