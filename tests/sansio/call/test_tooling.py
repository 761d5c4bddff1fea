"""Tools: what is run, what is answered, and what ends the call."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from controller.sansio.call import Limits, State, Terms, ToolTerms
from controller.sansio.commands import (
    GiveToolOutputs,
    HangUpCall,
    HoldTurns,
    RunTool,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    Ready,
    Speech,
    SpeechHeard,
    ToolCallsLost,
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


# --- calls with the same arguments -------------------------------------------------------------

DUPLICATES = replace(
    TERMS,
    agent="frontdesk",
    tools=(ToolTerms("look_up", "reuse"), ToolTerms("book", "refuse"), ToolTerms("roll", "run")),
)
SAME = ['{"day": "monday", "at": 9}', ' {"at":9,"day":"monday"} ']


def ask(story: CallStory, name: str, *arguments: str) -> tuple[object, ...]:
    """Let one response call a tool, once for each of the arguments."""
    count = len(story.call.value.work.seen)
    calls = [tool(f"{name}-{count + n}", name, each) for n, each in enumerate(arguments)]
    return story.receive(called(*calls, say_id=f"r{count}"))


def test_a_tool_runs_as_often_as_it_is_called_unless_it_says_otherwise() -> None:
    story = active(DUPLICATES)
    ask(story, "roll", *SAME)
    ask(story, "unknown", *SAME)
    assert len(only(RunTool, story.commands)) == 4
    assert story.call.value.work.earlier == ()


def test_a_second_call_with_equal_arguments_is_given_the_earlier_output() -> None:
    story = active(DUPLICATES)
    ask(story, "look_up", SAME[0])
    finish(story, "look_up-0", "free")
    given = one(GiveToolOutputs, ask(story, "look_up", SAME[1]))
    assert given == GiveToolOutputs((ToolOutput("look_up-1", "free"),), respond=True)


def test_a_second_call_waits_for_the_run_of_the_first() -> None:
    story = active(DUPLICATES)
    one(RunTool, ask(story, "look_up", *SAME))
    assert only(RunTool, ask(story, "look_up", SAME[0])) == []
    given = one(GiveToolOutputs, finish_all(story, "look_up-0"))
    assert [each.tool_call_id for each in given.outputs] == ["look_up-0", "look_up-1", "look_up-2"]
    assert {each.output for each in given.outputs} == {"done"}


def test_a_look_up_that_failed_is_tried_again() -> None:
    story = active(DUPLICATES)
    ask(story, "look_up", SAME[0])
    finish(story, "look_up-0", '{"error": "timeout", "message": "It took too long."}')
    one(RunTool, ask(story, "look_up", SAME[1]))


def test_what_was_done_is_not_done_again() -> None:
    story = active(DUPLICATES)
    ask(story, "book", SAME[0])
    assert errors(one(GiveToolOutputs, ask(story, "book", SAME[1]))) == {"book-1": "already_done"}
    finish(story, "book-0", '{"error": "timeout", "message": "What it did is not known."}')
    assert errors(one(GiveToolOutputs, ask(story, "book", SAME[1]))) == {"book-2": "already_done"}
    one(RunTool, ask(story, "book", '{"day": "tuesday", "at": 9}'))


def test_an_output_that_is_kept_no_longer_is_not_fetched_again() -> None:
    story = active(DUPLICATES)
    ask(story, "look_up", SAME[0])
    finish(story, "look_up-0", "x" * 9000)
    given = one(GiveToolOutputs, ask(story, "look_up", SAME[1]))
    assert errors(given) == {"look_up-1": "already_done"}


def test_another_agents_tool_of_the_same_name_is_another_tool() -> None:
    story = active(DUPLICATES)
    ask(story, "book", SAME[0])
    story.call.become(replace(DUPLICATES, agent="billing"))
    one(RunTool, ask(story, "book", SAME[0]))


@pytest.mark.parametrize("arguments", ["{", "[" * 100_000, "\ud800"], ids=range(3))
def test_arguments_that_cannot_be_read_are_the_same_if_they_are_written_alike(
    arguments: str,
) -> None:
    story = active(DUPLICATES)
    one(RunTool, ask(story, "book", arguments))
    assert errors(one(GiveToolOutputs, ask(story, "book", arguments))) == {"book-1": "already_done"}


def test_the_arguments_of_earlier_calls_are_kept_by_their_hash_alone() -> None:
    story = active(DUPLICATES)
    ask(story, "book", '{"number": "+12025550142"}')
    assert story.call.value.work.earlier
    assert b"2025550142" not in story.call.snapshot()


# --- outputs -----------------------------------------------------------------------------------


def test_an_output_that_nobody_waits_for_is_ignored_and_counted() -> None:
    story = active()
    story.receive(called(tool("t1")))
    finish(story, "t1")
    assert finish(story, "t1") == ()
    assert finish(story, "t9") == ()
    assert story.call.value.ignored == 2


def test_an_output_is_cut_before_it_becomes_an_absurd_frame() -> None:
    story = active()
    story.receive(called(tool("t1")))
    story.receive(ToolFinished(ToolOutput("t1", "x" * 100_000)))
    (output,) = one(GiveToolOutputs, story.commands).outputs
    assert len(output.output) == 32 * 1024
    assert output.output.endswith("[cut: this is the beginning of 100000 bytes]")


def test_all_tools_of_a_response_start_at_once() -> None:
    story = active()
    commands = story.receive(called(tool("t1"), tool("t2"), tool("t3")))
    assert [each.call.tool_call_id for each in only(RunTool, commands)] == ["t1", "t2", "t3"]
    assert len({each.effect_id for each in only(RunTool, commands)}) == 3


def test_ours_are_refused_over_the_limit_too() -> None:
    limits = Limits(tool_calls=0)
    story = active(Terms(built_in=frozenset({"wait_for_caller"}), limits=limits))
    given = one(GiveToolOutputs, story.receive(called(tool("t1", "wait_for_caller"))))
    assert errors(given) == {"t1": "too_many_tool_calls"}


# --- hang_up and transfer ----------------------------------------------------------------------


def test_hang_up_holds_turns_and_posts_its_output_without_a_response() -> None:
    story = active()
    commands = story.receive(called(HANG_UP))
    output = ToolOutput("t-hang-up", '{"ok": true}')
    given = GiveToolOutputs((output,), respond=False)
    assert commands == (HoldTurns(), given, StopSpeaking())
    assert story.is_in(State.ENDING)


def test_hang_up_together_with_ordinary_tools_runs_them_and_waits_for_none() -> None:
    story = active()
    commands = story.receive(called(tool("t1"), HANG_UP))
    assert [type(each) for each in commands] == [
        HoldTurns,
        GiveToolOutputs,
        RunTool,
        StopSpeaking,
    ]
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


# --- calls that got lost with the channel -------------------------------------------------------


def lost(*names: str) -> ToolCallsLost:
    return ToolCallsLost(names)


def test_a_call_that_got_lost_is_answered_with_an_error_and_never_run() -> None:
    story = active()
    story.receive(ChannelLost(1006))
    (given,) = story.receive(lost("t1", "t1"))
    assert isinstance(given, GiveToolOutputs)
    assert given.respond
    (output,) = given.outputs
    assert output.tool_call_id == "t1"
    assert json.loads(output.output)["error"] == "connection_lost"
    story.receive(ChannelOpened())
    story.receive(Ready())
    assert story.receive(called(tool("t1"))) == ()


def test_a_call_that_was_taken_before_is_not_lost() -> None:
    story = active()
    story.receive(called(tool("t1")))
    assert story.receive(lost("t1")) == ()


def test_a_call_that_got_lost_while_the_call_ends_is_answered_and_not_talked_about() -> None:
    story = active()
    story.receive(called(HANG_UP))
    (given,) = story.receive(lost("t1"))
    assert isinstance(given, GiveToolOutputs)
    assert not given.respond


def test_a_transfer_back_to_where_the_caller_comes_from_is_refused_with_that_reason() -> None:
    back = frozenset({"reception"})
    story = active(replace(TERMS, offered=frozenset(), returned_from=back))
    commands = story.receive(called(TO_RECEPTION))
    assert errors(one(GiveToolOutputs, commands)) == {"t-transfer": "target_returned"}
