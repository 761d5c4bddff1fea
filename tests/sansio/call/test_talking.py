"""The conversation: what operators and watchers ask of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.sansio.call import State, TargetTerms
from controller.sansio.call.words import BUDGET_SPENT, CONNECTING, NOBODY_THERE, prompt
from controller.sansio.commands import (
    CloseChannel,
    CutOff,
    HangUpCall,
    HoldTurns,
    Inject,
    Outcome,
    Priority,
    Reconfigure,
    ReportOutcome,
    Say,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    Absence,
    BudgetSpent,
    CallerSpoke,
    ChannelLost,
    ChannelOpened,
    Event,
    HangUpRequested,
    InjectRequested,
    LineEnded,
    MenuKeyPressed,
    ModelFailed,
    NobodyThere,
    PromptDue,
    Ready,
    ReconfigureRequested,
    SayRequested,
    SpeechHeard,
    TransferRequested,
)
from tests.sansio.driving import (
    HANG_UP,
    START,
    TERMS,
    CallStory,
    accepting,
    active,
    attaching,
    called,
    one,
    only,
    ringing,
    tool,
)


def talking() -> CallStory:
    """A call whose greeting was heard."""
    story = active()
    story.receive(SpeechHeard("greeting", certain=True))
    return story


def end_of(story: CallStory) -> tuple[Outcome, str | None]:
    story.receive(LineEnded())
    report = one(ReportOutcome, story.commands)
    return report.outcome, report.detail


# --- the operator ------------------------------------------------------------------------------

REQUESTS = [
    SayRequested("Mention the offer."),
    InjectRequested("The caller is a patient."),
    ReconfigureRequested(instructions="Be brief."),
    TransferRequested("reception"),
]


def test_an_operator_has_something_said() -> None:
    story = talking()
    assert story.receive(SayRequested("Mention the offer.")) == (
        Say("operator-1", "Mention the offer.", priority=Priority.OPERATOR),
    )
    assert story.receive(SayRequested("One moment.", verbatim=True)) == (
        Say("operator-2", "One moment.", verbatim=True, priority=Priority.OPERATOR),
    )


def test_an_operator_tells_the_model_something() -> None:
    story = talking()
    assert story.receive(InjectRequested("A patient.")) == (Inject("A patient."),)


def test_an_operator_changes_the_session() -> None:
    wish = ReconfigureRequested("Be brief.", ("opening_hours",), {"type": "semantic_vad"})
    assert talking().receive(wish) == (
        Reconfigure("Be brief.", ("opening_hours",), {"type": "semantic_vad"}),
    )


def test_what_is_meant_for_one_agent_changes_no_other() -> None:
    story = talking()
    own = story.call.value.terms.agent
    assert story.receive(ReconfigureRequested("Be brief.", agent="billing")) == ()
    assert story.call.value.ignored == 1
    assert story.receive(ReconfigureRequested("Be brief.", agent=own)) == (
        Reconfigure("Be brief.", None, None),
    )


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("begin", [ringing, accepting, attaching])
def test_before_the_answer_an_operators_wish_is_ignored_and_counted(
    begin: Callable[[], CallStory], request_: Event
) -> None:
    story = begin()
    assert story.receive(request_) == ()
    assert story.call.value.ignored == 1


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_while_the_call_ends_an_operators_wish_is_ignored_and_counted(request_: Event) -> None:
    story = talking()
    story.receive(called(HANG_UP))
    assert story.receive(request_) == ()
    assert story.call.value.ignored == 1


@pytest.mark.parametrize("request_", REQUESTS[:3], ids=lambda each: type(each).__name__)
def test_while_the_channel_is_lost_an_operators_wish_is_passed_on(request_: Event) -> None:
    story = talking()
    story.receive(ChannelLost())
    assert len(story.receive(request_)) == 1


def test_an_operators_transfer_is_announced_first() -> None:
    story = talking()
    commands = story.receive(TransferRequested("reception"))
    assert [type(each) for each in commands] == [HoldTurns, Say]
    words = one(Say, commands)
    assert (words.text, words.priority) == (CONNECTING, Priority.LAST)
    story.receive(SpeechHeard(words.say_id, certain=True))
    assert one(TransferCall, story.commands).target == "reception"


def test_an_operator_may_choose_what_the_model_may_not_and_what_is_closed_or_just_returned() -> (
    None
):
    closed = TargetTerms("cellar", "tel:+12025550125", windows=((START + 1e4, START + 2e4),))
    terms = replace(TERMS, targets=(closed,), returned_from=frozenset({"cellar"}))
    story = active(terms)
    story.receive(TransferRequested("cellar"))
    assert story.is_in(State.ENDING)


def test_an_operators_transfer_to_nobody_is_ignored_and_counted() -> None:
    story = talking()
    assert story.receive(TransferRequested("nobody")) == ()
    assert story.call.value.ignored == 1


def test_asking_why_an_operators_transfer_cannot_be_changes_nothing() -> None:
    story = talking()
    before = story.call.value
    assert story.call.why_not_transfer("nobody", now=story.now + 5.0) == "unknown_target"
    assert story.call.why_not_transfer("reception", now=story.now + 5.0) is None
    assert story.call.value is before


def test_an_operators_transfer_while_the_channel_is_lost_is_announced_when_it_is_back() -> None:
    story = talking()
    story.receive(ChannelLost())
    words = one(Say, story.receive(TransferRequested("reception")))
    story.receive(ChannelOpened())
    story.receive(Ready())
    assert story.is_in(State.ENDING)
    story.receive(SpeechHeard(words.say_id, certain=True))
    one(TransferCall, story.commands)


def test_the_operator_hangs_up_at_once() -> None:
    assert talking().receive(HangUpRequested()) == (
        StopSpeaking(),
        CutOff(),
        HoldTurns(),
        HangUpCall("hang_up-2"),
    )


def test_a_hang_up_while_the_channel_is_lost_gives_up_the_attempt() -> None:
    story = talking()
    story.receive(ChannelLost())
    commands = story.receive(HangUpRequested())
    assert commands == (CloseChannel(), StopSpeaking(), HangUpCall("hang_up-2"))


# --- silence -----------------------------------------------------------------------------------


@pytest.mark.parametrize("absence", Absence)
def test_the_caller_is_asked_whether_anybody_is_there(absence: Absence) -> None:
    words = one(Say, talking().receive(PromptDue(absence, 1)))
    assert words == Say("prompt-1", prompt(absence, 1), priority=Priority.PROMPT)


def test_nobody_is_asked_while_first_words_are_spoken_or_tools_run() -> None:
    story = active()
    assert story.receive(PromptDue(Absence.GHOST, 1)) == ()
    story = talking()
    story.receive(called(tool("t1")))
    assert story.receive(PromptDue(Absence.IDLE, 1)) == ()
    assert story.call.value.ignored == 1


@pytest.mark.parametrize(
    ("absence", "outcome", "detail"),
    [
        (Absence.GHOST, Outcome.IDLE, "ghost"),
        (Absence.IDLE, Outcome.IDLE, None),
        (Absence.NO_HUMAN, Outcome.NO_HUMAN, None),
    ],
)
def test_a_call_with_nobody_there_ends_with_a_goodbye(
    absence: Absence, outcome: Outcome, detail: str | None
) -> None:
    story = talking()
    commands = story.receive(NobodyThere(absence))
    assert [type(each) for each in commands] == [HoldTurns, Say]
    words = one(Say, commands)
    assert (words.text, words.priority) == (NOBODY_THERE, Priority.LAST)
    assert isinstance(story.receive(SpeechHeard(words.say_id, certain=False))[-1], HangUpCall)
    assert end_of(story) == (outcome, detail)


# --- money -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_spent_budget_ends_the_call_politely(*, is_lost: bool) -> None:
    story = talking()
    if is_lost:
        story.receive(ChannelLost())
    words = one(Say, story.receive(BudgetSpent()))
    assert words.text == BUDGET_SPENT
    story.receive(SpeechHeard(words.say_id, certain=True))
    assert end_of(story) == (Outcome.BUDGET, None)


def test_a_budget_that_is_spent_during_the_goodbye_changes_nothing() -> None:
    story = talking()
    story.receive(called(HANG_UP))
    assert story.receive(BudgetSpent()) == ()
    story.receive(SpeechHeard("r1", certain=True))
    assert end_of(story) == (Outcome.WE_HUNG_UP, None)


def test_nothing_can_be_spent_before_the_answer() -> None:
    story = attaching()
    assert story.receive(BudgetSpent()) == ()
    assert story.is_in(State.ATTACHING)


# --- what means nothing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [PromptDue(Absence.IDLE, 1), NobodyThere(Absence.IDLE), MenuKeyPressed("0"), ModelFailed("x")],
    ids=lambda each: type(each).__name__,
)
def test_what_watchers_and_model_report_means_nothing_while_the_channel_is_lost(
    event: Event,
) -> None:
    story = talking()
    story.receive(ChannelLost())
    assert story.receive(event) == ()
    assert story.is_in(State.ATTACHING)
    assert story.call.value.ignored == 1


def test_what_is_only_recorded_is_counted_as_ignored() -> None:
    story = talking()
    assert story.receive(CallerSpoke()) == ()
    assert story.call.value.ignored == 1
    assert only(HangUpCall, story.commands) == []
