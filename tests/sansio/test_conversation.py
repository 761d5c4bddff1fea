"""Both machines joined: whole calls, as the shell sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from controller.sansio.agent import Agent, Colleague, Keypad, MenuEntry
from controller.sansio.call import Limits, State
from controller.sansio.commands import (
    AnswerForm,
    CloseChannel,
    HangUpCall,
    OpenChannel,
    Outcome,
    Record,
    ReportAnswered,
    ReportOutcome,
    ReportReattached,
    RunTool,
    TransferCall,
)
from controller.sansio.conversation import Circumstances, Conversation
from controller.sansio.events import (
    Admitted,
    Answered,
    AnswerFailed,
    AnswerResult,
    AttachFailed,
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    Digit,
    FaultReported,
    HangUpRequested,
    LineEnded,
    MenuKeyPressed,
    OwnershipLost,
    SayRequested,
    SpeechHeard,
    ToolFinished,
    ToolOutput,
    TransferFailed,
    TransferUnproven,
    UsageReported,
)
from controller.sansio.realtime import Pace
from tests.sansio.driving import (
    AGENT,
    SILENT_AGENT,
    START,
    ConversationStory,
    answered,
    frame,
    function_call,
    greeted,
    message,
    one,
    only,
    response,
    sent,
    types,
)

TO_RECEPTION = '{"target": "reception"}'


def outcome_of(story: ConversationStory) -> Outcome:
    assert story.commands[-1] == one(ReportOutcome, story.commands)
    return one(ReportOutcome, story.commands).outcome


def calls(story: ConversationStory, name: str, arguments: str = "{}", *said: str) -> None:
    """Let a response of VAD's ask for a tool, having said something or nothing."""
    story.begins("r1", ours=False)
    output = [message(text) for text in said]
    story.finishes("r1", *output, function_call("t1", name, arguments))


def lost_and_found(story: ConversationStory) -> list[str]:
    story.receive(ChannelLost(1006))
    story.receive(ChannelOpened(), after=1.0)
    return types(story.hears("session.created"))


# --- the first words ---------------------------------------------------------------------------


def test_a_call_is_answered_held_greeted_and_then_given_to_the_caller() -> None:
    story = answered()
    body = story.conversation.session(AnswerForm.FULL)
    assert body["audio"]["input"]["turn_detection"]["create_response"] is False  # type: ignore[index]  # JSON
    one(ReportAnswered, story.commands)
    assert types(story.wait()) == ["response.create"]
    assert story.now == START + 0.5
    assert types(story.speaks("r1")) == ["session.update"]
    (update,) = sent(story.commands, "session.update")
    assert update["session"]["audio"]["input"]["turn_detection"]["interrupt_response"] is True
    assert story.conversation.state is State.ACTIVE


def test_the_disclosure_is_heard_before_the_greeting_and_both_before_the_caller() -> None:
    story = answered(replace(AGENT, disclosure="A machine speaks."))
    story.wait()
    assert types(story.speaks("r1", "a machine, speaks")) == ["response.create"]
    assert types(story.speaks("r2")) == ["session.update"]
    first, second = sent(story.commands, "response.create")
    assert first["response"]["instructions"].endswith("A machine speaks.")
    assert "Thank the caller" in second["response"]["instructions"]


@pytest.mark.parametrize(
    "agent", [SILENT_AGENT, replace(AGENT, greeting="", disclosure="")], ids=["none", "empty"]
)
def test_an_agent_without_first_words_holds_nothing_and_waits(agent: Agent) -> None:
    story = answered(agent)
    body = story.conversation.session(AnswerForm.FULL)
    assert body["audio"]["input"]["turn_detection"]["create_response"] is True  # type: ignore[index]  # JSON
    assert sent(story.commands) == []
    assert story.conversation.deadline == START + AGENT.silence.ghost_prompts[0]


def test_a_minimal_answer_is_completed_before_the_greeting() -> None:
    story = ConversationStory(Conversation(AGENT, now=START))
    story.receive(Admitted())
    story.receive(AnswerFailed(AnswerResult.REFUSED, 400))
    assert set(story.conversation.session(AnswerForm.MINIMAL)) == {
        "type",
        "model",
        "instructions",
        "audio",
    }
    story.receive(Answered())
    story.receive(ChannelOpened())
    assert types(story.hears("session.created")) == ["session.update"]
    story.hears("session.updated", after=0.1)
    assert types(story.wait()) == ["response.create"]


