from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.agent import WAIT_FOR_CALLER, Silence
from controller.sansio.commands import AllowSilence
from controller.sansio.events import (
    Absence,
    CallerPaused,
    CallerSpoke,
    ChannelLost,
    Digit,
    Event,
    FaultReported,
    FloorFree,
    FloorTaken,
    NobodyThere,
    PromptDue,
    Ready,
    Speech,
    ToolCall,
    ToolFinished,
    ToolOutput,
    ToolsCalled,
    TranscriptAdded,
)
from tests.sansio.watching.driving import WATCHED_AGENT, WatchStory, caller_says, watching

ASKED = PromptDue(Absence.NO_HUMAN, 1)
GONE = NobodyThere(Absence.NO_HUMAN)
DEAF_AGENT = replace(WATCHED_AGENT, transcription=None)


def music(story: WatchStory, seconds: float, text: str | None = None) -> None:
    """Let speech be heard for a while, with short lulls."""
    until = story.now + seconds
    while story.now < until:
        story.hears(text, seconds=4)
        story.wait(1)


def tool_called(story: WatchStory, name: str = "opening_hours") -> list[Event]:
    call = ToolCall("t1", name, "{}")
    return story.receive(ToolsCalled("r1", Speech.SILENT, (call,)))


# --- speech without words ----------------------------------------------------------------------


def test_speech_without_words_is_asked_about_after_two_minutes_and_then_is_no_human() -> None:
    story = watching()

    music(story, 200)

    assert story.absences == [(120.0, ASKED), (140.0, GONE)]


def test_speech_that_never_pauses_is_no_human_either() -> None:
    story = watching()
    story.receive(CallerSpoke())

    story.wait(1000)

    assert story.absences == [(120.0, ASKED), (140.0, GONE)]


def test_speech_whose_pause_went_missing_goes_on() -> None:
    story = watching()
    story.hears(None, seconds=2)
    story.receive(CallerSpoke())
    story.receive(CallerSpoke(), after=60)

    story.wait(1000)

    assert story.absences == [(120.0, ASKED), (140.0, GONE)]


def test_a_transcript_of_punctuation_holds_no_words() -> None:
    story = watching()

    music(story, 200, "♪ ... ♪")

    assert story.absences == [(120.0, ASKED), (140.0, GONE)]


def test_the_agents_words_are_not_the_callers() -> None:
    story = watching()
    story.receive(CallerSpoke())
    story.receive(TranscriptAdded("agent", "item", "Good day."), after=100)

    story.wait(1000)

    assert story.absences == [(120.0, ASKED), (140.0, GONE)]


def test_the_time_to_answer_runs_from_the_end_of_the_prompt() -> None:
    story = watching()
    story.receive(CallerSpoke())
    story.wait(120)
    story.speaks(5)

    story.wait(1000)

    assert story.absences == [(120.0, ASKED), (145.0, GONE)]


def test_words_settle_the_doubt_that_there_are_none() -> None:
    story = watching()
    music(story, 125)
    story.receive(caller_says("I am here."))

    music(story, 110)

    assert story.absences == [(120.0, ASKED)]


def test_a_key_settles_the_doubt_that_there_are_no_words() -> None:
    story = watching()
    music(story, 125)
    story.receive(Digit("5"))

    music(story, 110)

    assert story.absences == [(120.0, ASKED)]


def test_words_in_the_midst_of_speech_begin_the_time_without_words_anew() -> None:
    story = watching()
    story.receive(CallerSpoke())
    story.receive(caller_says("Hello?"), after=100)

    story.wait(1000)

    assert story.absences == [(220.0, ASKED), (240.0, GONE)]


def test_noise_now_and_then_is_not_speech_without_words() -> None:
    story = watching()

    for _ in range(20):
        story.hears(None)
        story.wait(11)

    assert [event for _, event in story.absences if event in {ASKED, GONE}] == []


def test_noise_that_stopped_long_ago_is_not_speech_without_words() -> None:
    story = watching()
    story.hears(None)
    story.receive(AllowSilence(200))

    story.wait(200)

    assert story.absences == []


