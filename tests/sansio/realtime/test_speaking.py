"""Responses: one at a time, those that VAD starts included."""

from __future__ import annotations

import pytest

from controller.sansio.commands import GiveToolOutputs, HoldTurns, ReleaseTurns, Say
from controller.sansio.events import (
    ChannelLost,
    ChannelOpened,
    FaultReported,
    SpeechHeard,
    ToolOutput,
    ToolsCalled,
    UsageReported,
)
from controller.sansio.realtime import Phase
from controller.sansio.realtime.asking import MARKS_LIMIT, QUEUE_LIMIT
from controller.sansio.realtime.parts import Ask
from tests.sansio.driving import (
    AGENT,
    TurnStory,
    function_call,
    message,
    one,
    only,
    response,
    sent,
    turning,
    types,
)

CONFLICT = "conversation_already_has_active_response"


def outputs(*names: str, respond: bool = True) -> GiveToolOutputs:
    return GiveToolOutputs(tuple(ToolOutput(name, "open") for name in names), respond)


def asked() -> TurnStory:
    """Words of ours were asked for."""
    story = turning()
    story.receive(Say("words", "Say it."))
    return story


def error(story: TurnStory, code: str, event_id: str | None) -> tuple[object, ...]:
    return story.hears("error", error={"type": "x", "code": code, "event_id": event_id})


def lost_and_found(story: TurnStory) -> tuple[object, ...]:
    story.receive(ChannelLost())
    story.receive(ChannelOpened(), after=1.0)
    return story.hears("session.created")


# --- asking ------------------------------------------------------------------------------------


def test_words_are_asked_for_under_the_agents_own_instructions() -> None:
    (body,) = sent(asked().outs, "response.create")
    assert body["response"]["instructions"] == f"{AGENT.instructions}\n\nSay it."
    assert body["response"]["metadata"] == {"controller_request": body["event_id"]}


def test_a_disclosure_is_asked_for_word_for_word() -> None:
    story = turning()
    (body,) = sent(story.receive(Say("d", "A machine speaks.", verbatim=True)))
    words = body["response"]["instructions"]
    assert words.endswith(
        "exactly the following words to the caller, and nothing else:\nA machine speaks."
    )


def test_a_queue_that_is_full_refuses_the_next_words_and_says_so() -> None:
    story = asked()
    for number in range(QUEUE_LIMIT):
        assert story.receive(Say(f"w{number}", "Wait.")) == ()
    assert story.receive(Say("late", "Too late.")) == (
        FaultReported("too_many_requests"),
        SpeechHeard("late", certain=False),
    )


# --- whose response it is ----------------------------------------------------------------------


def test_ours_waits_for_the_response_that_vad_started_first() -> None:
    story = asked()
    story.hears("response.created", **response("r0", "in_progress", mark="controller_of_another"))
    assert story.turns.value.current is None
    error(story, CONFLICT, story.mark)
    assert types(story.finishes("r0", message())) == ["response.create"]
    story.begins("r1")
    story.finishes("r1", message())
    assert (
        one(SpeechHeard, story.hears("output_audio_buffer.stopped", response_id="r1")).say_id
        == "words"
    )


@pytest.mark.parametrize("is_playing", [True, False])
@pytest.mark.parametrize("names_it", [True, False])
def test_a_response_without_a_mark_that_was_taken_for_ours_is_given_back(
    *, names_it: bool, is_playing: bool
) -> None:
    story = asked()
    story.begins("r0", ours=False)
    if is_playing:
        story.hears("output_audio_buffer.started", response_id="r0")
    error(story, CONFLICT, story.mark if names_it else None)
    outs = story.finishes("r0", message())
    assert types(outs) == ["response.create"]
    heard = only(SpeechHeard, story.hears("output_audio_buffer.stopped", response_id="r0"))
    assert [each.say_id for each in heard] == ["r0"]


def test_a_far_end_that_echoes_marks_has_none_on_vads_responses() -> None:
    story = asked()
    story.begins("r1")
    story.finishes("r1", message())
    story.receive(Say("more", "Say more."))
    story.begins("r2", ours=False)
    assert story.turns.value.current is None
    assert [request.say_id for request in story.turns.value.queue] == ["more"]


def test_a_far_end_that_echoes_nothing_is_believed_without() -> None:
    story = asked()
    story.begins("r1", ours=False)
    story.finishes("r1", message())
    assert one(SpeechHeard, story.hears("output_audio_buffer.stopped")).say_id == "words"


def test_a_late_conflict_of_an_earlier_try_does_not_disturb_ours() -> None:
    story = asked()
    first = story.mark
    story.wait()
    story.wait()
    story.begins("r1")
    assert error(story, CONFLICT, first) == (FaultReported(CONFLICT),)
    assert error(story, CONFLICT, None) == (FaultReported(CONFLICT),)
    assert story.turns.value.queue == ()


def test_a_response_that_begins_after_it_was_given_up_is_still_ours() -> None:
    story = asked()
    story.wait()
    assert story.turns.phase is Phase.IDLE
    story.begins("r1")
    assert story.turns.value.queue == ()
    story.finishes("r1", message())
    assert one(SpeechHeard, story.hears("output_audio_buffer.stopped")).say_id == "words"


def test_a_beginning_that_is_reported_twice_is_one() -> None:
    story = asked()
    story.begins("r1")
    assert story.begins("r1") == ()
    story.finishes("r1", message())
    assert story.begins("r1") == ()
    assert story.turns.phase is Phase.IDLE


