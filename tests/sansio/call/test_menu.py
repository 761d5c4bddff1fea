"""The agent's keypad menu: it works whatever the model does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.agent import Keypad, MenuEntry
from controller.sansio.call import State, TargetTerms
from controller.sansio.call.words import CONNECTING, GOODBYE, NOT_REACHABLE, REPEAT
from controller.sansio.commands import (
    Become,
    CutOff,
    HangUpCall,
    HoldTurns,
    Outcome,
    Priority,
    ReleaseTurns,
    ReportOutcome,
    Say,
    TransferCall,
)
from controller.sansio.events import (
    LineEnded,
    MenuKeyPressed,
    SpeechHeard,
    TransferFailed,
    TransferRequested,
)
from tests.sansio.driving import START, TERMS, CallStory, active, one, only

MENU = Keypad(
    menu=(
        MenuEntry("0", "transfer", "reception"),
        MenuEntry("1", "say", "Tell the caller the address."),
        MenuEntry("2", "handoff", "billing"),
        MenuEntry("3", "handoff", "nobody"),
        MenuEntry("9", "repeat"),
        MenuEntry("*", "hang_up"),
        MenuEntry("#", "transfer", "nobody"),
    )
)
WITH_MENU = replace(TERMS, keypad=MENU, colleagues=frozenset({"billing"}))
DISCLOSING = replace(WITH_MENU, disclosure="A machine speaks.")


def press(story: CallStory, key: str, *, after: float = 0.0) -> tuple[object, ...]:
    return story.receive(MenuKeyPressed(key), after=after)


@pytest.mark.parametrize("terms", [WITH_MENU, DISCLOSING])
def test_a_transfer_cuts_off_what_is_said_even_the_first_words(terms: object) -> None:
    story = active(WITH_MENU if terms is WITH_MENU else DISCLOSING)
    commands = press(story, "0")
    assert [type(each) for each in commands] == [CutOff, HoldTurns, Say]
    words = one(Say, commands)
    assert (words.text, words.priority) == (CONNECTING, Priority.LAST)
    story.receive(SpeechHeard(words.say_id, certain=True))
    assert one(TransferCall, story.commands).target == "reception"


def test_a_transfer_waits_only_shortly_for_a_model_that_is_stuck() -> None:
    story = active(WITH_MENU)
    press(story, "0", after=20.0)
    began = story.now
    assert isinstance(story.wait()[-1], TransferCall)
    assert story.now == began + 8.0


def test_hang_up_says_goodbye_and_waits_only_shortly_for_it() -> None:
    story = active(WITH_MENU)
    commands = press(story, "*")
    assert [type(each) for each in commands] == [CutOff, HoldTurns, Say]
    assert one(Say, commands).text == GOODBYE
    began = story.now
    assert isinstance(story.wait()[-1], HangUpCall)
    assert story.now == began + 8.0
    story.receive(LineEnded())
    report = one(ReportOutcome, story.commands)
    assert (report.outcome, report.detail) == (Outcome.WE_HUNG_UP, "menu")


@pytest.mark.parametrize(("key", "text"), [("9", REPEAT), ("1", "Tell the caller the address.")])
def test_words_are_said_at_once(key: str, text: str) -> None:
    story = active(WITH_MENU)
    words = Say("menu-1", text, priority=Priority.OPERATOR)
    assert press(story, key) == (CutOff(), words)
    assert story.is_in(State.ACTIVE)


def test_a_greeting_that_a_key_cuts_off_gives_the_caller_the_floor() -> None:
    story = active(WITH_MENU)
    press(story, "9")
    assert story.receive(SpeechHeard("greeting", certain=False)) == (ReleaseTurns(),)


def test_words_wait_for_the_disclosure_that_is_being_said() -> None:
    story = active(DISCLOSING)
    assert press(story, "9") == ()
    commands = story.receive(SpeechHeard("disclosure", certain=True, words="A machine speaks."))
    assert [each.say_id for each in only(Say, commands)] == ["menu-1", "greeting"]


def test_another_agent_takes_over_but_not_during_the_disclosure() -> None:
    story = active(WITH_MENU)
    commands = press(story, "2")
    assert isinstance(commands[0], CutOff)
    assert one(Become, commands) == Become("billing")
    story = active(DISCLOSING)
    assert press(story, "2") == ()
    assert story.call.value.ignored == 1


def test_an_agent_that_is_not_there_takes_over_nothing() -> None:
    story = active(WITH_MENU)
    assert press(story, "3") == ()
    assert story.call.value.ignored == 1


def test_a_key_of_no_menu_means_nothing() -> None:
    story = active(WITH_MENU)
    assert press(story, "5") == ()
    assert story.call.value.ignored == 1


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_target_that_cannot_be_reached_is_told_to_the_caller(*, is_closed: bool) -> None:
    windows = ((START + 3600.0, START + 7200.0),)
    closed = TargetTerms("reception", "tel:+12025550123", windows=windows)
    terms = replace(WITH_MENU, targets=(closed,)) if is_closed else WITH_MENU
    commands = press(active(terms), "0" if is_closed else "#")
    assert commands == (CutOff(), Say("menu-1", NOT_REACHABLE, priority=Priority.OPERATOR))


def test_a_target_that_did_not_take_the_caller_is_not_tried_by_key_again() -> None:
    story = active(WITH_MENU)
    story.receive(TransferRequested("reception"))
    story.receive(SpeechHeard("last-1", certain=True))
    story.receive(TransferFailed(None))
    assert one(Say, press(story, "0")).text == NOT_REACHABLE
    assert len(only(TransferCall, story.commands)) == 1


def test_keys_mean_nothing_once_the_call_ends() -> None:
    story = active(WITH_MENU)
    press(story, "*")
    assert press(story, "0") == ()
