"""The end of a call: last words, referral, hang-up, outcome."""

from __future__ import annotations

import pytest

from controller.sansio.call import State
from controller.sansio.call.words import CONNECTING, GOODBYE
from controller.sansio.commands import (
    CloseChannel,
    HangUpCall,
    Outcome,
    ReportOutcome,
    Say,
    TransferCall,
)
from controller.sansio.events import (
    HangUpFailed,
    HangUpRequested,
    LineEnded,
    OwnershipLost,
    Speech,
    SpeechHeard,
)
from tests.sansio.driving import (
    HANG_UP,
    TO_RECEPTION,
    CallStory,
    active,
    called,
    one,
    only,
)


def outcome_of(story: CallStory) -> Outcome:
    assert story.is_in(State.ENDED)
    return one(ReportOutcome, story.commands).outcome


# --- last words --------------------------------------------------------------------------------


def test_words_that_were_heard_already_are_not_waited_for() -> None:
    story = active()
    assert isinstance(story.receive(called(HANG_UP, speech=Speech.HEARD))[-1], HangUpCall)


@pytest.mark.parametrize(("asked", "text"), [(HANG_UP, GOODBYE), (TO_RECEPTION, CONNECTING)])
def test_a_silent_end_is_announced_first(asked: object, text: str) -> None:
    story = active()
    call = HANG_UP if asked is HANG_UP else TO_RECEPTION
    words = one(Say, story.receive(called(call, speech=Speech.SILENT)))
    assert words.text == text
    story.receive(SpeechHeard(words.say_id, certain=True))
    assert isinstance(story.commands[-1], HangUpCall | TransferCall)


def test_the_operator_need_not_wait_for_last_words() -> None:
    story = active()
    story.receive(called(HANG_UP))
    assert isinstance(story.receive(HangUpRequested())[-1], HangUpCall)
    assert story.receive(HangUpRequested()) == ()


# --- hang-up -----------------------------------------------------------------------------------


def test_a_hang_up_is_repeated_twice_and_then_reported_unconfirmed() -> None:
    story = active()
    story.receive(HangUpRequested())
    for _ in range(2):
        assert story.receive(HangUpFailed()) == ()
        assert story.receive(HangUpFailed()) == ()
        assert isinstance(story.wait()[-1], HangUpCall)
    story.receive(HangUpFailed())
    assert outcome_of(story) is Outcome.CLEANUP_UNCONFIRMED
    assert one(ReportOutcome, story.commands).detail == Outcome.WE_HUNG_UP


def test_a_silent_hang_up_is_a_failed_one() -> None:
    story = active()
    story.receive(HangUpRequested())
    story.wait_until(State.ENDED)
    assert len(only(HangUpCall, story.commands)) == 3


def test_a_hang_up_failure_that_nobody_waits_for_changes_nothing() -> None:
    story = active()
    story.receive(called(HANG_UP))
    assert story.receive(HangUpFailed()) == ()
    assert story.is_in(State.ENDING)


def test_a_call_that_ends_between_two_hang_ups_has_ended_as_we_wanted() -> None:
    story = active()
    story.receive(HangUpRequested())
    story.receive(HangUpFailed())
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.WE_HUNG_UP


# --- ownership ---------------------------------------------------------------------------------


def test_a_call_that_another_process_owns_is_let_go_without_an_outcome() -> None:
    story = active()
    assert story.receive(OwnershipLost()) == (CloseChannel(),)
    assert story.is_in(State.RELEASED)
    assert story.call.deadline is None
    assert story.receive(LineEnded()) == ()
