"""The stand-in as a whole: its tasks, its many calls, its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from controller.errors import SimulatorError
from controller.simulator import (
    DEFAULT_API_KEY,
    INSTANT,
    EndedBy,
    OpenAISimulator,
    Phase,
    Rule,
    Scenario,
    Source,
    Switches,
    ToolCall,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.simulator import Entry


@pytest.mark.looptime
async def test_stop_ends_calls_sidebands_and_tasks(serve: Callable[..., Any]) -> None:
    service = await serve()
    live = await service.openai.place_call()
    sideband = await service.answer(live)
    await sideband.send("response.create")
    ringing = await service.openai.place_call(faults=["accept_timeout"])
    accept = asyncio.create_task(service.accept(ringing))
    await asyncio.sleep(0.1)
    await service.openai.stop()

    assert {live.outcome.by, ringing.outcome.by} == {EndedBy.STOPPED}
    assert (await accept)[0] in {0, 504}
    await sideband.rest()
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if name.startswith("rtc_")]


@pytest.mark.looptime
async def test_failure_inside_the_stand_in_is_not_swallowed() -> None:
    simulator = OpenAISimulator()

    async def fail() -> None:
        raise ValueError("a bug")

    await simulator.start()
    await asyncio.wait({simulator.spawn(fail(), "a task")})
    with pytest.raises(SimulatorError):
        await simulator.stop()


@pytest.mark.looptime
async def test_waiting_for_the_end_may_be_given_up(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await call.ended
    assert (await call.ended).by is EndedBy.UNANSWERED
    assert await call.ended is call.outcome


def test_secret_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(SimulatorError):
        OpenAISimulator(secrets=["secret"])


@pytest.mark.looptime
async def test_seed_makes_ids_repeatable() -> None:
    found = []
    for _ in range(2):
        async with OpenAISimulator("http://127.0.0.1:1/", seed=7, retry_offsets=()) as openai:
            found.append((await openai.place_call()).call_id)
    assert found[0] == found[1]


@pytest.mark.looptime
async def test_many_calls_are_held_until_they_are_ended(serve: Callable[..., Any]) -> None:
    service = await serve(
        keep_journal=False, pace=INSTANT, switches=Switches(transcript_deltas=False)
    )
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    placing = asyncio.create_task(service.openai.hold_calls(20, 10.0))
    seen: set[str] = set()
    sidebands = []
    while len(seen) < 20:
        await asyncio.sleep(0.05)
        for call_id, call in list(service.openai.calls.items()):
            if call_id not in seen:
                seen.add(call_id)
                sidebands.append(await service.answer(call))
    calls = await placing
    assert loop.time() - began_at == pytest.approx(1.9, abs=0.2)
    for sideband in sidebands:
        await sideband.send("response.create")
        await sideband.until("output_audio_buffer.stopped")
    await asyncio.sleep(1000)
    assert {call.phase for call in calls} == {Phase.LIVE}
    assert service.openai.journal.entries == []
    await service.post(calls[0], "hangup")
    assert calls[0].is_over
    assert len(service.openai.calls) == 19


@pytest.mark.looptime
async def test_observers_see_entries_that_are_not_kept(serve: Callable[..., Any]) -> None:
    service = await serve(keep_journal=False)
    seen: list[Entry] = []
    service.openai.on_entry(seen.append)
    call = await service.openai.place_call(faults=["caller_gives_up"])
    await call.settled()
    assert [entry.name for entry in seen if entry.source is Source.CALL] == ["rings", "ended"]
    assert call.entries == []


@pytest.mark.looptime
async def test_sidebands_of_many_calls_can_be_cut_at_once(serve: Callable[..., Any]) -> None:
    service = await serve()
    calls = [await service.openai.place_call() for _ in range(3)]
    sidebands = [await service.answer(call) for call in calls]
    for call in calls:
        call.cut_sidebands()
    for sideband in sidebands:
        await sideband.rest()
        assert sideband.socket.close_code == 1006
    assert [await service.attach_status(call) for call in calls] == [101, 101, 101]


@pytest.mark.looptime
async def test_requests_of_a_call_are_in_its_record(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(Scenario(stays=1))
    sideband = await service.answer(call, model="m")
    await sideband.send("response.create")
    await call.settled()
    assert [verb for verb, _ in call.requests] == ["accept", "attach"]
    assert call.accept_body == {"type": "realtime", "model": "m"}
    assert [event["type"] for event in call.client_events] == ["response.create"]
    assert call.server_events[0]["type"] == "session.created"


@pytest.mark.looptime
@pytest.mark.parametrize("rules", [5, (Rule(calls=(ToolCall("a", {"x": {1}}),)),)])
async def test_mistake_in_a_script_is_no_fault_of_openai(rules: Any) -> None:
    simulator = OpenAISimulator("http://127.0.0.1:1/", retry_offsets=())
    await simulator.start()
    call = await simulator.place_call(Scenario(rules=rules, stays=1))
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}
    url = f"{simulator.base_url}/realtime"
    async with aiohttp.ClientSession(headers=headers) as http:
        body = {"type": "realtime"}
        async with http.post(f"{url}/calls/{call.call_id}/accept", json=body) as answer:
            if answer.status == 200:
                async with http.ws_connect(f"{url}?call_id={call.call_id}") as socket:
                    await socket.send_json({"type": "response.create"})
                    await asyncio.sleep(5)
    with pytest.raises(SimulatorError) as caught:
        await simulator.stop()
    assert isinstance(caught.value.__cause__, TypeError)
