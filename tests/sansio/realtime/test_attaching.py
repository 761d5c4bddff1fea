"""What a lost socket leaves to be done."""

from __future__ import annotations

from controller.sansio.commands import GiveToolOutputs, HoldTurns, Priority, ReleaseTurns, Say
from controller.sansio.events import ChannelLost, ChannelOpened, Ready, ToolOutput
from tests.sansio.driving import TurnStory, message, sent, turning, types

COMMITTED = "input_audio_buffer.committed"
CONFLICT = "conversation_already_has_active_response"


def outputs(*names: str, respond: bool = False) -> GiveToolOutputs:
    return GiveToolOutputs(tuple(ToolOutput(name, "open") for name in names), respond)


def reattach(story: TurnStory) -> tuple[object, ...]:
    story.receive(ChannelLost())
    story.receive(ChannelOpened(), after=1.0)
    return story.hears("session.created")


# --- the caller's latest turn ------------------------------------------------------------------


def test_a_turn_of_the_callers_that_saw_no_response_is_answered_after_a_reattach() -> None:
    story = turning()
    story.hears(COMMITTED)
    outs = reattach(story)
    assert types(outs) == ["session.update", "response.create"]
    assert "instructions" not in sent(outs, "response.create")[0]["response"]
    story.hears("session.updated")
    story.begins("r1")
    story.finishes("r1", message())
    assert types(reattach(story)) == ["session.update"]


def test_a_turn_that_was_being_answered_is_not_answered_again() -> None:
    story = turning()
    story.hears(COMMITTED)
    story.begins("r1", ours=False)
    assert types(reattach(story)) == ["session.update"]


def test_a_turn_that_was_answered_while_the_socket_was_away_recovers_by_the_conflict() -> None:
    story = turning()
    story.hears(COMMITTED)
    reattach(story)
    story.hears("error", error={"code": CONFLICT, "event_id": story.mark})
    assert types(story.finishes("r1", message())) == []


def test_a_turn_that_was_asked_for_when_the_socket_was_lost_is_asked_for_again() -> None:
    story = turning()
    story.receive(HoldTurns())
    story.hears(COMMITTED)
    story.receive(ReleaseTurns())
    assert types(reattach(story)) == ["session.update", "response.create"]


def test_words_or_outputs_that_wait_answer_the_turn() -> None:
    story = turning()
    story.hears(COMMITTED)
    story.receive(ChannelLost())
    story.receive(outputs("t1", respond=True))
    story.receive(ChannelOpened())
    outs = story.hears("session.created")
    assert types(outs).count("response.create") == 1
    assert story.turns.value.queue == ()


def test_the_turn_waits_for_the_end_of_last_words() -> None:
    story = turning()
    story.hears(COMMITTED)
    story.receive(HoldTurns())
    story.receive(Say("bye", "Bye.", priority=Priority.LAST))
    assert "response.create" not in types(reattach(story))
    assert types(story.receive(ReleaseTurns())) == ["session.update", "response.create"]


def test_the_session_is_proven_last() -> None:
    story = turning()
    story.receive(outputs("t1"))
    assert reattach(story)[-1] == Ready()
