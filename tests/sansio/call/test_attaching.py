"""The channel to the model: opening it, losing it, getting it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.sansio.call import Limits, State, Terms
from controller.sansio.call.state import Channel
from controller.sansio.call.words import RETURNED
from controller.sansio.commands import (
    CallCommand,
    CloseChannel,
    Configure,
    HangUpCall,
    Inject,
    OpenChannel,
    Outcome,
    Priority,
    ReportAnswered,
    ReportOutcome,
    ReportReattached,
    Say,
    StopSpeaking,
)
from controller.sansio.events import (
    Answered,
    AnswerFailed,
    AnswerResult,
    AttachFailed,
    ChannelLost,
    ChannelOpened,
    HangUpFailed,
    HangUpRequested,
    IncidentDeclared,
    LineEnded,
    ProviderEnding,
    Ready,
    Speech,
    TransferUnproven,
)
from tests.sansio.driving import (
    HANG_UP,
    TERMS,
    TO_RECEPTION,
    CallStory,
    accepting,
    active,
    attaching,
    called,
    one,
    only,
)

LONG = replace(TERMS, max_duration=9000.0, warn_before=0.0, limits=Limits(session_length=9000.0))
GREETING = Say("greeting", "Greet.", priority=Priority.GREETING)


def outcome_of(story: CallStory) -> Outcome:
    return one(ReportOutcome, story.commands).outcome


def lost(terms: Terms = TERMS) -> CallStory:
    story = active(terms)
    story.receive(ChannelLost(1006), after=60.0)
    return story


# --- the first time ----------------------------------------------------------------------------


def test_a_proven_session_is_reported_and_greeted() -> None:
    story = attaching()
    assert story.receive(ChannelOpened()) == ()
    assert story.is_in(State.ATTACHING)
    assert story.receive(Ready()) == (ReportAnswered(), GREETING)
    assert story.is_in(State.ACTIVE)


def test_a_minimal_answer_is_followed_by_the_rest_of_the_config_before_any_word() -> None:
    story = accepting()
    story.receive(AnswerFailed(AnswerResult.REFUSED))
    story.receive(Answered())
    story.receive(ChannelOpened())
    assert story.receive(Ready()) == (ReportAnswered(), Configure(), GREETING)


def test_a_404_right_after_accept_is_waited_out_ever_longer() -> None:
    story = attaching()
    waits = []
    while True:
        story.receive(AttachFailed(gone=True))
        if not story.is_in(State.ATTACHING):
            break
        assert story.call.deadline is not None
        waits.append(round(story.call.deadline - story.now, 1))
        assert isinstance(story.wait()[0], OpenChannel)
    assert waits == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert story.commands[-2:] == [StopSpeaking(), HangUpCall("hang_up-2")]
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.ATTACH_FAILED


def test_an_attempt_without_an_answer_is_given_up_and_its_late_socket_closed() -> None:
    story = attaching()
    assert story.wait() == (CloseChannel(),)
    assert story.receive(ChannelOpened()) == (CloseChannel(),)
    assert story.receive(AttachFailed(gone=False)) == ()
    assert story.call.value.channel is Channel.WAITING
    assert story.wait() == (OpenChannel(2),)


def test_a_socket_whose_session_is_never_proven_is_given_up() -> None:
    story = attaching()
    story.receive(ChannelOpened())
    assert story.call.deadline == pytest.approx(story.now + 5.0)
    assert story.wait() == (CloseChannel(),)
    assert story.receive(Ready()) == ()
    assert story.is_in(State.ATTACHING)


def test_a_socket_that_opens_twice_is_one_socket() -> None:
    story = attaching()
    story.receive(ChannelOpened())
    assert story.receive(ChannelOpened()) == ()
    story.receive(Ready())
    assert story.is_in(State.ACTIVE)


def test_a_socket_that_is_lost_before_its_session_is_tried_again() -> None:
    story = attaching()
    story.receive(ChannelOpened())
    assert story.receive(ChannelLost()) == ()
    assert story.receive(ChannelLost()) == ()
    assert story.wait() == (OpenChannel(2),)
    story.receive(ChannelOpened())
    assert one(Say, story.receive(Ready())).say_id == "greeting"


def test_deadlines_alone_end_an_attempt_that_nobody_answers() -> None:
    story = attaching()
    story.wait_until(State.ENDED)
    assert outcome_of(story) is Outcome.CLEANUP_UNCONFIRMED
    assert len(only(HangUpCall, story.commands)) == 3


def test_a_hang_up_while_attaching_gives_up_the_attempt() -> None:
    story = attaching()
    commands = story.receive(HangUpRequested())
    assert commands == (CloseChannel(), StopSpeaking(), HangUpCall("hang_up-2"))
    assert story.receive(ChannelOpened()) == (CloseChannel(),)
    assert story.call.value.attach_at is None


# --- lost and found ----------------------------------------------------------------------------


def test_a_lost_channel_is_opened_again_at_once_and_nobody_is_greeted_twice() -> None:
    story = active()
    assert story.receive(ChannelLost(1006)) == (OpenChannel(1),)
    assert story.is_in(State.ATTACHING)
    story.receive(ChannelOpened())
    assert story.receive(Ready()) == (ReportReattached(),)
    assert story.is_in(State.ACTIVE)


def test_404_on_a_reattach_is_the_end_of_the_call() -> None:
    story = lost()
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.CALLER_HUNG_UP


CONFIRMED = replace(TERMS, limits=replace(TERMS.limits, confirm_end=True))


def test_an_operator_may_want_to_be_sure_that_the_caller_has_left() -> None:
    story = lost(CONFIRMED)
    assert HangUpCall("hang_up-2") in story.receive(AttachFailed(gone=True))
    assert story.is_in(State.ENDING)
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.CALLER_HUNG_UP


def test_a_caller_whose_end_nobody_confirms_is_not_called_gone() -> None:
    story = lost(CONFIRMED)
    story.receive(AttachFailed(gone=True))
    for _ in range(2):
        story.receive(HangUpFailed())
        story.wait()
    story.receive(HangUpFailed())
    report = one(ReportOutcome, story.commands)
    assert (report.outcome, report.detail) == (Outcome.CLEANUP_UNCONFIRMED, "caller_hung_up")


def test_a_session_that_the_provider_ended_is_not_asked_about_again() -> None:
    story = active(CONFIRMED)
    story.receive(ProviderEnding())
    story.receive(ChannelLost(1001))
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.PROVIDER_ENDED


def test_nobody_hangs_up_a_caller_who_may_be_on_the_way_to_a_target() -> None:
    story = active(CONFIRMED)
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    story.receive(TransferUnproven())
    story.receive(ChannelLost(1006))
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.REFERRED_UNCONFIRMED


def test_an_announced_end_of_the_session_is_the_providers() -> None:
    story = active()
    assert story.receive(ProviderEnding()) == ()
    assert story.is_in(State.ACTIVE)
    story.receive(ChannelLost(1001))
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.PROVIDER_ENDED


@pytest.mark.parametrize(
    ("code", "seconds", "outcome"),
    [
        (1001, 3540.0, Outcome.PROVIDER_ENDED),
        (1001, 3539.0, Outcome.CALLER_HUNG_UP),
        (1006, 3540.0, Outcome.CALLER_HUNG_UP),
        (None, 3540.0, Outcome.CALLER_HUNG_UP),
    ],
)
def test_a_session_that_goes_away_after_an_hour_was_ended_by_the_provider(
    code: int | None, seconds: float, outcome: Outcome
) -> None:
    story = active(LONG)
    story.receive(ChannelLost(code), after=seconds)
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is outcome


def test_a_session_that_was_to_end_and_did_not_is_forgotten() -> None:
    story = active()
    story.receive(ProviderEnding())
    story.receive(ChannelLost())
    story.receive(ChannelOpened())
    story.receive(Ready())
    story.receive(ChannelLost())
    story.wait()
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.CALLER_HUNG_UP


def test_a_reattach_is_tried_for_thirty_seconds_and_then_we_hang_up() -> None:
    story = lost()
    began = story.now
    while story.is_in(State.ATTACHING):
        story.receive(AttachFailed(gone=False))
        if story.is_in(State.ATTACHING):
            story.wait()
    assert 27.0 < story.now - began <= 30.0
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.SIDEBAND_LOST


def test_a_far_end_that_drops_every_session_is_not_hammered() -> None:
    story = lost()
    for _ in range(4):
        story.receive(ChannelOpened())
        story.receive(Ready())
        assert story.receive(ChannelLost(1006)) == ()
        assert story.call.value.channel is Channel.WAITING
        story.wait()
    story.receive(ChannelOpened())
    story.receive(Ready())
    assert story.receive(ChannelLost(1006), after=60.0) == (OpenChannel(1),)


def test_a_second_loss_has_the_whole_time_again() -> None:
    story = lost()
    story.receive(ChannelOpened(), after=29.0)
    story.receive(Ready())
    story.receive(ChannelLost(), after=0.5)
    assert story.call.value.attach_until == story.now + 30.0


def cut_again(story: CallStory, times: int) -> tuple[CallCommand, ...]:
    """Let the channel be proven and cut so many times; return what the last cut led to."""
    commands: tuple[CallCommand, ...] = ()
    for _ in range(times):
        if story.call.value.channel is Channel.WAITING:
            story.wait()
        story.receive(ChannelOpened())
        story.receive(Ready())
        commands = story.receive(ChannelLost(1006))
    return commands


def test_a_channel_that_is_cut_again_and_again_is_lost_for_good() -> None:
    story = lost()
    assert cut_again(story, 8) == ()
    assert isinstance(cut_again(story, 1)[-1], HangUpCall)
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.SIDEBAND_LOST


def test_cuts_that_are_far_apart_are_each_forgiven() -> None:
    story = active()
    for _ in range(20):
        assert story.receive(ChannelLost(1006), after=31.0) == (OpenChannel(1),)
        story.receive(ChannelOpened())
        story.receive(Ready())
    assert len(story.call.value.losses) == 10


# --- an incident -------------------------------------------------------------------------------


def test_in_an_incident_nobody_is_hung_up_until_it_is_over() -> None:
    story = lost()
    until = story.now + 120.0
    assert story.receive(IncidentDeclared(until)) == ()
    waits = []
    while story.is_in(State.ATTACHING):
        story.receive(AttachFailed(gone=False))
        if story.is_in(State.ATTACHING):
            assert story.call.deadline is not None
            waits.append(story.call.deadline - story.now)
            story.wait()
    assert until - 4.0 < story.now <= until
    assert set(waits) == {2.0}


def test_what_is_lost_after_an_incident_was_declared_is_kept_as_long() -> None:
    story = active()
    until = story.now + 120.0
    story.receive(IncidentDeclared(until))
    story.receive(ChannelLost(1006))
    assert story.call.value.attach_until == until
    cut_again(story, 12)
    assert story.is_in(State.ATTACHING)
    assert story.call.value.attach_until == until


def test_an_incident_does_not_keep_a_caller_who_has_left() -> None:
    story = lost()
    story.receive(IncidentDeclared(story.now + 120.0))
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.CALLER_HUNG_UP


@pytest.mark.parametrize("begin", [accepting, attaching])
def test_an_incident_changes_nothing_for_a_call_that_was_never_answered(
    begin: Callable[[], CallStory],
) -> None:
    story = begin()
    assert story.receive(IncidentDeclared(story.now + 120.0)) == ()
    story.receive(Answered())
    assert story.call.value.attach_until == story.now + 8.0


def test_an_incident_that_is_declared_twice_lasts_until_the_later_end() -> None:
    story = lost()
    story.receive(IncidentDeclared(story.now + 120.0))
    story.receive(IncidentDeclared(story.now + 60.0))
    assert story.call.value.attach_until == story.now + 120.0


def test_a_referral_is_watched_as_long_as_it_may_take() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    story.receive(TransferUnproven())
    story.receive(ChannelLost())
    assert story.call.value.attach_until == story.call.value.step_at


# --- while ending ------------------------------------------------------------------------------


def test_the_channel_is_got_back_while_last_words_are_spoken() -> None:
    story = active()
    story.receive(called(HANG_UP))
    assert story.receive(ChannelLost()) == (OpenChannel(1),)
    assert story.is_in(State.ENDING)
    story.receive(ChannelOpened())
    assert story.receive(Ready()) == (ReportReattached(),)
    assert story.is_in(State.ENDING)


def test_a_caller_who_leaves_during_last_words_has_hung_up() -> None:
    story = active()
    story.receive(called(HANG_UP))
    story.receive(ChannelLost())
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.CALLER_HUNG_UP


def test_a_channel_that_closes_during_the_hang_up_is_not_opened_again() -> None:
    story = active()
    story.receive(HangUpRequested())
    assert story.receive(ChannelLost()) == ()
    assert story.call.value.channel is Channel.CLOSED


def test_a_leg_that_leaves_after_a_referral_is_claimed_by_nobody() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    story.receive(ChannelLost())
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.REFERRED_UNCONFIRMED


def test_the_model_knows_before_its_first_words_that_the_caller_is_back() -> None:
    story = attaching(replace(TERMS, returned_from=frozenset({"reception"})))
    story.receive(ChannelOpened())
    commands = story.receive(Ready())
    assert [type(each) for each in commands] == [ReportAnswered, Inject, Say]
    assert one(Inject, commands).text == RETURNED