def test_a_greeting_that_is_lost_before_it_was_asked_for_is_still_said() -> None:
    assert lost_and_found(answered()) == ["session.update", "response.create"]


@pytest.mark.parametrize("stage", ["asked for", "begun", "playing"])
def test_a_greeting_is_not_said_twice_whatever_was_lost(stage: str) -> None:
    story = answered()
    story.wait()
    if stage != "asked for":
        story.begins("r1")
    if stage == "playing":
        story.hears("output_audio_buffer.started", response_id="r1")
    assert lost_and_found(story) == ["session.update"]
    (update,) = sent(story.commands, "session.update")
    assert update["session"]["audio"]["input"]["turn_detection"]["create_response"] is True
    one(ReportReattached, story.commands)
    story.wait()
    assert len(sent(story.commands, "response.create")) == 1


# --- tools -------------------------------------------------------------------------------------


def test_a_tool_is_run_answered_and_spoken_of() -> None:
    story = greeted()
    calls(story, "opening_hours")
    run = one(RunTool, story.commands)
    assert run.call.name == "opening_hours"
    commands = story.receive(ToolFinished(ToolOutput("t1", '"nine"')), after=0.2)
    assert types(commands) == ["conversation.item.create", "response.create"]


def test_a_tool_that_was_asked_for_again_after_a_reattach_is_not_run_again() -> None:
    story = greeted()
    calls(story, "opening_hours")
    lost_and_found(story)
    story.begins("r2", ours=False)
    story.finishes("r2", function_call("t1"))
    assert len(only(RunTool, story.commands)) == 1


def test_the_output_of_a_tool_that_ran_through_a_loss_is_posted_after_it() -> None:
    story = greeted()
    calls(story, "opening_hours")
    story.receive(ChannelLost())
    assert types(story.receive(ToolFinished(ToolOutput("t1", "1")))) == []
    story.receive(ChannelOpened())
    assert types(story.hears("session.created")) == [
        "session.update",
        "conversation.item.create",
        "response.create",
    ]


# --- the end -----------------------------------------------------------------------------------


def test_we_hang_up_after_the_goodbye_was_heard() -> None:
    story = greeted()
    calls(story, "hang_up", "{}", "Goodbye.")
    assert only(HangUpCall, story.commands) == []
    assert len(sent(story.commands, "response.create")) == 1  # the greeting's
    commands = story.hears("output_audio_buffer.stopped", response_id="r1")
    one(HangUpCall, commands)
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.WE_HUNG_UP


def test_a_silent_hang_up_says_one_goodbye_first() -> None:
    story = greeted()
    calls(story, "hang_up")
    assert types(story.commands)[-3:] == [
        "session.update",
        "conversation.item.create",
        "response.create",
    ]
    one(HangUpCall, story.speaks("r2", "Goodbye."))


def test_a_goodbye_that_the_model_never_says_is_not_waited_for_long() -> None:
    story = greeted()
    calls(story, "hang_up")
    began = story.now
    while not only(HangUpCall, story.commands):
        story.wait()
    assert story.now - began == pytest.approx(10.5)


def test_a_transfer_is_announced_sent_and_followed_by_silence() -> None:
    story = greeted()
    calls(story, "transfer", TO_RECEPTION, "I am connecting you.")
    one(TransferCall, story.hears("output_audio_buffer.stopped", response_id="r1"))
    story.receive(TransferUnproven())
    began, before = story.now, len(sent(story.commands, "response.create"))
    story.hears("input_audio_buffer.committed", after=5.0)
    assert len(sent(story.commands, "response.create")) == before
    commands = story.wait()
    assert story.now - began == pytest.approx(35.0)
    assert types(commands) == ["conversation.item.create", "session.update", "response.create"]


def test_a_transfer_that_was_refused_is_apologised_for_at_once() -> None:
    story = greeted()
    calls(story, "transfer", TO_RECEPTION, "I am connecting you.")
    story.hears("output_audio_buffer.stopped", response_id="r1")
    story.receive(TransferFailed(400))
    commands = story.receive(TransferFailed(400))
    assert "response.create" in types(commands)
    assert story.conversation.state is State.ACTIVE


def test_the_caller_who_hangs_up_is_found_out_by_the_reattach() -> None:
    story = greeted()
    assert story.receive(ChannelLost(1006)) == (OpenChannel(1),)
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.CALLER_HUNG_UP


