"""The names of the faults, and the points of a call where they strike."""

from __future__ import annotations

from enum import StrEnum, auto


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
    LIMITS = auto()
    """The rate limits that come with a response."""
    CANCEL = auto()
    """The arrival of `response.cancel` while a response is active."""
    USAGE = auto()
    """The usage in `response.done`."""
    LIFE = auto()
    """The SIP leg of an answered call."""
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
    """The key is not accepted."""
    ACCEPT_403 = auto()
    """The key may not do this."""
    ACCEPT_404 = auto()
    """The caller is gone, or another project answered."""
    ACCEPT_404_SLOW = auto()
    """404 after 5.3 s, as a forum report describes."""
    ACCEPT_409 = auto()
    """Somebody else decided; the call has no session for us."""
    ACCEPT_409_LANDED = auto()
    """409, because an earlier accept of ours landed."""
    ACCEPT_429 = auto()
    """Too many requests."""
    ACCEPT_500 = auto()
    """500, and the accept had no effect."""
    ACCEPT_500_LANDED = auto()
    """500, although the call is accepted."""
    ACCEPT_503 = auto()
    """OpenAI is overloaded; no effect."""
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
    CALLER_GIVES_UP_AFTER_ACCEPT = auto()
    """The caller hangs up 0.5 s after accept gave 200, before the SIP leg is answered."""
    ATTACH_404 = auto()
    """The sideband is refused with 404 three times, then opens."""
    ATTACH_404_FOREVER = auto()
    """The sideband is refused with 404, and the call lives."""
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
    SIDEBAND_GONE = auto()
    """The same, but every reattach is refused with 404."""
    SIDEBAND_STALLS = auto()
    """Once, a second after it opened, nothing comes any more and no ping is answered."""
    SIDEBAND_CLOSED_1000 = auto()
    """Once, a second after it opened, the sideband is closed with code 1000; the call lives."""
    SIDEBAND_CLOSED_1001 = auto()
    """The same with code 1001."""
    SIDEBAND_CLOSED_1011 = auto()
    """The same with code 1011."""
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
    RESPONSE_CREATED_LATE = auto()
    """Once, `response.create` is obeyed after 3 s only."""
    RESPONSE_CONFLICT = auto()
    """Once, a VAD response starts just before `response.create` arrives."""
    RESPONSE_FAILED = auto()
    """Once, a response fails with `server_error`."""
    RESPONSE_FAILED_ALWAYS = auto()
    """Every response fails with `server_error`."""
    RESPONSE_RATE_LIMITED = auto()
    """Once, a response fails with `rate_limit_exceeded`."""
    RESPONSE_RATE_LIMITED_ALWAYS = auto()
    """Every response fails with `rate_limit_exceeded`."""
    RESPONSE_INCOMPLETE = auto()
    """Once, a response ends with status `incomplete` in the middle."""
    RESPONSE_FILTERED = auto()
    """Once, the same by the content filter."""
    RESPONSE_FAILED_MIDWAY = auto()
    """Once, a response fails with `server_error` after its first words were audible."""
    RESPONSE_STUCK = auto()
    """Once, a response is created and never gets done unless it is cancelled."""
    CANCEL_TOO_LATE = auto()
    """Once, a response is completed just before `response.cancel` arrives."""
    CANCEL_IGNORED = auto()
    """Once, `response.cancel` has no effect and no answer."""
    TOOL_CALL_CANCELLED = auto()
    """Once, a response that calls a tool ends cancelled after its arguments were sent."""
    TOOL_CALL_REPEATED = auto()
    """Once, the response after a tool call calls the same again, under the same `call_id`."""
    RESPONSE_DONE_TWICE = auto()
    """Every `response.done` is sent twice."""
    USAGE_MISSING = auto()
    """No response tells its usage."""
    TOKENS_LOW = auto()
    """Every response comes with rate limits of which 5 % are left."""
    PLAYBACK_NEVER_STOPS = auto()
    """`output_audio_buffer.stopped` does not come."""
    TRANSCRIPT_LATE = auto()
    """The caller's transcripts come 4 s late, after the responses to them."""
    TRANSCRIPT_FAILED = auto()
    """The caller's transcripts fail with 403."""
    TRANSCRIPT_NEVER = auto()
    """The caller's transcripts do not come."""
    CALLER_GIVES_UP = auto()
    """The caller hangs up while it rings, before accept can arrive; accept gives 404 then."""
    CALLER_GIVES_UP_UNNOTICED = auto()
    """The same, but accept still gives 200 and a dead session (community 1368239)."""
    REJECT_404 = auto()
    """Reject gives 404; the call rings on."""
    REJECT_500 = auto()
    """Once, reject gives 500 without effect."""
    REJECT_TIMEOUT = auto()
    """Once, reject is not answered for a minute."""
    HANGUP_404 = auto()
    """Hang-up gives 404, and the call ends by itself."""
    HANGUP_500 = auto()
    """Once, hang-up gives 500 without effect."""
    HANGUP_500_ALWAYS = auto()
    """Hang-up gives 500 for ever."""
    HANGUP_TIMEOUT = auto()
    """Once, hang-up is not answered for a minute."""
    HANGUP_TIMEOUT_LANDED = auto()
    """Hang-up is not answered for a minute, although the call ends."""
    REFER_400 = auto()
    """Refer gives 400 and is not relayed."""
    REFER_403 = auto()
    """Refer gives 403 and is not relayed."""
    REFER_404 = auto()
    """Refer gives 404 and is not relayed."""
    REFER_500 = auto()
    """Refer gives 500 and is not relayed."""
    REFER_400_SIP = auto()
    """Refer to a `sip:` address gives 400; a `tel:` address is taken."""
    REFER_400_TEL = auto()
    """The other way round."""
    REFER_TIMEOUT = auto()
    """Refer is not answered for a minute and not relayed."""
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
    CALL_DROPS = auto()
    """The SIP leg is lost 29 s after it was answered, whoever speaks (community 1378863)."""