def test_speech_that_stops_after_the_prompt_is_silence_and_no_more() -> None:
    story = watching()
    music(story, 121)
    assert story.absences == [(120.0, ASKED)]
    at = story.now - 1_000_000.0

    story.receive(CallerPaused())
    story.wait(40)

    assert story.absences[1:] == [
        (at + 10, PromptDue(Absence.IDLE, 1)),
        (at + 25, PromptDue(Absence.IDLE, 2)),
    ]


def test_nobody_is_doubted_while_the_model_has_the_floor() -> None:
    story = watching()
    story.receive(CallerSpoke())
    story.receive(FloorTaken(), after=110)
    assert story.wait(90) == []

    story.receive(FloorFree())
    story.wait(1000)

    assert story.absences == [(200.0, ASKED), (220.0, GONE)]


def test_a_regained_session_begins_the_time_without_words_anew() -> None:
    story = watching()
    music(story, 100)
    story.receive(ChannelLost())
    story.receive(Ready(), after=5)

    music(story, 110)

    assert story.absences == []


def test_missing_words_prove_nothing_where_nothing_is_transcribed() -> None:
    story = watching(DEAF_AGENT)

    music(story, 1000)

    assert story.absences == []


def test_missing_words_prove_nothing_where_the_transcription_fails() -> None:
    story = watching()
    story.receive(FaultReported("transcription_failed"))

    music(story, 1000)

    assert story.absences == []


def test_a_transcription_that_works_again_counts_again() -> None:
    story = watching()
    story.receive(FaultReported("transcription_failed"))
    story.receive(caller_says("Good day."))

    music(story, 200)

    assert story.absences == [(120.0, ASKED), (140.0, GONE)]


def test_another_fault_is_none_of_the_transcription() -> None:
    story = watching()
    story.receive(FaultReported("server_error"))

    music(story, 200)

    assert story.absences == [(120.0, ASKED), (140.0, GONE)]


def test_an_agent_without_transcription_takes_over_no_doubt() -> None:
    story = watching()
    music(story, 125)
    story.watchers.become(DEAF_AGENT)

    music(story, 1000, "The same.")

    assert story.absences == [(120.0, ASKED)]


def test_an_agent_with_transcription_takes_over_what_was_counted() -> None:
    story = watching()
    music(story, 60)
    story.watchers.become(replace(WATCHED_AGENT, silence=Silence(wordless=90.0)))

    music(story, 35)

    assert story.absences == [(90.0, ASKED)]


# --- the same words again and again ------------------------------------------------------------


def says(story: WatchStory, *turns: str) -> list[Event]:
    return [found for text in turns for found in story.hears(text)]


HOLD = "Please hold the line."


def test_more_than_six_near_identical_turns_are_asked_about_and_two_more_are_no_human() -> None:
    story = watching()
    line = "Your call is important to us, please hold the line."

    assert says(story, *[line] * 6) == []
    assert says(story, line.upper()) == [ASKED]
    assert says(story, line) == []
    assert says(story, line) == [GONE]
    assert says(story, line) == []


def test_a_caller_may_say_yes_again_and_again_but_music_that_is_heard_as_you_is_noticed() -> None:
    story = watching()

    assert says(story, *["Yes."] * 18) == []
    assert says(story, "Yes.", "Yes.", "Yes.") == [ASKED, GONE]


def test_another_turn_settles_the_doubt() -> None:
    story = watching()
    says(story, *[HOLD] * 8)

    assert says(story, "I need an appointment.") == []
    assert says(story, *[HOLD] * 6) == []
    assert says(story, HOLD) == [ASKED]


def test_a_key_settles_the_doubt_about_the_same_words() -> None:
    story = watching()
    says(story, *[HOLD] * 6)
    story.receive(Digit("5"))

    says(story, *[HOLD] * 6)

    assert story.absences == []


def test_a_regained_session_goes_on_with_the_same_words() -> None:
    story = watching()
    says(story, *[HOLD] * 6)
    story.receive(ChannelLost(), Ready())

    assert says(story, HOLD) == [ASKED]


def test_turns_without_words_do_not_count_among_those_with() -> None:
    story = watching()

    says(story, *[HOLD, "..."] * 6)

    assert story.absences == []
    assert says(story, HOLD) == [ASKED]


def test_a_less_patient_agent_asks_before_it_gives_up() -> None:
    story = watching()
    says(story, *[HOLD] * 6)
    story.watchers.become(replace(WATCHED_AGENT, silence=Silence(repeats=2)))

    assert says(story, *[HOLD] * 3) == [ASKED, GONE]


