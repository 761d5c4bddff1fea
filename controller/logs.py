"""What is logged, and what never is.

One line an event, JSON or console text, on standard error; our own events and those of the
libraries alike. The rule for values is an allow-list: a field that is not named below is hidden,
whatever it holds, and a test finds every field of ours that nobody has classified. So a telephone
number or a spoken word needs somebody's deliberate act to get into a log, and never an oversight.

- `SAFE`: identifiers, words of a fixed set, durations, counts. Shown, without control characters.
- `NUMBERS`: may hold a telephone number. The last four digits are shown.
- `QUOTES`: text of the operator's. Shown, with the last four digits of each number in it.
- `SPEECH`: may hold what somebody said, or a key that somebody pressed. Only its length is shown.

Exceptions are shown by type and place: their text may quote what was being worked on.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor

Format = Literal["json", "console"]

_SAFE_FIELDS: Final = """
    event level timestamp logger message exception

    call_id sip_call_id caller_ref provider_id webhook_id event_id request_id
    tool_call_id effect_id say_id
    generation version pid

    verb status http_status error_code error_param latency_ms reject_code
    result reason source content_length
    outcome detail rule why alarm kind state phase step code close_code type
    agent agent_name model voice tool target_name generation_hash
    by before changed back_to problems where key cure known ratio
    lookup lookup_s chosen_by_lookup lookup_late_agent
    caller_trust media_security header_names headers header called_header privacy secret_index
    attempt attempts count in_a_row live_calls limit form speech certain faults
    duration_s ring_s first_word_s talk_s total_s seconds age_s queued_s
    answered_at ended_at received_at created_at
    usage_responses usage_input_text usage_input_audio usage_cached_text usage_cached_audio
    usage_output_text usage_output_audio
    usage_transcribed_seconds usage_transcribed_input usage_transcribed_output usage_incomplete
    cost_usd share
    disclosure disclosure_attempts disclosure_hash disclosure_heard_at
    hand_offs operator_acts menu_keys messages mcp_tools returned_from suspected_one_way_audio
    reattaches ignored_frames tools transfers transcript_lines transcript_refused
    address host port path place signal task store kept records notes warning
"""

SAFE: Final = frozenset(_SAFE_FIELDS.split())
"""Fields that can hold nothing of anybody's. Add a field here when you know that."""

NUMBERS: Final = frozenset(
    {"called", "caller", "caller_shown", "diversion", "number", "target_uri"}
)
"""Fields that may hold a telephone number."""

SPEECH: Final = frozenset({"arguments", "digits", "display_name", "output", "text", "transcript"})
"""Fields that may hold what somebody said or pressed, or the number of it."""

QUOTES: Final = frozenset({"found"})
"""Fields that quote what the operator wrote, where a caller's number may stand among the words."""

MAX_TEXT_CHARS: Final = 512
"""Of any value; a line stays a line."""

MAX_ITEMS: Final = 64
"""Of any list; header names can be many."""

HIDDEN: Final = "[hidden]"
"""Stands for the value of a field that is not classified."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line separators, and marks that turn the direction of writing."""
_DIGIT_RUN: Final = re.compile(r"\+?\d(?:[ ().-]?\d){4,}")
_SHOWABLE: Final = re.compile(r"[a-z_]{1,24}|…\d{0,4}")
"""Of a `NUMBERS` field: words of our own, such as `withheld`, and what is cut already."""
_SHOWN_DIGITS: Final = 4

_PINNED: Final = {
    "aiohttp": logging.WARNING,
    # Every garbled request to a public port would be an ERROR with a traceback there. A fault of
    # our own handlers is logged by `app`.
    "aiohttp.server": logging.CRITICAL,
    "asyncio": logging.WARNING,
    "httpcore2": logging.WARNING,
    "httpx2": logging.WARNING,
    "openai": logging.WARNING,
}
"""The least that a library may log, whatever `[log] level` says."""


