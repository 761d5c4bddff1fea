"""What goes over the wire, in the simulator's own words.

Nothing here is shared with the service, so that a mistake about OpenAI's interface cannot be made
twice in the same way. Shapes follow the OpenAI guides "Realtime API with SIP", "Webhooks" and the
Realtime reference, as they stood in November 2026.
"""

from __future__ import annotations

import json
import random
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

# ASCII output: a lone surrogate that a client sent us can then be echoed without an encoding error.
encode = json.JSONEncoder(separators=(",", ":")).encode


class RefusedError(Exception):
    """The request or client event is refused, as OpenAI would refuse it.

    The REST side turns it into an error envelope, the sideband into an `error` event.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None,
        param: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.status = status
        self.kind = kind

    def error(self) -> JsonObject:
        """Return the `error` member: message, type, code and param."""
        return {
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "param": self.param,
        }


def call_not_found() -> RefusedError:
    """Return the refusal for a call that has no session: unknown, not accepted, or over."""
    return RefusedError(
        "No session found for the provided call_id", code="call_id_not_found", status=404
    )


class Ids:
    """Makes identifiers in OpenAI's style: a prefix and 24 hexadecimal digits.

    With a seed the sequence is the same in every run.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def new(self, prefix: str) -> str:
        """Return a fresh identifier, `prefix_…`."""
        return f"{prefix}_{self._random.getrandbits(96):024x}"


def decode(text: str | bytes) -> JsonObject:
    """Return the JSON object in `text`.

    Raises:
        RefusedError: it is not JSON, or not an object.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError("We could not parse the JSON body.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise RefusedError("Expected a JSON object.", code="invalid_type")
    return value


def words_of(text: str) -> list[str]:
    """Return the words of a text; what takes time to say is counted in words."""
    return text.split()


def message_item(item_id: str, text: str, *, modality: str, status: str) -> JsonObject:
    """Return an assistant message. `modality` is `audio` or `text`."""
    part = (
        {"type": "output_audio", "transcript": text}
        if modality == "audio"
        else {"type": "output_text", "text": text}
    )
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [part] if status != "in_progress" else [],
    }


def function_call_item(
    item_id: str, tool_call_id: str, name: str, arguments: str, *, status: str
) -> JsonObject:
    """Return a function call; `arguments` is JSON in a string, as the model wrote it."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": status,
        "call_id": tool_call_id,
        "name": name,
        "arguments": arguments,
    }


def caller_item(item_id: str) -> JsonObject:
    """Return what the caller said, as it enters the conversation: audio without a transcript."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }


def rate_limits(*, remaining: int, limit: int) -> list[JsonObject]:
    """Return the limits of `rate_limits.updated`; in practice only `tokens` is seen."""
    return [{"name": "tokens", "limit": limit, "remaining": remaining, "reset_seconds": 0.5}]


def usage(*, text_in: int, audio_in: int, cached: int, text_out: int, audio_out: int) -> JsonObject:
    """Return the usage of a response. `cached` tokens are part of the text tokens that went in."""
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }
