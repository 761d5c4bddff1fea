"""Tool outputs that a response which nobody asked for has seen already, and those that it has not.

OpenAI starts a response by itself just before ours (`conversation_already_has_active_response`):
asked again, the model would say the same twice.
"""

from __future__ import annotations

from typing import Any

import pytest

from controller.sansio.commands import GiveToolOutputs, Priority, Say
from controller.sansio.events import ToolOutput
from controller.sansio.realtime import Phase
from controller.sansio.realtime.parts import Ask
from tests.sansio.driving import TurnStory, function_call, message, response, turning, types

CONFLICT = "conversation_already_has_active_response"
MCP_CALL = {"type": "mcp_call", "id": "m1", "server_label": "crm", "name": "find"}


def gives(story: TurnStory, *names: str) -> None:
    story.receive(GiveToolOutputs(tuple(ToolOutput(name, "open") for name in names), respond=True))


def acknowledges(story: TurnStory, *names: str, word: str = "added") -> None:
    for name in names:
        item = {"type": "function_call_output", "call_id": name}
        story.hears(f"conversation.item.{word}", item=item)


def known_to_echo() -> TurnStory:
    """A far end that has echoed a mark: a response without one is VAD's."""
    story = turning()
    story.receive(Say("hello", "Say hello."))
    story.begins("r0")
    story.finishes("r0", message())
    return story


def refused(story: TurnStory) -> None:
    story.hears("error", error={"code": CONFLICT, "event_id": story.mark})


@pytest.fixture(params=[True, False], ids=["echoes", "silent"])
def story(request: pytest.FixtureRequest) -> TurnStory:
    """A far end that echoes marks, and one of which that is not known."""
    return known_to_echo() if request.param else turning()


@pytest.mark.parametrize("word", ["added", "created", "done"])
@pytest.mark.parametrize("output", [message(), function_call("t9"), MCP_CALL])
def test_a_response_that_began_with_all_outputs_known_answers_them(
    story: TurnStory, output: dict[str, Any], word: str
) -> None:
    gives(story, "t1", "t2")
    acknowledges(story, "t1", "t2", word=word)
    story.begins("r1", ours=False)
    refused(story)
    assert "response.create" not in types(story.finishes("r1", output))
    assert all(each.ask is not Ask.TOOLS for each in story.turns.value.queue)


def test_what_still_comes_for_outputs_that_were_answered_is_cancelled(story: TurnStory) -> None:
    gives(story, "t1")
    mark = story.mark
    acknowledges(story, "t1")
    story.begins("r1", ours=False)
    refused(story)
    story.finishes("r1", message())
    story.outs.clear()
    story.hears("response.created", **response("r2", "in_progress", mark=mark))
    assert types(story.outs) == ["response.cancel", "output_audio_buffer.clear"]


def test_outputs_of_which_one_came_too_late_are_asked_about_again(story: TurnStory) -> None:
    gives(story, "t1", "t2")
    acknowledges(story, "t1")
    story.begins("r1", ours=False)
    refused(story)
    acknowledges(story, "t2")
    assert types(story.finishes("r1", message())) == ["response.create"]


@pytest.mark.parametrize("status", ["cancelled", "failed"])
@pytest.mark.parametrize("output", [(), (message(),)])
def test_a_response_that_came_to_nothing_answers_no_outputs(
    story: TurnStory, status: str, output: tuple[dict[str, Any], ...]
) -> None:
    gives(story, "t1")
    acknowledges(story, "t1")
    story.begins("r1", ours=False)
    refused(story)
    outs = story.finishes("r1", *output, status=status)
    if story.turns.phase is Phase.IDLE:
        outs = story.wait()  # a failure is given its time
    assert types(outs) == ["response.create"]


def test_a_response_that_says_and_calls_nothing_answers_no_outputs(story: TurnStory) -> None:
    gives(story, "t1")
    acknowledges(story, "t1")
    story.begins("r1", ours=False)
    refused(story)
    assert types(story.finishes("r1", {"type": "reasoning"})) == ["response.create"]


def test_words_of_ours_answer_no_outputs() -> None:
    story = known_to_echo()
    story.receive(Say("operator", "Say it.", priority=Priority.OPERATOR))
    gives(story, "t1")
    acknowledges(story, "t1")
    story.begins("r1")
    assert types(story.finishes("r1", message())) == ["response.create"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_outputs_that_come_meanwhile_are_not_answered_with_the_others(
    story: TurnStory, when: str
) -> None:
    gives(story, "t1")
    acknowledges(story, "t1")
    story.begins("r1", ours=False)
    if when == "before":
        gives(story, "t2")
    refused(story)
    if when == "after":
        gives(story, "t2")
    assert types(story.finishes("r1", message())) == ["response.create"]


@pytest.mark.parametrize("note_first", [True, False])
def test_a_note_is_never_known_to_be_seen(story: TurnStory, *, note_first: bool) -> None:
    story.begins("r0", ours=False)
    for is_note in (note_first, not note_first):
        gives(story, *(() if is_note else ("t1",)))
    acknowledges(story, "t1")
    story.finishes("r0", message())
    story.begins("r1", ours=False)
    refused(story)
    assert types(story.finishes("r1", message())) == ["response.create"]
