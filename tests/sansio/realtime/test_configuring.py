"""A session that changes while it goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.agent import ToolDeclaration
from controller.sansio.commands import (
    Become,
    GiveToolOutputs,
    HoldTurns,
    Reconfigure,
    ReleaseTurns,
    Say,
)
from controller.sansio.events import ChannelLost, ChannelOpened, FaultReported, Ready, ToolOutput
from controller.sansio.realtime import Phase, Turns
from tests.sansio.driving import (
    AGENT,
    SILENT_AGENT,
    START,
    TurnStory,
    message,
    sent,
    turning,
    types,
)

QUIET = Reconfigure(instructions="Whisper.")
OTHER = replace(
    SILENT_AGENT,
    name="billing",
    voice="cedar",
    model="other",
    instructions="You know invoices.",
    tools=(ToolDeclaration("invoices", "Invoices", {"type": "object"}),),
    built_in=frozenset(),
    transcription=None,
    turn_detection={"type": "semantic_vad", "eagerness": "low"},
)


def session_of(outs: tuple[object, ...]) -> dict[str, object]:
    (body,) = sent(outs, "session.update")
    found = body["session"]
    assert isinstance(found, dict)
    assert found["type"] == "realtime"
    return found


def detection_of(outs: tuple[object, ...]) -> dict[str, object]:
    audio = session_of(outs)["audio"]
    assert isinstance(audio, dict)
    found = audio["input"]["turn_detection"]
    assert isinstance(found, dict)
    return found


def refuse(story: TurnStory) -> tuple[object, ...]:
    event_id = sent(story.outs, "session.update")[-1]["event_id"]
    return story.hears("error", error={"code": "invalid_value", "event_id": event_id})


def reattach(story: TurnStory) -> tuple[object, ...]:
    story.receive(ChannelLost())
    story.receive(ChannelOpened(), after=1.0)
    return story.hears("session.created")


def words_of(outs: tuple[object, ...]) -> str:
    (body,) = sent(outs, "response.create")
    return str(body["response"]["instructions"])


def test_other_instructions_are_sent_alone_and_waited_for() -> None:
    story = turning()
    session = session_of(story.receive(QUIET))
    assert session["instructions"] == "Whisper."
    assert set(session) == {"type", "audio", "instructions"}
    assert story.receive(Say("words", "Say it.")) == ()
    assert words_of(story.hears("session.updated")) == "Whisper.\n\nSay it."


def test_a_change_that_is_never_taken_is_waited_for_only_so_long() -> None:
    story = turning()
    story.receive(QUIET)
    story.receive(Say("words", "Say it."))
    began = story.now
    assert types(story.wait()) == ["response.create"]
    assert story.now - began == 2.0


def test_a_change_of_nothing_sends_nothing() -> None:
    assert turning().receive(Reconfigure()) == ()


def test_words_that_waited_are_said_under_the_instructions_of_their_time() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.receive(Say("words", "Say it."))
    assert types(story.receive(QUIET)) == ["session.update"]
    assert story.turns.phase is Phase.RESPONDING
    assert words_of(story.finishes("r1", message())) == "Whisper.\n\nSay it."


def test_some_tools_are_taken_away_and_all_of_them_can_be() -> None:
    story = turning()
    session = session_of(story.receive(Reconfigure(tools=("hang_up",))))
    tools = session["tools"]
    assert isinstance(tools, list)
    assert [each["name"] for each in tools] == ["hang_up"]
    assert session["tool_choice"] == "auto"
    assert session_of(story.receive(Reconfigure(tools=())))["tools"] == []


def test_other_turn_detection_keeps_the_hold() -> None:
    story = turning()
    story.receive(HoldTurns())
    wanted = {"type": "semantic_vad", "eagerness": "high", "create_response": True}
    assert detection_of(story.receive(Reconfigure(turn_detection=wanted))) == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": False,
        "interrupt_response": False,
    }


def test_options_without_a_type_change_the_turn_detection_that_there_is() -> None:
    story = turning()
    detection = detection_of(story.receive(Reconfigure(turn_detection={"threshold": 0.9})))
    assert (detection["type"], detection["threshold"]) == ("server_vad", 0.9)
    detection = detection_of(story.receive(Reconfigure(turn_detection={"prefix_padding_ms": 1})))
    assert (detection["threshold"], detection["prefix_padding_ms"]) == (0.9, 1)


def test_a_later_update_does_not_undo_a_change() -> None:
    story = turning()
    story.receive(Reconfigure(turn_detection={"threshold": 0.9}))
    story.hears("session.updated")
    held = story.receive(HoldTurns())
    assert detection_of(held)["threshold"] == 0.9
    assert "instructions" not in session_of(held)


def test_a_change_is_sent_with_every_update_until_it_is_taken() -> None:
    story = turning()
    story.receive(QUIET)
    assert session_of(story.receive(HoldTurns()))["instructions"] == "Whisper."
    story.hears("session.updated")
    assert "instructions" not in session_of(story.receive(ReleaseTurns()))


def test_a_change_that_is_refused_leaves_the_old_config_and_the_call_goes_on() -> None:
    story = turning()
    story.receive(Reconfigure(instructions="Whisper.", turn_detection={"threshold": 7.0}))
    outs = refuse(story)
    assert FaultReported("invalid_value") in outs
    assert detection_of(outs)["threshold"] == 0.6
    assert "instructions" not in session_of(outs)
    story.hears("session.updated")
    said = story.receive(Say("words", "Say it."))
    assert words_of(said) == f"{AGENT.instructions}\n\nSay it."


def test_a_change_that_is_refused_after_another_was_taken_leaves_that_other() -> None:
    story = turning()
    story.receive(QUIET)
    story.hears("session.updated")
    story.receive(Reconfigure(tools=("nonsense",)))
    refuse(story)
    assert story.turns.value.setup.instructions == "Whisper."
    assert story.turns.value.setup.tools is None


def test_a_refusal_that_comes_after_an_update_nobody_asked_for_counts() -> None:
    story = turning()
    story.receive(QUIET)
    story.hears("session.updated")
    refuse(story)
    assert story.turns.value.setup.instructions is None


def test_a_change_outlives_a_reattach() -> None:
    story = turning()
    story.receive(QUIET)
    assert session_of(reattach(story))["instructions"] == "Whisper."
    story.hears("session.updated")
    assert "instructions" not in session_of(reattach(story))
    assert words_of(story.receive(Say("words", "Say it."))).startswith("Whisper.")


def test_a_change_outlives_storage() -> None:
    story = turning()
    story.receive(Reconfigure(turn_detection={"threshold": 0.9}, tools=("hang_up",)))
    again = Turns.restore(story.turns.snapshot(), SILENT_AGENT, now=story.now)
    assert again.value == story.turns.value


def test_a_change_before_there_is_a_session_goes_with_its_first_update() -> None:
    story = TurnStory(Turns(SILENT_AGENT, now=START, held=False))
    assert story.receive(QUIET) == ()
    story.receive(ChannelOpened())
    outs = story.hears("session.created")
    assert session_of(outs)["instructions"] == "Whisper."
    assert outs[-1] == Ready()


# --- another agent -----------------------------------------------------------------------------


def handed_over(story: TurnStory) -> tuple[object, ...]:
    outs = story.turns.become(OTHER, now=story.now)
    story.outs += outs
    return outs


def test_another_agent_brings_all_but_its_voice_and_its_model() -> None:
    session = session_of(handed_over(turning()))
    assert session == {
        "type": "realtime",
        "instructions": "You know invoices.",
        "tools": session["tools"],
        "tool_choice": "auto",
        "audio": {
            "input": {
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "low",
                    "create_response": True,
                    "interrupt_response": True,
                },
                "transcription": None,
            }
        },
    }
    assert isinstance(session["tools"], list)
    assert [each["name"] for each in session["tools"]] == ["invoices"]


def test_the_answer_to_a_hand_off_waits_until_the_other_agent_is_there() -> None:
    story = turning()
    handed_over(story)
    outs = story.receive(GiveToolOutputs((ToolOutput("t1", "done"),), respond=True))
    assert types(outs) == ["conversation.item.create"]
    assert types(story.hears("session.updated")) == ["response.create"]
    story.begins("r1")
    story.finishes("r1", message())
    assert words_of(story.receive(Say("words", "Say it."))).startswith("You know invoices.")


def test_another_agent_begins_without_what_was_changed_for_the_first() -> None:
    story = turning()
    story.receive(QUIET)
    assert session_of(handed_over(story))["instructions"] == "You know invoices."
    assert story.turns.value.setup.instructions is None


def test_another_agent_that_is_refused_is_tried_without_numbers_and_kept() -> None:
    story = turning()
    handed_over(story)
    again = refuse(story)
    assert "eagerness" not in detection_of(again)
    assert session_of(again)["instructions"] == "You know invoices."
    assert types(refuse(story)) == []
    assert story.turns.phase is Phase.IDLE


@pytest.mark.parametrize("command", [QUIET, Become("billing")])
def test_a_release_that_is_not_taken_yet_is_still_waited_for_after_another_update(
    command: Reconfigure | Become,
) -> None:
    story = turning()
    story.receive(HoldTurns())
    story.receive(ReleaseTurns())
    story.receive(command)
    story.hears("input_audio_buffer.committed")
    assert types(story.hears("session.updated")) == ["response.create"]
