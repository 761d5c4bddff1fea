"""Everything that can go wrong on OpenAI's side, by name.

A fault is one row of `EFFECTS`: the point of the call where it strikes, and values that the code
at this point reads. To add one, add a name and a row; code is needed for a new *point* only.
A scenario names faults (`faults = ["accept_404"]`) and may change a row's values
(`{ name = "accept_slow", seconds = 2.0 }`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TYPE_CHECKING, TypeAlias

from controller.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from controller.simulator.wire import JsonObject


class Point(StrEnum):
    """Where in a call a fault strikes."""

    ACCEPT = auto()
    REJECT = auto()
    REFER = auto()
    HANGUP = auto()
    RINGING = auto()
    """The caller, before the call is decided."""
    ESTABLISH = auto()
    """Between a successful accept and the answered SIP leg."""
    ATTACH = auto()
    """The upgrade request of the sideband."""
    SESSION_CREATED = auto()
    """The first event of a sideband."""
    SOCKET = auto()
    """The sideband's life; taken when it opens."""
    READER = auto()
    """Our reading of client events; taken when the sideband opens."""
    FRAMES = auto()
    """What is sent between the proper events; taken when the sideband opens."""
    UPDATE = auto()
    """The answer to `session.update`."""
    CREATE = auto()
    """The arrival of `response.create`."""
    RESPONSE = auto()
    """The generation of a response."""
    DONE = auto()
    """The sending of `response.done`."""
    PLAYBACK = auto()
    """The end of audible playback."""
    TRANSCRIPT = auto()
    """The transcript of the caller's words."""
    LEG = auto()
    """The SIP leg after a REFER that was relayed."""


