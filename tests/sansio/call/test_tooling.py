"""Tools: what is run, what is answered, and what ends the call."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from controller.sansio.call import Limits, State, Terms
from controller.sansio.commands import (
    GiveToolOutputs,
    HangUpCall,
    HoldTurns,
    RunTool,
    TransferCall,
)
from controller.sansio.events import (
    ChannelLost,
    DeadlineReached,
    Speech,
    SpeechHeard,
    ToolFinished,
    ToolOutput,
    TransferFailed,
)
from tests.sansio.driving import (
    HANG_UP,
    RECEPTION,
    TERMS,
    TO_RECEPTION,
    CallStory,
    active,
    called,
    one,
    only,
    tool,
)


def finish(story: CallStory, tool_call_id: str, output: str = '"nine to five"') -> object:
    return story.receive(ToolFinished(ToolOutput(tool_call_id, output)))


def errors(given: GiveToolOutputs) -> dict[str, str | None]:
    """Return the word of each output's error, None for an output that is none."""
    found: dict[str, str | None] = {}
    for each in given.outputs:
        output = json.loads(each.output) if each.output.startswith("{") else {}
        found[each.tool_call_id] = output.get("error")
        assert ("error" in output) == ("message" in output)
    return found


# --- tools -------------------------------------------------------------------------------------


def test_a_tool_is_run_and_its_output_answered_by_one_response() -> None:
    story = active()
    assert story.receive(called(tool("t1"))) == (RunTool("tool-2", tool("t1")),)
    output = ToolOutput("t1", '"nine to five"')
    assert finish(story, "t1") == (GiveToolOutputs((output,), respond=True),)
    assert finish(story, "t1") == ()


def test_outputs_of_one_response_wait_for_each_other() -> None:
    story = active()
    story.receive(called(tool("t1"), tool("t2")))
    story.receive(called(tool("t3"), say_id="r2"))
    assert finish(story, "t2") == ()
    assert only(GiveToolOutputs, story.commands) == []
    finish(story, "t3")
    finish(story, "t1")
    given = [
        [each.tool_call_id for each in g.outputs] for g in only(GiveToolOutputs, story.commands)
    ]
    assert given == [["t3"], ["t1", "t2"]]


def test_no_tool_call_runs_twice_whether_in_one_response_or_after_a_reattach() -> None:
    story = active()
    story.receive(called(tool("t1"), tool("t1")))
    assert story.receive(called(tool("t1"), say_id="r2")) == ()
    assert len(only(RunTool, story.commands)) == 1


def test_tools_over_the_limit_are_answered_with_an_error_and_not_remembered() -> None:
    story = active(replace(TERMS, limits=Limits(tool_calls=2)))
    story.receive(called(tool("t1"), tool("t2"), tool("t3")))
    finish(story, "t1")
    finish(story, "t2")
    given = one(GiveToolOutputs, story.commands)
    assert [each.tool_call_id for each in given.outputs] == ["t1", "t2", "t3"]
    assert errors(given)["t3"] == "too_many_tool_calls"
    story.receive(called(tool("t4")))
    assert story.call.value.work.seen == {"t1", "t2"}


def test_the_end_can_be_asked_for_when_tools_are_over_the_limit() -> None:
    story = active(replace(TERMS, limits=Limits(tool_calls=0)))
    story.receive(called(HANG_UP, speech=Speech.HEARD))
    one(HangUpCall, story.commands)


def test_a_tool_that_finishes_while_the_channel_is_lost_is_answered_all_the_same() -> None:
    story = active()
    story.receive(called(tool("t1")))
    story.receive(ChannelLost())
    assert one(GiveToolOutputs, finish_all(story, "t1")).respond


def finish_all(story: CallStory, *names: str) -> tuple[object, ...]:
    return tuple(
        command
        for name in names
        for command in story.receive(ToolFinished(ToolOutput(name, "done")))
    )


def test_an_agent_that_may_not_hang_up_or_transfer_has_no_such_tools() -> None:
    story = active(Terms(greeting="Greet."))
    story.receive(called(HANG_UP, TO_RECEPTION))
    assert [each.call.name for each in only(RunTool, story.commands)] == ["hang_up", "transfer"]
    assert story.is_in(State.ACTIVE)


