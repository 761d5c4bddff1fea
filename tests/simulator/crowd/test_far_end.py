from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from controller.simulator import DEFAULT_API_KEY
from controller.simulator.crowd import frames
from controller.simulator.crowd.far_end import FarEnd

pytestmark = pytest.mark.looptime

SESSION = {"type": "realtime", "instructions": "Be brief."}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield http


async def post(http: aiohttp.ClientSession, far_end: FarEnd, call_id: str, verb: str) -> int:
    url = f"{far_end.base_url}/realtime/calls/{call_id}/{verb}"
    async with http.post(url, json=SESSION) as answer:
        return answer.status


async def attach(
    http: aiohttp.ClientSession, far_end: FarEnd
) -> aiohttp.ClientWebSocketResponse[Any]:
    return await http.ws_connect(f"{far_end.base_url}/realtime?call_id=rtc_1")


async def until(socket: aiohttp.ClientWebSocketResponse[Any], last: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != last:
        events.append(await socket.receive_json())
    return events


async def test_a_call_is_accepted_once_and_only_with_the_key(
    far_end: FarEnd, http: aiohttp.ClientSession
) -> None:
    far_end.ring("rtc_1")

    async with aiohttp.ClientSession() as stranger:
        assert await post(stranger, far_end, "rtc_1", "accept") == 401
    assert await post(http, far_end, "rtc_0", "accept") == 404
    assert await post(http, far_end, "rtc_1", "accept") == 200
    assert await post(http, far_end, "rtc_1", "accept") == 409


async def test_a_greeting_comes_in_the_documented_order_and_is_heard_after_it_is_done(
    far_end: FarEnd, http: aiohttp.ClientSession
) -> None:
    call = far_end.ring("rtc_1")
    await post(http, far_end, "rtc_1", "accept")
    socket = await attach(http, far_end)
    (created,) = await until(socket, "session.created")
    await socket.send_json({"type": "response.create", "response": {"metadata": {"mark": "1"}}})
    events = await until(socket, "output_audio_buffer.stopped")
    await socket.close()

    types = [event["type"] for event in events]
    assert created["session"]["instructions"] == "Be brief."
    assert types[:3] == ["response.created", "rate_limits.updated", "response.output_item.added"]
    assert types[-2:] == ["response.done", "output_audio_buffer.stopped"]
    assert events[0]["response"]["metadata"] == {"mark": "1"}
    assert events[-2]["response"]["status"] == "completed"
    deltas = [event["delta"] for event in events if "delta" in event]
    assert " ".join(deltas) == frames.GREETING
    assert call.instants.heard_at is not None


async def test_what_the_service_changes_is_acknowledged(
    far_end: FarEnd, http: aiohttp.ClientSession
) -> None:
    far_end.ring("rtc_1")
    await post(http, far_end, "rtc_1", "accept")
    socket = await attach(http, far_end)
    await until(socket, "session.created")
    await socket.send_json({"type": "session.update", "session": {"voice": "marin"}})
    (updated,) = await until(socket, "session.updated")
    item = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    await socket.send_json({"type": "conversation.item.create", "item": item})
    added, _ = await until(socket, "conversation.item.done")
    await socket.send_json({"type": "response.cancel"})
    await socket.close()

    assert updated["session"]["voice"] == "marin"
    assert added["type"] == "conversation.item.added"
    assert added["item"]["call_id"] == "call_1"


async def test_a_tool_call_comes_with_the_question_and_is_completed(
    far_end: FarEnd, http: aiohttp.ClientSession
) -> None:
    call = far_end.ring("rtc_1")
    await post(http, far_end, "rtc_1", "accept")
    socket = await attach(http, far_end)
    await until(socket, "session.created")
    await far_end.ask_tool(call)
    events = await until(socket, "response.done")
    await socket.close()

    (item,) = events[-1]["response"]["output"]
    assert events[0]["type"] == "input_audio_buffer.speech_started"
    assert (item["name"], json.loads(item["arguments"])) == (frames.TOOL, {"day": "Monday"})
    assert call.instants.tool_asked_at is not None


async def test_a_call_that_was_hung_up_is_gone(
    far_end: FarEnd, http: aiohttp.ClientSession
) -> None:
    call = far_end.ring("rtc_1")
    await post(http, far_end, "rtc_1", "accept")
    socket = await attach(http, far_end)
    await until(socket, "session.created")

    assert await post(http, far_end, "rtc_1", "hangup") == 200
    assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert await post(http, far_end, "rtc_1", "hangup") == 404
    with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
        await attach(http, far_end)
    await far_end.ask_tool(call)  # into the void


async def test_a_binary_frame_ends_the_sideband(
    far_end: FarEnd, http: aiohttp.ClientSession
) -> None:
    far_end.ring("rtc_1")
    await post(http, far_end, "rtc_1", "accept")
    socket = await attach(http, far_end)
    await until(socket, "session.created")
    await socket.send_bytes(b"\x00")

    assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
