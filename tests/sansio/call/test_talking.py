"""The conversation: first words, and the tools of a response."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.call import Terms
from controller.sansio.commands import (
    GiveToolOutputs,
    HangUpCall,
    HoldTurns,
    ReleaseTurns,
    Say,
    StopSpeaking,
)
from controller.sansio.events import (
    CallerSpoke,
    HangUpRequested,
    SpeechHeard,
    ToolFinished,
    ToolOutput,
)
from tests.sansio.driving import (
    TERMS,
    active,
    called,
    one,
    tool,
)

# --- first words -------------------------------------------------------------------------------


def test_the_caller_gets_the_floor_when_the_greeting_was_heard() -> None:
    story = active()
    assert story.receive(SpeechHeard("greeting", certain=True)) == (ReleaseTurns(),)


def test_the_greeting_follows_the_disclosure_once_however_often_that_is_heard() -> None:
    story = active(replace(TERMS, disclosure="A machine speaks."))
    assert story.receive(SpeechHeard("greeting", certain=True)) == ()
    commands = story.receive(SpeechHeard("disclosure", certain=True))
    assert commands == (Say("greeting", "Greet."),)
    assert story.receive(SpeechHeard("disclosure", certain=True)) == ()
    assert story.receive(SpeechHeard("greeting", certain=True)) == (ReleaseTurns(),)
    assert story.receive(SpeechHeard("greeting", certain=False)) == ()


def test_a_disclosure_without_a_greeting_gives_the_caller_the_floor() -> None:
    story = active(Terms(disclosure="A machine speaks."))
    assert story.receive(SpeechHeard("disclosure", certain=False)) == (ReleaseTurns(),)


# --- the operator and time ---------------------------------------------------------------------


def test_the_operator_hangs_up_at_once() -> None:
    story = active()
    assert story.receive(HangUpRequested()) == (StopSpeaking(), HangUpCall("hang_up-2"))


def test_a_call_that_lasted_long_enough_ends_with_a_word_of_why() -> None:
    story = active()
    story.receive(called(tool("t1")))
    commands = story.wait()
    assert story.now == pytest.approx(1_000_000.0 + 1800.0)
    assert [type(each) for each in commands] == [HoldTurns, Say]
    assert not one(GiveToolOutputs, story.receive(ToolFinished(ToolOutput("t1", "done")))).respond
    story.receive(SpeechHeard(one(Say, commands).say_id, certain=True))
    one(HangUpCall, story.commands)


def test_what_is_only_recorded_is_counted_as_ignored() -> None:
    story = active()
    assert story.receive(CallerSpoke()) == ()
    assert story.call.value.ignored == 1
