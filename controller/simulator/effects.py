"""What each fault does: one row for each name in `fault_names.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.simulator.fault_names import Fault, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.simulator.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One row: a point, and what the code there reads; not every point reads every field."""

    point: Point
    times: int | None = 1
    """How often it strikes in a call; None is without end."""
    skips: int = 0
    """How often it lets the point pass before it strikes."""
    seconds: float = 0.0
    """A delay, from the moment at which the point is reached."""
    status: int = 200
    """HTTP status to answer with."""
    code: str | None = None
    """Error code, or the reason of a failed response."""
    param: str | None = None
    lands: bool = False
    """Whether the request has its effect, whatever is answered."""
    drops: bool = False
    """Whether the connection is lost instead of answered."""
    spares: Callable[[JsonObject], bool] | None = None
    """Bodies for which this returns True are not struck."""
    close_code: int | None = None
    """WebSocket close code; None cuts the connection without a close frame."""
    at_tool_call: bool = False
    """Strikes after the next tool call, instead of after `seconds`."""
    share: float | None = None
    """Part of a limit that is left."""
    variant: str = ""
    """What else there is to tell apart at one point."""


def _is_minimal(body: JsonObject) -> bool:
    """Return whether an accept body holds nothing but type, model, instructions and voice."""
    audio = body.get("audio", {})
    return (
        set(body) <= {"type", "model", "instructions", "audio"}
        and set(audio) <= {"output"}
        and set(audio.get("output", {})) <= {"voice"}
    )


def _is_tel(body: JsonObject) -> bool:
    """Return whether a REFER goes to a telephone number."""
    return str(body.get("target_uri", "")).startswith("tel:")


def _is_sip(body: JsonObject) -> bool:
    """Return whether a REFER goes to a SIP address."""
    return not _is_tel(body)


_ALWAYS = None
_FOREVER = 60.0  # longer than any client waits
_UNKNOWN = "session.audio.input.turn_detection.threshold"


def _rest(point: Point, status: int, code: str | None = None, *, times: int | None = 1) -> Effect:
    return Effect(point=point, status=status, code=code, times=times)


_ACCEPT = {
    Fault.ACCEPT_400_ALWAYS: _rest(Point.ACCEPT, 400, "invalid_value", times=_ALWAYS),
    Fault.ACCEPT_400_UNKNOWN_PARAMETER: Effect(
        point=Point.ACCEPT,
        times=_ALWAYS,
        status=400,
        code="unknown_parameter",
        param=_UNKNOWN,
        spares=_is_minimal,
    ),
    Fault.ACCEPT_422_UNKNOWN_PARAMETER: Effect(
        point=Point.ACCEPT,
        times=_ALWAYS,
        status=422,
        code="unknown_parameter",
        param=_UNKNOWN,
        spares=_is_minimal,
    ),
    Fault.ACCEPT_401: _rest(Point.ACCEPT, 401, "invalid_api_key", times=_ALWAYS),
    Fault.ACCEPT_403: _rest(Point.ACCEPT, 403, "missing_scope", times=_ALWAYS),
    Fault.ACCEPT_404: _rest(Point.ACCEPT, 404, "call_id_not_found", times=_ALWAYS),
    Fault.ACCEPT_404_SLOW: Effect(
        point=Point.ACCEPT, times=_ALWAYS, status=404, code="call_id_not_found", seconds=5.3
    ),
    Fault.ACCEPT_409: _rest(Point.ACCEPT, 409, "decision_already_made", times=_ALWAYS),
    Fault.ACCEPT_409_LANDED: Effect(
        point=Point.ACCEPT, status=409, code="decision_already_made", lands=True
    ),
    Fault.ACCEPT_429: _rest(Point.ACCEPT, 429, "rate_limit_exceeded", times=_ALWAYS),
    Fault.ACCEPT_500: _rest(Point.ACCEPT, 500, times=_ALWAYS),
    Fault.ACCEPT_500_LANDED: Effect(point=Point.ACCEPT, status=500, lands=True),
    Fault.ACCEPT_503: _rest(Point.ACCEPT, 503, times=_ALWAYS),
    Fault.ACCEPT_SLOW: Effect(point=Point.ACCEPT, seconds=3.0, lands=True),
    Fault.ACCEPT_TIMEOUT: Effect(point=Point.ACCEPT, times=_ALWAYS, seconds=_FOREVER, status=504),
    Fault.ACCEPT_TIMEOUT_LANDED: Effect(point=Point.ACCEPT, seconds=_FOREVER, lands=True),
    Fault.ACCEPT_DROPPED: Effect(point=Point.ACCEPT, times=_ALWAYS, drops=True),
    Fault.ACCEPT_DROPPED_LANDED: Effect(point=Point.ACCEPT, drops=True, lands=True),
    Fault.ACCEPTED_DEAD: Effect(point=Point.ESTABLISH, seconds=4.0),
    Fault.CALLER_GIVES_UP_AFTER_ACCEPT: Effect(
        point=Point.ESTABLISH, seconds=0.5, variant="caller"
    ),
}

