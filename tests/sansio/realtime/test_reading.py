"""Reading what stands inside the server events."""

from __future__ import annotations

import pytest

from controller.sansio.realtime import codec, reading
from tests.sansio.driving import function_call, message, server


def done(**fields: object) -> codec.FinishedResponse:
    event = server("response.done", response={"id": "r1", **fields})
    assert isinstance(event, codec.ResponseDone)
    return event.response


def test_one_broken_item_hides_no_other() -> None:
    output = [7, {"type": "message", "content": 3}, function_call("t1"), None]
    assert [item.call_id for item in reading.items(done(output=output))] == ["t1"]


@pytest.mark.parametrize("output", [None, 7, "text", {}])
def test_a_response_whose_output_is_no_list_has_no_items(output: object) -> None:
    assert reading.items(done(output=output)) == ()


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
    (read,) = reading.items(done(output=[item]))
    assert reading.words(read) == words


@pytest.mark.parametrize("details", [None, 7, {"error": 7}, [[]]])
def test_status_details_that_cannot_be_read_are_empty(details: object) -> None:
    assert reading.details(done(status_details=details)) == reading.StatusDetails()


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
    assert reading.mark(created.response.metadata) == mark


def test_deeply_nested_metadata_has_no_mark() -> None:
    text = '{"type": "response.created", "response": {"id": "r1", "metadata": %s}}'
    created = codec.decode(text % ("[" * 900 + "]" * 900))
    assert isinstance(created, codec.ResponseCreated)
    assert reading.mark(created.response.metadata) is None


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
    assert reading.word(code) == word
