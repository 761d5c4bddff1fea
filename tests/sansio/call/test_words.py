"""What the model is asked to say by the call's machine itself."""

from __future__ import annotations

from controller.sansio.call.words import handed_on, keys_pressed, prompt, time_left, warn_caller
from controller.sansio.events import Absence


def test_a_prompt_differs_by_absence_and_number_as_far_as_there_are_words() -> None:
    texts = {prompt(absence, number) for absence in Absence for number in (1, 2)}
    assert len(texts) == 5
    assert prompt(Absence.IDLE, 7) == prompt(Absence.IDLE, 2)
    assert prompt(Absence.IDLE, 0) == prompt(Absence.IDLE, 1)


def test_the_time_that_is_left_is_told_in_minutes() -> None:
    assert time_left(120.0).startswith("About 2 minutes")
    assert time_left(61.0).startswith("About a minute")
    assert time_left(10.0).startswith("Less than a minute")
    assert "about 2 minutes" in warn_caller(119.0)


def test_what_happened_is_told_with_its_particulars() -> None:
    assert "1 2 3" in keys_pressed("123")
    assert "billing" in handed_on("billing")
