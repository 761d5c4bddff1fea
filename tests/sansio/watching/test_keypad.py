from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.agent import Keypad as KeypadTerms
from controller.sansio.agent import MenuEntry
from controller.sansio.commands import CollectDigits
from controller.sansio.events import (
    Answered,
    ChannelLost,
    DeadlineReached,
    Digit,
    DigitsEntered,
    EntryEnd,
    FloorFree,
    FloorTaken,
    MenuKeyPressed,
    Ready,
)
from controller.sansio.watching.keypad import FIRST_DIGIT_LIMIT, LONGEST_ENTRY, Keypad
from tests.sansio.watching.driving import START, WATCHED_AGENT

MENU = (MenuEntry("0", "transfer", "reception"), MenuEntry("9", "repeat"))
AGENT = replace(WATCHED_AGENT, keypad=KeypadTerms(menu=MENU))
COLLECT = CollectDigits("c1", 8, "#", 10.0, 4.0)


def keypad() -> Keypad:
    pad = Keypad(AGENT, now=START)
    pad.receive(Answered(), now=START)
    return pad


def press(pad: Keypad, keys: str, now: float = START) -> list[object]:
    return [found for key in keys for found in pad.receive(Digit(key), now=now)]


def test_a_key_of_the_menu_is_reported_at_once() -> None:
    pad = keypad()

    assert press(pad, "0") == [MenuKeyPressed("0")]
    assert press(pad, "9") == [MenuKeyPressed("9")]
    assert pad.deadline is None


def test_another_agents_menu_counts_after_a_hand_off() -> None:
    pad = keypad()

    pad.become(replace(AGENT, keypad=KeypadTerms(menu=(MenuEntry("1", "repeat"),))))

    assert press(pad, "1") == [MenuKeyPressed("1")]
    assert press(pad, "0") == []


def test_keys_before_the_answer_are_ignored() -> None:
    pad = Keypad(AGENT, now=START)

    assert press(pad, "05") == []
    assert pad.deadline is None


def test_a_session_that_is_proven_was_answered() -> None:
    pad = Keypad(AGENT, now=START)
    pad.receive(Ready(), now=START)

    assert press(pad, "0") == [MenuKeyPressed("0")]


@pytest.mark.parametrize("key", ["", "a", "12", "+", "٣"])
def test_what_is_no_key_is_ignored(key: str) -> None:
    pad = keypad()

    assert pad.receive(Digit(key), now=START) == ()
    assert pad.deadline is None


def test_keys_that_nobody_asked_for_become_one_entry_after_a_pause() -> None:
    pad = keypad()

    assert press(pad, "4") == []
    assert press(pad, "09", START + 3.9) == []
    assert pad.deadline == START + 7.9
    assert pad.receive(DeadlineReached(), now=START + 7.8) == ()
    found = pad.receive(DeadlineReached(), now=START + 7.9)
    assert found == (DigitsEntered(None, "409", EntryEnd.PAUSE),)
    assert pad.deadline is None


def test_an_entry_that_nobody_asked_for_ends_by_the_terminator() -> None:
    assert press(keypad(), "12#") == [DigitsEntered(None, "12", EntryEnd.TERMINATOR)]


def test_an_entry_that_nobody_asked_for_has_a_bound() -> None:
    pad = keypad()

    found = press(pad, "1" * LONGEST_ENTRY)

    assert found == [DigitsEntered(None, "1" * LONGEST_ENTRY, EntryEnd.LENGTH)]


@pytest.mark.parametrize("key", ["*", "#"])
def test_star_and_terminator_are_keys_where_there_is_nothing_to_drop_or_end(key: str) -> None:
    pad = keypad()
    press(pad, key)

    found = pad.receive(DeadlineReached(), now=START + 4)

    assert found == (DigitsEntered(None, key, EntryEnd.PAUSE),)


def test_a_star_drops_an_entry_that_nobody_asked_for() -> None:
    pad = keypad()

    assert press(pad, "12*") == []
    assert pad.deadline is None
    assert press(pad, "0") == [MenuKeyPressed("0")]


def test_a_collection_ends_by_its_terminator() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)

    assert press(pad, "0912#") == [DigitsEntered("c1", "0912", EntryEnd.TERMINATOR)]


def test_a_collection_ends_by_its_length() -> None:
    pad = keypad()
    pad.receive(replace(COLLECT, max_digits=2), now=START)

    assert press(pad, "09") == [DigitsEntered("c1", "09", EntryEnd.LENGTH)]


@pytest.mark.parametrize(("asked", "length"), [(0, 1), (-4, 1), (1000, LONGEST_ENTRY)])
def test_the_length_of_a_collection_is_bounded(asked: int, length: int) -> None:
    pad = keypad()
    pad.receive(replace(COLLECT, max_digits=asked), now=START)

    found = press(pad, "1" * length)

    assert found == [DigitsEntered("c1", "1" * length, EntryEnd.LENGTH)]


def test_a_collection_ends_by_a_pause() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)
    press(pad, "1", START + 9)

    assert pad.deadline == START + 13
    found = pad.receive(DeadlineReached(), now=START + 13)
    assert found == (DigitsEntered("c1", "1", EntryEnd.PAUSE),)


def test_a_collection_without_a_terminator_takes_it_as_a_digit() -> None:
    pad = keypad()
    pad.receive(replace(COLLECT, terminator="", max_digits=3), now=START)

    assert press(pad, "1#A") == [DigitsEntered("c1", "1#A", EntryEnd.LENGTH)]


