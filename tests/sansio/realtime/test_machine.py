"""The turn machine itself: time, storage, what it ignores."""

from __future__ import annotations

import msgspec
import pytest

from controller.sansio.commands import CutOff, Say
from controller.sansio.events import (
    CallerSpoke,
    ChannelLost,
    DeadlineReached,
    FloorFree,
    FloorTaken,
)
from controller.sansio.realtime import Pace, Phase, Turns
from tests.sansio.driving import AGENT, START, message, server, turning


def test_what_means_nothing_in_a_phase_is_ignored_and_counted() -> None:
    turns = Turns(AGENT, now=START, held=False)
    assert turns.receive(server("session.created"), now=START) == ()
    assert turns.value.ignored == 1
    assert turns.phase is Phase.DETACHED


def test_time_never_goes_back() -> None:
    story = turning()
    story.receive(DeadlineReached(), after=-100.0)
    assert story.turns.value.now == START


def test_stored_turns_go_on_where_they_were() -> None:
    story = turning()
    story.receive(Say("words", "Say it."))
    pace = Pace(retry=3.0)
    turns = Turns.restore(story.turns.snapshot(), AGENT, now=story.now + 60.0, pace=pace)
    assert turns.phase is Phase.REQUESTED
    assert turns.value.now == story.now + 60.0
    turns.receive(DeadlineReached(), now=story.now + 60.0)
    assert turns.deadline == story.now + 63.0


@pytest.mark.parametrize("stored", [b"", b"{}", b'{"version": 2, "turns": 7}'])
def test_what_is_no_snapshot_is_refused(stored: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Turns.restore(stored, AGENT, now=START)


def test_a_snapshot_of_another_version_is_refused() -> None:
    stored = turning().turns.snapshot().replace(b'"version":2', b'"version":1')
    with pytest.raises(msgspec.ValidationError, match="snapshot version 1"):
        Turns.restore(stored, AGENT, now=START)


# --- who has the floor -------------------------------------------------------------------------


def floor(outs: tuple[object, ...]) -> list[type]:
    return [type(each) for each in outs if isinstance(each, FloorTaken | FloorFree)]


def test_the_floor_is_taken_from_the_request_to_the_end_of_the_playback() -> None:
    story = turning()
    assert floor(story.receive(Say("words", "Say it."))) == [FloorTaken]
    assert floor(story.begins("r1")) == []
    assert floor(story.hears("output_audio_buffer.started", response_id="r1")) == []
    assert floor(story.finishes("r1", message())) == []
    assert floor(story.hears("output_audio_buffer.stopped", response_id="r1")) == [FloorFree]


def test_a_response_of_vads_takes_the_floor() -> None:
    story = turning()
    assert floor(story.begins("r1", ours=False)) == [FloorTaken]
    assert floor(story.finishes("r1")) == [FloorFree]


def test_the_floor_stays_taken_between_two_responses_without_a_pause() -> None:
    story = turning()
    story.receive(Say("one", "One."))
    story.receive(Say("two", "Two."))
    story.begins("r1")
    assert floor(story.finishes("r1")) == []
    story.begins("r2")
    assert floor(story.finishes("r2")) == [FloorFree]


def test_what_waits_for_the_caller_does_not_take_the_floor() -> None:
    story = turning()
    assert story.hears("input_audio_buffer.speech_started") == (CallerSpoke(),)
    assert floor(story.receive(Say("words", "Say it."))) == []
    assert floor(story.wait()) == [FloorTaken]


def test_a_response_that_is_to_be_tried_again_keeps_the_floor() -> None:
    story = turning()
    story.receive(Say("words", "Say it."))
    story.begins("r1")
    assert floor(story.finishes("r1", status="failed")) == []
    assert floor(story.wait()) == []
    story.begins("r2")
    assert floor(story.finishes("r2", status="failed")) == [FloorFree]


def test_a_caller_who_speaks_has_the_floor_before_what_is_to_be_tried_again() -> None:
    story = turning()
    story.receive(Say("words", "Say it."))
    story.begins("r1")
    story.finishes("r1", status="failed")
    assert floor(story.hears("input_audio_buffer.speech_started")) == [FloorFree]


def test_the_floor_is_free_at_once_when_playback_is_cut_off() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.finishes("r1", message())
    assert floor(story.receive(CutOff())) == [FloorFree]


def test_words_that_are_said_while_the_socket_is_away_keep_the_floor_for_their_time() -> None:
    story = turning()
    story.receive(Say("words", "Say it."))
    story.begins("r1")
    assert floor(story.receive(ChannelLost())) == []
    assert floor(story.wait()) == [FloorFree]
