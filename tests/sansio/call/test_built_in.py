"""The tools that are ours: digits, waiting, handing on, approvals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.sansio.agent import Filler, Keypad
from controller.sansio.call import Call, Limits, State, Terms, ToolTerms, built_in
from controller.sansio.commands import (
    AllowSilence,
    Approve,
    Become,
    CollectDigits,
    GiveToolOutputs,
    HoldTurns,
    Inject,
    ReportHandOff,
    ReportNoTranscript,
    RunTool,
    StopSpeaking,
)
from controller.sansio.events import (
    ApprovalRequested,
    ChannelLost,
    DigitsEntered,
    EntryEnd,
    HangUpRequested,
    Speech,
    ToolFinished,
    ToolOutput,
)
from tests.sansio.driving import HANG_UP, CallStory, active, called, one, only, tool

TERMS = Terms(
    agent="frontdesk",
    built_in=frozenset(
        {"collect_digits", "wait_for_caller", "handoff", "no_transcript", "hang_up"}
    ),
    keypad=Keypad(sensitive_tool="charge_card"),
    colleagues=frozenset({"billing", "sales"}),
    approved=frozenset({("crm", "find_customer")}),
    awaited=75.0,
)


def collect(tool_call_id: str = "t1", **more: object) -> Any:
    arguments = json.dumps({"purpose": "a date", **more})
    return called(tool(tool_call_id, "collect_digits", arguments), say_id=f"r-{tool_call_id}")


def outputs(found: tuple[object, ...]) -> dict[str, Any]:
    """Return the outputs that were given, read, by tool call."""
    given = one(GiveToolOutputs, found)
    return {each.tool_call_id: json.loads(each.output) for each in given.outputs}


def error(found: tuple[object, ...], tool_call_id: str = "t1") -> str:
    answer = outputs(found)[tool_call_id]
    assert answer["message"]
    return str(answer["error"])


# --- digits ------------------------------------------------------------------------------------


def test_digits_are_collected_as_the_keypad_is_configured() -> None:
    keypad = Keypad(first_digit_timeout=7.0, inter_digit_timeout=3.0, terminator="*", max_digits=12)
    story = active(replace(TERMS, keypad=keypad))
    assert story.receive(collect()) == (CollectDigits("t1", 12, "*", 7.0, 3.0),)


@pytest.mark.parametrize(
    ("asked", "most", "terminator"),
    [
        ({}, 32, "#"),
        ({"max_digits": None, "terminator": None, "sensitive": None}, 32, "#"),
        ({"max_digits": 1, "terminator": "*"}, 1, "*"),
        ({"max_digits": 64, "terminator": "none"}, 64, ""),
    ],
)
def test_the_model_says_how_many_digits_and_what_ends_them(
    asked: dict[str, Any], most: int, terminator: str
) -> None:
    wanted = one(CollectDigits, active(TERMS).receive(collect(**asked)))
    assert (wanted.max_digits, wanted.terminator, wanted.sensitive) == (most, terminator, False)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("{", "invalid_arguments"),
        ("[]", "invalid_arguments"),
        ("{}", "invalid_purpose"),
        ('{"purpose": 7}', "invalid_purpose"),
        ('{"purpose": " "}', "invalid_purpose"),
        ('{"purpose": "a date", "max_digits": 0}', "invalid_max_digits"),
        ('{"purpose": "a date", "max_digits": 65}', "invalid_max_digits"),
        ('{"purpose": "a date", "max_digits": true}', "invalid_max_digits"),
        ('{"purpose": "a date", "max_digits": "4"}', "invalid_max_digits"),
        ('{"purpose": "a date", "terminator": "5"}', "invalid_terminator"),
        ('{"purpose": "a date", "terminator": ["#"]}', "invalid_terminator"),
        ('{"purpose": "a date", "terminator": ""}', "invalid_terminator"),
        ('{"purpose": "a date", "sensitive": "yes"}', "invalid_sensitive"),
    ],
)
def test_the_model_is_told_what_is_wrong_with_its_wish_for_digits(
    arguments: str, reason: str
) -> None:
    story = active(TERMS)
    commands = story.receive(called(tool("t1", "collect_digits", arguments)))
    assert error(commands) == reason
    assert one(GiveToolOutputs, commands).respond
    assert only(CollectDigits, commands) == []


def test_digits_answer_the_call_that_asked_for_them() -> None:
    story = active(TERMS)
    story.receive(collect())
    commands = story.receive(DigitsEntered("t1", "0423", EntryEnd.TERMINATOR))
    assert outputs(commands) == {"t1": {"digits": "0423", "ended_by": "terminator"}}
    assert one(GiveToolOutputs, commands).respond


def test_digits_that_never_came_are_an_error() -> None:
    story = active(TERMS)
    story.receive(collect())
    assert error(story.receive(DigitsEntered("t1", "", EntryEnd.NOTHING))) == "no_digits"


def test_the_batch_waits_for_the_digits() -> None:
    story = active(TERMS)
    wanted = tool("t1", "collect_digits", '{"purpose": "a date"}')
    story.receive(called(wanted, tool("t2")))
    assert story.receive(ToolFinished(ToolOutput("t2", '"done"'))) == ()
    commands = story.receive(DigitsEntered("t1", "1", EntryEnd.PAUSE))
    assert list(outputs(commands)) == ["t1", "t2"]


def test_there_is_one_collection_at_a_time_and_another_after_it() -> None:
    story = active(TERMS)
    story.receive(collect("t1"))
    assert error(story.receive(collect("t2")), "t2") == "already_collecting"
    story.receive(DigitsEntered("t1", "1", EntryEnd.PAUSE))
    one(CollectDigits, story.receive(collect("t3")))


def test_an_entry_that_nobody_waits_for_is_ignored_and_counted() -> None:
    story = active(TERMS)
    entry = DigitsEntered("t1", "1", EntryEnd.PAUSE)
    assert story.receive(entry) == ()
    story.receive(collect("t2"))
    assert story.receive(entry) == ()
    assert story.call.value.ignored == 2


def test_digits_come_through_while_the_channel_is_lost() -> None:
    story = active(TERMS)
    story.receive(collect())
    story.receive(ChannelLost())
    assert outputs(story.receive(DigitsEntered("t1", "1", EntryEnd.PAUSE)))


# --- digits that nobody may keep (O13) ---------------------------------------------------------

CARD = "4111111111111111"


def entered_a_card(story: CallStory) -> tuple[object, ...]:
    story.receive(collect(sensitive=True))
    return story.receive(DigitsEntered("t1", CARD, EntryEnd.TERMINATOR))


def test_sensitive_digits_go_to_one_tool_and_the_model_sees_their_number() -> None:
    story = active(TERMS)
    commands = entered_a_card(story)
    assert one(CollectDigits, story.commands).sensitive
    run = one(RunTool, commands)
    assert (run.call.tool_call_id, run.call.name, run.agent) == ("t1", "charge_card", "frontdesk")
    assert json.loads(run.call.arguments) == {"digits": CARD}
    assert run.is_sensitive
    assert only(GiveToolOutputs, commands) == []
    commands = story.receive(ToolFinished(ToolOutput("t1", "charged")))
    assert outputs(commands) == {"t1": {"count": 16, "result": "charged"}}


def test_no_state_keeps_sensitive_digits_and_no_repr_shows_them() -> None:
    story = active(TERMS)
    commands = entered_a_card(story)
    assert CARD.encode() not in story.call.snapshot()
    assert CARD not in repr(story.call.value)
    assert CARD not in repr(commands)
    restored = Call.restore(story.call.snapshot(), now=story.now)
    (given,) = restored.receive(ToolFinished(ToolOutput("t1", "charged")), now=story.now)
    assert outputs((given,)) == {"t1": {"count": 16, "result": "charged"}}
    assert restored.value.work.counted == ()


def test_sensitive_digits_that_never_came_run_nothing() -> None:
    story = active(TERMS)
    story.receive(collect(sensitive=True))
    assert error(story.receive(DigitsEntered("t1", "", EntryEnd.NOTHING))) == "no_digits"
    assert only(RunTool, story.commands) == []


def test_sensitive_digits_are_not_taken_where_no_tool_is_configured_for_them() -> None:
    story = active(replace(TERMS, keypad=Keypad()))
    assert error(story.receive(collect(sensitive=True))) == "sensitive_not_available"
    assert only(CollectDigits, story.commands) == []


def test_sensitive_digits_are_thrown_away_when_the_call_ends_or_was_handed_on() -> None:
    story = active(TERMS)
    story.receive(collect(sensitive=True))
    story.receive(called(HANG_UP, say_id="r2"))
    commands = story.receive(DigitsEntered("t1", CARD, EntryEnd.LENGTH))
    assert error(commands) == "call_is_ending"
    story = active(TERMS)
    story.receive(collect(sensitive=True))
    story.call.become(replace(TERMS, keypad=Keypad()))
    commands = story.receive(DigitsEntered("t1", CARD, EntryEnd.LENGTH))
    assert error(commands) == "sensitive_not_available"
    assert only(RunTool, story.commands) == []


@pytest.mark.parametrize("speaks", [True, False])
def test_a_filler_is_said_while_the_tool_has_the_digits_if_it_may(*, speaks: bool) -> None:
    card = ToolTerms("charge_card", speak_while_waiting=speaks)
    story = active(replace(TERMS, filler=Filler(first=1.5), tools=(card,)))
    story.now += 20.0
    entered_a_card(story)
    due = story.call.value.work.due(story.call.value.terms.filler)
    assert due == (story.now + 1.5 if speaks else None)


# --- digits that nobody asked for --------------------------------------------------------------


def test_keys_that_nobody_asked_for_are_told_to_the_model_which_answers() -> None:
    story = active(TERMS)
    assert story.receive(DigitsEntered(None, "12#", EntryEnd.PAUSE)) == (
        Inject("The caller pressed these keys: 1 2 #."),
        GiveToolOutputs((), respond=True),
    )


def test_only_so_many_unasked_keys_are_told() -> None:
    story = active(TERMS)
    injected = one(Inject, story.receive(DigitsEntered(None, "7" * 100, EntryEnd.LENGTH)))
    assert injected.text.count("7") == 64


def test_unasked_keys_are_told_once_the_channel_is_back() -> None:
    story = active(TERMS)
    story.receive(ChannelLost())
    injected = one(Inject, story.receive(DigitsEntered(None, "1", EntryEnd.PAUSE)))
    assert injected.text == "The caller pressed these keys: 1."


def test_unasked_keys_mean_nothing_at_the_end() -> None:
    keys = DigitsEntered(None, "1", EntryEnd.PAUSE)
    story = active(TERMS)
    assert story.receive(DigitsEntered(None, "", EntryEnd.NOTHING)) == ()
    story = active(TERMS)
    story.receive(HangUpRequested())
    assert story.receive(keys) == ()
    assert story.call.value.ignored == 1


# --- waiting -----------------------------------------------------------------------------------


def test_waiting_for_the_caller_says_nothing_and_allows_silence() -> None:
    story = active(TERMS)
    commands = story.receive(called(tool("t1", "wait_for_caller")))
    assert AllowSilence(75.0) in commands
    assert outputs(commands) == {"t1": {"ok": True}}
    assert not one(GiveToolOutputs, commands).respond


def test_waiting_beside_another_tool_is_answered_with_it() -> None:
    story = active(TERMS)
    commands = story.receive(called(tool("t1", "wait_for_caller"), tool("t2")))
    one(AllowSilence, commands)
    given = one(GiveToolOutputs, story.receive(ToolFinished(ToolOutput("t2", "done"))))
    assert given.respond


def test_an_agent_that_cannot_wait_speaks_after_it_was_told_so() -> None:
    story = active(Terms())
    story.receive(called(tool("t1", "wait_for_caller")))
    assert one(GiveToolOutputs, story.receive(ToolFinished(ToolOutput("t1", "unknown")))).respond


# --- no transcript -----------------------------------------------------------------------------

REFUSES = tool("t1", "no_transcript")


def test_a_caller_who_refuses_the_transcript_is_reported_and_answered() -> None:
    story = active(TERMS)
    commands = story.receive(called(REFUSES))
    assert [type(each) for each in commands] == [ReportNoTranscript, GiveToolOutputs]
    assert outputs(commands) == {"t1": {"ok": True}}
    assert one(GiveToolOutputs, commands).respond
    assert story.is_in(State.ACTIVE)


def test_a_refusal_is_reported_once_a_call_whoever_asks_again() -> None:
    story = active(TERMS)
    story.receive(called(REFUSES, tool("t2", "no_transcript")))
    story.call.become(replace(TERMS, agent="billing"))
    commands = story.receive(called(tool("t3", "no_transcript"), say_id="r2"))
    assert outputs(commands) == {"t3": {"ok": True}}
    assert only(ReportNoTranscript, story.commands) == [ReportNoTranscript()]


def test_a_refusal_outlives_the_process() -> None:
    story = active(TERMS)
    story.receive(called(REFUSES))
    restored = Call.restore(story.call.snapshot(), now=story.now)
    assert restored.value.transcript_refused
    again = restored.receive(called(tool("t2", "no_transcript"), say_id="r2"), now=story.now)
    assert only(ReportNoTranscript, again) == []


def test_a_refusal_beside_waiting_is_answered_by_the_agent() -> None:
    story = active(TERMS)
    commands = story.receive(called(REFUSES, tool("t2", "wait_for_caller")))
    assert one(GiveToolOutputs, commands).respond


def test_a_refusal_is_followed_beside_the_end() -> None:
    story = active(TERMS)
    commands = story.receive(called(HANG_UP, REFUSES))
    assert outputs(commands) == {"t-hang-up": {"ok": True}, "t1": {"ok": True}}
    one(ReportNoTranscript, commands)
    assert story.is_in(State.ENDING)


def test_a_refusal_is_followed_while_the_call_ends_and_nothing_else_is() -> None:
    story = active(TERMS)
    story.receive(HangUpRequested())
    commands = story.receive(called(REFUSES, tool("t2"), say_id="r2"))
    one(ReportNoTranscript, commands)
    assert outputs(commands)["t1"] == {"ok": True}
    assert error(commands, "t2") == "call_is_ending"
    assert not one(GiveToolOutputs, commands).respond


def test_a_refusal_is_followed_when_no_tool_may_be_called_any_more() -> None:
    story = active(replace(TERMS, limits=Limits(tool_calls=0)))
    commands = story.receive(called(REFUSES))
    one(ReportNoTranscript, commands)
    assert outputs(commands) == {"t1": {"ok": True}}


# --- handing on --------------------------------------------------------------------------------


def to(agent: object, tool_call_id: str = "t1") -> Any:
    return tool(tool_call_id, "handoff", json.dumps({"agent": agent}))


def test_a_call_is_handed_to_a_colleague_who_speaks_next() -> None:
    story = active(TERMS)
    commands = story.receive(called(to("billing")))
    assert [type(each) for each in commands] == [Become, ReportHandOff, Inject, GiveToolOutputs]
    assert one(Become, commands).agent == one(ReportHandOff, commands).agent == "billing"
    assert "You are now billing" in one(Inject, commands).text
    assert outputs(commands) == {"t1": {"ok": True, "you_are_now": "billing"}}
    assert one(GiveToolOutputs, commands).respond


@pytest.mark.parametrize("agent", ["nobody", None, 7, ["billing"]])
def test_a_call_is_not_handed_to_somebody_unknown(agent: object) -> None:
    story = active(TERMS)
    commands = story.receive(called(to(agent)))
    assert error(commands) == "unknown_agent"
    assert only(Become, commands) == []


def test_a_call_is_handed_on_so_often_and_no_further() -> None:
    story = active(TERMS)
    for number in range(built_in.MOST_HAND_OFFS):
        one(Become, story.receive(called(to("sales", f"t{number}"), say_id=f"r{number}")))
    commands = story.receive(called(to("sales", "t9"), say_id="r9"))
    assert error(commands, "t9") == "too_many_hand_offs"
    assert built_in.hand_off(story.call.value, "sales") == (story.call.value, ())


def test_a_call_is_handed_to_one_colleague_at_a_time() -> None:
    story = active(TERMS)
    commands = story.receive(called(to("billing"), to("sales", "t2")))
    assert one(Become, commands).agent == "billing"
    assert error(commands, "t2") == "already_handed_off"


def test_a_key_hands_the_call_on_as_the_model_does() -> None:
    call, commands = built_in.hand_off(active(TERMS).call.value, "billing")
    assert [type(each) for each in commands] == [Become, ReportHandOff, Inject, GiveToolOutputs]
    assert one(GiveToolOutputs, commands) == GiveToolOutputs((), respond=True)
    assert call.work.hand_offs == 1


def test_a_tool_that_runs_while_the_call_is_handed_on_is_still_the_first_agents() -> None:
    story = active(TERMS)
    commands = story.receive(called(to("billing"), tool("t2")))
    assert one(RunTool, commands).agent == "frontdesk"


# --- ours beside the end -----------------------------------------------------------------------


def test_what_is_ours_is_refused_beside_a_hang_up() -> None:
    story = active(TERMS)
    wanted = tool("t1", "collect_digits", '{"purpose": "a date"}')
    waits = tool("t2", "wait_for_caller")
    commands = story.receive(called(wanted, waits, to("billing", "t3"), HANG_UP))
    assert {name: answer.get("error") for name, answer in outputs(commands).items()} == {
        "t1": "call_is_ending",
        "t2": "call_is_ending",
        "t3": "call_is_ending",
        "t-hang-up": None,
    }
    assert [type(each) for each in commands] == [HoldTurns, GiveToolOutputs, StopSpeaking]
    assert story.is_in(State.ENDING)


def test_an_agent_without_a_tool_of_ours_has_no_such_tool() -> None:
    story = active(Terms())
    names = ["collect_digits", "wait_for_caller", "handoff", "no_transcript", "take_message"]
    story.receive(called(*(tool(name, name) for name in names)))
    assert [each.call.name for each in only(RunTool, story.commands)] == names


# --- approvals ---------------------------------------------------------------------------------


def test_what_the_agents_file_approves_is_approved_and_the_rest_is_not() -> None:
    story = active(TERMS)
    approved = ApprovalRequested("m1", "crm", "find_customer")
    assert story.receive(approved) == (Approve("m1", approve=True),)
    for number, (server, name) in enumerate((("crm", "delete"), ("cms", "find_customer"))):
        answer = one(Approve, story.receive(ApprovalRequested(f"n{number}", server, name)))
        assert not answer.approve
        assert answer.reason


def test_each_request_for_approval_is_answered_once() -> None:
    story = active(TERMS)
    request = ApprovalRequested("m1", "crm", "find_customer")
    story.receive(request)
    assert story.receive(request) == ()
    assert story.call.value.ignored == 1


def test_the_requests_that_are_remembered_are_bounded() -> None:
    story = active(TERMS)
    for number in range(300):
        story.receive(ApprovalRequested(f"m{number}", "crm", "find_customer"))
    kept = story.call.value.work.approvals
    assert len(kept) == 256
    assert kept[-1] == "m299"


def test_nothing_is_approved_any_more_when_the_call_ends() -> None:
    story = active(TERMS)
    story.receive(called(HANG_UP, speech=Speech.UNHEARD))
    answer = one(Approve, story.receive(ApprovalRequested("m1", "crm", "find_customer")))
    assert answer == Approve("m1", approve=False, reason="The call is ending.")
