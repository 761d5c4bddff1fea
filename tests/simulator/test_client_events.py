"""Client events of any shape: obeyed or refused, never a crash."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.simulator import INSTANT, OpenAISimulator, Scenario, SimulatedCall, Switches
from controller.simulator.client_events import ClientEvents
from controller.simulator.wire import RefusedError, encode

KEYS = [
    *("session", "response", "item", "item_id", "response_id", "previous_item_id", "audio"),
    *("content_index", "audio_end_ms", "event_id", "type", "instructions", "metadata", "input"),
    *("tools", "tool_choice", "name", "call_id", "output", "role", "content", "text", "id"),
    *("turn_detection", "create_response", "voice", "model", "tracing", "output_modalities"),
    *("conversation", "input", "transcription", "format", "server_label", "status"),
]
WORDS = [
    *("realtime", "message", "function_call", "function_call_output", "user", "system", "none"),
    *("assistant", "input_text", "output_text", "function", "mcp", "auto", "required", "text"),
    *("audio", "server_vad", "semantic_vad", "root", "marin", "item_x", "a", ""),
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 10**6), st.floats(), st.sampled_from(WORDS), st.text()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)
EVENTS = st.builds(
    lambda kind, members: members | {"type": kind},
    st.sampled_from(sorted(ClientEvents.EVENTS)) | st.text(max_size=5),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
)
SESSIONS = st.builds(
    lambda session: {"type": "session.update", "session": {"type": "realtime"} | session},
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4),
)
MESSAGES = st.builds(
    lambda role, part, text: {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": role, "content": [{"type": part, "text": text}]},
    },
    st.sampled_from(["user", "system", "assistant"]),
    st.sampled_from(["input_text", "output_text", "input_image"]),
    VALUES,
)


async def accepted(simulator: OpenAISimulator) -> SimulatedCall:
    call = await simulator.place_call(Scenario(webhooks=(), stays=0.0))
    call.accept({"type": "realtime"})
    return call


async def obey_all(events: list[dict[str, Any]]) -> list[RefusedError]:
    """Let a call obey events; return the refusals."""
    switches = replace(Switches(), transcript_deltas=False)
    simulator = OpenAISimulator(pace=INSTANT, switches=switches)
    call = await accepted(simulator)
    refusals = []
    for event in events:
        try:
            call.obey(event)
        except RefusedError as refusal:
            refusals.append(refusal)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await simulator.stop()  # raises what went wrong inside
    return refusals


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(EVENTS, SESSIONS, MESSAGES), max_size=8))
def test_any_client_event_is_obeyed_or_refused(events: list[dict[str, Any]]) -> None:
    # What cannot be written as JSON cannot arrive; NaN can, since Python reads it.
    events = [json.loads(json.dumps(event)) for event in events]
    for refusal in asyncio.run(obey_all(events)):
        assert refusal.status == 400
        assert encode(refusal.error())


def test_obeyed_events_are_not_refused() -> None:
    events: list[dict[str, Any]] = [
        {"type": "session.update", "session": {"type": "realtime", "tools": []}},
        {"type": "response.create", "event_id": "e1"},
        {"type": "output_audio_buffer.clear"},
        {"type": "input_audio_buffer.clear"},
    ]
    assert asyncio.run(obey_all(events)) == []


def test_event_without_a_type_is_refused() -> None:
    (refusal,) = asyncio.run(obey_all([{"event_id": "e1"}]))
    assert (refusal.code, refusal.param) == ("missing_required_parameter", "type")