_SOCKET = {
    Fault.ATTACH_404: Effect(point=Point.ATTACH, times=3, status=404, code="call_id_not_found"),
    Fault.ATTACH_404_FOREVER: _rest(Point.ATTACH, 404, "call_id_not_found", times=_ALWAYS),
    Fault.ATTACH_500: _rest(Point.ATTACH, 500, times=2),
    Fault.ATTACH_HANGS: Effect(point=Point.ATTACH, seconds=_FOREVER, status=504),
    Fault.SESSION_CREATED_NEVER: Effect(
        point=Point.SESSION_CREATED, times=_ALWAYS, variant="never"
    ),
    Fault.SESSION_CREATED_LATE: Effect(point=Point.SESSION_CREATED, seconds=3.0),
    Fault.SIDEBAND_CUT: Effect(point=Point.SOCKET, seconds=1.0),
    Fault.SIDEBAND_CUT_REPEATEDLY: Effect(point=Point.SOCKET, seconds=1.0, times=_ALWAYS),
    Fault.SIDEBAND_CUT_AT_TOOL_CALL: Effect(point=Point.SOCKET, at_tool_call=True),
    Fault.SIDEBAND_LOST: Effect(point=Point.SOCKET, seconds=1.0, status=500, variant="locks"),
    Fault.SIDEBAND_GONE: Effect(point=Point.SOCKET, seconds=1.0, status=404, variant="locks"),
    Fault.SIDEBAND_STALLS: Effect(point=Point.SOCKET, seconds=1.0, variant="stalls"),
    Fault.SIDEBAND_CLOSED_1000: Effect(point=Point.SOCKET, seconds=1.0, close_code=1000),
    Fault.SIDEBAND_CLOSED_1001: Effect(point=Point.SOCKET, seconds=1.0, close_code=1001),
    Fault.SIDEBAND_CLOSED_1011: Effect(point=Point.SOCKET, seconds=1.0, close_code=1011),
    Fault.SLOW_READER: Effect(point=Point.READER, seconds=5.0),
    Fault.MALFORMED_FRAMES: Effect(point=Point.FRAMES, times=_ALWAYS, variant="malformed"),
    Fault.HUGE_FRAMES: Effect(point=Point.FRAMES, times=_ALWAYS, variant="huge"),
}

_CONVERSATION = {
    Fault.SESSION_UPDATE_IGNORED: Effect(point=Point.UPDATE, times=_ALWAYS, variant="ignored"),
    Fault.SESSION_UPDATE_REFUSED: Effect(
        point=Point.UPDATE, times=_ALWAYS, code="invalid_value", param="session"
    ),
    Fault.RESPONSE_IGNORED: Effect(point=Point.CREATE, variant="ignored"),
    Fault.RESPONSE_CREATED_LATE: Effect(point=Point.CREATE, variant="late", seconds=3.0),
    Fault.RESPONSE_CONFLICT: Effect(point=Point.CREATE, variant="conflict"),
    Fault.RESPONSE_FAILED: Effect(point=Point.RESPONSE, variant="failed", code="server_error"),
    Fault.RESPONSE_FAILED_ALWAYS: Effect(
        point=Point.RESPONSE, times=_ALWAYS, variant="failed", code="server_error"
    ),
    Fault.RESPONSE_RATE_LIMITED: Effect(
        point=Point.RESPONSE, variant="failed", code="rate_limit_exceeded"
    ),
    Fault.RESPONSE_RATE_LIMITED_ALWAYS: Effect(
        point=Point.RESPONSE, times=_ALWAYS, variant="failed", code="rate_limit_exceeded"
    ),
    Fault.RESPONSE_INCOMPLETE: Effect(
        point=Point.RESPONSE, variant="incomplete", code="max_output_tokens"
    ),
    Fault.RESPONSE_FILTERED: Effect(
        point=Point.RESPONSE, variant="incomplete", code="content_filter"
    ),
    Fault.RESPONSE_FAILED_MIDWAY: Effect(
        point=Point.RESPONSE, variant="failed_midway", code="server_error"
    ),
    Fault.RESPONSE_STUCK: Effect(point=Point.RESPONSE, variant="stuck"),
    Fault.CANCEL_TOO_LATE: Effect(point=Point.CANCEL, variant="too_late"),
    Fault.CANCEL_IGNORED: Effect(point=Point.CANCEL, variant="ignored"),
    Fault.TOOL_CALL_CANCELLED: Effect(
        point=Point.RESPONSE, variant="cancelled", code="turn_detected", at_tool_call=True
    ),
    Fault.TOOL_CALL_REPEATED: Effect(point=Point.RESPONSE, variant="repeated", at_tool_call=True),
    Fault.RESPONSE_DONE_TWICE: Effect(point=Point.DONE, times=_ALWAYS),
    Fault.USAGE_MISSING: Effect(point=Point.USAGE, times=_ALWAYS),
    Fault.TOKENS_LOW: Effect(point=Point.LIMITS, times=_ALWAYS, share=0.05),
    Fault.PLAYBACK_NEVER_STOPS: Effect(point=Point.PLAYBACK, times=_ALWAYS),
    Fault.TRANSCRIPT_LATE: Effect(point=Point.TRANSCRIPT, times=_ALWAYS, seconds=4.0),
    Fault.TRANSCRIPT_FAILED: Effect(
        point=Point.TRANSCRIPT, times=_ALWAYS, variant="failed", code="permission_denied"
    ),
    Fault.TRANSCRIPT_NEVER: Effect(point=Point.TRANSCRIPT, times=_ALWAYS, variant="never"),
}

