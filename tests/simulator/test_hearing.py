"""Voice activity detection, transcripts, keys and silence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import INSTANT, Fault, parse, plan

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

TRANSCRIBED = {"input": {"transcription": {"model": "gpt-transcribe"}}}
TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]


async def answered(
    serve: Callable[..., Any], script: str, *, faults: Any = (), **session: Any
) -> Any:
    service = await serve()
    call = await service.openai.place_call(parse(script), faults=faults)
    return call, await service.answer(call, **session)


def heard_events(sideband: Any) -> list[str]:
    return [kind for kind in sideband.types if kind.startswith("input_audio_buffer")]


async def test_speech_becomes_an_item_and_an_answer(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, 'caller = ["Hello there"]', audio=TRANSCRIBED)
    await sideband.until("conversation.item.input_audio_transcription.completed")
    assert sideband.types[1:8] == [*TURN, "response.created", "rate_limits.updated"]
    completed = sideband.events[-1]
    started, stopped = sideband.events[1], sideband.events[2]
    assert completed["transcript"] == "Hello there"
    assert completed["item_id"] == started["item_id"]
    assert completed["usage"] == {"type": "duration", "seconds": 0.68}
    assert stopped["audio_end_ms"] - started["audio_start_ms"] == 1180
    await sideband.until("response.done")
    spoken = sideband.events[-1]["response"]["output"][0]["content"][0]["transcript"]
    assert spoken == "You said: Hello there"


async def test_without_transcription_there_is_no_transcript(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, 'caller = ["Hello there"]\nstays = 5')
    events = await sideband.rest()
    assert not [event for event in events if "input_audio_transcription" in event["type"]]


async def test_transcript_may_differ_from_what_was_said(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(
        serve, 'caller = [{ says = "Doe", transcript = "Dough" }]', audio=TRANSCRIBED
    )
    await sideband.until("conversation.item.input_audio_transcription.completed")
    assert sideband.events[-1]["transcript"] == "Dough"
    await sideband.until("output_audio_buffer.stopped")
    assert call.heard == ["You said: Doe"]


async def test_transcript_may_come_after_the_answer(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(
        serve,
        'caller = ["Hi"]',
        faults=[plan(Fault.TRANSCRIPT_LATE, seconds=9)],
        audio=TRANSCRIBED,
    )
    await sideband.until("conversation.item.input_audio_transcription.completed")
    assert "response.done" in sideband.types


async def test_transcript_may_fail(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(
        serve, 'caller = ["Hi"]', faults=[Fault.TRANSCRIPT_FAILED], audio=TRANSCRIBED
    )
    failed = await sideband.until("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "permission_denied"


async def test_no_answer_by_itself_while_create_response_is_off(
    serve: Callable[..., Any],
) -> None:
    vad = {"type": "semantic_vad", "create_response": False}
    call, sideband = await answered(
        serve, 'caller = ["Hi"]', audio={"input": {"turn_detection": vad}}
    )
    await sideband.until("input_audio_buffer.committed")
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.stopped")
    assert call.heard == ["You said: Hi"]
    assert len(sideband.of("response.created")) == 1


async def test_vad_makes_no_answer_while_a_response_is_active(serve: Callable[..., Any]) -> None:
    vad = {"type": "server_vad", "interrupt_response": False}
    call, sideband = await answered(
        serve,
        f'caller = [{{ noise = 0.1 }}]\n[[model]]\nsays = "{"word " * 30}"',
        audio={"input": {"turn_detection": vad}},
    )
    await sideband.send("response.create")
    await sideband.until("response.done")
    assert "input_audio_buffer.committed" in sideband.types
    assert len(sideband.of("response.created")) == 1
    assert call.conversation.owes_answer


async def test_noise_is_a_turn_without_words(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve, "caller = [{ noise = 0.3 }]", audio=TRANSCRIBED)
    completed = await sideband.until("conversation.item.input_audio_transcription.completed")
    assert completed["transcript"] == ""
    await sideband.until("output_audio_buffer.stopped")
    assert call.heard == ["Sorry, I did not catch that."]


async def test_without_turn_detection_nothing_is_noticed_until_committed(
    serve: Callable[..., Any],
) -> None:
    _, sideband = await answered(
        serve, 'caller = ["Hi"]', audio={"input": {"turn_detection": None}}
    )
    await sideband.send("input_audio_buffer.commit")
    assert (await sideband.until("error"))["error"]["code"] == "input_audio_buffer_commit_empty"
    await asyncio.sleep(15)
    await sideband.send("input_audio_buffer.commit")
    await sideband.until("conversation.item.done")
    assert heard_events(sideband) == ["input_audio_buffer.committed"]
    await sideband.send("input_audio_buffer.clear")
    await sideband.until("input_audio_buffer.cleared")


async def test_appended_audio_is_noted(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve, "caller = []")
    await sideband.send("input_audio_buffer.append", audio="AAAA")
    await sideband.send("input_audio_buffer.clear")
    await sideband.until("input_audio_buffer.cleared")
    assert any("append" in note for note in call.notes)


async def test_keys_have_no_event_id_and_are_not_heard_by_the_model(
    serve: Callable[..., Any], virtual_clock: Callable[[], float]
) -> None:
    service = await serve(clock=virtual_clock)
    call = await service.openai.place_call(parse('caller = [{ presses = "1*#", over = true }]'))
    sideband = await service.answer(call)
    await sideband.until("input_audio_buffer.dtmf_event_received", 3)
    keys = sideband.of("input_audio_buffer.dtmf_event_received")
    assert [event["event"] for event in keys] == ["1", "*", "#"]
    assert all(set(event) == {"type", "event", "received_at"} for event in keys)
    assert keys[0]["received_at"] == int(virtual_clock())
    assert not call.conversation.owes_answer


async def test_silence_makes_the_model_speak_when_asked_for(serve: Callable[..., Any]) -> None:
    vad = {"type": "server_vad", "idle_timeout_ms": 6000}
    call, sideband = await answered(serve, "stays = 12", audio={"input": {"turn_detection": vad}})
    await sideband.send("response.create")
    triggered = await sideband.until("input_audio_buffer.timeout_triggered")
    assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == 6000
    await sideband.until("output_audio_buffer.stopped")
    assert len(call.heard) == 2
    await sideband.rest()
    assert len(sideband.of("input_audio_buffer.timeout_triggered")) == 1


async def test_speech_ends_the_wait_for_silence(serve: Callable[..., Any]) -> None:
    vad = {"type": "server_vad", "idle_timeout_ms": 5000}
    _, sideband = await answered(
        serve,
        'caller = ["one two three four five six seven eight nine ten eleven twelve"]\nstays = 0',
        audio={"input": {"turn_detection": vad}},
    )
    await sideband.send("response.create")
    events = await sideband.rest()
    assert not [event for event in events if event["type"].endswith("timeout_triggered")]


async def test_instant_pace_transcribes_at_once(serve: Callable[..., Any]) -> None:
    service = await serve(pace=INSTANT)
    call = await service.openai.place_call(parse('caller = ["Hi"]\npatience = 1'))
    sideband = await service.answer(call, audio=TRANSCRIBED)
    await sideband.until("conversation.item.input_audio_transcription.completed")
    await sideband.until("output_audio_buffer.stopped")
    assert call.heard == ["You said: Hi"]


async def test_transcripts_may_never_come(serve: Callable[..., Any]) -> None:
    script = 'caller = ["Hello there", { hangs_up = true }]'
    _, sideband = await answered(serve, script, faults=[Fault.TRANSCRIPT_NEVER], audio=TRANSCRIBED)
    await sideband.rest()
    assert not [kind for kind in sideband.types if "transcription" in kind]
