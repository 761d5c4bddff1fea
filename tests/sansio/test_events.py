from __future__ import annotations

from dataclasses import astuple, fields

from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.events import ToolCall, ToolOutput, Usage

usages = st.builds(Usage, *(st.integers(0, 10**9) for _ in fields(Usage)))


@given(usages, usages)
def test_usage_adds_up_field_by_field(one: Usage, other: Usage) -> None:
    sums = tuple(left + right for left, right in zip(astuple(one), astuple(other), strict=True))

    assert astuple(one + other) == sums


@given(st.text(st.characters()))
def test_every_output_of_a_tool_fits_into_a_frame(text: str) -> None:
    output = ToolOutput("call_1", text).output

    assert output.encode() == text.encode(errors="replace")


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert ToolOutput("call_1", "a\ud83db").output == "a?b"


def test_what_somebody_said_is_not_shown() -> None:
    shown = repr(ToolCall("call_1", "take_message", "hush")) + repr(ToolOutput("call_1", "hush"))

    assert "hush" not in shown
