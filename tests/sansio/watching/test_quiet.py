from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.agent import Silence
from controller.sansio.commands import AllowSilence, CollectDigits
from controller.sansio.events import (
    Absence,
    Answered,
    CallerPaused,
    CallerSpoke,
    ChannelLost,
    DeadlineReached,
    Digit,
    DigitsEntered,
    EntryEnd,
    Event,
    FloorFree,
    FloorTaken,
    NobodyThere,
    PromptDue,
    Ready,
    SilenceTimedOut,
    Speech,
    ToolCall,
    ToolFinished,
    ToolOutput,
    ToolsCalled,
)
from controller.sansio.watching import Watchers
from tests.sansio.watching.driving import (
    START,
    WATCHED_AGENT,
    WatchStory,
    caller_says,
    watching,
)

GHOST: list[tuple[float, Event]] = [
    (12.0, PromptDue(Absence.GHOST, 1)),
    (24.0, PromptDue(Absence.GHOST, 2)),
    (40.0, NobodyThere(Absence.GHOST)),
]
IDLE: list[tuple[float, Event]] = [
    (10.0, PromptDue(Absence.IDLE, 1)),
    (25.0, PromptDue(Absence.IDLE, 2)),
    (45.0, NobodyThere(Absence.IDLE)),
]


def later(times: list[tuple[float, Event]], seconds: float) -> list[tuple[float, Event]]:
    return [(at + seconds, event) for at, event in times]


def talked(text: str | None = "Good day.") -> WatchStory:
    """A call whose caller spoke until two seconds after its start."""
    story = watching()
    story.hears(text)
    return story


def test_a_caller_who_was_never_heard_is_asked_twice_and_then_nobody_is_there() -> None:
    story = watching()

    story.wait(1000)

    assert story.absences == GHOST
    assert story.watchers.deadline is None


def test_a_ghost_call_counts_from_the_end_of_the_first_words() -> None:
    story = watching()
    story.wait(0.5)
    story.speaks(9.5)

    story.wait(1000)

    assert story.absences == later(GHOST, 10)


def test_nothing_counts_before_the_session_is_proven() -> None:
    story = WatchStory(Watchers(WATCHED_AGENT, now=START))
    story.receive(Answered())

    assert story.watchers.deadline is None


def test_a_caller_who_says_nothing_more_is_asked_twice_and_then_nobody_is_there() -> None:
    story = talked()

    story.wait(1000)

    assert story.absences == later(IDLE, 2)


@pytest.mark.parametrize(
    "sign",
    [
        (CallerSpoke(), CallerPaused()),
        (Digit("5"), DigitsEntered(None, "5", EntryEnd.PAUSE)),
        (caller_says("Hello?"),),
    ],
)
def test_any_sign_of_the_caller_makes_a_ghost_call_an_ordinary_one(sign: tuple[Event, ...]) -> None:
    story = watching()
    story.wait(15)

    story.receive(*sign)
    story.wait(1000)

    assert story.absences == [GHOST[0], *later(IDLE, 15)]


def test_the_clock_starts_anew_after_the_models_words() -> None:
    story = talked()
    story.wait(6)
    story.speaks(12)

    story.wait(1000)

    assert story.absences == later(IDLE, 20)


def test_a_prompt_stretches_the_silence_and_does_not_begin_it_anew() -> None:
    story = talked()

    story.wait(10)
    story.speaks(3)
    story.wait(15)
    story.speaks(4)
    story.wait(1000)

    assert story.absences == [
        (12.0, PromptDue(Absence.IDLE, 1)),
        (30.0, PromptDue(Absence.IDLE, 2)),
        (54.0, NobodyThere(Absence.IDLE)),
    ]


def test_other_words_than_the_prompt_begin_the_silence_anew() -> None:
    story = talked()
    story.wait(10)
    story.speaks(3)
    story.wait(1)
    story.speaks(2)

    story.wait(1000)

    assert story.absences == [(12.0, PromptDue(Absence.IDLE, 1)), *later(IDLE, 18)]


def test_a_caller_who_answers_a_prompt_begins_the_silence_anew() -> None:
    story = talked()
    story.wait(10)
    story.receive(FloorTaken())
    story.receive(CallerSpoke(), after=1)
    story.receive(FloorFree())
    story.receive(CallerPaused(), after=7)

    story.wait(1000)

    assert story.absences == [(12.0, PromptDue(Absence.IDLE, 1)), *later(IDLE, 20)]


def test_words_that_are_transcribed_late_do_not_begin_the_silence_anew() -> None:
    story = talked(None)
    story.receive(caller_says("Good day."), after=5)

    story.wait(1000)

    assert story.absences == later(IDLE, 2)


def test_words_after_a_prompt_begin_the_silence_anew() -> None:
    story = talked(None)
    story.receive(caller_says("Good day."), after=18)

    story.wait(1000)

    assert story.absences == [(12.0, PromptDue(Absence.IDLE, 1)), *later(IDLE, 20)]


def test_a_model_that_talks_for_a_long_time_is_no_silence() -> None:
    story = talked()
    story.receive(FloorTaken())

    assert story.wait(200) == []


def test_a_caller_who_speaks_for_a_long_time_is_not_silent() -> None:
    story = talked()
    story.receive(CallerSpoke())

    assert story.wait(100) == []