def test_an_expired_session_alone_does_not_end_the_call() -> None:
    story = greeted()
    story.hears("error", error={"code": "session_expired"})
    assert story.conversation.state is State.ACTIVE
    story.receive(ChannelLost(1001))
    story.receive(AttachFailed(gone=True))
    assert outcome_of(story) is Outcome.PROVIDER_ENDED


def test_a_hang_up_while_the_caller_waits_for_an_answer_leaves_the_model_silent() -> None:
    story = answered()
    story.hears("input_audio_buffer.committed")
    story.receive(HangUpRequested())
    for _ in range(4):
        story.wait()
    assert sent(story.commands, "response.create") == []


def test_the_longest_duration_is_said_and_ends_the_call() -> None:
    # A patient agent: here nobody is asked whether they are there.
    silence = replace(AGENT.silence, ghost_prompts=(), ghost_end=600.0, ringing_out=600.0)
    story = greeted(replace(AGENT, max_duration=60.0, warn_before=0.0, silence=silence))
    assert types(story.wait()) == ["session.update", "response.create"]
    one(HangUpCall, story.speaks("r2"))
    story.receive(LineEnded())
    assert outcome_of(story) is Outcome.MAX_DURATION


def test_nothing_is_asked_for_after_the_end() -> None:
    story = greeted()
    story.receive(LineEnded())
    assert story.conversation.is_over
    assert story.conversation.deadline is None
    assert story.hears("input_audio_buffer.dtmf_event_received", event="5") == ()
    assert story.receive(LineEnded()) == ()
    assert story.receive(DeadlineReached()) == ()


def test_no_frame_is_sent_in_the_instant_in_which_the_call_ends() -> None:
    limits = Limits(request=5.0, hang_up_tries=1)
    story = ConversationStory(
        Conversation(AGENT, now=START, circumstances=Circumstances(limits=limits))
    )
    for event in (Admitted(), Answered(), ChannelOpened()):
        story.receive(event)
    story.hears("session.created")
    story.wait()
    story.begins("r1")
    assert "response.cancel" in types(story.receive(HangUpRequested()))
    assert story.conversation.turns.deadline == story.conversation.call.deadline
    assert types(story.wait()) == []
    assert outcome_of(story) is Outcome.CLEANUP_UNCONFIRMED


def test_a_released_call_is_let_go() -> None:
    story = greeted()
    assert story.receive(OwnershipLost()) == (CloseChannel(),)
    assert story.conversation.state is State.RELEASED


# --- sockets -----------------------------------------------------------------------------------


def test_a_socket_that_opens_too_late_is_closed_and_its_session_not_believed() -> None:
    story = ConversationStory(Conversation(AGENT, now=START))
    story.receive(Admitted())
    story.receive(Answered())
    assert story.wait() == (CloseChannel(),)
    assert story.receive(ChannelOpened()) == (CloseChannel(),)
    assert story.hears("session.created") == ()
    story.wait()
    story.receive(ChannelOpened())
    one(ReportAnswered, story.hears("session.created"))


def test_a_session_that_is_never_proven_is_given_up_by_both_machines() -> None:
    story = ConversationStory(Conversation(AGENT, now=START))
    story.receive(Admitted())
    story.receive(Answered())
    story.receive(ChannelOpened())
    assert story.wait() == (CloseChannel(),)
    assert story.hears("session.created") == ()
    assert story.wait() == (OpenChannel(2),)
    story.receive(ChannelOpened())
    story.hears("session.created")
    assert story.conversation.state is State.ACTIVE


# --- records, limits, storage ------------------------------------------------------------------


def test_what_is_heard_pressed_and_billed_is_recorded() -> None:
    story = greeted()
    assert story.hears("input_audio_buffer.dtmf_event_received", event="5") == (Record(Digit("5")),)
    notes = [each.note for each in only(Record, story.commands)]
    assert len(only(UsageReported, notes)) == 1
    assert [each.certain for each in only(SpeechHeard, notes)] == [True]