def test_no_word_is_shown() -> None:
    story = watching()
    says(story, "Confidential.")

    assert story.watchers.silence.value.doubt.run.words == "confidential"
    assert "onfidential" not in repr(story.watchers.silence.value)


# --- ringing out -------------------------------------------------------------------------------


def noise(story: WatchStory, seconds: float) -> None:
    """Let comfort noise be taken for speech, too seldom to be speech without words."""
    until = story.now + seconds
    while story.now < until:
        story.hears(None, seconds=1)
        story.wait(9.5 if story.now + 9.5 < until else until - story.now)


QUICK = Silence(wordless=10_000.0)
NOISY_AGENT = replace(WATCHED_AGENT, silence=QUICK)


def noisy() -> WatchStory:
    story = watching(NOISY_AGENT)
    story.receive(caller_says("Good day."))
    return story


def test_comfort_noise_does_not_keep_a_dead_call_alive() -> None:
    story = noisy()

    noise(story, 400)

    assert story.absences == [
        (300.0, PromptDue(Absence.IDLE, 1)),
        (320.0, NobodyThere(Absence.IDLE)),
    ]


def test_nobody_rings_out_before_forty_seconds_whatever_is_configured() -> None:
    story = watching(replace(WATCHED_AGENT, silence=Silence(ringing_out=5.0)))
    story.receive(CallerSpoke())

    story.wait(1000)

    assert story.absences[0] == (40.0, PromptDue(Absence.IDLE, 1))


def test_the_prompt_of_a_call_that_rings_out_is_the_only_one() -> None:
    story = noisy()
    noise(story, 300)

    story.wait(1000)

    assert story.absences == [
        (300.0, PromptDue(Absence.IDLE, 1)),
        (320.0, NobodyThere(Absence.IDLE)),
    ]


def test_a_silence_that_was_asked_about_is_not_asked_about_for_another_reason() -> None:
    story = noisy()
    noise(story, 289)
    at = story.now - 1_000_000.0

    story.wait(1000)

    assert [event for _, event in story.absences] == [
        PromptDue(Absence.IDLE, 1),
        PromptDue(Absence.IDLE, 2),
        NobodyThere(Absence.IDLE),
    ]
    assert story.absences[0][0] < 300.0 < at + 45.0


@pytest.mark.parametrize(
    "sign",
    [
        (caller_says("I am here."),),
        (Digit("5"),),
        (
            ToolsCalled("r1", Speech.SILENT, (ToolCall("t1", "unknown", "{}"),)),
            ToolFinished(ToolOutput("t1", "")),
        ),
        (ToolFinished(ToolOutput("t1", "")),),
        (CallerSpoke(), FaultReported("transcription_failed"), CallerPaused()),
    ],
)
def test_words_keys_and_tools_are_signs_of_the_caller(sign: tuple[Event, ...]) -> None:
    story = noisy()
    noise(story, 310)

    story.receive(*sign)
    noise(story, 250)

    assert story.absences == [(300.0, PromptDue(Absence.IDLE, 1))]


def test_a_model_that_waits_for_the_caller_on_noise_is_no_sign() -> None:
    story = noisy()
    noise(story, 299)
    tool_called(story, WAIT_FOR_CALLER)

    noise(story, 50)

    assert [event for _, event in story.absences] == [
        PromptDue(Absence.IDLE, 1),
        NobodyThere(Absence.IDLE),
    ]


def test_speech_is_a_sign_where_nothing_is_transcribed_but_not_for_ever() -> None:
    story = watching(DEAF_AGENT)
    music(story, 1000)
    assert story.absences == []
    story.receive(CallerSpoke())
    at = story.now - 1_000_000.0

    story.wait(1000)

    assert story.absences == [
        (at + 300, PromptDue(Absence.IDLE, 1)),
        (at + 320, NobodyThere(Absence.IDLE)),
    ]


def test_speech_answers_the_prompt_where_nothing_is_transcribed() -> None:
    story = watching(DEAF_AGENT)
    story.receive(CallerSpoke())
    story.wait(310)

    story.receive(CallerPaused())
    story.receive(CallerSpoke(), after=5)
    story.wait(250)

    assert [event for _, event in story.absences] == [PromptDue(Absence.IDLE, 1)]
