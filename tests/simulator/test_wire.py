"""Identifiers, encoding and decoding."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulator.wire import Ids, RefusedError, decode, encode, usage


def test_ids_have_a_prefix_and_never_repeat() -> None:
    ids = Ids()
    made = [ids.new("rtc_u0") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(r"rtc_u0_[0-9a-f]{24}", one) for one in made)


def test_seed_repeats_the_sequence() -> None:
    assert Ids(1).new("evt") == Ids(1).new("evt") != Ids(2).new("evt")


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_what_is_encoded_decodes_to_itself(value: dict[str, object]) -> None:
    assert decode(encode(value)) == value


def test_lone_surrogate_can_be_sent_back() -> None:
    assert encode(decode('{"metadata": "\\ud800"}')).encode()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("{", "invalid_json"),
        (b"\xff", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("[]", "invalid_type"),
        ("null", "invalid_type"),
    ],
)
def test_what_is_no_object_is_refused(raw: str | bytes, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        decode(raw)
    assert caught.value.code == code
    assert set(caught.value.error()) == {"message", "type", "code", "param"}


def test_usage_adds_up() -> None:
    made = usage(text_in=10, audio_in=20, cached=5, text_out=3, audio_out=4)
    assert (made["total_tokens"], made["input_tokens"], made["output_tokens"]) == (37, 30, 7)
    assert json.loads(encode(made)) == made