def test_no_silence_counts_while_a_tool_runs() -> None:
    story = talked()
    call = ToolCall("t1", "opening_hours", "{}")
    story.receive(ToolsCalled("r1", Speech.SILENT, (call,)), after=1)
    story.receive(ToolFinished(ToolOutput("t1", "9 to 5")), after=12)

    story.wait(1000)

    assert story.absences == later(IDLE, 15)


def test_a_tool_whose_end_nobody_reports_counts_as_finished_in_the_end() -> None:
    story = talked()
    call = ToolCall("t1", "opening_hours", "{}")
    story.receive(ToolsCalled("r1", Speech.SILENT, (call,)), after=5)

    story.wait(1000)

    assert story.absences == later(IDLE, 2 + 5 + 8 + 5)


def test_no_silence_counts_while_digits_are_collected() -> None:
    story = talked()
    story.receive(CollectDigits("c1", 4, "#", 30.0, 4.0), after=5)

    story.wait(1000)

    assert story.absences == later(IDLE, 37)


def test_no_silence_counts_while_the_channel_is_lost() -> None:
    story = talked()
    story.wait(30)
    story.receive(ChannelLost())
    assert story.wait(60) == []

    story.receive(Ready())
    story.wait(1000)

    assert story.absences == [*later(IDLE[:2], 2), *later(IDLE, 92)]


def test_silence_that_was_asked_for_is_no_reason_to_ask() -> None:
    story = talked()
    story.receive(AllowSilence(90.0))

    story.wait(1000)

    assert story.absences == later(IDLE, 92)


def test_talk_in_the_background_does_not_end_the_silence_that_was_asked_for() -> None:
    story = talked()
    story.receive(AllowSilence(90.0))
    story.wait(28)
    story.hears("No, the blue one.", seconds=10)

    story.wait(1000)

    assert story.absences == later(IDLE, 92)


def test_patience_is_the_agents() -> None:
    silence = Silence((24.0,), 80.0, (20.0,), 90.0)
    ghost = watching(replace(WATCHED_AGENT, silence=silence))
    ghost.wait(1000)
    idle = watching(replace(WATCHED_AGENT, silence=silence))
    idle.hears()
    idle.wait(1000)

    assert ghost.absences == [
        (24.0, PromptDue(Absence.GHOST, 1)),
        (80.0, NobodyThere(Absence.GHOST)),
    ]
    assert idle.absences == [
        (22.0, PromptDue(Absence.IDLE, 1)),
        (92.0, NobodyThere(Absence.IDLE)),
    ]


def test_nobody_is_cut_off_before_forty_seconds_whatever_is_configured() -> None:
    agent = replace(WATCHED_AGENT, silence=Silence((), 5.0, (), 5.0))
    ghost = watching(agent)
    ghost.wait(1000)
    idle = watching(agent)
    idle.hears()
    idle.wait(1000)

    assert ghost.absences == [(40.0, NobodyThere(Absence.GHOST))]
    assert idle.absences == [(42.0, NobodyThere(Absence.IDLE))]


def test_a_machine_that_slept_asks_before_it_gives_up() -> None:
    story = talked()
    story.now += 500

    assert story.receive(DeadlineReached()) == [PromptDue(Absence.IDLE, 1)]
    story.wait(1000)

    assert story.absences == later(IDLE, 492)


def test_the_prompts_of_the_provider_take_the_place_of_ours() -> None:
    story = talked()

    for _ in range(3):
        story.wait(9)
        story.receive(SilenceTimedOut())
        story.speaks(3)

    assert story.absences == []


def test_prompts_of_the_provider_end_the_call_after_forty_seconds() -> None:
    story = talked()

    for _ in range(4):
        story.wait(6)
        story.receive(SilenceTimedOut())
        story.speaks(4)
    story.wait(1000)

    assert story.absences == [(42.0, NobodyThere(Absence.IDLE))]


def test_prompts_of_the_provider_end_the_call_at_once_where_enough_time_has_passed() -> None:
    story = talked()
    story.wait(9)
    story.receive(SilenceTimedOut())
    story.speaks(20)

    story.receive(SilenceTimedOut(), after=20)

    assert story.absences == [(51.0, NobodyThere(Absence.IDLE))]


def test_a_prompt_of_the_provider_stretches_the_silence_too() -> None:
    story = talked()
    story.wait(9)
    story.receive(SilenceTimedOut())
    story.speaks(3)

    story.wait(1000)

    assert story.absences == [(50.0, NobodyThere(Absence.IDLE))]


def test_a_regained_session_forgets_the_prompts_of_the_provider() -> None:
    story = talked()
    story.receive(SilenceTimedOut(), SilenceTimedOut(), ChannelLost(), after=6)
    story.receive(Ready(), after=2)

    story.wait(1000)

    assert story.absences == later(IDLE, 10)


def test_a_sign_of_the_caller_forgets_the_prompts_of_the_provider() -> None:
    story = talked()
    for _ in range(2):
        story.wait(9)
        story.receive(SilenceTimedOut())
        story.speaks(2)
    story.hears()

    story.wait(1000)

    assert story.absences == later(IDLE, 26)


def test_nobody_is_said_to_be_gone_twice_but_one_who_comes_back_may_go_again() -> None:
    story = talked()
    story.wait(1000)
    story.speaks(5)
    assert story.wait(1000) == []

    story.hears()
    story.wait(1000)

    assert [event for _, event in story.absences] == [event for _, event in IDLE] * 2
