from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.calls.headroom import MODELS_LIMIT, SHORTEST, SILENCE_LIMIT, Headroom

T = 1_800_000_000.0


def test_below_the_least_share_there_is_too_little_until_the_reset() -> None:
    headroom = Headroom()

    assert headroom.note("m", 0.149, 20.0, T)
    assert headroom.is_low(T + 19.9)
    assert not headroom.is_low(T + 20)


@pytest.mark.parametrize("reset", [0.0, 0.5, -1.0, SHORTEST])
def test_a_reset_that_is_at_hand_or_not_told_shuts_the_door_for_a_turn(reset: float) -> None:
    headroom = Headroom()

    assert headroom.note("m", 0.1, reset, T)
    assert headroom.is_low(T + SHORTEST - 0.1)
    assert not headroom.is_low(T + SHORTEST)


def test_at_the_least_share_there_is_enough() -> None:
    headroom = Headroom()

    assert not headroom.note("m", 0.15, 20.0, T)
    assert not headroom.is_low(T)


def test_better_news_open_the_door_at_once() -> None:
    headroom = Headroom()
    headroom.note("m", 0.1, 50.0, T)

    assert not headroom.note("m", 0.9, 50.0, T + 1)
    assert not headroom.is_low(T + 1)


def test_without_news_the_door_is_shut_for_a_minute_at_most() -> None:
    headroom = Headroom()
    headroom.note("m", 0.0, 86_400.0, T)

    assert headroom.is_low(T + SILENCE_LIMIT - 1)
    assert not headroom.is_low(T + SILENCE_LIMIT)


def test_admission_stops_once_and_not_with_every_word_of_it() -> None:
    headroom = Headroom()

    assert headroom.note("m", 0.1, 30.0, T)
    assert not headroom.note("m", 0.05, 30.0, T + 1)
    assert not headroom.note("n", 0.05, 30.0, T + 2)
    assert headroom.note("m", 0.1, 30.0, T + 60)


def test_one_models_plenty_does_not_help_another() -> None:
    headroom = Headroom()
    headroom.note("m", 0.1, 30.0, T)

    headroom.note("n", 1.0, 30.0, T)

    assert headroom.is_low(T)


def test_a_share_of_nothing_switches_it_off() -> None:
    headroom = Headroom(0.0)

    assert not headroom.note("m", 0.0, 30.0, T)
    assert not headroom.is_low(T)


def test_models_are_few() -> None:
    headroom = Headroom()
    for number in range(MODELS_LIMIT * 2):
        headroom.note(f"model {number}", 0.0, 30.0, T)

    assert len(headroom._until) == MODELS_LIMIT


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-5, 1e6), st.floats(0, 30))))
def test_the_door_never_stays_shut(news: list[tuple[float, float, float]]) -> None:
    headroom, now = Headroom(), T
    for fraction, reset, pause in news:
        now += pause
        headroom.note("m", fraction, reset, now)

    assert not headroom.is_low(now + SILENCE_LIMIT)
