"""Reading what the far end writes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.events import Usage
from controller.sansio.realtime import codec
from tests.sansio.driving import frame, function_call, message, response, server


def done(**fields: object) -> codec.FinishedResponse:
    event = server("response.done", response={"id": "r1", **fields})
    assert isinstance(event, codec.ResponseDone)
    return event.response


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("\ud800", "not_json"),
        (b"\xff", "not_json"),
        (b'{"type": "\xff"}', "not_json"),
        ("[" * 100_000, "malformed"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        ('{"type": 1}', "malformed"),
        ('{"type": "rate_limits.updated"}', "unused"),
        ('{"type": "response.done"}', "malformed"),
        ('{"type": "response.done", "response": {"id": 7}}', "malformed"),
        ('{"type": "error", "error": null}', "malformed"),
        (frame("response.created", response={"id": "x" * 513}), "malformed"),
    ],
)
def test_what_cannot_be_used_is_skipped_with_a_reason(text: str | bytes, reason: str) -> None:
    assert codec.decode(text) == codec.Skipped(reason)


@given(st.one_of(st.text(), st.binary()))
def test_nothing_makes_it_raise(text: str | bytes) -> None:
    assert isinstance(codec.decode(text), codec.Skipped)


@pytest.mark.parametrize(
    ("text", "unused"),
    [
        ('{"type": "rate_limits.updated"}', True),
        (b'{"type": "response.output_item.added", "item": 1}', True),
        ('{"type": "response.done"}', False),
        ('{"type": 1}', False),
        ("{", False),
        ("\ud800", False),
    ],
)
def test_what_nobody_uses_is_told_by_its_type_alone(text: str | bytes, *, unused: bool) -> None:
    assert codec.is_unused(text) is unused
    if unused:
        assert codec.decode(text) == codec.Skipped("unused")


def test_bytes_are_read_like_text() -> None:
    assert codec.decode(frame("session.created").encode()) == codec.SessionCreated()


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_every_key_is_a_digit(digit: str) -> None:
    event = server("input_audio_buffer.dtmf_event_received", event=digit)
    assert event == codec.DigitReceived(digit)


@pytest.mark.parametrize("digit", ["", "12", "E", "a", "5\n", "٣"])
def test_anything_else_is_no_digit(digit: str) -> None:
    text = frame("input_audio_buffer.dtmf_event_received", event=digit)
    assert codec.decode(text) == codec.Skipped("malformed")


def test_both_names_of_an_added_item_are_known() -> None:
    item = {"type": "function_call_output", "call_id": "t1"}
    old = server("conversation.item.created", item=item)
    assert old == server("conversation.item.added", item=item)


def test_one_broken_item_hides_no_other() -> None:
    output = [7, {"type": "message", "content": 3}, function_call("t1"), None]
    assert [item.call_id for item in codec.items(done(output=output))] == ["t1"]


@pytest.mark.parametrize("output", [None, 7, "text", {}])
def test_a_response_whose_output_is_no_list_has_no_items(output: object) -> None:
    assert codec.items(done(output=output)) == ()


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (message("Good day."), "Good day."),
        ({"type": "message", "content": [{"type": "text", "text": "Hi"}]}, "Hi"),
        ({"type": "message", "content": [{"type": "output_audio"}]}, ""),
        ({"type": "message", "content": [{"type": "output_audio", "transcript": 7}]}, None),
        ({"type": "message", "content": [{"type": "refusal"}]}, None),
        ({"type": "message"}, None),
        (function_call("t1"), None),
    ],
)
def test_the_words_of_an_item(item: object, words: str | None) -> None:
    (read,) = codec.items(done(output=[item]))
    assert codec.words(read) == words


@pytest.mark.parametrize("details", [None, 7, {"error": 7}, [[]]])
def test_status_details_that_cannot_be_read_are_empty(details: object) -> None:
    assert codec.details(done(status_details=details)) == codec.StatusDetails()


@pytest.mark.parametrize(
    ("metadata", "mark"),
    [
        ({"controller_request": "controller_7"}, "controller_7"),
        ({"controller_request": 7}, None),
        ({"other": "x"}, None),
        ({}, None),
        (None, None),
        ([], None),
        ("controller_request", None),
    ],
)
def test_the_mark_of_a_response(metadata: object, mark: str | None) -> None:
    created = server("response.created", response={"id": "r1", "metadata": metadata})
    assert isinstance(created, codec.ResponseCreated)
    assert codec.mark(created.response.metadata) == mark


def test_deeply_nested_metadata_has_no_mark() -> None:
    text = '{"type": "response.created", "response": {"id": "r1", "metadata": %s}}'
    created = codec.decode(text % ("[" * 900 + "]" * 900))
    assert isinstance(created, codec.ResponseCreated)
    assert codec.mark(created.response.metadata) is None


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        (None, "unknown"),
        ("", "unknown"),
        ("Call +1 202 555 0100", "unknown"),
        ("x" * 65, "unknown"),
    ],
)
def test_only_a_word_of_an_error_is_kept(code: str | None, word: str) -> None:
    assert codec.word(code) == word


def test_the_usage_of_a_response() -> None:
    usage = {
        "input_token_details": {
            "text_tokens": 10,
            "audio_tokens": 20,
            "cached_tokens": 7,
            "cached_tokens_details": {"text_tokens": 3, "audio_tokens": 4},
        },
        "output_token_details": {"text_tokens": 5, "audio_tokens": 6},
    }
    assert codec.usage(done(usage=usage)) == Usage(1, 10, 20, 3, 4, 5, 6)


def test_cached_tokens_without_a_split_count_as_text() -> None:
    usage = {"input_token_details": {"text_tokens": 10, "cached_tokens": 7}}
    assert codec.usage(done(usage=usage)) == Usage(1, 10, 0, 7)


@pytest.mark.parametrize("usage", [None, 7, {}, {"input_token_details": {"text_tokens": "x"}}])
def test_usage_that_cannot_be_read_counts_the_response_alone(usage: object) -> None:
    assert codec.usage(done(usage=usage)) == Usage(responses=1)


def test_a_response_keeps_nothing_that_was_said_in_its_representation_of_errors() -> None:
    text = json.dumps({"type": "error", "error": {"message": "He said yes", "code": "c"}})
    assert "He said yes" not in repr(codec.decode(text))


def test_the_fixture_writes_what_the_documents_show() -> None:
    fields = response("r1", "completed", message(), mark="m")["response"]
    assert set(fields) == {"id", "status", "metadata", "output"}
