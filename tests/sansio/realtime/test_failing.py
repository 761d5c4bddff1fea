"""The ladder of failure: once more, a line of apology, and then the call is told."""

from __future__ import annotations

from typing import Any

import pytest

from controller.sansio.commands import (
    GiveToolOutputs,
    HoldTurns,
    Priority,
    ReleaseTurns,
    Say,
    StopSpeaking,
)
from controller.sansio.events import (
    ChannelLost,
    DeadlineReached,
    FaultReported,
    ModelFailed,
    ProviderEnding,
    SpeechHeard,
    ToolOutput,
)
from controller.sansio.realtime import Phase
from controller.sansio.realtime.failing import FALLBACK, HELLO
from tests.sansio.driving import TurnStory, message, one, only, sent, turning, types

CONFLICT = "conversation_already_has_active_response"
RATE_LIMIT = {"status_details": {"type": "failed", "error": {"code": "rate_limit_exceeded"}}}


def fails(story: TurnStory, name: str, **more: Any) -> tuple[object, ...]:
    """Let a response of ours begin and fail."""
    story.begins(name)
    return story.finishes(name, status="failed", **more)


def vads_fails(story: TurnStory, name: str) -> None:
    story.begins(name, ours=False)
    story.finishes(name, status="failed")


def outputs(*names: str, respond: bool = True) -> GiveToolOutputs:
    return GiveToolOutputs(tuple(ToolOutput(name, "open") for name in names), respond)


def asked() -> TurnStory:
    """Words of ours were asked for."""
    story = turning()
    story.receive(Say("words", "Say it."))
    return story


def error(story: TurnStory, code: str, event_id: str | None) -> tuple[object, ...]:
    return story.hears("error", error={"type": "x", "code": code, "event_id": event_id})


def failing_twice() -> TurnStory:
    """A turn of VAD's failed, and ours in its place: the apology is asked for."""
    story = turning()
    vads_fails(story, "r1")
    story.wait()
    fails(story, "r2")
    story.wait()
    return story


# --- the ladder --------------------------------------------------------------------------------


def failure(code: object = "rate_limit_exceeded") -> dict[str, object]:
    return {"status_details": {"type": "failed", "error": {"code": code}}}


def test_a_failed_response_is_asked_for_once_more_and_then_apologised_for() -> None:
    story = turning()
    story.receive(outputs("t1"))
    for name in ("r1", "r2"):
        story.begins(name)
        outs = story.finishes(name, status="failed", **failure())
        assert FaultReported("rate_limit_exceeded") in outs
        assert types(outs) == []
        assert types(story.wait()) == ["response.create"]
    assert FALLBACK in sent(story.outs)[-1]["response"]["instructions"]


def test_a_turn_of_vads_that_failed_is_asked_for_by_us() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.finishes("r1", status="failed", **failure("The caller said yes"))
    assert FaultReported("unknown") in story.outs
    assert types(story.wait()) == ["response.create"]


def test_words_of_ours_that_failed_twice_are_over() -> None:
    story = asked()
    for name in ("r1", "r2"):
        story.begins(name)
        story.finishes(name, status="incomplete")
        if name == "r1":
            story.wait()
    assert SpeechHeard("words", certain=False) in story.outs
    assert story.turns.deadline is None


def test_a_turn_that_fails_while_turns_are_held_is_owed_until_they_are_released() -> None:
    story = turning()
    story.receive(outputs("t1"))
    story.begins("r1")
    story.receive(HoldTurns())
    story.finishes("r1", status="failed")
    assert story.turns.value.queue == ()
    assert types(story.receive(ReleaseTurns(), after=1.0)) == ["session.update", "response.create"]


def test_a_turn_that_fails_for_good_while_turns_are_held_is_not_apologised_for() -> None:
    story = turning()
    story.receive(outputs("t1"))
    story.receive(HoldTurns())
    error(story, "invalid_value", story.mark)
    assert story.turns.value.queue == ()


def test_words_that_fail_after_stop_speaking_are_over() -> None:
    story = asked()
    story.receive(StopSpeaking())
    story.begins("r1")
    assert SpeechHeard("words", certain=False) in story.finishes("r1", status="failed")
    assert story.turns.deadline is None


def test_words_that_were_stopped_are_not_asked_for_again_when_turns_are_released() -> None:
    story = asked()
    story.receive(StopSpeaking())
    story.receive(ReleaseTurns())
    assert SpeechHeard("words", certain=False) in story.wait()
    assert story.turns.deadline is None


def test_words_that_are_refused_are_over_at_once() -> None:
    story = asked()
    outs = error(story, "invalid_value", story.mark)
    assert SpeechHeard("words", certain=False) in outs
    assert story.turns.phase is Phase.IDLE


