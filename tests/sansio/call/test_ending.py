"""The end of a call: last words, referral, hang-up, outcome."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.call import State
from controller.sansio.call.state import Transfer
from controller.sansio.call.words import BACK_AGAIN, CONNECTING, GOODBYE, TRANSFER_FAILED
from controller.sansio.commands import (
    CloseChannel,
    HangUpCall,
    Inject,
    Outcome,
    ReleaseTurns,
    ReportOutcome,
    Say,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    AttachFailed,
    ChannelLost,
    HangUpFailed,
    HangUpRequested,
    LineEnded,
    OwnershipLost,
    Speech,
    SpeechHeard,
    TransferDone,
    TransferFailed,
    TransferUnproven,
)
from tests.sansio.driving import (
    HANG_UP,
    TERMS,
    TO_RECEPTION,
    CallStory,
    active,
    called,
    one,
    only,
    tool,
)


def outcome_of(story: CallStory) -> Outcome:
    assert story.is_in(State.ENDED)
    return one(ReportOutcome, story.commands).outcome


def referred() -> CallStory:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    story.receive(TransferUnproven())
    return story


# --- last words --------------------------------------------------------------------------------


def test_we_hang_up_when_the_last_words_were_heard_and_not_before() -> None:
    story = active()
    story.receive(called(HANG_UP, say_id="r7"))
    assert story.receive(SpeechHeard("r6", certain=True)) == ()
    assert story.receive(SpeechHeard("r7", certain=True)) == (
        StopSpeaking(),
        HangUpCall("hang_up-2"),
    )
    assert story.receive(SpeechHeard("r7", certain=True)) == ()
    assert story.receive(LineEnded()) == (
        CloseChannel(),
        ReportOutcome(Outcome.WE_HUNG_UP),
    )


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


def test_last_words_that_are_never_reported_heard_are_waited_for_only_so_long() -> None:
    story = active()
    story.receive(called(HANG_UP))
    began = story.now
    assert isinstance(story.wait()[-1], HangUpCall)
    assert story.now == began + 50.0


def test_the_operator_need_not_wait_for_last_words() -> None:
    story = active()
    story.receive(called(HANG_UP))
    assert isinstance(story.receive(HangUpRequested())[-1], HangUpCall)
    assert story.receive(HangUpRequested()) == ()


# --- referral ----------------------------------------------------------------------------------


def test_a_referral_waits_until_its_announcement_was_heard() -> None:
    story = active()
    story.receive(called(TO_RECEPTION))
    assert only(TransferCall, story.commands) == []
    commands = story.receive(SpeechHeard("r1", certain=True))
    assert [type(each) for each in commands] == [StopSpeaking, TransferCall]


def test_nothing_is_said_after_a_referral_until_the_caller_should_have_left() -> None:
    story = referred()
    assert story.receive(TransferUnproven()) == ()
    assert story.receive(TransferFailed(500)) == ()
    began = story.now
    commands = story.wait()
    assert story.now == began + 35.0
    assert commands == (
        Inject(TRANSFER_FAILED),
        Say("apology-1", BACK_AGAIN),
        ReleaseTurns(),
    )
    assert story.is_in(State.ACTIVE)


def test_a_referral_whose_request_never_came_back_may_be_under_way() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    assert story.wait() == ()
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.REFERRED_UNCONFIRMED


def test_only_the_carriers_proof_makes_a_transfer() -> None:
    story = referred()
    story.receive(TransferDone())
    assert outcome_of(story) is Outcome.TRANSFERRED


def test_a_proof_without_a_referral_proves_nothing() -> None:
    story = active()
    story.receive(called(TO_RECEPTION))
    assert story.receive(TransferDone()) == ()
    assert story.is_in(State.ENDING)


def test_the_other_uri_form_is_tried_once_after_a_definite_http_error() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    again = one(TransferCall, story.receive(TransferFailed(400)))
    assert again.uri == "tel:+12025550123"
    assert isinstance(story.receive(TransferFailed(400))[0], Inject)
    assert story.is_in(State.ACTIVE)


@pytest.mark.parametrize(("target", "status"), [("reception", None), ("doctor", 400)])
def test_without_another_form_or_a_definite_error_the_caller_is_spoken_to(
    target: str, status: int | None
) -> None:
    story = active()
    transfer = tool("t1", "transfer", f'{{"target": "{target}"}}')
    story.receive(called(transfer, speech=Speech.HEARD))
    assert isinstance(story.receive(TransferFailed(status))[0], Inject)
    assert len(only(TransferCall, story.commands)) == 1


def test_a_channel_that_is_being_reopened_when_a_referral_led_nowhere_goes_on() -> None:
    story = referred()
    story.receive(ChannelLost(), after=34.0)
    assert isinstance(story.receive_at_step()[0], Inject)
    assert story.is_in(State.ATTACHING)


def test_a_caller_who_can_neither_be_reached_nor_seen_to_leave_is_hung_up() -> None:
    story = referred()
    story.receive(ChannelLost())
    for _ in range(100):
        if only(HangUpCall, story.commands):
            break
        story.receive(AttachFailed(gone=False))
        story.wait()
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.SIDEBAND_LOST


def test_a_call_that_comes_back_after_its_longest_duration_ends_at_once() -> None:
    story = active(replace(TERMS, max_duration=10.0))
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    story.receive(TransferUnproven())
    story.wait()
    assert story.is_in(State.ACTIVE)
    story.wait()
    assert story.is_in(State.ENDING)


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


def test_a_transfer_does_not_show_the_number_that_it_goes_to() -> None:
    assert "0123" not in repr(Transfer("reception", "sip:+12025550123@trunk.example.net"))