def test_one_answer_to_the_caller_is_enough() -> None:
    story = turning()
    story.receive(HoldTurns())
    story.hears("input_audio_buffer.committed")
    assert types(story.receive(ReleaseTurns())) == ["session.update", "response.create"]
    story.hears("response.created", **response("r0", "in_progress", mark="another"))
    assert story.turns.value.queue == ()
    error(story, CONFLICT, story.mark)
    assert types(story.finishes("r0", message())) == []


def test_a_conflict_with_nothing_to_say_to_the_caller_ends_the_wish() -> None:
    story = turning()
    story.receive(HoldTurns())
    story.hears("input_audio_buffer.committed")
    story.receive(ReleaseTurns())
    error(story, CONFLICT, story.mark)
    assert story.turns.phase is Phase.RESPONDING
    assert story.turns.value.queue == ()


@pytest.mark.parametrize("is_playing", [True, False])
def test_words_whose_done_never_came_are_over_when_another_response_begins(
    *, is_playing: bool
) -> None:
    story = asked()
    story.begins("r1")
    if is_playing:
        story.hears("output_audio_buffer.started", response_id="r1")
    outs = story.hears("response.created", **response("r2", "in_progress"))
    if is_playing:
        assert outs == ()
        story.finishes("r2", message())
        assert SpeechHeard("words", certain=False) in (*story.wait(), *story.wait())
    else:
        assert outs == (SpeechHeard("words", certain=False),)


def test_a_far_end_that_always_has_something_else_to_say_is_not_asked_for_ever() -> None:
    story = asked()
    for number in range(MARKS_LIMIT):
        assert story.turns.phase is Phase.REQUESTED
        error(story, CONFLICT, story.mark)
        story.finishes(f"x{number}", message())
    assert SpeechHeard("words", certain=False) in story.outs
    assert FaultReported("too_many_tries") in story.outs
    assert story.turns.value.queue == ()


# --- done --------------------------------------------------------------------------------------


def test_a_response_is_billed_once_however_often_it_is_done() -> None:
    story = asked()
    story.begins("r1")
    assert len(only(UsageReported, story.finishes("r1", message()))) == 1
    assert story.finishes("r1", message()) == ()


def test_a_response_that_is_done_without_having_begun_is_ours_by_its_mark() -> None:
    story = asked()
    story.finishes("r1", message(), mark=story.mark)
    assert story.turns.phase is Phase.IDLE
    assert one(SpeechHeard, story.hears("output_audio_buffer.stopped")).say_id == "words"


def test_a_response_that_is_done_without_having_begun_leaves_ours_alone() -> None:
    story = asked()
    outs = story.finishes("r0", function_call("t1"))
    assert one(ToolsCalled, outs).say_id == "r0"
    assert story.turns.phase is Phase.REQUESTED


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete", "in_progress", None])
def test_tools_are_called_by_completed_responses_alone(status: str | None) -> None:
    story = turning()
    story.begins("r1", ours=False)
    body = {"id": "r1", "status": status, "output": [message(), function_call("t1")]}
    assert only(ToolsCalled, story.hears("response.done", response=body)) == []
    assert story.turns.phase is Phase.IDLE


@pytest.mark.parametrize(
    "broken",
    [{"status": "in_progress"}, {"status": "incomplete"}, {"call_id": None}, {"name": ""}],
)
def test_a_tool_call_that_is_not_finished_is_not_followed(broken: dict[str, object]) -> None:
    story = turning()
    story.begins("r1", ours=False)
    call = {**function_call("t1"), **broken}
    outs = story.finishes("r1", call, {"type": "reasoning"}, function_call("t2", arguments=""))
    (call_2,) = one(ToolsCalled, outs).calls
    assert (call_2.tool_call_id, call_2.arguments) == ("t2", "{}")


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_words_of_ours_that_were_never_spoken_are_over(status: str) -> None:
    story = asked()
    story.begins("r1")
    assert SpeechHeard("words", certain=False) in story.finishes("r1", status=status)


# --- time and loss -----------------------------------------------------------------------------


def test_words_that_were_only_asked_for_are_not_said_twice_after_a_loss() -> None:
    story = asked()
    assert types(lost_and_found(story)) == ["session.update"]
    story.hears("session.updated")
    assert SpeechHeard("words", certain=False) in story.wait()


def test_words_that_never_were_asked_for_are_said_after_a_loss() -> None:
    story = asked()
    story.receive(Say("more", "Say more."))
    (create,) = sent(lost_and_found(story), "response.create")
    assert create["response"]["instructions"].endswith("Say more.")


def test_a_turn_that_was_only_asked_for_is_asked_for_again_after_a_loss() -> None:
    story = turning()
    story.receive(outputs("t1"))
    outs = lost_and_found(story)
    assert types(outs) == ["session.update", "conversation.item.create", "response.create"]


def test_a_turn_that_had_begun_is_not_asked_for_again_after_a_loss() -> None:
    story = turning()
    story.receive(outputs("t1"))
    story.begins("r1")
    assert "response.create" not in types(lost_and_found(story))


def test_a_done_that_is_replayed_after_a_reattach_is_no_second_one() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.finishes("r1", function_call("t1"))
    lost_and_found(story)
    assert story.finishes("r1", function_call("t1")) == ()


def test_the_words_of_a_response_that_went_on_without_us_keep_their_name() -> None:
    story = asked()
    story.begins("r1")
    lost_and_found(story)
    story.finishes("r1", message())
    heard = story.hears("output_audio_buffer.stopped", response_id="r1")
    assert one(SpeechHeard, heard) == SpeechHeard("words", certain=True, words="Good day.")


def test_a_second_kind_of_turn_is_remembered_beside_the_first() -> None:
    story = asked()
    story.receive(outputs("t1"))
    assert [request.ask for request in story.turns.value.queue] == [Ask.TOOLS]