def test_an_apology_that_fails_too_is_the_end_of_the_ladder() -> None:
    story = failing_twice()
    assert FALLBACK in sent(story.outs)[-1]["response"]["instructions"]
    outs = fails(story, "r3", **RATE_LIMIT)
    assert one(ModelFailed, outs) == ModelFailed("rate_limit_exceeded")
    assert SpeechHeard("fallback-1", certain=False) in outs
    assert story.turns.deadline is None


def test_an_apology_that_is_refused_ends_the_ladder_before_three_failures() -> None:
    story = turning()
    vads_fails(story, "r1")
    story.wait()
    story.hears("error", error={"code": "invalid_value", "event_id": story.mark})
    story.wait()
    outs = story.hears("error", error={"code": "invalid_value", "event_id": story.mark})
    assert one(ModelFailed, outs) == ModelFailed("invalid_value")


def test_three_failures_in_a_row_are_told_once_whatever_they_were_for() -> None:
    story = turning()
    for number in range(3):
        story.receive(Say(f"w{number}", "Words."))
        fails(story, f"a{number}")
        story.wait()
        fails(story, f"b{number}")
    assert len(only(ModelFailed, story.outs)) == 1
    assert {each.say_id for each in only(SpeechHeard, story.outs)} >= {"w0", "w1"}


def test_a_model_that_answers_again_may_fail_again() -> None:
    story = failing_twice()
    fails(story, "r3")
    story.begins("r4", ours=False)
    story.finishes("r4", message())
    assert not story.turns.value.has_failed
    for number in range(3):
        vads_fails(story, f"x{number}")
    assert len(only(ModelFailed, story.outs)) == 2


def test_an_answer_between_two_failures_begins_the_count_anew() -> None:
    story = turning()
    for number in range(3):
        story.begins(f"r{number}", ours=False)
        story.finishes(f"r{number}", message(), status="failed")
    assert only(ModelFailed, story.outs) == []
    assert only(FaultReported, story.outs) == [FaultReported("response_failed")] * 3


def test_a_response_that_reached_its_longest_output_and_spoke_has_not_failed() -> None:
    story = turning()
    story.begins("r1", ours=False)
    details = {"type": "incomplete", "reason": "max_output_tokens"}
    story.finishes("r1", message(), status="incomplete", status_details=details)
    assert only(FaultReported, story.outs) == []
    assert story.turns.value.failures == 0


def test_a_silent_response_that_a_filter_stopped_has_failed() -> None:
    story = turning()
    story.begins("r1", ours=False)
    details = {"type": "incomplete", "reason": "content_filter"}
    outs = story.finishes("r1", status="incomplete", status_details=details)
    assert FaultReported("content_filter") in outs
    assert types(story.wait()) == ["response.create"]


def test_a_response_that_begins_late_stands_for_its_apology() -> None:
    story = turning()
    vads_fails(story, "r1")
    story.wait()
    mark = story.mark
    story.wait()
    assert story.turns.value.queue[0].is_fallback
    story.hears("response.created", response={"id": "r2", "metadata": {"controller_request": mark}})
    assert story.turns.value.queue == ()
    story.finishes("r2", message())
    assert "response.create" not in types(story.wait())


def test_no_apology_is_made_once_the_model_answers_by_itself() -> None:
    story = turning()
    vads_fails(story, "r1")
    story.wait()
    story.wait()
    assert story.turns.value.queue[0].is_fallback
    story.begins("r2", ours=False)
    assert story.turns.value.queue == ()


# --- how long to wait --------------------------------------------------------------------------


@pytest.mark.parametrize(("reset", "seconds"), [(None, 3.0), (0.1, 3.0), (6.0, 6.0), (60.0, 10.0)])
def test_a_rate_limit_is_given_its_time(reset: float | None, seconds: float) -> None:
    story = turning()
    story.receive(Say("words", "Words."))
    if reset is not None:
        entry = {"name": "tokens", "limit": 100, "remaining": 90, "reset_seconds": reset}
        story.hears("rate_limits.updated", rate_limits=[entry])
    fails(story, "r1", **RATE_LIMIT)
    began = story.now
    assert types(story.wait()) == ["response.create"]
    assert story.now - began == pytest.approx(seconds)


def test_a_request_that_is_refused_for_its_rate_is_tried_once_more() -> None:
    story = turning()
    story.receive(Say("words", "Words."))
    story.hears("error", error={"code": "rate_limit_exceeded", "event_id": story.mark})
    assert types(story.wait()) == ["response.create"]


# --- last words, and words nobody waits for ----------------------------------------------------


def test_last_words_that_fail_are_over() -> None:
    story = turning()
    story.receive(Say("bye", "Bye.", priority=Priority.LAST))
    fails(story, "r1")
    story.wait()
    assert SpeechHeard("bye", certain=False) in fails(story, "r2")
    assert story.turns.deadline is None


def test_no_apology_is_made_while_turns_are_held() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.receive(HoldTurns())
    story.finishes("r1", status="failed")
    assert story.turns.deadline is None
    assert story.turns.value.committed


