"""From the offer to an answer or a refusal: each row of "Accept results"."""

from __future__ import annotations

import pytest

from controller.sansio.call import State
from controller.sansio.call.state import Channel
from controller.sansio.commands import (
    AnswerCall,
    AnswerForm,
    CloseChannel,
    HangUpCall,
    OpenChannel,
    Outcome,
    RaiseAlarm,
    RejectCall,
    ReportOutcome,
    StopSpeaking,
)
from controller.sansio.events import (
    Admitted,
    Answered,
    AnswerFailed,
    AnswerResult,
    AttachFailed,
    ChannelOpened,
    DeadlineReached,
    HangUpRequested,
    LineEnded,
    Ready,
    Refused,
    RejectSettled,
)
from tests.sansio.driving import CallStory, accepting, attaching, one, ringing


def end_of(story: CallStory) -> tuple[Outcome, str | None]:
    assert story.is_in(State.ENDED)
    report = one(ReportOutcome, story.commands)
    return report.outcome, report.detail


def fail(story: CallStory, result: AnswerResult, *, after: float = 0.1) -> tuple[object, ...]:
    return story.receive(AnswerFailed(result), after=after)


def never_attaches(story: CallStory) -> None:
    """Let every attempt to attach meet a 404, until the machine hangs up."""
    for _ in range(20):
        if not story.is_in(State.ATTACHING):
            break
        story.receive(AttachFailed(gone=True))
        if story.is_in(State.ATTACHING):
            story.wait()
    assert story.is_in(State.ENDING)


def test_an_admitted_call_is_answered_with_the_full_config() -> None:
    story = ringing()
    assert story.receive(Admitted()) == (AnswerCall("answer-1", AnswerForm.FULL),)
    assert story.is_in(State.ACCEPTING)


def test_a_refused_call_is_rejected_with_the_policys_code() -> None:
    story = ringing()
    assert story.receive(Refused(404)) == (RejectCall("reject-1", 404),)
    story.receive(RejectSettled(certain=True))
    assert end_of(story) == (Outcome.REJECTED, None)


@pytest.mark.parametrize("event", [HangUpRequested(), None])
def test_a_call_that_nobody_decides_is_rejected_rather_than_left_ringing(
    event: HangUpRequested | None,
) -> None:
    story = ringing()
    commands = story.wait() if event is None else story.receive(event)
    assert commands == (RejectCall("reject-1", 503),)
    story.receive(RejectSettled(certain=True))
    assert end_of(story) == (Outcome.REJECTED, "undecided")


@pytest.mark.parametrize("story", [ringing(), accepting(), attaching()], ids=lambda _: "")
def test_a_caller_who_leaves_before_the_answer_is_gone(story: CallStory) -> None:
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.CALLER_GONE, None)


# --- accept results ----------------------------------------------------------------------------


def test_200_leads_to_attaching_and_is_no_conversation_yet() -> None:
    story = accepting()
    assert story.receive(Answered()) == (OpenChannel(1),)
    assert story.is_in(State.ATTACHING)
    assert story.call.value.answered_at is None


def test_400_is_tried_once_more_with_the_minimal_body_and_then_rejected() -> None:
    story = accepting()
    assert fail(story, AnswerResult.REFUSED) == (AnswerCall("answer-2", AnswerForm.MINIMAL),)
    assert fail(story, AnswerResult.REFUSED) == (RejectCall("reject-3", 503),)
    story.receive(RejectSettled(certain=True))
    assert end_of(story) == (Outcome.ACCEPT_FAILED, "answer_refused")


def test_401_and_403_raise_an_alarm() -> None:
    story = accepting()
    commands = fail(story, AnswerResult.DENIED)
    assert commands == (
        RaiseAlarm("answer_denied"),
        CloseChannel(),
        ReportOutcome(Outcome.ACCEPT_FAILED, "answer_denied"),
    )


def test_404_is_the_caller_gone_and_nothing_is_attached() -> None:
    story = accepting()
    fail(story, AnswerResult.GONE)
    assert end_of(story) == (Outcome.CALLER_GONE, None)
    assert not [each for each in story.commands if isinstance(each, OpenChannel)]


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (AnswerResult.CONFLICT, Outcome.OTHER_OWNER),
        (AnswerResult.UNKNOWN, Outcome.ACCEPT_UNKNOWN),
    ],
)
def test_an_answer_in_doubt_is_probed_by_attaching_and_else_hung_up(
    result: AnswerResult, outcome: Outcome
) -> None:
    story = accepting()
    assert fail(story, result) == (OpenChannel(1),)
    never_attaches(story)
    one(HangUpCall, story.commands)
    story.receive(LineEnded())
    assert end_of(story) == (outcome, None)


@pytest.mark.parametrize("result", [AnswerResult.CONFLICT, AnswerResult.UNKNOWN])
def test_an_answer_in_doubt_whose_session_is_proven_goes_on(result: AnswerResult) -> None:
    story = accepting()
    fail(story, result)
    story.receive(ChannelOpened())
    story.receive(Ready())
    assert story.is_in(State.ACTIVE)
    assert story.call.value.doubt is None


def test_an_answer_that_never_came_back_is_in_doubt_too() -> None:
    story = accepting()
    assert story.wait() == (OpenChannel(1),)
    assert story.call.value.doubt is AnswerResult.UNKNOWN


