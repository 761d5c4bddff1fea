"""What events hold, and what they show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.events import Digit, ToolCall, ToolOutput, TranscriptAdded, Usage

_usages = st.builds(Usage, *[st.integers(0, 10**6)] * 7)


@given(_usages, _usages)
def test_usage_is_added_field_by_field(one: Usage, other: Usage) -> None:
    total = one + other
    for name in Usage.__dataclass_fields__:
        assert getattr(total, name) == getattr(one, name) + getattr(other, name)


def test_what_people_said_and_pressed_is_not_shown() -> None:
    shown = repr(
        [
            Digit("7"),
            ToolCall("t1", "tool", "secret"),
            ToolOutput("t1", "secret"),
            TranscriptAdded("caller", "i1", "secret"),
        ]
    )
    assert "secret" not in shown
    assert "7" not in shown


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_the_output_of_a_tool_always_fits_into_a_frame(text: str) -> None:
    output = ToolOutput("t1", text).output
    assert output.encode().decode() == output


def test_the_output_of_a_tool_is_otherwise_kept_as_it_is() -> None:
    assert ToolOutput("t1", "Grüß Gott \U0001f600").output == "Grüß Gott \U0001f600"
    assert ToolOutput("t1", "a\udc80b").output == "a?b"