# --- hang_up and transfer ----------------------------------------------------------------------


def test_hang_up_holds_turns_and_posts_its_output_without_a_response() -> None:
    story = active()
    commands = story.receive(called(HANG_UP))
    output = ToolOutput("t-hang-up", '{"ok": true}')
    assert commands == (HoldTurns(), GiveToolOutputs((output,), respond=False))
    assert story.is_in(State.ENDING)


def test_hang_up_together_with_ordinary_tools_runs_them_and_waits_for_none() -> None:
    story = active()
    commands = story.receive(called(tool("t1"), HANG_UP))
    assert [type(each) for each in commands] == [HoldTurns, GiveToolOutputs, RunTool]
    assert not one(GiveToolOutputs, commands).respond
    (given,) = finish_all(story, "t1")
    assert isinstance(given, GiveToolOutputs)
    assert not given.respond


def test_a_tool_that_was_running_when_the_end_began_asks_for_no_response() -> None:
    story = active()
    story.receive(called(tool("t1")))
    story.receive(called(HANG_UP, say_id="r2"))
    assert not one(GiveToolOutputs, finish_all(story, "t1")).respond


def test_only_the_first_of_two_endings_is_followed() -> None:
    story = active()
    commands = story.receive(called(HANG_UP, TO_RECEPTION, tool("t9", "hang_up")))
    assert errors(one(GiveToolOutputs, commands)) == {
        "t-hang-up": None,
        "t-transfer": "call_is_ending",
        "t9": "call_is_ending",
    }
    story.receive(SpeechHeard("r1", certain=True))
    assert only(TransferCall, story.commands) == []


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "{",
        "[]",
        "null",
        '"reception"',
        "{}",
        '{"target": null}',
        '{"target": ["reception"]}',
        '{"target": "sip:+12025550199@evil.example"}',
        '{"target": "Reception"}',
        "[" * 100_000,
    ],
    ids=range(11),
)
def test_a_transfer_to_nowhere_is_an_error_that_the_model_can_recover_from(arguments: str) -> None:
    story = active()
    given = one(GiveToolOutputs, story.receive(called(tool("t1", "transfer", arguments))))
    assert errors(given) == {"t1": "unknown_target"}
    assert given.respond
    assert story.is_in(State.ACTIVE)


def test_a_transfer_goes_to_the_configured_uri() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    transfer = one(TransferCall, story.commands)
    assert (transfer.target, transfer.uri) == ("reception", RECEPTION)


def test_no_second_transfer_is_tried_right_after_one_that_led_nowhere() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    story.receive(DeadlineReached(), after=12.0)
    assert story.call.value.refer_after == story.now + 35.0
    story.receive(DeadlineReached(), after=35.0)
    assert story.is_in(State.ACTIVE)
    late = msgspec.structs.replace(story.call.value, refer_after=story.now + 1.0)
    story.call.value = late
    again = story.receive(called(tool("t2", "transfer", TO_RECEPTION.arguments), say_id="r2"))
    assert errors(one(GiveToolOutputs, again)) == {"t2": "transfer_just_tried"}
    story.receive(called(tool("t3", "transfer", '{"target": "doctor"}'), say_id="r3"), after=1.0)
    assert story.is_in(State.ENDING)


def test_tools_that_are_called_while_the_call_ends_are_answered_and_not_run() -> None:
    story = active()
    story.receive(called(HANG_UP))
    commands = story.receive(called(tool("t1"), HANG_UP, say_id="r2"))
    given = one(GiveToolOutputs, commands)
    assert errors(given) == {"t1": "call_is_ending"}
    assert not given.respond
    assert story.receive(called(tool("t1"), say_id="r2")) == ()


def test_a_tool_that_was_answered_while_ending_is_not_run_when_the_transfer_failed() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    story.receive(called(tool("t1"), say_id="r2"))
    story.receive(TransferFailed())
    assert story.is_in(State.ACTIVE)
    assert story.receive(called(tool("t1"), say_id="r2")) == ()
