"""The steps of an end in progress: what ends each of them, and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.call import State
from controller.sansio.call.state import Closing
from controller.sansio.commands import (
    CloseChannel,
    CutOff,
    HangUpCall,
    HoldTurns,
    Outcome,
    ReportOutcome,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    Absence,
    AttachFailed,
    ChannelLost,
    HangUpFailed,
    HangUpRequested,
    LineEnded,
    NobodyThere,
    SpeechHeard,
)
from tests.sansio.driving import (
    HANG_UP,
    TERMS,
    TO_RECEPTION,
    CallStory,
    accepting,
    active,
    called,
    one,
    only,
)


def step_of(story: CallStory) -> Closing | None:
    closing = story.call.value.ending
    return None if closing is None else closing.step


def test_we_hang_up_when_the_last_words_were_heard_and_not_before() -> None:
    story = active()
    story.receive(called(HANG_UP, say_id="r7"))
    assert story.receive(SpeechHeard("r6", certain=True)) == ()
    assert story.receive(SpeechHeard("r7", certain=True)) == (
        StopSpeaking(),
        CutOff(),
        HoldTurns(),
        HangUpCall("hang_up-2"),
    )
    assert story.receive(SpeechHeard("r7", certain=True)) == ()
    assert story.receive(LineEnded()) == (
        CloseChannel(),
        ReportOutcome(Outcome.WE_HUNG_UP),
    )


def test_last_words_that_are_never_reported_heard_are_waited_for_only_so_long() -> None:
    story = active()
    story.receive(called(HANG_UP))
    began = story.now
    assert isinstance(story.wait()[-1], HangUpCall)
    assert story.now == began + 50.0


def test_each_step_of_an_end_has_its_time() -> None:
    story = active()
    story.receive(called(TO_RECEPTION))
    steps = []
    while story.is_in(State.ENDING):
        steps.append(step_of(story))
        story.wait()
    assert steps == [Closing.WORDS, Closing.REFERRING, Closing.REFERRED]
    assert one(TransferCall, story.commands).target == "reception"
    story.receive(HangUpRequested())
    steps = []
    while not story.is_in(State.ENDED):
        steps.append(step_of(story))
        story.wait()
    assert steps == [Closing.HANGING_UP, Closing.RETRYING] * 2 + [Closing.HANGING_UP]


def test_an_answer_that_never_settles_is_hung_up() -> None:
    story = accepting()
    story.receive(HangUpRequested())
    assert step_of(story) is Closing.ANSWER
    assert isinstance(story.wait()[-1], HangUpCall)


def test_why_a_call_ends_is_not_lost_when_the_hang_up_must_be_repeated() -> None:
    story = active()
    story.receive(SpeechHeard("greeting", certain=True))
    story.receive(NobodyThere(Absence.GHOST))
    story.wait()
    story.receive(HangUpFailed())
    story.wait()
    story.receive(LineEnded())
    report = one(ReportOutcome, story.commands)
    assert (report.outcome, report.detail) == (Outcome.IDLE, "ghost")


def test_last_words_that_cannot_be_heard_are_not_waited_for() -> None:
    story = active()
    story.receive(called(HANG_UP))
    story.receive(ChannelLost())
    while not only(HangUpCall, story.commands):
        story.receive(AttachFailed(gone=False))
        story.wait()
    story.receive(LineEnded())
    assert one(ReportOutcome, story.commands).outcome is Outcome.WE_HUNG_UP


@pytest.mark.parametrize("fallback", [None, "reception"])
def test_a_channel_that_is_lost_for_good_leads_to_the_fallback_or_to_a_hang_up(
    fallback: str | None,
) -> None:
    story = active(replace(TERMS, fallback=fallback))
    story.receive(ChannelLost())
    while story.is_in(State.ATTACHING):
        story.receive(AttachFailed(gone=False))
        if story.is_in(State.ATTACHING):
            story.wait()
    assert len(only(HangUpCall, story.commands)) == (fallback is None)
    assert len(only(TransferCall, story.commands)) == (fallback is not None)
