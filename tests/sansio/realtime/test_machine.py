"""The turn machine itself: time, storage, what it ignores."""

from __future__ import annotations

import msgspec
import pytest

from controller.sansio.commands import Say
from controller.sansio.events import DeadlineReached
from controller.sansio.realtime import Pace, Phase, Turns
from tests.sansio.driving import AGENT, START, server, turning


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
