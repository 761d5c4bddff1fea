from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.http_answer import (
    DONE,
    MAX_SHOWN,
    Fault,
    HttpAnswer,
    is_read,
    output_of,
    retry_after,
)
from controller.sansio.tool_output import MAX_OUTPUT_BYTES


def output(status: int, body: bytes, content_type: str = "application/json", **more: Any) -> str:
    return output_of(HttpAnswer(status, content_type, body=body, **more))


def error_of(status: int, body: bytes, content_type: str = "application/json") -> str:
    """Return the word that the model is told, which a sentence follows."""
    told: dict[str, str] = json.loads(output(status, body, content_type))
    assert told["message"]
    return told["error"]


def test_json_goes_to_the_model_as_it_is() -> None:
    assert output(200, b'{ "free": true }\n') == '{ "free": true }\n'
    assert output(201, b"[1]", "application/hal+json") == "[1]"


def test_text_goes_to_the_model_as_it_is() -> None:
    assert output(200, b"Open until six.", "text/plain") == "Open until six."


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        (b"caf\xe9", "iso-8859-1", "caf\u00e9"),
        (b"caf\xe9", "utf-8", "caf\ufffd"),
        (b"caf\xe9", None, "caf\ufffd"),
        (b"\xef\xbb\xbfok", None, "ok"),
        ("ok".encode("utf-16"), "utf-16", "ok"),
        (b"ok", "no-such-charset", "ok"),
        (b"ok", "\x00", "ok"),
        (b"6f6b", "hex", "6f6b"),
        (b"xn--a", "punycode", "xn--a"),
    ],
)
def test_bytes_of_no_character_are_tolerated(body: bytes, charset: str | None, text: str) -> None:
    assert output(200, body, "text/plain", charset=charset) == text


def test_a_success_that_says_nothing_is_told_as_done() -> None:
    assert output(204, b"", "") == DONE
    assert output(200, b"", "image/png") == DONE


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", "", "json"])
def test_what_is_no_text_is_refused(content_type: str) -> None:
    assert error_of(200, b"\x89PNG", content_type) == "answer_not_text"


def test_a_long_answer_is_cut_for_the_model() -> None:
    assert len(output(200, b"x" * 60_000, "text/plain")) <= MAX_OUTPUT_BYTES


def test_a_mistake_of_the_models_is_explained() -> None:
    assert json.loads(output(404, b'{"detail":"no such table"}')) == {
        "error": "http_404",
        "message": "The service refused it.",
        "body": {"detail": "no such table"},
    }
    assert json.loads(output(422, b"wrong day", "text/plain")) == {
        "error": "http_422",
        "message": "The service refused it.",
        "body": "wrong day",
    }


@pytest.mark.parametrize("body", [b"{", b"[" * 2000, b'"\\ud800"'])
def test_an_explanation_that_is_no_json_is_text(body: bytes) -> None:
    assert json.loads(output(400, body))["body"] == body.decode()


def test_an_explanation_has_an_end() -> None:
    explained = json.loads(output(400, b"\xc3\xa4" * MAX_SHOWN))
    assert explained["body"] == "\u00e4" * (MAX_SHOWN // 2)


def test_a_client_error_without_text_is_its_status() -> None:
    assert error_of(404, b"") == "http_404"
    assert error_of(404, b"\x89PNG", "image/png") == "http_404"


@pytest.mark.parametrize("status", [301, 302, 307, 500, 503, 599])
def test_redirects_and_faults_of_the_service_show_nothing_else(status: int) -> None:
    told = output(status, b'"Traceback: password=..."')
    assert json.loads(told)["error"] == f"http_{status}"
    assert "password" not in told
    assert not is_read(status)


def test_bodies_of_successes_and_explanations_are_read() -> None:
    assert is_read(200)
    assert is_read(299)
    assert is_read(400)
    assert is_read(499)


def test_the_model_is_told_when_nobody_knows_what_happened() -> None:
    assert output_of(Fault.UNREACHABLE) == ('{"error":"unreachable","message":"Nothing was done."}')
    assert json.loads(output_of(Fault.LOST)) == {
        "error": "connection_lost",
        "message": "What it did is not known.",
    }


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("-1", None),
        ("1.5", None),
        ("9" * 30, None),
        ("\u0661", None),
        ("soon", None),
        ("", None),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text())
def test_no_retry_after_raises(value: str) -> None:
    outcome = retry_after(value, NOW)
    assert outcome is None or outcome >= 0


@given(st.integers(200, 599), st.binary(), st.sampled_from(["application/json", "text/x", ""]))
def test_any_answer_is_an_output(status: int, body: bytes, content_type: str) -> None:
    assert output(status, body, content_type)
