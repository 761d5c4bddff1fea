from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from controller.sansio.agent import Budget, Keypad, MenuEntry
from controller.sansio.agent import Silence as SilenceTerms
from controller.sansio.commands import CollectDigits
from controller.sansio.events import (
    Absence,
    BudgetSpent,
    ChannelLost,
    DeadlineReached,
    Digit,
    DigitsEntered,
    EntryEnd,
    MenuKeyPressed,
    NobodyThere,
    PromptDue,
    Ready,
    SpendReported,
    Usage,
    UsageReported,
)
from controller.sansio.usage import Prices
from controller.sansio.watching import Watchers
from tests.sansio.watching.driving import START, WATCHED_AGENT, WatchStory, watching

PRICES = Prices(output_audio=1_000_000.0)
AGENT = replace(WATCHED_AGENT, budget=Budget(usd=5.0, warn_at=()))
BILLED = UsageReported(Usage(responses=1, output_audio=2))


def test_each_watcher_sees_what_happens() -> None:
    story = watching(AGENT, prices=PRICES)

    assert story.receive(BILLED) == [SpendReported(2.0)]
    story.receive(Digit("4"))
    story.wait(10)

    assert [event for _, event in story.found] == [
        SpendReported(2.0),
        DigitsEntered(None, "4", EntryEnd.PAUSE),
        PromptDue(Absence.IDLE, 1),
    ]


def test_the_deadline_is_the_next_of_all_and_wakes_only_those_whose_time_has_come() -> None:
    story = watching(AGENT)
    story.receive(Digit("4"), after=5)
    assert story.watchers.deadline == START + 9

    silence = story.watchers.silence.value
    found = story.watchers.receive(DeadlineReached(), now=START + 9)

    assert found == (DigitsEntered(None, "4", EntryEnd.PAUSE),)
    assert story.watchers.silence.value is silence


def test_before_anything_happens_nothing_is_waited_for() -> None:
    assert Watchers(AGENT, now=START).deadline is None


def test_another_agents_limits_count_after_a_hand_off_and_what_was_counted_stays() -> None:
    story = watching(AGENT, prices=PRICES)
    story.receive(BILLED)

    story.watchers.become(
        replace(
            AGENT,
            budget=Budget(usd=3.0, warn_at=()),
            keypad=Keypad(menu=(MenuEntry("0", "repeat"),)),
            silence=SilenceTerms(ghost_prompts=(), ghost_end=50.0),
        )
    )

    story.wait(60)
    assert story.absences == [(50.0, NobodyThere(Absence.GHOST))]
    assert story.receive(Digit("0")) == [MenuKeyPressed("0")]
    assert story.receive(BILLED) == [SpendReported(4.0), BudgetSpent()]


def test_a_snapshot_takes_up_everything_but_what_was_pressed_and_said() -> None:
    story = watching(AGENT, prices=PRICES)
    story.receive(BILLED)
    story.hears("Confidential.")
    story.receive(CollectDigits("c1", 8, "#", 10.0, 4.0))
    story.receive(Digit("7"), Digit("7"), Digit("8"))

    snapshot = story.watchers.snapshot()
    restored = Watchers.restore(snapshot, AGENT, now=story.now + 3, prices=PRICES)

    assert b"778" not in snapshot
    assert b"onfidential" not in snapshot
    same = Watchers.restore(snapshot, AGENT, now=story.now, prices=PRICES)
    assert same.snapshot() == snapshot
    assert restored.spending.value == story.watchers.spending.value
    again = WatchStory(restored, now=story.now + 3)
    again.receive(ChannelLost())
    again.receive(Ready())
    again.receive(*(Digit(key) for key in "12#"))
    assert [event for _, event in again.found] == [
        SpendReported(2.0, is_estimate=True),
        DigitsEntered("c1", "12", EntryEnd.TERMINATOR),
    ]


def test_a_snapshot_of_another_version_is_refused() -> None:
    stored = json.loads(Watchers(AGENT, now=START).snapshot())
    stored["version"] += 1

    with pytest.raises(msgspec.ValidationError, match="snapshot version"):
        Watchers.restore(json.dumps(stored).encode(), AGENT, now=START)


@pytest.mark.parametrize("snapshot", [b"{}", b"[]", b'{"version": 1}'])
def test_what_is_no_snapshot_is_refused(snapshot: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        Watchers.restore(snapshot, AGENT, now=START)
