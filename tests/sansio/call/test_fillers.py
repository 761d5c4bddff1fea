"""What is said while the caller waits for a tool."""

from __future__ import annotations

from dataclasses import replace

from controller.sansio.agent import Filler
from controller.sansio.call import State, Terms, ToolTerms, fillers, words
from controller.sansio.commands import (
    CollectDigits,
    GiveToolOutputs,
    Priority,
    RunTool,
    Say,
    Unsay,
)
from controller.sansio.events import (
    ChannelLost,
    DeadlineReached,
    DigitsEntered,
    EntryEnd,
    FloorFree,
    FloorTaken,
    HangUpRequested,
    SpeechHeard,
    ToolFinished,
    ToolOutput,
)
from tests.sansio.driving import CallStory, active, called, one, only, tool

TERMS = Terms(
    filler=Filler(first=1.8, second=6.5),
    tools=(ToolTerms("quiet", speak_while_waiting=False),),
    built_in=frozenset({"collect_digits", "hang_up"}),
    warn_before=0.0,
)


def waiting(*names: str, terms: Terms = TERMS) -> CallStory:
    """A caller who waits for tools; the model has just finished speaking."""
    story = active(terms)
    story.receive(FloorTaken())
    story.receive(called(*(tool(f"t{n}", name) for n, name in enumerate(names, 1))))
    story.receive(FloorFree())
    return story


def finish(story: CallStory, tool_call_id: str = "t1") -> tuple[object, ...]:
    return story.receive(ToolFinished(ToolOutput(tool_call_id, "done")))


def free_at(story: CallStory) -> float | None:
    """Tell when the floor became free; asked anew each time."""
    return story.call.value.work.lull.free_at


def spoken(story: CallStory, say_id: str, *, seconds: float = 2.0) -> None:
    """Let words be asked for, played, and heard."""
    story.receive(FloorTaken())
    story.receive(SpeechHeard(say_id, certain=True), after=seconds)
    story.receive(FloorFree())


def test_two_fillers_are_said_while_a_tool_runs_and_no_third() -> None:
    story = waiting("look_up")
    began = story.now
    first = one(Say, story.wait())
    assert (story.now, first.text) == (began + 1.8, words.FILLER)
    assert first.priority is Priority.PROMPT
    spoken(story, first.say_id)
    second = one(Say, story.wait())
    assert (story.now, second.text) == (began + 6.5, words.STILL_WORKING)
    assert second.say_id != first.say_id
    spoken(story, second.say_id)
    assert story.call.deadline == story.call.value.end_at


def test_a_filler_is_counted_from_when_the_floor_is_free() -> None:
    story = active(TERMS)
    story.receive(FloorTaken())
    story.receive(called(tool("t1")))
    assert story.call.deadline == story.call.value.end_at
    story.receive(FloorFree(), after=5.0)
    assert story.call.deadline == story.now + 1.8


def test_a_tool_that_begins_in_silence_is_waited_for_from_its_beginning() -> None:
    story = active(TERMS)
    story.now += 30.0
    story.receive(called(tool("t1")))
    assert story.call.deadline == story.now + 1.8


def test_a_filler_that_still_waits_is_dropped_when_the_tool_finishes() -> None:
    story = waiting("look_up")
    filler = one(Say, story.wait())
    commands = finish(story)
    assert commands[0] == Unsay(filler.say_id)
    assert one(GiveToolOutputs, commands).respond


def test_a_filler_that_still_waits_is_dropped_when_somebody_else_takes_the_floor() -> None:
    story = waiting("look_up")
    filler = one(Say, story.wait())
    assert story.receive(FloorTaken()) == (Unsay(filler.say_id),)
    story.receive(SpeechHeard(filler.say_id, certain=False))
    story.receive(FloorFree(), after=4.0)
    assert one(Say, story.wait()).text == words.STILL_WORKING


def test_fillers_keep_their_distance_from_other_words() -> None:
    story = waiting("look_up")
    story.receive(FloorTaken(), after=1.0)
    story.receive(FloorFree(), after=20.0)
    freed_at = story.now
    filler = one(Say, story.wait())
    assert story.now == freed_at + 1.8
    spoken(story, filler.say_id)
    freed_at = story.now
    one(Say, story.wait())
    assert story.now == freed_at + 1.8


def test_a_timer_that_fires_early_says_nothing() -> None:
    story = waiting("look_up")
    assert story.receive(DeadlineReached(), after=1.0) == ()
    assert fillers.tick(story.call.value, story.now) == (story.call.value, ())


def test_fillers_begin_anew_with_the_tools_of_the_next_response() -> None:
    story = waiting("look_up")
    spoken(story, one(Say, story.wait()).say_id)
    story.receive(FloorTaken())
    story.receive(called(tool("t7"), say_id="r2"))
    story.receive(FloorFree())
    freed_at = story.now
    assert one(Say, story.wait()).text == words.FILLER
    assert story.now == freed_at + 1.8


def test_no_filler_is_said_for_a_tool_that_does_without() -> None:
    story = waiting("quiet")
    assert story.call.deadline == story.call.value.end_at
    story = waiting("quiet", "look_up")
    finish(story, "t2")
    assert story.call.deadline == story.call.value.end_at


def test_no_filler_is_said_by_an_agent_that_has_none() -> None:
    story = waiting("look_up", terms=replace(TERMS, filler=None))
    assert story.call.deadline == story.call.value.end_at


def test_no_filler_is_said_while_digits_are_entered() -> None:
    story = active(TERMS)
    story.receive(FloorTaken())
    collect = tool("t2", "collect_digits", '{"purpose": "a date"}')
    story.receive(called(tool("t1"), collect))
    one(CollectDigits, story.commands)
    story.receive(FloorFree())
    assert story.call.deadline == story.call.value.end_at
    story.receive(DigitsEntered("t2", "12", EntryEnd.PAUSE), after=9.0)
    one(Say, story.wait())


def test_no_filler_is_said_while_the_call_ends_or_the_channel_is_lost() -> None:
    story = waiting("look_up")
    story.receive(ChannelLost())
    assert story.call.value.work.due(TERMS.filler) is not None
    story.wait()
    assert only(Say, story.commands) == []
    story = waiting("look_up")
    story.receive(HangUpRequested())
    story.wait_until(State.ENDED)
    assert only(Say, story.commands) == []


def test_the_floor_is_followed_while_the_call_ends() -> None:
    story = active(TERMS)
    story.receive(called(tool("t1"), tool("t2", "hang_up")))
    story.receive(FloorTaken())
    assert free_at(story) is None
    story.receive(FloorFree(), after=1.0)
    assert free_at(story) == story.now
    one(RunTool, story.commands)