def test_a_key_of_the_menu_is_recorded_as_a_key_and_as_the_menus() -> None:
    agent = replace(AGENT, keypad=Keypad(menu=(MenuEntry("9", "repeat"),)))
    story = greeted(agent)
    story.hears("input_audio_buffer.dtmf_event_received", event="9")
    notes = [each.note for each in only(Record, story.commands)]
    assert (len(only(Digit, notes)), only(MenuKeyPressed, notes)) == (1, [MenuKeyPressed("9")])


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("{", (Record(FaultReported("not_json")),)),
        (frame("response.done"), (Record(FaultReported("malformed")),)),
        (frame("rate_limits.updated", rate_limits=[]), ()),
    ],
)
def test_a_frame_that_is_not_understood_is_recorded_unless_it_is_merely_unused(
    text: str, records: tuple[object, ...]
) -> None:
    story = greeted()
    assert story.conversation.receive_frame(text, now=story.now) == records


def test_a_deadline_before_its_time_does_nothing() -> None:
    story = greeted()
    assert story.receive(DeadlineReached()) == ()


def test_the_terms_come_from_the_agent_and_the_shell() -> None:
    conversation = Conversation(
        AGENT,
        now=START,
        circumstances=Circumstances(
            capacity_code=486,
            limits=Limits(decision=1.0),
            pace=Pace(greeting_delay=0.0),
            returned_from=frozenset({"reception"}),
        ),
    )
    assert conversation.deadline == START + 1.0
    terms = conversation.call.value.terms
    assert terms.offered == {"doctor"}
    assert terms.capacity_code == 486


def test_a_stored_conversation_goes_on_when_its_socket_is_reported_lost() -> None:
    story = greeted()
    story.begins("r1", ours=False)
    stored = story.conversation.snapshot()
    later = START + 30.0
    again = ConversationStory(Conversation.restore(stored, AGENT, now=later), now=later)
    assert again.conversation.call.value.answered_at == story.conversation.call.value.answered_at
    assert lost_and_found(again) == ["session.update"]
    assert again.conversation.state is State.ACTIVE


def test_a_conversation_that_is_restored_too_late_ends_by_its_deadlines() -> None:
    stored = greeted().conversation.snapshot()
    later = START + 86_400.0
    story = ConversationStory(Conversation.restore(stored, AGENT, now=later), now=later)
    for _ in range(30):
        if story.conversation.is_over:
            break
        story.wait()
    assert outcome_of(story) is Outcome.CLEANUP_UNCONFIRMED


def test_a_restored_conversation_keeps_the_pace_that_it_is_given() -> None:
    stored = answered().conversation.snapshot()
    again = Conversation.restore(
        stored, AGENT, now=START, circumstances=Circumstances(pace=Pace(start=1.0))
    )
    again.receive(DeadlineReached(), now=START + 0.5)
    assert again.deadline == START + 1.5


