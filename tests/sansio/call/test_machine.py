"""The call's machine itself: time, storage, what it ignores."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from controller.sansio.call import Call, State
from controller.sansio.call.state import effect
from controller.sansio.commands import OpenChannel, RejectCall
from controller.sansio.events import Admitted, Answered, ChannelLost, DeadlineReached
from tests.sansio.driving import START, TERMS, active, attaching, ringing


def test_a_deadline_that_moved_since_its_timer_was_set_is_ignored() -> None:
    story = active()
    assert story.receive(DeadlineReached()) == ()
    assert story.is_in(State.ACTIVE)
    assert story.call.value.ignored == 1


def test_time_never_goes_back() -> None:
    story = ringing()
    story.receive(Admitted(), after=10.0)
    story.receive(Answered(), after=-5.0)
    assert story.call.value.now == START + 10.0
    assert story.call.deadline == START + 16.0


def test_what_means_nothing_here_is_ignored_and_counted() -> None:
    story = ringing()
    assert story.receive(ChannelLost()) == ()
    assert story.call.value.ignored == 1
    assert story.is_in(State.PENDING)


def test_a_stored_call_goes_on_where_it_was() -> None:
    story = attaching()
    again = Call.restore(story.call.snapshot(), now=story.now + 1.0)
    assert again.state is State.ATTACHING
    assert again.deadline == story.call.deadline
    assert again.value.now == story.now + 1.0


def test_deadlines_that_passed_while_nobody_looked_are_due_at_once() -> None:
    call = Call.restore(ringing().call.snapshot(), now=START + 3600.0)
    assert call.deadline == START + 2.0
    assert call.receive(DeadlineReached(), now=START + 3600.0) == (RejectCall("reject-1", 503),)


def test_a_restored_call_attaches_again_when_its_channel_is_reported_lost() -> None:
    story = active()
    call = Call.restore(story.call.snapshot(), now=START + 60.0)
    assert call.receive(ChannelLost(), now=START + 60.0) == (OpenChannel(1),)


@pytest.mark.parametrize("stored", [b"", b"{}", b"null", b'{"version": 2, "call": {}}'])
def test_what_is_no_snapshot_is_refused(stored: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Call.restore(stored, now=START)


def test_a_snapshot_of_another_version_is_refused() -> None:
    stored = ringing().call.snapshot().replace(b'"version":1', b'"version":2')
    with pytest.raises(msgspec.ValidationError, match="snapshot version 2"):
        Call.restore(stored, now=START)


def test_the_same_history_gives_the_same_effect_ids() -> None:
    call = Call(TERMS, now=START)
    assert effect(call.value, "answer") == effect(call.value, "answer")


@pytest.mark.parametrize(("first", "second", "longest"), [(600, 60, 600), (60, 600, 600)])
def test_a_call_that_is_handed_on_may_last_as_long_as_either_agent_allows(
    first: float, second: float, longest: float
) -> None:
    story = active(replace(TERMS, max_duration=first))
    story.call.become(replace(TERMS, agent="billing", max_duration=second))
    assert story.call.value.end_at == START + longest
    assert story.call.value.terms.agent == "billing"


def test_the_caller_is_warned_anew_only_where_the_end_has_moved() -> None:
    story = active(replace(TERMS, max_duration=180.0))
    story.receive(DeadlineReached(), after=60.0)
    story.call.become(replace(TERMS, max_duration=150.0))
    assert story.call.deadline == START + 180.0
    story.call.become(replace(TERMS, max_duration=900.0))
    assert story.call.deadline == START + 780.0
