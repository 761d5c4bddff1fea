"""How long a call may last: the warning, the goodbye, the hand-over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.call import Limits, State, Terms
from controller.sansio.call.words import (
    NOBODY_REACHED,
    TIME_IS_UP,
    TIME_IS_UP_CONNECTING,
    time_left,
    warn_caller,
)
from controller.sansio.commands import (
    GiveToolOutputs,
    HangUpCall,
    HoldTurns,
    Inject,
    Outcome,
    Priority,
    ReleaseTurns,
    ReportOutcome,
    Say,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    ChannelLost,
    LineEnded,
    SpeechHeard,
    ToolFinished,
    ToolOutput,
    TransferFailed,
    TransferUnproven,
)
from tests.sansio.driving import START, TERMS, CallStory, active, called, one, only, tool

UNWARNED = replace(TERMS, warn_before=0.0)
HANDED_OVER = replace(UNWARNED, at_the_end="transfer", fallback="reception")


def end_of(story: CallStory) -> tuple[Outcome, str | None]:
    story.receive(LineEnded())
    report = one(ReportOutcome, story.commands)
    return report.outcome, report.detail


def test_caller_and_model_are_told_two_minutes_before_the_end_and_once() -> None:
    story = active()
    assert story.wait() == (
        Inject(time_left(120.0)),
        Say("warning-1", warn_caller(120.0), priority=Priority.PROMPT),
    )
    assert story.now == START + 1680.0
    assert story.is_in(State.ACTIVE)
    assert one(Say, story.wait()).text == TIME_IS_UP
    assert story.now == START + 1800.0


@pytest.mark.parametrize("warn_before", [0.0, 60.0, 61.0])
def test_a_call_that_is_shorter_than_its_warning_is_not_warned_of(warn_before: float) -> None:
    story = active(replace(TERMS, max_duration=60.0, warn_before=warn_before))
    assert one(Say, story.wait()).text == TIME_IS_UP


def test_the_warning_is_not_spoken_before_the_disclosure() -> None:
    terms = replace(TERMS, disclosure="A machine speaks.", max_duration=70.0, warn_before=60.0)
    story = active(terms)
    assert story.wait() == (Inject(time_left(60.0)),)
    said = story.receive(SpeechHeard("disclosure", certain=True, words="A machine speaks."))
    assert [each.say_id for each in only(Say, said)] == ["warning-1", "greeting"]


def test_the_warning_is_not_lost_with_the_channel() -> None:
    story = active(replace(TERMS, max_duration=70.0, warn_before=60.0))
    story.receive(ChannelLost(), after=9.0)
    assert only(Inject, story.wait()) == [Inject(time_left(60.0))]
    assert story.is_in(State.ATTACHING)


def test_a_call_that_lasted_long_enough_ends_with_a_word_of_why() -> None:
    story = active(UNWARNED)
    story.receive(called(tool("t1")))
    commands = story.wait_until(State.ENDING)
    assert story.now == START + 1800.0
    assert [each.text for each in only(Say, commands)][-1] == TIME_IS_UP
    assert any(isinstance(each, HoldTurns) for each in commands)
    given = story.receive(ToolFinished(ToolOutput("t1", "late")))
    assert not one(GiveToolOutputs, given).respond
    story.receive(SpeechHeard(only(Say, story.commands)[-1].say_id, certain=True))
    one(HangUpCall, story.commands)
    assert end_of(story) == (Outcome.MAX_DURATION, None)


def test_no_call_outlasts_the_providers_session() -> None:
    terms = replace(UNWARNED, max_duration=7200.0, limits=Limits(session_length=3480.0))
    story = active(terms)
    story.wait()
    assert story.now == START + 3480.0
    assert story.is_in(State.ENDING)


def test_the_end_can_be_a_transfer_to_the_fallback() -> None:
    story = active(HANDED_OVER)
    commands = story.wait()
    assert [type(each) for each in commands] == [HoldTurns, Say]
    assert one(Say, commands).text == TIME_IS_UP_CONNECTING
    story.receive(SpeechHeard("last-1", certain=True))
    assert one(TransferCall, story.commands).target == "reception"
    story.receive(TransferUnproven())
    assert end_of(story) == (Outcome.REFERRED_UNCONFIRMED, None)


def test_a_caller_whom_the_fallback_does_not_take_hears_a_goodbye() -> None:
    story = active(HANDED_OVER)
    story.wait()
    story.receive(SpeechHeard("last-1", certain=True))
    story.receive(TransferUnproven())
    commands = story.wait()
    assert [type(each) for each in commands] == [Say, ReleaseTurns, HoldTurns]
    assert one(Say, commands).text == TIME_IS_UP
    assert isinstance(story.receive(SpeechHeard("last-2", certain=True))[-1], HangUpCall)
    assert end_of(story) == (Outcome.MAX_DURATION, "transfer_failed")


def test_a_goodbye_that_nobody_could_hear_is_left_out() -> None:
    story = active(HANDED_OVER)
    story.wait()
    story.receive(ChannelLost())
    story.wait_until(State.ENDED, steps=200)
    assert [each.text for each in only(Say, story.commands)][1:] == [TIME_IS_UP_CONNECTING]


def test_without_a_fallback_that_can_be_reached_the_end_is_a_goodbye() -> None:
    story = active(replace(HANDED_OVER, fallback=None))
    assert one(Say, story.wait()).text == TIME_IS_UP


def test_the_longest_duration_passes_while_reattaching() -> None:
    story = active(replace(UNWARNED, max_duration=61.0))
    story.receive(ChannelLost(), after=60.0)
    assert [type(each) for each in story.wait()][-2:] == [StopSpeaking, HangUpCall]
    assert end_of(story) == (Outcome.MAX_DURATION, None)


def test_the_hand_over_at_the_end_needs_no_channel() -> None:
    story = active(replace(HANDED_OVER, max_duration=61.0))
    story.receive(ChannelLost(), after=60.0)
    assert [type(each) for each in story.wait()][-1:] == [TransferCall]
    story.receive(TransferFailed(None))
    assert isinstance(story.commands[-1], HangUpCall)
    assert end_of(story) == (Outcome.MAX_DURATION, "transfer_failed")


def test_an_agent_without_any_terms_ends_in_time_too() -> None:
    story = active(Terms(max_duration=5.0))
    story.wait_until(State.ENDED)
    assert story.now < START + 120.0


# --- who is only to be handed on -----------------------------------------------------------------

HANDED_ON = replace(HANDED_OVER, hands_on=True, max_duration=60.0)


def test_who_is_to_be_handed_on_is_transferred_when_the_first_words_were_heard() -> None:
    story = active(HANDED_ON)

    commands = story.receive(SpeechHeard("greeting", certain=True), after=3.0)

    assert [type(each) for each in commands] == [HoldTurns, StopSpeaking, TransferCall]
    assert one(TransferCall, commands).target == "reception"


def test_who_is_to_be_handed_on_hears_the_disclosure_before() -> None:
    story = active(replace(HANDED_ON, disclosure="You are recorded."))

    commands = story.receive(
        SpeechHeard("disclosure", certain=True, words="You are recorded."), after=2.0
    )
    assert one(Say, commands).text == "Greet."
    assert only(TransferCall, commands) == []
    assert only(TransferCall, story.receive(SpeechHeard("greeting", certain=True), after=2.0))


def test_who_is_handed_on_to_nobody_is_told_and_the_call_ends() -> None:
    story = active(HANDED_ON)
    story.receive(SpeechHeard("greeting", certain=True), after=3.0)

    story.receive(TransferFailed(503))  # the other form of the address is tried
    assert one(Say, story.receive(TransferFailed(503))).text == NOBODY_REACHED
    assert isinstance(story.receive(SpeechHeard("last-1", certain=True))[-1], HangUpCall)
    assert end_of(story) == (Outcome.TRANSFER_FAILED, None)


def test_who_cannot_be_handed_on_is_told_goodbye() -> None:
    story = active(replace(HANDED_ON, returned_from=frozenset({"reception"})))

    said = story.receive(SpeechHeard("greeting", certain=True), after=3.0)
    assert one(Say, said).text == NOBODY_REACHED


def test_words_that_were_never_heard_keep_nobody_from_being_handed_on() -> None:
    story = active(HANDED_ON)

    assert one(TransferCall, story.wait()).target == "reception"
