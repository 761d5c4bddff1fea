from __future__ import annotations

import pytest

from controller.sansio.events import (
    Absence,
    CallerSpoke,
    DeadlineReached,
    Digit,
    Event,
    FloorFree,
    FloorTaken,
    LineEnded,
    NobodyThere,
    PromptDue,
    Ready,
    TranscriptAdded,
)
from controller.sansio.watching.silence import Silence
from tests.sansio.watching.driving import START, WATCHED_AGENT, caller_says, watching


def given_up() -> Silence:
    """A call of which it was said that nobody is there."""
    story = watching()
    story.wait(100)
    assert story.absences[-1] == (40.0, NobodyThere(Absence.GHOST))
    return story.watchers.silence


@pytest.mark.parametrize("sign", [CallerSpoke(), Digit("1"), Ready(), caller_says("Hello?")])
def test_a_sign_of_the_caller_begins_the_watch_anew(sign: Event) -> None:
    silence = given_up()

    assert silence.receive(sign, now=START + 500) == ()

    assert silence.deadline is not None
    assert silence.deadline >= START + 510


@pytest.mark.parametrize(
    "given", [LineEnded(), FloorTaken(), FloorFree(), TranscriptAdded("agent", "item", "Bye.")]
)
def test_nothing_else_does(given: Event) -> None:
    silence = given_up()

    assert silence.receive(given, now=START + 500) == ()
    assert silence.deadline is None
    assert silence.receive(DeadlineReached(), now=START + 900) == ()


def test_a_deadline_that_comes_too_early_changes_nothing() -> None:
    silence = watching().watchers.silence

    assert silence.receive(DeadlineReached(), now=START + 11) == ()
    assert silence.deadline == START + 12


def test_time_does_not_go_back() -> None:
    silence = watching().watchers.silence
    silence.receive(DeadlineReached(), now=START + 12)

    silence.receive(FloorTaken(), now=START)

    assert silence.value.now == START + 12


def test_what_is_stored_holds_no_word() -> None:
    story = watching()
    story.hears("Confidential.")

    stored = story.watchers.silence.stored()

    assert not stored.doubt.run.words
    again = Silence(WATCHED_AGENT, now=START + 100)
    again.restore(stored)
    assert again.value.now == START + 100
    assert again.value.quiet == story.watchers.silence.value.quiet


def test_what_is_stored_goes_on_where_it_was() -> None:
    story = watching()
    story.wait(15)
    again = Silence(WATCHED_AGENT, now=START)
    again.restore(story.watchers.silence.stored())

    assert again.value.now == START + 12
    assert again.receive(DeadlineReached(), now=START + 24) == (PromptDue(Absence.GHOST, 2),)