def test_a_turn_that_failed_twice_while_turns_are_held_is_answered_when_they_are_released() -> None:
    story = turning()
    vads_fails(story, "r1")
    story.wait()
    story.receive(HoldTurns())
    fails(story, "r2")
    assert story.turns.deadline is None
    story.receive(ReleaseTurns(), after=1.0)
    assert types(story.outs)[-1] == "response.create"


# --- what never ends ---------------------------------------------------------------------------


def test_responses_that_are_never_heard_and_never_done_are_failures() -> None:
    story = turning()
    for number in range(3):
        story.begins(f"r{number}", ours=False)
        began = story.now
        story.wait()
        assert story.now - began == 10.0
    assert one(ModelFailed, story.outs) == ModelFailed("response_stuck")


def test_a_response_that_is_never_done_but_spoke_is_no_failure() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.hears("output_audio_buffer.started", response_id="r1")
    began = story.now
    assert story.wait() == ()  # it is heard
    story.wait()
    assert story.now - began == 60.0
    assert story.turns.value.failures == 0
    assert story.turns.phase is Phase.IDLE


def test_a_response_that_never_begins_is_asked_for_once_more() -> None:
    story = asked()
    began = story.now
    story.wait()
    assert story.now == began + 5.0
    assert types(story.wait()) == ["response.create"]
    assert SpeechHeard("words", certain=False) in story.wait()


def test_a_response_that_is_heard_and_never_done_is_cancelled_by_its_id() -> None:
    story = asked()
    story.begins("r1")
    story.hears("output_audio_buffer.started", response_id="r1")
    story.wait()
    (cancel,) = sent(story.wait(), "response.cancel")
    assert cancel["response_id"] == "r1"
    assert SpeechHeard("words", certain=False) in story.wait()


def test_a_response_of_vads_that_is_never_done_frees_the_floor() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.receive(Say("words", "Say it.", priority=Priority.OPERATOR))
    assert types(story.wait()) == ["response.cancel", "output_audio_buffer.clear"]
    assert types(story.finishes("r1", status="cancelled")) == []
    assert types(story.wait()) == ["response.create"]


def test_an_active_response_that_nobody_knows_is_cancelled_in_the_end() -> None:
    story = asked()
    error(story, CONFLICT, story.mark)
    began = story.now
    cancel, create = sent(story.wait())
    assert story.now == began + 15.0
    assert "response_id" not in cancel
    assert create["type"] == "response.create"


# --- the greeting ------------------------------------------------------------------------------


def greeting() -> TurnStory:
    story = turning()
    story.receive(Say("greeting", "Read all of it.", verbatim=True, priority=Priority.GREETING))
    return story


def test_a_greeting_that_fails_twice_makes_way_for_a_short_hello() -> None:
    story = greeting()
    for name in ("r1", "r2"):
        fails(story, name)
        story.wait()
    instructions = sent(story.outs)[-1]["response"]["instructions"]
    assert instructions.endswith(HELLO)
    assert only(SpeechHeard, story.outs) == []
    story.begins("r3")
    story.finishes("r3", message())
    story.hears("output_audio_buffer.stopped")
    assert only(SpeechHeard, story.outs)[0].say_id == "greeting"
    assert only(ModelFailed, story.outs) == []


def test_a_greeting_that_is_stuck_twice_makes_way_for_a_short_hello() -> None:
    story = greeting()
    for name in ("r1", "r2"):
        story.begins(name)
        story.wait()
        story.finishes(name, status="cancelled")
        story.wait()
    assert sent(story.outs)[-1]["response"]["instructions"].endswith(HELLO)


def test_a_hello_that_fails_too_is_the_end_of_the_ladder() -> None:
    story = greeting()
    for name in ("r1", "r2", "r3"):
        fails(story, name)
        if name != "r3":
            story.wait()
    assert one(ModelFailed, story.outs) == ModelFailed("response_failed")
    assert only(SpeechHeard, story.outs) == [SpeechHeard("greeting", certain=False)]
    assert story.turns.deadline is None


def test_a_hello_is_not_said_to_a_caller_who_is_answered_already() -> None:
    story = greeting()
    for name in ("r1", "r2"):
        fails(story, name)
        if name == "r1":
            story.wait()
    story.begins("r3", ours=False)
    assert SpeechHeard("greeting", certain=False) in story.outs
    story.finishes("r3", message())
    story.receive(DeadlineReached(), after=30.0)
    assert types(story.outs).count("response.create") == 2


# --- the end of a session ----------------------------------------------------------------------


def test_a_close_code_alone_says_nothing_of_the_sessions_length() -> None:
    assert only(ProviderEnding, turning().receive(ChannelLost(1001))) == []


def test_nothing_is_tried_again_once_the_call_is_silent() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.receive(StopSpeaking())
    story.finishes("r1", status="failed")
    assert story.turns.deadline is None