class Fault(StrEnum):
    """The faults, named for scenario files."""

    ACCEPT_400_ALWAYS = auto()
    """Every accept body is refused."""
    ACCEPT_400_UNKNOWN_PARAMETER = auto()
    """400 unless the body is minimal: type, model, instructions, voice (agents-js #741)."""
    ACCEPT_422_UNKNOWN_PARAMETER = auto()
    """The same with 422."""
    ACCEPT_401 = auto()
    ACCEPT_403 = auto()
    ACCEPT_404 = auto()
    """The caller is gone, or another project answered."""
    ACCEPT_404_SLOW = auto()
    """404 after 5.3 s, as a forum report describes."""
    ACCEPT_409 = auto()
    """Somebody else decided; the call has no session for us."""
    ACCEPT_409_LANDED = auto()
    """409, because an earlier accept of ours landed."""
    ACCEPT_429 = auto()
    ACCEPT_500 = auto()
    """500, and the accept had no effect."""
    ACCEPT_500_LANDED = auto()
    """500, although the call is accepted."""
    ACCEPT_503 = auto()
    ACCEPT_SLOW = auto()
    """200 after 3 s."""
    ACCEPT_TIMEOUT = auto()
    """No answer for a minute, and no effect."""
    ACCEPT_TIMEOUT_LANDED = auto()
    """No answer for a minute, although the call is accepted."""
    ACCEPT_DROPPED = auto()
    """The connection is lost after the request; no effect."""
    ACCEPT_DROPPED_LANDED = auto()
    """The connection is lost after the request, although the call is accepted."""
    ACCEPTED_DEAD = auto()
    """200, then no session: the SIP leg dies after 4 s (a report of May 2026)."""
    ATTACH_404 = auto()
    """The sideband is refused with 404 three times, then opens."""
    ATTACH_404_FOREVER = auto()
    ATTACH_500 = auto()
    """The sideband is refused with 500 twice, then opens."""
    ATTACH_HANGS = auto()
    """The upgrade request is not answered for a minute, once."""
    SESSION_CREATED_NEVER = auto()
    """The sideband opens and stays silent."""
    SESSION_CREATED_LATE = auto()
    """`session.created` comes 3 s after the sideband opened."""
    SIDEBAND_CUT = auto()
    """Once, a second after it opened, the sideband is cut without a close frame; the call lives."""
    SIDEBAND_CUT_REPEATEDLY = auto()
    """Every sideband is cut a second after it opened."""
    SIDEBAND_CUT_AT_TOOL_CALL = auto()
    """Once, the sideband is cut right after the `response.done` that calls a tool."""
    SIDEBAND_LOST = auto()
    """Cut after a second, and every reattach is refused with 500, while the call lives."""
    SIDEBAND_CLOSED_1000 = auto()
    """Once, a second after it opened, the sideband is closed with code 1000; the call lives."""
    SIDEBAND_CLOSED_1001 = auto()
    SIDEBAND_CLOSED_1011 = auto()
    SLOW_READER = auto()
    """Client events are not read for 5 s after the sideband opened."""
    MALFORMED_FRAMES = auto()
    """Frames that are no events stand between the proper ones."""
    HUGE_FRAMES = auto()
    """A few frames of 2 MiB stand between the proper ones."""
    SESSION_UPDATE_IGNORED = auto()
    """`session.update` is neither obeyed nor acknowledged."""
    SESSION_UPDATE_REFUSED = auto()
    """`session.update` is refused by an `error` event."""
    RESPONSE_IGNORED = auto()
    """Once, `response.create` has no effect and no answer."""
    RESPONSE_CONFLICT = auto()
    """Once, a VAD response starts just before `response.create` arrives."""
    RESPONSE_FAILED = auto()
    """Once, a response fails with `server_error`."""
    RESPONSE_FAILED_ALWAYS = auto()
    RESPONSE_RATE_LIMITED = auto()
    """Once, a response fails with `rate_limit_exceeded`."""
    RESPONSE_INCOMPLETE = auto()
    """Once, a response ends with status `incomplete` in the middle."""
    RESPONSE_STUCK = auto()
    """Once, a response is created and never gets done unless it is cancelled."""
    TOOL_CALL_CANCELLED = auto()
    """Once, a response that calls a tool ends cancelled after its arguments were sent."""
    RESPONSE_DONE_TWICE = auto()
    """Every `response.done` is sent twice."""
    PLAYBACK_NEVER_STOPS = auto()
    """`output_audio_buffer.stopped` does not come."""
    TRANSCRIPT_LATE = auto()
    """The caller's transcripts come 4 s late, after the responses to them."""
    TRANSCRIPT_FAILED = auto()
    """The caller's transcripts fail with 403."""
    CALLER_GIVES_UP = auto()
    """The caller hangs up while ringing, after half a second; accept gives 404 then."""
    CALLER_GIVES_UP_UNNOTICED = auto()
    """The same, but accept still gives 200 and a dead session (community 1368239)."""
    REJECT_404 = auto()
    REJECT_500 = auto()
    """Once, reject gives 500 without effect."""
    REJECT_TIMEOUT = auto()
    """Once, reject is not answered for a minute."""
    HANGUP_404 = auto()
    """Hang-up gives 404, and the call ends by itself."""
    HANGUP_500 = auto()
    """Once, hang-up gives 500 without effect."""
    HANGUP_500_ALWAYS = auto()
    HANGUP_TIMEOUT = auto()
    """Once, hang-up is not answered for a minute."""
    REFER_400 = auto()
    REFER_403 = auto()
    REFER_404 = auto()
    REFER_500 = auto()
    REFER_TIMEOUT_LANDED = auto()
    """Refer is not answered for a minute, although it is relayed."""
    REFER_IGNORED = auto()
    """Refer gives 200 and nothing happens."""
    REFER_LEAVES_AT_ONCE = auto()
    """The leg leaves when the trunk answers 202 to the REFER."""
    REFER_LEAVES_ON_ANSWER = auto()
    """The leg leaves when the target answers, after 8 s."""
    REFER_CALLER_GIVES_UP = auto()
    """The caller hangs up 4 s after the REFER, while the target rings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One row: a point, and what the code there reads; not every point reads every field."""

    point: Point
    times: int | None = 1
    """How often it strikes in a call; None is without end."""
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
    Fault.SIDEBAND_LOST: Effect(point=Point.SOCKET, seconds=1.0, variant="locks"),
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
    Fault.RESPONSE_CONFLICT: Effect(point=Point.CREATE, variant="conflict"),
    Fault.RESPONSE_FAILED: Effect(point=Point.RESPONSE, variant="failed", code="server_error"),
    Fault.RESPONSE_FAILED_ALWAYS: Effect(
        point=Point.RESPONSE, times=_ALWAYS, variant="failed", code="server_error"
    ),
    Fault.RESPONSE_RATE_LIMITED: Effect(
        point=Point.RESPONSE, variant="failed", code="rate_limit_exceeded"
    ),
    Fault.RESPONSE_INCOMPLETE: Effect(
        point=Point.RESPONSE, variant="incomplete", code="max_output_tokens"
    ),
    Fault.RESPONSE_STUCK: Effect(point=Point.RESPONSE, variant="stuck"),
    Fault.TOOL_CALL_CANCELLED: Effect(
        point=Point.RESPONSE, variant="cancelled", code="turn_detected", at_tool_call=True
    ),
    Fault.RESPONSE_DONE_TWICE: Effect(point=Point.DONE, times=_ALWAYS),
    Fault.PLAYBACK_NEVER_STOPS: Effect(point=Point.PLAYBACK, times=_ALWAYS),
    Fault.TRANSCRIPT_LATE: Effect(point=Point.TRANSCRIPT, times=_ALWAYS, seconds=4.0),
    Fault.TRANSCRIPT_FAILED: Effect(
        point=Point.TRANSCRIPT, times=_ALWAYS, variant="failed", code="permission_denied"
    ),
}

