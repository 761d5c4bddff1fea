"""What the machine answers to a tool call by itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.call import answers
from controller.sansio.events import ToolOutput
from tests.sansio.driving import tool


def read(output: ToolOutput) -> object:
    return json.loads(output.output)


def test_an_error_is_a_word_and_a_sentence_for_the_model() -> None:
    assert read(answers.error("t1", "no_digits")) == {
        "error": "no_digits",
        "message": "The caller entered no digits. Ask whether they want to say it instead.",
    }


def test_an_error_that_has_no_sentence_of_its_own_still_has_one() -> None:
    assert read(answers.error("t1", "new")) == {"error": "new", "message": "It cannot be done."}


def test_every_error_is_recognised_as_one_and_nothing_else_is() -> None:
    assert all(answers.is_error(answers.error("t1", word)) for word in answers.MESSAGES)
    assert not answers.is_error(answers.done("t1"))
    assert not answers.is_error(ToolOutput("t1", "error"))


def test_what_was_done_may_say_more() -> None:
    assert read(answers.done("t1")) == {"ok": True}
    assert read(answers.done("t1", you_are_now="billing")) == {"ok": True, "you_are_now": "billing"}


def test_digits_are_given_with_why_they_ended() -> None:
    assert read(answers.digits("t1", "12", "pause")) == {"digits": "12", "ended_by": "pause"}


def test_counted_digits_are_answered_by_their_number_and_what_the_tool_said() -> None:
    answer = answers.counted(ToolOutput("t1", "accepted"), 16)
    assert (answer.tool_call_id, read(answer)) == ("t1", {"count": 16, "result": "accepted"})


@given(st.text(max_size=200), st.sampled_from([1, 400, 5000]))
def test_no_output_is_longer_than_a_frame_should_be(text: str, times: int) -> None:
    whole = ToolOutput("t1", text * times)
    output = answers.bounded(whole).output
    assert len(output.encode()) <= answers.MAX_OUTPUT_BYTES
    if output != whole.output:
        assert len(whole.output.encode()) > answers.MAX_OUTPUT_BYTES
        start, note = output.rsplit("\n", 1)
        assert whole.output.startswith(start)
        assert note == f"[cut: this is the beginning of {len(whole.output.encode())} bytes]"


@pytest.mark.parametrize("text", ["", " ", "{}"])
def test_a_tool_call_without_arguments_has_none(text: str) -> None:
    assert answers.arguments(tool("t1", arguments=text)) == {}


@pytest.mark.parametrize("text", ["{", "[]", "null", "7", "[" * 100_000], ids=range(5))
def test_arguments_that_are_no_object_are_not_read(text: str) -> None:
    assert answers.arguments(tool("t1", arguments=text)) is None