def test_a_collection_with_the_terminator_alone_is_empty() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)

    assert press(pad, "#") == [DigitsEntered("c1", "", EntryEnd.TERMINATOR)]


def test_a_star_drops_what_was_collected_and_the_first_digit_has_its_time_again() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)

    assert press(pad, "12*", START + 5) == []
    assert pad.deadline == START + 15
    assert press(pad, "34#", START + 6) == [DigitsEntered("c1", "34", EntryEnd.TERMINATOR)]


def test_a_star_that_is_the_terminator_ends_the_collection() -> None:
    pad = keypad()
    pad.receive(replace(COLLECT, terminator="*"), now=START)

    assert press(pad, "12*") == [DigitsEntered("c1", "12", EntryEnd.TERMINATOR)]


def test_the_time_for_the_first_digit_runs_from_the_command_where_nobody_speaks() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)

    assert pad.deadline == START + 10
    found = pad.receive(DeadlineReached(), now=START + 10)
    assert found == (DigitsEntered("c1", "", EntryEnd.NOTHING),)
    assert pad.deadline is None


def test_the_time_for_the_first_digit_runs_from_the_end_of_the_words() -> None:
    pad = keypad()
    pad.receive(FloorTaken(), now=START)
    pad.receive(COLLECT, now=START)

    pad.receive(FloorFree(), now=START + 30)

    assert pad.deadline == START + 40


def test_words_that_ask_after_the_command_put_the_first_digit_off() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)
    pad.receive(FloorTaken(), now=START + 1)

    pad.receive(FloorFree(), now=START + 11)

    assert pad.deadline == START + 21


def test_the_model_cannot_put_the_first_digit_off_for_ever() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)
    pad.receive(FloorTaken(), now=START)

    assert pad.deadline == START + FIRST_DIGIT_LIMIT
    pad.receive(FloorFree(), now=START + FIRST_DIGIT_LIMIT - 1)
    assert pad.deadline == START + FIRST_DIGIT_LIMIT
    found = pad.receive(DeadlineReached(), now=START + FIRST_DIGIT_LIMIT)
    assert found == (DigitsEntered("c1", "", EntryEnd.NOTHING),)


def test_words_do_not_prolong_the_pause_between_digits() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)
    press(pad, "1")

    pad.receive(FloorTaken(), now=START + 1)
    pad.receive(FloorFree(), now=START + 3)

    assert pad.deadline == START + 4


@pytest.mark.parametrize(("keys", "end"), [("12", EntryEnd.PAUSE), ("", EntryEnd.NOTHING)])
def test_a_later_collection_ends_the_former_with_what_it_has(keys: str, end: EntryEnd) -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)
    press(pad, keys)

    found = pad.receive(replace(COLLECT, request_id="c2"), now=START)

    assert found == (DigitsEntered("c1", keys, end),)
    assert press(pad, "3#") == [DigitsEntered("c2", "3", EntryEnd.TERMINATOR)]


def test_a_collection_takes_over_what_was_typed_ahead() -> None:
    pad = keypad()
    press(pad, "12")

    assert pad.receive(COLLECT, now=START + 1) == ()
    assert pad.deadline == START + 5
    assert press(pad, "3#", START + 2) == [DigitsEntered("c1", "123", EntryEnd.TERMINATOR)]


def test_what_was_typed_ahead_may_complete_a_collection() -> None:
    pad = keypad()
    press(pad, "1234")

    found = pad.receive(replace(COLLECT, max_digits=3), now=START)

    assert found == (DigitsEntered("c1", "123", EntryEnd.LENGTH),)
    assert pad.deadline is None


def test_a_lost_channel_drops_the_digits_and_the_collection_begins_again() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)
    press(pad, "12")
    pad.receive(ChannelLost(), now=START + 1)
    assert pad.deadline == START + 1 + FIRST_DIGIT_LIMIT

    pad.receive(Ready(), now=START + 9)

    assert pad.deadline == START + 19
    assert press(pad, "3#", START + 9) == [DigitsEntered("c1", "3", EntryEnd.TERMINATOR)]


def test_a_lost_channel_ends_an_entry_that_nobody_asked_for() -> None:
    pad = keypad()
    press(pad, "12")

    found = pad.receive(ChannelLost(), now=START)

    assert found == (DigitsEntered(None, "12", EntryEnd.PAUSE),)
    assert pad.deadline is None
    assert pad.receive(ChannelLost(), now=START) == ()


def test_no_digit_is_shown() -> None:
    pad = keypad()
    press(pad, "777")

    assert pad.value.entry is not None
    assert pad.value.entry.digits == "777"
    assert "777" not in repr(pad.value)


def test_what_is_stored_holds_no_digit_and_the_collection_goes_on_from_it() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START)
    press(pad, "12")
    stored = pad.stored()
    assert stored.entry is not None
    assert not stored.entry.digits

    again = Keypad(AGENT, now=START + 5)
    again.restore(stored)
    again.receive(ChannelLost(), now=START + 5)
    again.receive(Ready(), now=START + 6)

    assert again.value.now == START + 6
    assert again.deadline == START + 16
    assert press(again, "3#", START + 7) == [DigitsEntered("c1", "3", EntryEnd.TERMINATOR)]


def test_time_does_not_go_back() -> None:
    pad = keypad()
    pad.receive(COLLECT, now=START + 5)

    pad.receive(Digit("1"), now=START)

    assert pad.deadline == START + 9