_ENDING = {
    Fault.CALLER_GIVES_UP: Effect(point=Point.RINGING, seconds=0.5),
    Fault.CALLER_GIVES_UP_UNNOTICED: Effect(point=Point.RINGING, seconds=0.5, variant="unnoticed"),
    Fault.REJECT_404: _rest(Point.REJECT, 404, "call_id_not_found", times=_ALWAYS),
    Fault.REJECT_500: _rest(Point.REJECT, 500),
    Fault.REJECT_TIMEOUT: Effect(point=Point.REJECT, seconds=_FOREVER, status=504),
    Fault.HANGUP_404: Effect(point=Point.HANGUP, status=404, code="call_id_not_found", lands=True),
    Fault.HANGUP_500: _rest(Point.HANGUP, 500),
    Fault.HANGUP_500_ALWAYS: _rest(Point.HANGUP, 500, times=_ALWAYS),
    Fault.HANGUP_TIMEOUT: Effect(point=Point.HANGUP, seconds=_FOREVER, status=504),
    Fault.REFER_400: _rest(Point.REFER, 400, "invalid_value", times=_ALWAYS),
    Fault.REFER_403: _rest(Point.REFER, 403, times=_ALWAYS),
    Fault.REFER_404: _rest(Point.REFER, 404, "call_id_not_found", times=_ALWAYS),
    Fault.REFER_500: _rest(Point.REFER, 500, times=_ALWAYS),
    Fault.REFER_TIMEOUT_LANDED: Effect(point=Point.REFER, seconds=_FOREVER, lands=True),
    Fault.REFER_IGNORED: Effect(point=Point.LEG, times=_ALWAYS, variant="stays"),
    Fault.REFER_LEAVES_AT_ONCE: Effect(point=Point.LEG, variant="leaves"),
    Fault.REFER_LEAVES_ON_ANSWER: Effect(point=Point.LEG, variant="leaves", seconds=8.0),
    Fault.REFER_CALLER_GIVES_UP: Effect(point=Point.LEG, variant="caller", seconds=4.0),
}

EFFECTS: Mapping[Fault, Effect] = _ACCEPT | _SOCKET | _CONVERSATION | _ENDING
"""Every fault and what it does."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault of one call, with this call's own values."""

    fault: Fault
    effect: Effect


FaultLike: TypeAlias = Fault | Planned | str


def plan(name: FaultLike, *, times: int | None = None, seconds: float | None = None) -> Planned:
    """Return a fault ready for a call, with `times` and `seconds` in place of the row's.

    Raises:
        SimulatorError: no fault has this name.
    """
    if isinstance(name, Planned):
        return name
    try:
        fault = Fault(name)
    except ValueError:
        raise SimulatorError(f"no fault is called {name!r}") from None
    effect = EFFECTS[fault]
    if times is not None:
        effect = replace(effect, times=times)
    if seconds is not None:
        effect = replace(effect, seconds=seconds)
    return Planned(fault, effect)


class Faults:
    """The faults of one call and how often each may still strike."""

    __slots__ = ("_left",)

    def __init__(self, planned: Iterable[Planned]) -> None:
        self._left: dict[Point, list[tuple[Planned, int | None]]] = {}
        for one in planned:
            self._left.setdefault(one.effect.point, []).append((one, one.effect.times))

    def peek(self, point: Point) -> Planned | None:
        """Return the fault that would strike at a point, without using it up."""
        waiting = self._left.get(point)
        return waiting[0][0] if waiting else None

    def take(self, point: Point, body: JsonObject | None = None) -> Planned | None:
        """Return the fault that strikes now at a point, or None, and count it."""
        for position, (one, left) in enumerate(self._left.get(point, ())):
            spares = one.effect.spares
            if spares is not None and body is not None and spares(body):
                continue
            if left is not None and left <= 1:
                del self._left[point][position]
            elif left is not None:
                self._left[point][position] = (one, left - 1)
            return one
        return None

    def add(self, one: Planned) -> None:
        """Let a further fault strike from now on, before the others at its point."""
        self._left.setdefault(one.effect.point, []).insert(0, (one, one.effect.times))
