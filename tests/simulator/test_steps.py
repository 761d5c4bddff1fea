"""What a caller can do, step by step."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import EndedBy, parse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

TRANSCRIBED = {"input": {"transcription": {"model": "gpt-transcribe"}}}
TRANSCRIPT = "conversation.item.input_audio_transcription.completed"


async def played(serve: Callable[..., Any], script: str, **session: Any) -> Any:
    """Play a call that nobody drives, to its end; return it and what the sideband saw."""
    service = await serve()
    call = await service.openai.place_call(parse(script))
    sideband = await service.answer(call, **session)
    await sideband.rest()
    await call.settled()
    return call, sideband


@pytest.mark.parametrize(
    ("step", "transcripts"),
    [
        ('{ plays = "music", seconds = 20 }', ["", "", ""]),
        ('{ plays = "music", seconds = 7, transcript = "la la" }', ["la la"]),
        ('{ plays = "fax", seconds = 7 }', ["", ""]),
        ('{ plays = "comfort_noise", seconds = 5 }', []),
    ],
)
async def test_sound_is_taken_for_speech_again_and_again(
    serve: Callable[..., Any], step: str, transcripts: list[str]
) -> None:
    script = f'caller = [{step}, {{ waits = 1 }}, {{ hangs_up = "at once" }}]'
    _, sideband = await played(serve, script, audio=TRANSCRIBED)

    assert [event["transcript"] for event in sideband.of(TRANSCRIPT)] == transcripts
    started = sideband.of("input_audio_buffer.speech_started")
    stopped = sideband.of("input_audio_buffer.speech_stopped")
    assert len(started) == len(stopped) == max(len(transcripts), 2 if not transcripts else 1)


async def test_sound_ends_with_the_call(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse('caller = [{ plays = "music", seconds = 999 }]'))
    sideband = await service.answer(call)
    await sideband.until("input_audio_buffer.speech_started", 2)
    await service.post(call, "hangup")

    assert (await call.ended).by is EndedBy.HUNG_UP
    await call.settled()


async def test_another_machine_says_the_same_each_time_in_turn(serve: Callable[..., Any]) -> None:
    script = 'caller = [{ says = "Please hold.", times = 3 }, { hangs_up = true }]'
    call, _ = await played(serve, script)

    assert call.heard == ["You said: Please hold."] * 3


async def test_silent_caller_stays_for_ever(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse("caller = [{ silent = true }]"))
    sideband = await service.answer(call)
    await service.post(call, "hangup")

    assert (await call.ended).by is EndedBy.HUNG_UP
    assert not sideband.of("input_audio_buffer.speech_started")


async def test_caller_hangs_up_while_a_tool_runs(serve: Callable[..., Any]) -> None:
    script = """
    caller = ["Look.", { awaits = "look" }, { hangs_up = "at once" }]
    [[model]]
    heard = "look"
    calls = "look"
    """
    call, _ = await played(serve, script)

    assert call.tools_called == ["look"]
    assert call.heard == []
    assert call.outcome.by is EndedBy.CALLER_HUNG_UP


async def test_caller_notices_a_referral_or_that_none_came(serve: Callable[..., Any]) -> None:
    script = """
    faults = ["refer_ignored"]
    caller = [{ awaits = "refer" }, { awaits = "look", limit = 2 }]
    stays = 1
    """
    service = await serve()
    call = await service.openai.place_call(parse(script))
    await service.answer(call)
    await service.post(call, "refer", {"target_uri": "tel:+12025550123"})
    await call.settled()

    assert call.verdict() == ["the caller waited in vain for 'look'"]


async def test_keys_can_be_pressed_into_the_models_speech(serve: Callable[..., Any]) -> None:
    script = 'caller = ["Hi", { presses = "0", over = true, after = 0.5 }, { hangs_up = true }]'
    _, sideband = await played(serve, script)

    key = sideband.types.index("input_audio_buffer.dtmf_event_received")
    assert sideband.types.index("output_audio_buffer.started") < key
    assert key < sideband.types.index("output_audio_buffer.stopped")


async def test_caller_comes_back_in_calls_that_follow(serve: Callable[..., Any]) -> None:
    script = """
    caller = [{ hangs_up = "at once" }]
    [[then]]
    pause = 20
    caller = [{ waits = 1 }, { hangs_up = "at once" }]
    [[then]]
    caller = [{ hangs_up = "at once" }]
    [then.expect]
    ended = "hung_up"
    """
    service = await serve()
    first = await service.openai.place_call(parse(script))
    assert "the call that follows was not placed" in first.verdict()

    async def answer(call_id: str) -> None:
        await service.post(call_id, "accept", {"type": "realtime"})

    answered: set[str] = set()
    settled = service.openai.spawn(first.settled(), "settled")
    while not settled.done():
        await service.openai.pause(0.5)
        for call_id in set(service.openai.calls) - answered:
            answered.add(call_id)
            await answer(call_id)

    assert len(answered) == 3
    assert first.verdict() == ["call 3: expected to end by hung_up, ended by caller_hung_up"]


async def test_keys_that_were_asked_for_do_not_wait_for_the_tool(
    serve: Callable[..., Any],
) -> None:
    script = """
    caller = ["Hi", { presses = "12" }, { hangs_up = "at once" }]
    [[model]]
    heard = "hi"
    says = "Press two keys."
    calls = "collect_digits"
    """
    service = await serve()
    call = await service.openai.place_call(parse(script))
    sideband = await service.answer(call)
    await sideband.until("output_audio_buffer.stopped")
    heard_at = asyncio.get_running_loop().time()
    await sideband.until("input_audio_buffer.dtmf_event_received", 2)

    assert asyncio.get_running_loop().time() - heard_at < call.scenario.patience
