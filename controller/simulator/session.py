"""The session config of a call: what accept takes, the defaults, what an update may change.

Source: `RealtimeSessionCreateRequestGA` of the OpenAI specification, and the guide
"Realtime API with SIP". Where a real answer is unknown, `Switches` decides.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from controller.simulator import schema
from controller.simulator.schema import anything, boolean, nullable, number, one_of, text, whole
from controller.simulator.wire import JsonObject, RefusedError

if TYPE_CHECKING:
    from controller.simulator.switches import Switches

_FORMAT = schema.tagged(
    "type",
    {
        "audio/pcm": schema.members({"type": text, "rate": whole(24000, 24000)}),
        "audio/pcmu": schema.members({"type": text}),
        "audio/pcma": schema.members({"type": text}),
    },
)

_TURN_DETECTION = schema.tagged(
    "type",
    {
        "server_vad": schema.members(
            {
                "type": text,
                "threshold": number(0, 1),
                "prefix_padding_ms": whole(0, 10_000),
                "silence_duration_ms": whole(0, 10_000),
                "idle_timeout_ms": nullable(whole(5000, 30_000)),
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
        "semantic_vad": schema.members(
            {
                "type": text,
                "eagerness": one_of("low", "medium", "high", "auto"),
                "create_response": boolean,
                "interrupt_response": boolean,
            }
        ),
    },
)

_TRANSCRIPTION = schema.members(
    {
        "model": text,
        "language": text,
        "languages": schema.array(text),
        "keywords": schema.array(text),
        "prompt": text,
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)

_VOICE = schema.either((str, text), (dict, schema.members({"id": text}, required=("id",))))

_AUDIO = schema.members(
    {
        "input": schema.members(
            {
                "format": _FORMAT,
                "noise_reduction": nullable(
                    schema.members(
                        {"type": one_of("near_field", "far_field"), "strength": number(0, 1)},
                        required=("type",),
                    )
                ),
                "transcription": nullable(_TRANSCRIPTION),
                "turn_detection": nullable(_TURN_DETECTION),
            }
        ),
        "output": schema.members({"format": _FORMAT, "voice": _VOICE, "speed": number(0.25, 1.5)}),
    }
)

TOOLS = schema.array(
    schema.tagged(
        "type",
        {
            "function": schema.members(
                {"type": text, "name": text, "description": text, "parameters": anything},
                required=("name",),
            ),
            "mcp": schema.members(
                {"type": text, "server_label": text},
                required=("server_label",),
                open_ended=True,
            ),
        },
    )
)

TOOL_CHOICE = schema.either(
    (str, one_of("none", "auto", "required")),
    (
        dict,
        schema.tagged(
            "type",
            {
                "function": schema.members({"type": text, "name": text}, required=("name",)),
                "mcp": schema.members(
                    {"type": text, "server_label": text, "name": text}, required=("server_label",)
                ),
            },
        ),
    ),
)

MODALITIES = schema.array(one_of("audio", "text"))
MAX_OUTPUT_TOKENS = schema.either((int, whole(1, 4096)), (str, one_of("inf")))
REASONING = schema.members({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})

_MEMBERS: dict[str, schema.Check] = {
    "type": one_of("realtime"),
    "model": text,
    "instructions": text,
    "output_modalities": MODALITIES,
    "audio": _AUDIO,
    "include": schema.array(one_of("item.input_audio_transcription.logprobs")),
    "max_output_tokens": MAX_OUTPUT_TOKENS,
    "tools": TOOLS,
    "tool_choice": TOOL_CHOICE,
    "parallel_tool_calls": boolean,
    "reasoning": REASONING,
    "tracing": anything,
    "truncation": anything,
    "prompt": anything,
}

_SESSION = schema.members(_MEMBERS, required=("type",))

_VAD_DEFAULTS: dict[str, JsonObject] = {
    "server_vad": {
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {"eagerness": "auto", "create_response": True, "interrupt_response": True},
}

_VAD_NUMBERS = ("threshold", "prefix_padding_ms", "silence_duration_ms")

_DEFAULTS: JsonObject = {
    "object": "realtime.session",
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "instructions": "You are a helpful assistant.",
    "output_modalities": ["audio"],
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "include": None,
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "noise_reduction": None,
            "transcription": None,
            "turn_detection": {"type": "server_vad", **_VAD_DEFAULTS["server_vad"]},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy", "speed": 1.0},
    },
}


def check_session(body: Any, switches: Switches) -> list[str]:
    """Check a session config as accept, client secrets and `session.update` do.

    Returns:
        Remarks about what is tolerated but unwise on SIP, for the journal.

    Raises:
        RefusedError: the config is refused; `param` is the dotted path from `session`.
    """
    if switches.unknown_parameters == "ignore" and isinstance(body, dict):
        body = {key: value for key, value in body.items() if key in _MEMBERS}
    _SESSION(body, "session")
    if body.get("output_modalities") == ["audio", "text"]:
        raise schema.invalid(
            "session.output_modalities", "Invalid modalities: ['audio', 'text'] cannot be combined."
        )
    audio_in = body.get("audio", {}).get("input", {})
    if switches.vad_numbers == "refuse":
        # agents-js #741: OpenAI refused the VAD's numbers in the accept body of a SIP call.
        for key in _VAD_NUMBERS:
            if key in (audio_in.get("turn_detection") or {}):
                raise schema.unknown(f"session.audio.input.turn_detection.{key}")
    return _remarks(body)


def _remarks(body: JsonObject) -> list[str]:
    sides = body.get("audio", {})
    return [
        # agents-python #2097: on SIP the codec comes from the SDP; a wrong format gives static.
        f"session.audio.{side}.format is set, although the codec of a SIP call comes from its SDP"
        for side in ("input", "output")
        if "format" in sides.get(side, {})
    ]


def new_session(body: JsonObject, *, session_id: str, expires_at: int) -> JsonObject:
    """Return the full session of an accepted call: defaults, then what accept asked for."""
    session = copy.deepcopy(_DEFAULTS)
    session |= {"id": session_id, "expires_at": expires_at}
    _merge(session, body)
    return session


def update_session(session: JsonObject, change: JsonObject, *, audio_was_sent: bool) -> None:
    """Apply a checked `session.update` in place; only members that are present change.

    Raises:
        RefusedError: a member that is fixed by now would change.
    """
    model = change.get("model", session["model"])
    if model != session["model"]:
        raise _fixed("session.model", "The model of a session cannot be changed.")
    tracing = session["tracing"]
    if tracing is not None and change.get("tracing", tracing) != tracing:
        raise _fixed("session.tracing", "Tracing cannot be changed once it is enabled.")
    voice = session["audio"]["output"]["voice"]
    wanted = change.get("audio", {}).get("output", {}).get("voice", voice)
    if audio_was_sent and wanted != voice:
        raise RefusedError(
            "Cannot update a conversation's voice if assistant audio is present.",
            code="cannot_update_voice",
            param="session.audio.output.voice",
        )
    _merge(session, change)


def _fixed(path: str, message: str) -> RefusedError:
    return RefusedError(message, code="immutable_field_update", param=path)


def _merge(session: JsonObject, change: JsonObject) -> None:
    change = copy.deepcopy(change)
    audio = change.pop("audio", {})
    session |= change
    session["audio"]["output"] |= audio.get("output", {})
    audio_in = audio.get("input", {})
    session["audio"]["input"] |= audio_in
    detection = audio_in.get("turn_detection")
    if detection is not None:
        session["audio"]["input"]["turn_detection"] = _VAD_DEFAULTS[detection["type"]] | detection
