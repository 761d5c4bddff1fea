from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.events import TranscriptAdded
from controller.sansio.watching.words import COMPARED, are_alike, is_said_by_caller, normalised
from tests.sansio.watching.driving import caller_says


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "♪ ♪", "-\n"])
def test_a_transcript_of_punctuation_holds_no_words(text: str) -> None:
    assert not is_said_by_caller(caller_says(text))


@pytest.mark.parametrize("text", ["a", "Grüß Gott", "是", "สวัสดี", "7"])
def test_a_transcript_with_a_letter_or_a_digit_holds_words(text: str) -> None:
    assert is_said_by_caller(caller_says(text))


def test_the_agents_words_are_not_the_callers() -> None:
    assert not is_said_by_caller(TranscriptAdded("agent", "item", "Good day."))


def test_case_punctuation_and_spacing_do_not_count() -> None:
    assert normalised("  Hello,\nWORLD! ") == normalised("hello world") == "hello world"


@given(st.text(max_size=400))
def test_a_normalised_text_is_bounded_and_stays_as_it_is(text: str) -> None:
    plain = normalised(text)

    assert len(plain) <= COMPARED
    assert are_alike(plain, normalised(text.casefold()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("your call is important to us", "your call is important to us"),
        ("your call is important to us", "your call is importent to us"),
        ("thank you for calling acme dental", "thank you for calling acme dentals"),
    ],
)
def test_near_identical_texts_are_alike(one: str, other: str) -> None:
    assert are_alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("yes", "no"),
        ("yes", "yes i am still here"),
        ("on", "no"),
        ("i would like an appointment on monday", "i would like an appointment on friday at ten"),
        ("listen to the silent tide", "the silent tide listen to"),
    ],
)
def test_other_texts_are_not(one: str, other: str) -> None:
    assert not are_alike(one, other)