@pytest.mark.parametrize("stored", [b"{}", b'{"call":{},"turns":{}}'])
def test_what_is_no_snapshot_is_refused(stored: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        Conversation.restore(stored, AGENT, now=START)


def test_a_response_that_nobody_asked_for_tools_by_is_only_billed() -> None:
    story = greeted()
    story.begins("r9", ours=False)
    commands = story.hears("response.done", **response("r9", "completed", message()))
    assert [type(each) for each in commands] == [Record]


# --- nothing is asked for before the call has had its say ---------------------------------------


def test_nothing_is_asked_for_in_the_step_in_which_the_model_fails() -> None:
    story = greeted()
    story.begins("r1", ours=False)
    story.receive(SayRequested("Say it.", verbatim=False))
    for name in ("r1", "r2", "r3"):
        story.finishes(name, status="failed")
        if name != "r3":
            story.wait()
            story.begins("r2" if name == "r1" else "r3")
    assert only(HangUpCall, story.commands)
    asked = len(sent(story.commands, "response.create"))
    story.receive(DeadlineReached(), after=20.0)
    assert len(sent(story.commands, "response.create")) == asked
    at = story.commands.index(only(HangUpCall, story.commands)[0])
    assert "response.create" not in types(story.commands[at:])


def test_words_that_wait_do_not_begin_between_the_goodbye_and_the_hang_up() -> None:
    story = greeted()
    story.begins("r1", ours=False)
    story.hears("output_audio_buffer.started", response_id="r1")
    story.receive(SayRequested("Say it.", verbatim=False))
    outs = story.finishes("r1", message("Goodbye!"), function_call("t1", "hang_up"))
    assert "response.create" not in types(outs)
    outs = story.hears("output_audio_buffer.stopped", response_id="r1")
    assert only(HangUpCall, outs)
    assert "response.create" not in types(outs)


# --- a tool call that gets lost -----------------------------------------------------------------


def test_a_tool_call_whose_response_is_lost_is_answered_after_the_reattach() -> None:
    story = greeted()
    story.begins("r1", ours=False)
    story.hears("response.output_item.added", response_id="r1", item=function_call("t1"))
    story.receive(ChannelLost(1006))
    story.receive(ChannelOpened())
    outs = story.hears("session.created", after=1.0)
    assert types(outs) == ["session.update", "conversation.item.create", "response.create"]
    assert sent(outs)[1]["item"]["call_id"] == "t1"
    assert "connection_lost" in sent(outs)[1]["item"]["output"]
    story.finishes("r1", function_call("t1"))  # said after all
    assert only(RunTool, story.commands) == []


# --- targets that sent the caller back ----------------------------------------------------------

BACK = frozenset({"reception"})
OTHER = replace(AGENT, name="billing", offered=("reception",))


def offered(bodies: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """The targets among which the model may choose, for each session config."""
    transfers = [
        each for body in bodies for each in body.get("tools", ()) if each.get("name") == "transfer"
    ]
    return [each["parameters"]["properties"]["target"]["enum"] for each in transfers]


def test_a_target_that_sent_the_caller_back_is_not_shown_to_the_model() -> None:
    around = Circumstances(returned_from=BACK, colleagues={"billing": OTHER, "frontdesk": AGENT})
    story = ConversationStory(Conversation(AGENT, now=START, circumstances=around))
    assert offered([story.conversation.session(AnswerForm.FULL)]) == [["doctor"]]
    assert story.conversation.agent is AGENT


def test_an_operator_is_told_why_a_caller_cannot_be_transferred_now() -> None:
    story = greeted()
    assert story.conversation.why_not_transfer("nobody", now=story.now) == "unknown_target"
    assert story.conversation.why_not_transfer("reception", now=story.now) is None


def test_frames_that_nobody_reads_need_not_wake_the_call() -> None:
    assert not Conversation.wants('{"type": "response.content_part.added"}')
    assert Conversation.wants('{"type": "session.created"}')


def test_it_is_not_shown_after_a_minimal_answer_a_hand_off_or_a_restart_either() -> None:
    agent = replace(
        AGENT,
        built_in=AGENT.built_in | {"handoff"},
        colleagues=(Colleague("billing", "Invoices"), Colleague("frontdesk", "Everything")),
    )
    around = Circumstances(returned_from=BACK, colleagues={"billing": OTHER, "frontdesk": agent})
    story = ConversationStory(Conversation(agent, now=START, circumstances=around))
    story.receive(Admitted())
    story.receive(AnswerFailed(AnswerResult.REFUSED, 400))
    story.receive(Answered())
    story.receive(ChannelOpened())
    story.hears("session.created")
    updates = sent(story.commands, "session.update")
    assert offered(each["session"] for each in updates) == [["doctor"]]

    stored = story.conversation.snapshot()
    again = ConversationStory(
        Conversation.restore(stored, agent, now=START, circumstances=around), now=START
    )
    again.receive(ChannelLost())
    again.receive(ChannelOpened())
    updates = sent(again.hears("session.created"), "session.update")
    assert offered(each["session"] for each in updates) == [["doctor"]]

    again.begins("r1", ours=False)
    to_billing = function_call("t1", "handoff", '{"agent": "billing"}')
    updates = sent(again.finishes("r1", to_billing), "session.update")
    assert [each["name"] for each in updates[0]["session"]["tools"]] == ["opening_hours", "hang_up"]


def test_keys_of_which_the_last_was_lost_with_the_channel_are_told_after_the_reattach() -> None:
    story = greeted()
    story.hears("input_audio_buffer.dtmf_event_received", event="7")
    story.receive(ChannelLost(1006))
    story.receive(ChannelOpened())
    outs = story.hears("session.created", after=1.0)
    assert types(outs) == ["session.update", "conversation.item.create", "response.create"]
    (note,) = sent(outs, "conversation.item.create")
    assert note["item"]["content"][0]["text"] == "The caller pressed these keys: 7."


def test_digits_that_the_model_asked_for_are_collected() -> None:
    story = greeted(replace(AGENT, built_in=AGENT.built_in | {"collect_digits"}))
    calls(story, "collect_digits", '{"purpose": "your date of birth"}')
    for key in "05#":
        story.hears("input_audio_buffer.dtmf_event_received", event=key)
    (output,) = sent(story.commands, "conversation.item.create")
    assert '"digits": "05"' in output["item"]["output"]
