from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import controller
from controller import logs

PACKAGE = Path(controller.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
KEPT_ONLY = {"transcript_cut", "requests", "requests_count", "close_codes"}
"""What the record has beyond the line."""
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in logs._PINNED:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Log:
    """A configured log, and what was written to it."""

    def __init__(self, **options: Any) -> None:
        self._stream = io.StringIO()
        logs.configure(stream=self._stream, **options)
        self.log = structlog.stdlib.get_logger("controller.test")

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def fail_for_a_reason() -> None:
    try:
        raise KeyError("+12025550123")  # noqa: TRY301  # it needs a place
    except KeyError as error:
        raise ValueError("said hello") from error


def test_a_line_has_time_level_event_and_its_fields() -> None:
    log = Log()
    log.log.info("openai_request", verb="accept", latency_ms=3.1, attempt=1, certain=True)

    (line,) = log.lines
    assert list(line) == [
        "timestamp", "level", "event", "verb", "latency_ms", "attempt", "certain",
    ]  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
    assert line["level"] == "info"
    assert line["latency_ms"] == 3.1


def test_what_is_bound_once_is_in_every_line() -> None:
    log = Log()
    with structlog.contextvars.bound_contextvars(call_id="c-1", sip_call_id="a@b"):
        log.log.info("one")
        logging.getLogger("somebody").warning("two")

    assert [(line["call_id"], line["sip_call_id"]) for line in log.lines] == [("c-1", "a@b")] * 2


def test_a_field_that_nobody_classified_is_hidden() -> None:
    log = Log()
    log.log.info("x", secret_plan="+12025550123", amount=12025550123, nested={"a": 1}, flag=True)

    (line,) = log.lines
    assert line["secret_plan"] == line["amount"] == line["nested"] == logs.HIDDEN
    assert line["flag"] is True


def test_of_a_number_the_last_four_digits_are_shown() -> None:
    log = Log()
    log.log.info("x", caller="+12025550123", called="withheld", number=12025550123)
    log.log.info("x", target_uri="sip:+1-202-555-0123@example.com", caller="911", diversion=["1"])

    first, second = log.lines
    assert (first["caller"], first["called"], first["number"]) == ("…0123", "withheld", "…0123")
    assert (second["target_uri"], second["caller"]) == ("…0123", "…")
    assert second["diversion"] == ["…"]


def test_a_number_among_the_words_of_a_mistake_is_cut_to_its_last_four_digits() -> None:
    log = Log()
    log.log.error("reload_problem", found="found '+12025550166'; 3 of them", cure="no quotes")
    assert log.lines[0]["found"] == "found '…0166'; 3 of them"


def test_of_speech_only_the_length_is_shown() -> None:
    log = Log()
    log.log.info("x", text="my number is", digits="1234", arguments={"day": "Monday"})

    (line,) = log.lines
    assert line["text"] == "[12 characters]"
    assert line["digits"] == "[4 characters]"
    assert line["arguments"] == logs.HIDDEN


def test_how_much_was_said_may_be_shown() -> None:
    log = Log()
    log.log.info("call", digits=4)
    assert log.lines[0]["digits"] == 4


def test_a_number_that_is_cut_already_stays_as_it_is() -> None:
    log = Log()
    log.log.info("call", caller="…0123")
    assert log.lines[0]["caller"] == "…0123"


def test_a_developer_may_see_both() -> None:
    log = Log(show_numbers=True, show_speech=True)
    log.log.info("x", caller="+12025550123", text="hello", unknown="still hidden")

    (line,) = log.lines
    assert (line["caller"], line["text"]) == ("+12025550123", "hello")
    assert line["unknown"] == logs.HIDDEN


def test_control_characters_cannot_forge_a_line() -> None:
    for form in ("json", "console"):
        log = Log(form=form)
        log.log.info("x", reason="a\r\n{}\u2028\x1b[31m\u202e", header_names=["b\nc"])
        assert len(log.text.splitlines()) == 1
        assert "\u202e" not in log.text


def test_values_are_bounded() -> None:
    log = Log()
    log.log.info("x", reason="y" * 10_000, header_names=["z"] * 10_000, notes=object())

    (line,) = log.lines
    assert len(line["reason"]) == logs.MAX_TEXT_CHARS
    assert len(line["header_names"]) == logs.MAX_ITEMS
    assert line["notes"] == logs.HIDDEN


@given(
    st.dictionaries(
        st.sampled_from(["reason", "caller", "text", "anything"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_whatever_is_logged_is_one_line_of_json(fields: dict[str, Any]) -> None:
    log = Log()
    log.log.info("x", **fields)
    (line,) = log.lines
    assert set(line) <= {"timestamp", "level", "event", *fields}


def test_an_exception_is_shown_by_type_and_place_only() -> None:
    log = Log()
    try:
        fail_for_a_reason()
    except ValueError:
        log.log.exception("failed")

    (line,) = log.lines
    assert line["level"] == "error"
    assert line["exception"][0] == "ValueError"
    assert "KeyError" in line["exception"]
    assert any("test_logs.py" in frame for frame in line["exception"])
    assert "2025550123" not in log.text
    assert "hello" not in log.text


def test_a_group_names_what_it_holds() -> None:
    group = ExceptionGroup("said hello", [ValueError("secret"), KeyError("secret")])
    assert logs.describe_exception(group) == [
        "ExceptionGroup",
        "  holds ValueError",
        "  holds KeyError",
    ]


def test_an_exception_is_taken_in_every_form_that_logging_knows() -> None:
    log = Log()
    error = ValueError("x")
    log.log.error("x", exc_info=error)
    log.log.error("x", exc_info=(ValueError, error, None))
    log.log.error("x", exc_info=(None, None, None))
    log.log.error("x", exc_info=False)

    assert [line.get("exception") for line in log.lines] == [["ValueError"]] * 2 + [None] * 2


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert logs.describe_exception(first) == ["ValueError", "KeyError"]


def test_console_shows_the_places_below_the_line() -> None:
    log = Log(form="console")
    try:
        fail_for_a_reason()
    except ValueError:
        log.log.exception("failed")

    assert "ValueError" in log.text
    assert "test_logs.py" in log.text
    assert "hello" not in log.text


def test_below_the_level_nothing_is_written() -> None:
    log = Log(level="warning")
    log.log.info("x")
    logging.getLogger("somebody").info("x")
    assert log.text == ""


class FullDisk(io.StringIO):
    """Takes nothing while it is full."""

    error: Exception | None = None

    def flush(self) -> None:
        if self.error is not None:
            raise self.error

    def write(self, text: str) -> int:
        self.flush()
        return super().write(text)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), BrokenPipeError(), ValueError("closed")]
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_that_takes_nothing_stops_nobody_and_says_so_afterwards(
    error: Exception, form: logs.Format
) -> None:
    stream = FullDisk()
    logs.configure(form=form, stream=stream)
    log = structlog.stdlib.get_logger("controller.test")
    log.info("before")
    stream.error = error
    log.info("lost")
    logging.getLogger("somebody").warning("lost, too")
    assert "log_lines_lost" not in stream.getvalue()
    stream.error = None
    log.info("after")
    log.info("later")

    lines = stream.getvalue().splitlines()
    events = ["before", "log_lines_lost", "after", "later"]
    assert len(lines) == len(events)
    assert all(event in line for event, line in zip(events, lines, strict=True))
    assert "count=2" in lines[1] or json.loads(lines[1])["count"] == 2


def test_a_library_is_shown_by_its_template_and_not_by_its_values() -> None:
    log = Log()
    logging.getLogger("somebody").warning("calling %s at +1 202 555 0123", "Jane")

    (line,) = log.lines
    assert line["event"] == "library"
    assert line["logger"] == "somebody"
    assert line["message"] == "calling %s at …"


def test_an_exception_of_a_library_is_shown_by_type_and_place() -> None:
    log = Log()
    try:
        fail_for_a_reason()
    except ValueError:
        logging.getLogger("somebody").exception("failed")

    (line,) = log.lines
    assert line["exception"][0] == "ValueError"


@pytest.mark.parametrize("name", ["openai._base_client", "httpx2", "asyncio", "aiohttp.client"])
def test_noisy_libraries_are_quiet_even_at_debug(name: str) -> None:
    log = Log(level="debug")
    logging.getLogger(name).info("body: +12025550123")
    assert log.text == ""
    logging.getLogger(name).warning("look")
    assert len(log.lines) == 1


def test_garbled_requests_to_the_public_port_are_no_errors_of_ours() -> None:
    log = Log()
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "1.2.3.4")
    assert log.text == ""


def test_configuring_twice_writes_once() -> None:
    Log()
    log = Log()
    logging.getLogger("somebody").warning("x")
    assert len(log.lines) == 1


def fields_logged(source: str) -> set[str]:
    """Return the keyword names of calls like `log.info("event", name=…)` in a module."""
    return {
        keyword.arg
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and re.search(r"log(ger)?$", ast.unparse(node.func.value))
        for keyword in node.keywords
        if keyword.arg is not None
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_field_that_we_log_is_classified(path: Path) -> None:
    known = logs.SAFE | logs.NUMBERS | logs.QUOTES | logs.SPEECH | {"exc_info"}
    assert fields_logged(path.read_text()) <= known


def test_every_field_of_a_calls_line_is_classified() -> None:
    known = logs.SAFE | logs.NUMBERS | logs.SPEECH | KEPT_ONLY
    source = (PACKAGE / "calls" / "record.py").read_text()
    keys = {
        key.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert "lookup_s" in keys
    assert keys <= known


def test_the_search_for_fields_finds_them() -> None:
    assert fields_logged("self._log.info('x', a=1); log.warning('y', b=2); math.log(c=3)") == {
        "a",
        "b",
    }


def test_a_field_has_one_class() -> None:
    assert not logs.SAFE & logs.NUMBERS
    assert not logs.SAFE & logs.SPEECH
    assert not logs.NUMBERS & logs.SPEECH
    assert not logs.QUOTES & (logs.SAFE | logs.NUMBERS | logs.SPEECH)
