"""The server events of the one conversation: a greeting, and a turn in which a tool is called.

Order and members follow the Realtime reference (November 2026): `response.done` comes when a
response is generated, `output_audio_buffer.stopped` when the caller has heard it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

JsonObject: TypeAlias = dict[str, Any]

GREETING = "Thank you for calling Acme Dental. How can I help you today?"
ANSWER = "We are open from nine to five."
TOOL = "opening_hours"
TOOL_ARGUMENTS = '{"day":"Monday"}'
QUESTION = "When are you open on Monday?"

_WORDS_PER_DELTA = 3
_USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


def encode(event_type: str, event_id: str, **members: Any) -> str:
    """Return one server event as a frame."""
    return msgspec.json.encode({"type": event_type, "event_id": event_id, **members}).decode()


def session_event(event_type: str, call_id: str, session: JsonObject) -> str:
    """Return `session.created` or `session.updated`; `session` is the body of the accept."""
    return encode(
        event_type,
        f"event_{call_id}",
        session={
            "object": "realtime.session",
            "id": f"sess_{call_id}",
            "expires_at": 1_900_000_000,
            **session,
        },
    )


def acknowledgement(item: JsonObject, item_id: str) -> list[str]:
    """Return what follows an item that the service created."""
    whole = {"id": item_id, "object": "realtime.item", "status": "completed", **item}
    return [
        encode(f"conversation.item.{step}", f"event_{item_id}", previous_item_id=None, item=whole)
        for step in ("added", "done")
    ]


def spoken(response_id: str, text: str, metadata: object) -> tuple[list[str], str]:
    """Return a response that says something.

    Args:
        response_id: its id.
        text: what the caller hears.
        metadata: that of the `response.create`, which is echoed.

    Returns:
        Its frames up to `response.done`, and the one for when the caller has heard it.
    """
    item_id = f"item_{response_id}"
    place = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
    words = text.split(" ")
    deltas = [
        " ".join(words[first : first + _WORDS_PER_DELTA])
        for first in range(0, len(words), _WORDS_PER_DELTA)
    ]
    part = {"type": "output_audio", "transcript": text}
    events: list[tuple[str, JsonObject]] = [
        ("output_audio_buffer.started", {"response_id": response_id}),
        *(("response.output_audio_transcript.delta", place | {"delta": each}) for each in deltas),
        ("response.output_audio.done", place),
        ("response.output_audio_transcript.done", place | {"transcript": text}),
        ("response.content_part.done", place | {"part": part}),
    ]
    empty = {"type": "output_audio", "transcript": ""}
    opening: list[tuple[str, JsonObject]] = [
        ("response.content_part.added", place | {"part": empty})
    ]
    frames = _response(response_id, _message(item_id, [part]), [*opening, *events], metadata)
    stopped = encode("output_audio_buffer.stopped", f"event_{item_id}", response_id=response_id)
    return frames, stopped


def tool_call(response_id: str, tool_call_id: str) -> tuple[list[str], str]:
    """Return a caller's question and the response in which the model calls the tool for it.

    Returns:
        The frames before the completed `response.done`, and that one.
    """
    item_id = f"item_{response_id}"
    place = {"response_id": response_id, "item_id": item_id, "output_index": 0}
    place |= {"call_id": tool_call_id}
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "call_id": tool_call_id,
        "name": TOOL,
        "arguments": TOOL_ARGUMENTS,
    }
    done = ("response.function_call_arguments.done", place | {"arguments": TOOL_ARGUMENTS})
    *frames, last = _response(response_id, item, [done], None)
    return [*_question(f"said_{response_id}"), *frames], last


def _question(item_id: str) -> list[str]:
    heard = {"type": "input_audio", "transcript": None}
    item = _message(item_id, [heard]) | {"role": "user"}
    events: list[tuple[str, JsonObject]] = [
        ("input_audio_buffer.speech_started", {"audio_start_ms": 8000, "item_id": item_id}),
        ("input_audio_buffer.speech_stopped", {"audio_end_ms": 9600, "item_id": item_id}),
        ("input_audio_buffer.committed", {"previous_item_id": None, "item_id": item_id}),
        ("conversation.item.added", {"previous_item_id": None, "item": item}),
        ("conversation.item.done", {"previous_item_id": None, "item": item}),
        (
            "conversation.item.input_audio_transcription.completed",
            {"item_id": item_id, "content_index": 0, "transcript": QUESTION},
        ),
    ]
    return [encode(name, f"event_{item_id}", **members) for name, members in events]


def _message(item_id: str, content: list[JsonObject]) -> JsonObject:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": content,
    }


def _response(
    response_id: str,
    item: JsonObject,
    middle: list[tuple[str, JsonObject]],
    metadata: object,
) -> list[str]:
    response = {
        "object": "realtime.response",
        "id": response_id,
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": f"conv_{response_id}",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "usage": None,
        "metadata": metadata,
    }
    begun = item | {"status": "in_progress"}
    if "content" in begun:
        begun["content"] = []
    limits = [{"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 0.5}]
    item_event = {"response_id": response_id, "output_index": 0}
    finished = response | {"status": "completed", "output": [item], "usage": _USAGE}
    events: list[tuple[str, JsonObject]] = [
        ("response.created", {"response": response}),
        ("rate_limits.updated", {"rate_limits": limits}),
        ("response.output_item.added", item_event | {"item": begun}),
        ("conversation.item.added", {"previous_item_id": None, "item": begun}),
        *middle,
        ("response.output_item.done", item_event | {"item": item}),
        ("conversation.item.done", {"previous_item_id": None, "item": item}),
        ("response.done", {"response": finished}),
    ]
    return [encode(name, f"event_{response_id}", **members) for name, members in events]
