from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.tool_output import MAX_OUTPUT_BYTES, bounded, failed


@given(st.text(st.characters(), max_size=50), st.integers(0, 2000))
def test_an_output_never_exceeds_its_bytes(text: str, times: int) -> None:
    assert len(bounded(text * times).encode()) <= MAX_OUTPUT_BYTES


def test_what_fits_is_left_alone() -> None:
    assert bounded("x" * MAX_OUTPUT_BYTES) == "x" * MAX_OUTPUT_BYTES


def test_what_is_cut_says_so() -> None:
    output = bounded("\u00e4" * MAX_OUTPUT_BYTES)

    assert output.endswith(f"[cut: this is the beginning of {2 * MAX_OUTPUT_BYTES} bytes]")
    assert output.startswith("\u00e4\u00e4")


def test_half_a_surrogate_pair_does_no_harm() -> None:
    assert bounded("a\ud800b") == "a?b"


def test_a_failure_begins_with_its_error() -> None:
    assert failed("no", "Not so.") == '{"error":"no","message":"Not so."}'
    output = failed("no", "Not so.", {"more": ["\u00e4"]})
    assert output.startswith('{"error"')
    assert json.loads(output) == {"error": "no", "message": "Not so.", "more": ["\u00e4"]}
