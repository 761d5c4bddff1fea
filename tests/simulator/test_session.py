"""Session configs: defaults, checks, updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai.types.realtime import CallAcceptParams
from pydantic import TypeAdapter

from controller.simulator import Fault, Switches
from controller.simulator.session import check_session, new_session, update_session
from controller.simulator.wire import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

SWITCHES = Switches()
VAD = {"type": "server_vad", "threshold": 0.7, "idle_timeout_ms": None}
FULL: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "instructions": "Be kind.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "noise_reduction": {"type": "far_field"},
            "transcription": {"model": "gpt-transcribe", "language": "en"},
            "turn_detection": VAD,
        },
        "output": {"voice": {"id": "voice_1"}, "speed": 1.2},
    },
    "include": ["item.input_audio_transcription.logprobs"],
    "max_output_tokens": 1000,
    "tools": [
        {"type": "function", "name": "a", "description": "b", "parameters": {"type": "object"}},
        {"type": "mcp", "server_label": "c", "server_url": "https://mcp.example.net"},
    ],
    "tool_choice": {"type": "mcp", "server_label": "c"},
    "parallel_tool_calls": True,
    "reasoning": {"effort": "low"},
    "tracing": "auto",
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
}


def session(**body: Any) -> dict[str, Any]:
    return new_session({"type": "realtime", **body}, session_id="sess_1", expires_at=1)


def test_all_documented_members_pass_here_and_in_the_sdk() -> None:
    assert check_session(FULL, SWITCHES) == []
    assert TypeAdapter(CallAcceptParams).validate_python(FULL) is not None


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"modalities": ["audio"]}, "unknown_parameter", "session.modalities"),
        ({"type": "live"}, "invalid_value", "session.type"),
        ({"model": None}, "invalid_type", "session.model"),
        ({"max_output_tokens": True}, "invalid_type", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"parallel_tool_calls": 1}, "invalid_type", "session.parallel_tool_calls"),
        ({"tools": {}}, "invalid_type", "session.tools"),
        ({"tools": ["a"]}, "invalid_type", "session.tools[0]"),
        ({"tools": [{"name": "a"}]}, "missing_required_parameter", "session.tools[0].type"),
        ({"tool_choice": "a"}, "invalid_value", "session.tool_choice"),
        ({"audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio.output.speed"),
        ({"audio": {"output": {"speed": "1"}}}, "invalid_type", "session.audio.output.speed"),
        ({"audio": []}, "invalid_type", "session.audio"),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 1}}}},
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 1}}}},
            "invalid_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            {"audio": {"input": {"turn_detection": VAD | {"silence_duration_ms": 0.5}}}},
            "invalid_type",
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
    ],
)
def test_mistake_is_refused_with_its_path(change: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_session(FULL | change, SWITCHES)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_defaults_are_filled_in() -> None:
    made = session(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    assert made["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    assert made["audio"]["output"]["voice"] == "alloy"
    assert session() is not session()
    assert session()["audio"] is not session()["audio"]


def test_update_changes_what_is_present_only() -> None:
    made = session(instructions="Old.", tools=[{"type": "function", "name": "a"}])
    change = {"type": "realtime", "tools": [], "audio": {"input": {"turn_detection": None}}}
    update_session(made, change, audio_was_sent=True)
    assert (made["instructions"], made["tools"]) == ("Old.", [])
    assert made["audio"]["input"]["turn_detection"] is None
    assert made["audio"]["input"]["format"] == {"type": "audio/pcmu"}


def test_fixed_members_stay() -> None:
    made = session(model="a", tracing="auto", audio={"output": {"voice": "marin"}})
    same = {"model": "a", "tracing": "auto", "audio": {"output": {"voice": "marin"}}}
    update_session(made, same, audio_was_sent=True)
    for change, param in (
        ({"model": "b"}, "session.model"),
        ({"tracing": None}, "session.tracing"),
        ({"audio": {"output": {"voice": "cedar"}}}, "session.audio.output.voice"),
    ):
        with pytest.raises(RefusedError) as caught:
            update_session(made, change, audio_was_sent=True)
        assert caught.value.param == param
    update_session(made, {"audio": {"output": {"voice": "cedar"}}}, audio_was_sent=False)
    assert made["audio"]["output"]["voice"] == "cedar"


@pytest.mark.looptime
async def test_session_update_is_acknowledged(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    pcm = {"input": {"format": {"type": "audio/pcma"}}}
    await sideband.send("session.update", session={"type": "realtime", "audio": pcm})
    updated = await sideband.until("session.updated")
    assert updated["session"]["audio"]["input"]["format"] == {"type": "audio/pcma"}
    assert any("audio.input.format" in note for note in call.notes)

    await sideband.send("session.update", session={"instructions": "x"}, event_id="e1")
    error = (await sideband.until("error"))["error"]
    assert error["code"] == "missing_required_parameter"
    assert (error["param"], error["event_id"]) == ("session.type", "e1")
    assert call.server_events[0]["session"]["audio"]["input"]["format"] == {"type": "audio/pcmu"}


@pytest.mark.looptime
async def test_voice_is_locked_after_the_first_audio(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    for voice, answer in (("marin", "session.updated"), ("cedar", "error")):
        change = {"type": "realtime", "audio": {"output": {"voice": voice}}}
        await sideband.send("session.update", session=change)
        await sideband.until(answer)
        await sideband.send("response.create")
        await sideband.until("response.done")
    assert sideband.of("error")[0]["error"]["code"] == "cannot_update_voice"


@pytest.mark.looptime
async def test_session_update_can_be_ignored_or_refused(serve: Callable[..., Any]) -> None:
    service = await serve()
    for fault, answers in (
        (Fault.SESSION_UPDATE_IGNORED, []),
        (Fault.SESSION_UPDATE_REFUSED, ["error"]),
    ):
        call = await service.openai.place_call(faults=[fault])
        sideband = await service.answer(call)
        await sideband.send("session.update", session={"type": "realtime", "instructions": "x"})
        await sideband.send("response.create")
        await sideband.until("response.created")
        assert sideband.types[1:-1] == answers
        assert call.session["instructions"] != "x"