def configure(
    *,
    form: Format = "json",
    level: str = "info",
    show_numbers: bool = False,
    show_speech: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Set logging up for the whole process, libraries included.

    Args:
        form: `json` or `console`.
        level: the least that is written: `debug`, `info`, `warning`, `error`.
        show_numbers: write `NUMBERS` in full. For development only.
        show_speech: write `SPEECH` in full. For development only.
        stream: standard error if None. With another one, which may not live as long as the
            process, loggers look up their configuration at every line.
    """
    is_final = stream is None
    stream = stream or sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    numbers = NUMBERS | QUOTES if show_numbers else set()
    shown = SAFE | numbers | (SPEECH if show_speech else set())
    render = _render_json if form == "json" else _console(stream)
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _Redaction(frozenset(shown)),
        render,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Sink(stream, render))),
        cache_logger_on_first_use=is_final,
    )
    _bridge(least)


class _Sink(io.TextIOBase):
    """The stream; a line that it does not take is lost and counted, and whoever logs goes on.

    A full disk or a collector of logs that has gone must end neither a call nor the service. The
    next line that can be written comes after one that says how many are missing.
    """

    def __init__(self, stream: TextIO, render: Callable[[Any, str, EventDict], str]) -> None:
        super().__init__()
        self._stream = stream
        self._render = render
        self._lost = 0

    def write(self, text: str) -> int:
        """Write one line, with its line break, and flush it."""
        try:
            self._stream.write(self._missing() + text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._lost += 1
        else:
            self._lost = 0
        return len(text)

    def _missing(self) -> str:
        if not self._lost:
            return ""
        fields = {"level": "warning", "event": "log_lines_lost", "count": self._lost}
        return self._render(None, "warning", {"timestamp": timestamp(), **fields}) + "\n"


class _Redaction:
    """The allow-list, as a structlog processor. Also adds time and level, to copy only once."""

    def __init__(self, shown: frozenset[str]) -> None:
        self._shown = shown

    def __call__(self, _logger: Any, method: str, event_dict: EventDict) -> EventDict:
        line: dict[str, Any] = {
            "timestamp": timestamp(),
            "level": "error" if method == "exception" else method,
            "event": _clean(event_dict.pop("event", "")),
        }
        error = _exception_of(event_dict.pop("exc_info", None))
        for name, value in event_dict.items():
            if value is not None:
                line[name] = _clean(value) if name in self._shown else _redacted(name, value)
        if error is not None:
            line["exception"] = describe_exception(error)
        return line


def timestamp() -> str:
    """Return now in UTC, ISO 8601 with milliseconds: `2026-11-22T09:30:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def last_four(value: str) -> str:
    """Return what may be shown of a telephone number or of a URI that holds one."""
    if _SHOWABLE.fullmatch(value):
        return value
    digits = "".join(filter(str.isdigit, value))
    return f"…{digits[-_SHOWN_DIGITS:]}" if len(digits) > _SHOWN_DIGITS else "…"


def describe_exception(error: BaseException) -> list[str]:
    """Return type and place of an exception and of its causes, and nothing of their text."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(lines) < MAX_ITEMS:
        seen.add(id(current))
        lines.append(type(current).__qualname__)
        lines.extend(_frames(current.__traceback__))
        if isinstance(current, BaseExceptionGroup):
            lines.extend(f"  holds {type(each).__qualname__}" for each in current.exceptions)
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return lines[:MAX_ITEMS]


def _frames(traceback: TracebackType | None) -> Iterable[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"  {code.co_filename}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next


def _exception_of(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exception() if exc_info else None


def _clean(value: Any) -> Any:
    match value:
        case str():
            # isprintable is ten times as fast as the substitution, and almost always true.
            text = value[:MAX_TEXT_CHARS]
            return text if text.isprintable() else _CONTROL.sub(" ", text)
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {str(_clean(key)): _clean(each) for key, each in _first(value.items())}
        case Sequence() | set() | frozenset() if not isinstance(value, bytes | bytearray):
            return [_clean(each) for each in _first(value)]
        case _:
            return HIDDEN


def _first(items: Iterable[Any]) -> list[Any]:
    return [item for item, _ in zip(items, range(MAX_ITEMS), strict=False)]


def _redacted(name: str, value: Any) -> Any:
    if name in NUMBERS:
        each = value if isinstance(value, list | tuple) else [value]
        shown = [last_four(str(number)) for number in _first(each)]
        return shown if isinstance(value, list | tuple) else shown[0]
    if name in QUOTES:
        return _DIGIT_RUN.sub(lambda run: last_four(run[0]), str(_clean(value)))
    if name in SPEECH:
        if isinstance(value, str):
            return f"[{len(value)} characters]"
        # Speech is text; a number in its place says how much there was: how many keys, not which.
        return value if isinstance(value, int) else HIDDEN
    # A truth value tells nothing but itself; a number could be somebody's.
    return value if isinstance(value, bool) else HIDDEN


def _render_json(_logger: Any, _method: str, line: EventDict) -> str:
    return msgspec.json.encode(line).decode()


def _console(stream: TextIO) -> Callable[[Any, str, EventDict], str]:
    renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=24)

    def render(logger: Any, method: str, line: EventDict) -> str:
        frames = line.pop("exception", [])
        text = str(renderer(logger, method, line))
        return "\n".join([text, *(f"    {frame}" for frame in frames)])

    return render


def _bridge(least: int) -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _ToStructlog):
            root.removeHandler(handler)
    root.addHandler(_ToStructlog())
    root.setLevel(least)
    for name, pinned in _PINNED.items():
        logging.getLogger(name).setLevel(max(pinned, least))


class _ToStructlog(logging.Handler):
    """Hands the libraries' log records to our own processors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record's template: the values in it are not ours to judge."""
        message = _DIGIT_RUN.sub("…", str(record.msg))
        fields: MutableMapping[str, Any] = {"logger": record.name, "message": message}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, "library", **fields)