_ENDING = {
    Fault.CALLER_GIVES_UP: Effect(point=Point.RINGING),
    Fault.CALLER_GIVES_UP_UNNOTICED: Effect(point=Point.RINGING, variant="unnoticed"),
    Fault.REJECT_404: _rest(Point.REJECT, 404, "call_id_not_found", times=_ALWAYS),
    Fault.REJECT_500: _rest(Point.REJECT, 500),
    Fault.REJECT_TIMEOUT: Effect(point=Point.REJECT, seconds=_FOREVER, status=504),
    Fault.HANGUP_404: Effect(point=Point.HANGUP, status=404, code="call_id_not_found", lands=True),
    Fault.HANGUP_500: _rest(Point.HANGUP, 500),
    Fault.HANGUP_500_ALWAYS: _rest(Point.HANGUP, 500, times=_ALWAYS),
    Fault.HANGUP_TIMEOUT: Effect(point=Point.HANGUP, seconds=_FOREVER, status=504),
    Fault.HANGUP_TIMEOUT_LANDED: Effect(point=Point.HANGUP, seconds=_FOREVER, lands=True),
    Fault.REFER_400: _rest(Point.REFER, 400, "invalid_value", times=_ALWAYS),
    Fault.REFER_403: _rest(Point.REFER, 403, times=_ALWAYS),
    Fault.REFER_404: _rest(Point.REFER, 404, "call_id_not_found", times=_ALWAYS),
    Fault.REFER_500: _rest(Point.REFER, 500, times=_ALWAYS),
    Fault.REFER_400_SIP: Effect(
        point=Point.REFER, times=_ALWAYS, status=400, code="invalid_value", spares=_is_tel
    ),
    Fault.REFER_400_TEL: Effect(
        point=Point.REFER, times=_ALWAYS, status=400, code="invalid_value", spares=_is_sip
    ),
    Fault.REFER_TIMEOUT: Effect(point=Point.REFER, seconds=_FOREVER, status=504),
    Fault.REFER_TIMEOUT_LANDED: Effect(point=Point.REFER, seconds=_FOREVER, lands=True),
    Fault.REFER_IGNORED: Effect(point=Point.LEG, times=_ALWAYS, variant="stays"),
    Fault.REFER_LEAVES_AT_ONCE: Effect(point=Point.LEG, variant="leaves"),
    Fault.REFER_LEAVES_ON_ANSWER: Effect(point=Point.LEG, variant="leaves", seconds=8.0),
    Fault.REFER_CALLER_GIVES_UP: Effect(point=Point.LEG, variant="caller", seconds=4.0),
    Fault.CALL_DROPS: Effect(point=Point.LIFE, seconds=29.0),
}

EFFECTS: Mapping[Fault, Effect] = _ACCEPT | _SOCKET | _CONVERSATION | _ENDING
"""Every fault and what it does."""
