"""Reading what the far end writes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.realtime import codec
from tests.sansio.driving import frame, message, response, server


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
        ('{"type": "response.content_part.added"}', "unused"),
        ('{"type": "response.output_item.added"}', "malformed"),
        (frame("conversation.item.added", item={"type": "message"}), "unused"),
        (frame("conversation.item.done", item={}), "unused"),
        (frame("conversation.item.done", item=7), "malformed"),
        (frame("conversation.item.added"), "malformed"),
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
        ('{"type": "response.content_part.added"}', True),
        (frame("conversation.item.added", item={"type": "function_call"}), True),
        (frame("conversation.item.added", item={"type": "function_call_output"}), False),
        (frame("conversation.item.done", item={"type": "mcp_call"}), False),
        (frame("conversation.item.done", item=7), False),
        (b'{"type": "response.output_item.done", "item": 1}', True),
        (b'{"type": "response.output_item.added", "item": 1}', False),
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


def test_a_response_keeps_nothing_that_was_said_in_its_representation_of_errors() -> None:
    text = json.dumps({"type": "error", "error": {"message": "He said yes", "code": "c"}})
    assert "He said yes" not in repr(codec.decode(text))


def test_the_fixture_writes_what_the_documents_show() -> None:
    fields = response("r1", "completed", message(), mark="m")["response"]
    assert set(fields) == {"id", "status", "metadata", "output"}
