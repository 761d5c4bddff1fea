"""What the far end's `error` events mean; what time does is told beside what it ends."""

from __future__ import annotations

import pytest

from controller.sansio.commands import Say
from controller.sansio.events import DeadlineReached, FaultReported, ProviderEnding
from controller.sansio.realtime import Phase
from tests.sansio.driving import TurnStory, turning


def error(story: TurnStory, **fault: str | None) -> tuple[object, ...]:
    return story.hears("error", error=fault)


def test_a_cancel_that_came_too_late_is_no_fault() -> None:
    assert error(turning(), code="response_cancel_not_active") == ()


def test_the_end_of_a_session_is_announced() -> None:
    assert error(turning(), code="session_expired") == (ProviderEnding(),)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"code": "invalid_value"}, "invalid_value"),
        ({"code": None, "type": "server_error"}, "server_error"),
        ({}, "unknown"),
        ({"code": "He said: call 555"}, "unknown"),
    ],
)
def test_any_other_error_is_reported_by_its_word(fault: dict[str, str], word: str) -> None:
    assert error(turning(), **fault) == (FaultReported(word),)


def test_an_error_of_something_else_leaves_our_request_alone() -> None:
    story = turning()
    story.receive(Say("words", "Say it."))
    assert error(story, code="invalid_value", event_id="event_7") == (
        FaultReported("invalid_value"),
    )
    assert error(story, code="invalid_value") == (FaultReported("invalid_value"),)
    assert story.turns.phase is Phase.REQUESTED


def test_a_deadline_before_its_time_does_nothing() -> None:
    story = turning()
    story.receive(Say("words", "Say it."))
    before = story.turns.value
    assert story.receive(DeadlineReached()) == ()
    assert story.turns.value == before
