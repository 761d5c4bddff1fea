from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.agent import HANG_UP, TAKE_MESSAGE, Keypad, ToolDeclaration
from controller.sansio.commands import CollectDigits
from controller.sansio.events import (
    Absence,
    CallerPaused,
    CallerSpoke,
    ChannelLost,
    DeadlineReached,
    Digit,
    DigitsEntered,
    EntryEnd,
    FloorFree,
    FloorTaken,
    LineEnded,
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
from controller.sansio.watching.given import Given
from controller.sansio.watching.scene import TOOL_MARGIN, TOOLS_LIMIT, Scene, follow
from tests.sansio.watching.driving import START, WATCHED_AGENT

AGENT = replace(
    WATCHED_AGENT,
    tools=(
        ToolDeclaration("opening_hours", "Opening hours", {}, timeout=3.0),
        ToolDeclaration("pay", "Pay", {}, timeout=20.0),
    ),
    keypad=Keypad(sensitive_tool="pay"),
)
COLLECT = CollectDigits("c1", 8, "#", 10.0, 4.0)
PROMPT = PromptDue(Absence.IDLE, 1)


def scene_after(*given: Given, scene: Scene | None = None) -> Scene:
    scene = scene or Scene(is_away=False)
    for each in given:
        scene = follow(scene, each, AGENT, START)
    return scene


def called(*names: str) -> ToolsCalled:
    calls = (ToolCall(f"t-{number}", name, "{}") for number, name in enumerate(names))
    return ToolsCalled("r1", Speech.SILENT, tuple(calls))


def finished(tool_call_id: str) -> ToolFinished:
    return ToolFinished(ToolOutput(tool_call_id, "done"))


def test_there_is_no_session_before_it_is_proven() -> None:
    assert Scene().is_busy
    assert not scene_after(Ready(), scene=Scene()).is_busy


@pytest.mark.parametrize(
    "given", [FloorTaken(), ChannelLost(), COLLECT, called("opening_hours"), called(TAKE_MESSAGE)]
)
def test_somebody_is_busy(given: Given) -> None:
    assert scene_after(given).is_busy


@pytest.mark.parametrize(
    "given",
    [
        (FloorTaken(), FloorFree()),
        (ChannelLost(), Ready()),
        (FloorTaken(), CallerSpoke(), ChannelLost(), Ready()),
        (COLLECT, DigitsEntered("c1", "12", EntryEnd.PAUSE)),
        (called("opening_hours"), finished("t-0")),
        (CallerSpoke(), CallerPaused()),
        (NobodyThere(Absence.IDLE), LineEnded()),
    ],
)
def test_nobody_is_busy_any_more(given: tuple[Given, ...]) -> None:
    assert scene_after(*given) == Scene(is_away=False)


def test_tools_that_nobody_reports_the_end_of_are_not_waited_for() -> None:
    assert not scene_after(called(HANG_UP, "unknown")).is_busy


def test_the_last_tool_counts() -> None:
    both = scene_after(called("opening_hours", "pay"))

    one = scene_after(finished("t-0"), scene=both)

    assert one.is_busy
    assert not scene_after(finished("t-1"), scene=one).is_busy


def test_a_tool_counts_as_finished_some_time_after_its_limit() -> None:
    scene = scene_after(called("pay", "opening_hours"))

    assert scene.deadline == START + 3 + TOOL_MARGIN
    scene = follow(scene, DeadlineReached(), AGENT, scene.deadline)
    assert scene.deadline == START + 20 + TOOL_MARGIN
    assert Scene().deadline is None


def test_a_tool_that_is_called_twice_counts_from_the_first_call() -> None:
    scene = scene_after(called("opening_hours"))

    again = follow(scene, called("opening_hours"), AGENT, START + 2)

    assert again == scene


def test_tools_are_followed_up_to_a_limit() -> None:
    scene = scene_after(called(*["pay"] * (TOOLS_LIMIT + 1)))

    assert len(scene.tools) == TOOLS_LIMIT


def test_an_entry_that_was_replaced_does_not_end_the_one_that_runs() -> None:
    scene = scene_after(
        COLLECT,
        replace(COLLECT, request_id="c2"),
        DigitsEntered("c1", "12", EntryEnd.PAUSE),
        DigitsEntered(None, "12", EntryEnd.PAUSE),
    )

    assert scene.collecting == "c2"


def test_an_entry_that_nobody_asked_for_ends_nothing() -> None:
    given = DigitsEntered(None, "12", EntryEnd.PAUSE)

    assert scene_after(given) == Scene(is_away=False)


def test_a_sensitive_entry_goes_on_to_its_tool() -> None:
    scene = scene_after(replace(COLLECT, sensitive=True), DigitsEntered("c1", "1", EntryEnd.PAUSE))

    assert scene.tools == (("c1", START + 20 + TOOL_MARGIN),)
    assert not scene_after(finished("c1"), scene=scene).is_busy


def test_an_empty_sensitive_entry_goes_nowhere() -> None:
    scene = scene_after(replace(COLLECT, sensitive=True), DigitsEntered("c1", "", EntryEnd.NOTHING))

    assert not scene.is_busy


@pytest.mark.parametrize("prompt", [PROMPT, SilenceTimedOut()])
@pytest.mark.parametrize("end", [FloorFree(), CallerSpoke(), Digit("1"), Ready(), ChannelLost()])
def test_a_prompt_has_the_floor_until_it_ends_or_the_caller_gives_a_sign(
    prompt: Given, end: Given
) -> None:
    scene = scene_after(prompt, FloorTaken())

    assert scene.is_prompting
    assert not scene_after(end, scene=scene).is_prompting