def test_a_late_answer_ends_the_doubt() -> None:
    story = accepting()
    story.wait()
    assert story.receive(Answered()) == ()
    never_attaches(story)
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.ATTACH_FAILED, None)


def test_a_refused_connection_is_tried_once_more_after_a_moment() -> None:
    story = accepting()
    assert fail(story, AnswerResult.UNREACHABLE) == ()
    assert story.call.deadline == pytest.approx(story.now + 0.3)
    assert story.wait() == (AnswerCall("answer-2", AnswerForm.FULL),)
    fail(story, AnswerResult.UNREACHABLE)
    assert end_of(story) == (Outcome.ACCEPT_FAILED, "unreachable")


def test_the_minimal_body_has_a_retry_of_its_own() -> None:
    story = accepting()
    fail(story, AnswerResult.UNREACHABLE)
    story.wait()
    fail(story, AnswerResult.REFUSED)
    assert fail(story, AnswerResult.UNREACHABLE) == ()
    assert story.wait() == (AnswerCall("answer-4", AnswerForm.MINIMAL),)


def test_a_failure_that_is_reported_twice_is_one_failure() -> None:
    story = accepting()
    fail(story, AnswerResult.UNREACHABLE)
    deadline = story.call.deadline
    assert fail(story, AnswerResult.UNREACHABLE) == ()
    assert fail(story, AnswerResult.REFUSED) == ()
    assert story.call.deadline == deadline


def test_429_rejects_with_the_capacity_code() -> None:
    story = accepting()
    assert fail(story, AnswerResult.CAPACITY) == (RejectCall("reject-2", 503),)
    story.receive(RejectSettled(certain=True))
    assert end_of(story) == (Outcome.REJECTED, "provider_capacity")


def test_any_other_definite_refusal_rejects() -> None:
    story = accepting()
    assert fail(story, AnswerResult.OTHER) == (RejectCall("reject-2", 503),)


# --- the end is asked for meanwhile ------------------------------------------------------------


def test_a_hang_up_waits_for_the_answer_that_it_could_overtake() -> None:
    story = accepting()
    assert story.receive(HangUpRequested()) == ()
    assert story.is_in(State.ENDING)
    assert story.receive(Answered()) == (StopSpeaking(), HangUpCall("hang_up-2"))
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.WE_HUNG_UP, None)


@pytest.mark.parametrize("result", [AnswerResult.UNKNOWN, AnswerResult.CONFLICT])
def test_a_hang_up_is_sent_when_the_answer_is_in_doubt(result: AnswerResult) -> None:
    story = accepting()
    story.receive(HangUpRequested())
    fail(story, result)
    one(HangUpCall, story.commands)


def test_a_hang_up_waits_for_a_silent_answer_only_so_long() -> None:
    story = accepting()
    story.receive(HangUpRequested())
    assert story.receive(HangUpRequested()) == ()
    assert story.wait() == (StopSpeaking(), HangUpCall("hang_up-2"))
    assert story.receive(Answered()) == ()


def test_a_caller_who_left_needs_no_hang_up() -> None:
    story = accepting()
    story.receive(HangUpRequested())
    fail(story, AnswerResult.GONE)
    assert end_of(story) == (Outcome.CALLER_GONE, None)


def test_an_answer_that_was_refused_becomes_a_rejection() -> None:
    story = accepting()
    story.receive(HangUpRequested())
    assert fail(story, AnswerResult.REFUSED) == (RejectCall("reject-2", 503),)
    assert story.is_in(State.REJECTING)
    story.receive(RejectSettled(certain=True))
    assert end_of(story) == (Outcome.WE_HUNG_UP, None)


def test_a_hang_up_between_two_attempts_rejects_at_once() -> None:
    story = accepting()
    fail(story, AnswerResult.UNREACHABLE)
    assert story.receive(HangUpRequested()) == (RejectCall("reject-2", 503),)


# --- rejections --------------------------------------------------------------------------------


def test_a_rejection_that_did_not_arrive_is_sent_once_more() -> None:
    story = ringing()
    story.receive(Refused(486))
    assert story.receive(RejectSettled(certain=False)) == (RejectCall("reject-2", 486),)
    story.receive(RejectSettled(certain=False))
    assert end_of(story) == (Outcome.CLEANUP_UNCONFIRMED, "reject_unconfirmed")


def test_a_silent_rejection_is_one_that_did_not_arrive() -> None:
    story = ringing()
    story.receive(Refused(486))
    assert story.wait() == (RejectCall("reject-2", 486),)
    story.wait()
    assert end_of(story) == (Outcome.CLEANUP_UNCONFIRMED, "reject_unconfirmed")


def test_a_failed_answer_stays_one_when_its_rejection_is_not_confirmed() -> None:
    story = accepting()
    fail(story, AnswerResult.OTHER)
    story.receive(RejectSettled(certain=False))
    story.receive(RejectSettled(certain=False))
    assert end_of(story) == (Outcome.ACCEPT_FAILED, "reject_unconfirmed")


def test_an_answer_that_comes_during_a_rejection_is_ignored_and_counted() -> None:
    story = ringing()
    story.receive(Refused(486))
    assert story.receive(Answered()) == ()
    assert story.receive(DeadlineReached()) == ()
    assert story.call.value.ignored == 2
    assert story.call.value.channel is Channel.CLOSED
