"""The first words: the disclosure with its evidence, then the greeting."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.call import State, Terms
from controller.sansio.call.opening import LATER_LIMIT, evidence_of, same_words
from controller.sansio.commands import (
    DisclosureResult,
    HangUpCall,
    HoldTurns,
    Inject,
    Priority,
    ReleaseTurns,
    ReportDisclosure,
    ReportOutcome,
    Say,
    TransferCall,
)
from controller.sansio.events import (
    ChannelLost,
    HangUpRequested,
    LineEnded,
    SayRequested,
    SpeechHeard,
    TransferFailed,
    TransferRequested,
)
from tests.sansio.driving import TERMS, CallStory, active, one, only

TEXT = "This call is answered by a machine."
DISCLOSING = replace(TERMS, disclosure=TEXT)
DISCLOSURE = Say("disclosure", TEXT, verbatim=True, priority=Priority.DISCLOSURE)
AGAIN = replace(DISCLOSURE, say_id="disclosure-2")
GREETING = Say("greeting", "Greet.", priority=Priority.GREETING)


def hears(
    story: CallStory, say_id: str, words: str | None = TEXT, *, certain: bool = True
) -> tuple[object, ...]:
    return story.receive(SpeechHeard(say_id, certain=certain, words=words))


# --- the greeting ------------------------------------------------------------------------------


def test_the_caller_gets_the_floor_when_the_greeting_was_heard_and_only_once() -> None:
    story = active()
    assert one(Say, story.commands) == GREETING
    assert hears(story, "greeting", "Good day.") == (ReleaseTurns(),)
    assert hears(story, "greeting", "Good day.") == ()


def test_a_greeting_can_be_the_words_themselves() -> None:
    story = active(replace(TERMS, greeting="Acme Dental, good day.", greeting_is_verbatim=True))
    assert one(Say, story.commands) == Say(
        "greeting", "Acme Dental, good day.", verbatim=True, priority=Priority.GREETING
    )


def test_an_agent_without_first_words_says_nothing() -> None:
    assert only(Say, active(Terms()).commands) == []


# --- the disclosure ----------------------------------------------------------------------------


def test_the_greeting_follows_the_disclosure_once_however_often_that_is_heard() -> None:
    story = active(DISCLOSING)
    assert one(Say, story.commands) == DISCLOSURE
    assert hears(story, "greeting") == ()
    report = ReportDisclosure(DisclosureResult.HEARD, attempts=1)
    assert hears(story, "disclosure") == (report, GREETING)
    assert hears(story, "disclosure") == ()
    assert hears(story, "greeting") == (ReleaseTurns(),)


def test_a_disclosure_without_a_greeting_gives_the_caller_the_floor() -> None:
    story = active(Terms(disclosure=TEXT))
    report = ReportDisclosure(DisclosureResult.HEARD, attempts=1)
    assert hears(story, "disclosure") == (report, ReleaseTurns())


def test_a_disclosure_that_was_said_in_other_words_is_said_once_more() -> None:
    story = active(DISCLOSING)
    assert hears(story, "disclosure", "Hello, I am a person.") == (AGAIN,)
    report = ReportDisclosure(DisclosureResult.HEARD, attempts=2)
    assert hears(story, "disclosure-2") == (report, GREETING)


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (("Hello.", True), ("Hello.", True), DisclosureResult.DIFFERENT),
        (("Hello.", True), ("Hello.", False), DisclosureResult.DIFFERENT),
        ((None, False), (None, False), DisclosureResult.FAILED),
        ((None, False), (None, True), DisclosureResult.UNPROVEN),
        ((TEXT, False), (TEXT, False), DisclosureResult.UNPROVEN),
        ((TEXT, False), (None, False), DisclosureResult.UNPROVEN),
        ((TEXT, False), (TEXT, True), DisclosureResult.HEARD),
    ],
)
def test_after_two_attempts_the_better_evidence_is_reported_and_the_call_goes_on(
    first: tuple[str | None, bool], second: tuple[str | None, bool], result: DisclosureResult
) -> None:
    story = active(DISCLOSING)
    assert hears(story, "disclosure", first[0], certain=first[1]) == (AGAIN,)
    report = ReportDisclosure(result, attempts=2)
    assert hears(story, "disclosure-2", second[0], certain=second[1]) == (report, GREETING)


def test_a_disclosure_whose_words_nobody_knows_is_unproven_and_not_repeated() -> None:
    story = active(DISCLOSING)
    report = ReportDisclosure(DisclosureResult.UNPROVEN, attempts=1)
    assert hears(story, "disclosure", None) == (report, GREETING)


def test_a_disclosure_that_a_lost_channel_cut_off_is_said_again_when_it_is_back() -> None:
    story = active(DISCLOSING)
    story.receive(ChannelLost())
    assert hears(story, "disclosure", None, certain=False) == (AGAIN,)


# --- what waits for it, and what ends it ---------------------------------------------------------


def test_what_an_operator_has_said_waits_for_the_disclosure_and_goes_before_the_greeting() -> None:
    story = active(DISCLOSING)
    assert story.receive(SayRequested("Mention the offer.")) == ()
    commands = hears(story, "disclosure")
    words = Say("operator-1", "Mention the offer.", priority=Priority.OPERATOR)
    assert commands[1:] == (words, GREETING)
    assert story.receive(SayRequested("Hurry.")) == (
        Say("operator-2", "Hurry.", priority=Priority.OPERATOR),
    )


def test_only_so_many_words_wait_for_the_disclosure() -> None:
    story = active(DISCLOSING)
    for _ in range(LATER_LIMIT + 1):
        story.receive(SayRequested("Mention the offer."))
    assert story.call.value.ignored == 1
    assert len(only(Say, hears(story, "disclosure"))) == LATER_LIMIT + 1


def test_a_transfer_does_not_wait_and_the_evidence_of_the_disclosure_is_kept() -> None:
    story = active(DISCLOSING)
    last = one(Say, story.receive(TransferRequested("reception")))
    assert hears(story, "disclosure") == (ReportDisclosure(DisclosureResult.HEARD, attempts=1),)
    assert hears(story, "disclosure") == ()
    hears(story, last.say_id)
    one(TransferCall, story.commands)


def test_a_caller_who_comes_back_undisclosed_is_told_before_anything_else() -> None:
    story = active(DISCLOSING)
    last = one(Say, story.receive(TransferRequested("doctor")))
    assert hears(story, "disclosure", None, certain=False) == ()
    hears(story, last.say_id)
    commands = story.receive(TransferFailed())
    assert [type(each) for each in commands] == [Inject, Say, ReleaseTurns, HoldTurns]
    assert one(Say, commands) == AGAIN
    then = hears(story, "disclosure-2")
    assert [each.say_id for each in only(Say, then)] == ["apology-2"]
    assert only(ReportDisclosure, then) == [ReportDisclosure(DisclosureResult.HEARD, 2)]
    assert isinstance(then[-1], ReleaseTurns)


def test_a_caller_who_comes_back_is_not_greeted() -> None:
    story = active()
    last = one(Say, story.receive(TransferRequested("doctor")))
    hears(story, last.say_id)
    commands = story.receive(TransferFailed())
    assert [each.say_id for each in only(Say, commands)] == ["apology-2"]
    assert hears(story, "greeting") == ()


def test_a_call_that_ends_in_the_middle_of_the_disclosure_reports_what_is_known_of_it() -> None:
    story = active(DISCLOSING)
    hears(story, "disclosure", "Hello.")
    commands = story.receive(LineEnded())
    assert commands[-2:] == (
        ReportDisclosure(DisclosureResult.DIFFERENT, attempts=2),
        ReportOutcome(one(ReportOutcome, commands).outcome),
    )


def test_a_disclosure_that_nothing_is_known_of_has_failed_when_the_call_ends() -> None:
    story = active(DISCLOSING)
    commands = story.receive(LineEnded())
    assert one(ReportDisclosure, commands) == ReportDisclosure(DisclosureResult.FAILED, 1)


def test_an_operator_who_hangs_up_does_not_wait_for_the_disclosure() -> None:
    story = active(DISCLOSING)
    story.receive(HangUpRequested())
    assert story.is_in(State.ENDING)
    one(HangUpCall, story.commands)
    assert hears(story, "disclosure", None, certain=False) == ()


# --- the same words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT, TEXT),
        (TEXT, "this call is answered by a machine"),
        ("Voice mail, please!", "voicemail please"),
        ("Don't worry.", "Don\u2019t worry"),
        ("Stra\u00dfe", "STRASSE"),
        ("Caf\u00e9", "Cafe\u0301"),
        ("Calls are kept for 30 days.", "Calls are kept for days"),
        ("\uff21\uff22\uff23", "abc"),
        ("", " \u2014 "),
    ],
)
def test_case_punctuation_spacing_and_digits_do_not_make_other_words(text: str, words: str) -> None:
    assert same_words(text, words)
    assert same_words(words, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT, "This call is answered by a man."),
        (TEXT, ""),
        (TEXT, f"{TEXT} How can I help?"),
        ("\u0915\u093f", "\u0915\u0940"),
        ("\u914d\u7f6e", "\u914d"),
    ],
)
def test_other_letters_or_marks_are_other_words(text: str, words: str) -> None:
    assert not same_words(text, words)


@given(st.text())
def test_a_text_is_the_same_as_itself_however_it_is_written(text: str) -> None:
    assert same_words(text, f" {text.casefold()}!")
    assert same_words(text, f"7 {text} 42")


@given(st.text(), st.sampled_from("abcxyz"))
def test_a_text_with_one_letter_more_is_another(text: str, letter: str) -> None:
    assert not same_words(text, f"{text} {letter}")


def test_evidence_tells_what_was_said_from_what_was_only_generated() -> None:
    assert evidence_of(TEXT, SpeechHeard("d", certain=True, words=TEXT)) is DisclosureResult.HEARD
    late = SpeechHeard("d", certain=False, words=TEXT)
    assert evidence_of(TEXT, late) is DisclosureResult.UNPROVEN
