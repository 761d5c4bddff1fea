from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.calls.places import Places


def test_a_call_has_so_many_places_and_no_more() -> None:
    places = Places(per_call=2, in_all=10)

    assert [places.take("a"), places.take("a"), places.take("a")] == [True, True, False]
    assert places.take("b")
    places.give_back("a")
    assert places.take("a")


def test_all_calls_together_have_so_many_places() -> None:
    places = Places(per_call=2, in_all=3)

    assert [places.take(call) for call in ("a", "a", "b", "b")] == [True, True, True, False]


def test_nothing_is_remembered_of_calls_that_run_nothing() -> None:
    places = Places(per_call=1, in_all=1)
    places.take("a")
    places.take("b")
    places.give_back("a")

    assert not places._taken


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"))))
def test_no_limit_is_ever_exceeded(steps: list[tuple[bool, str]]) -> None:
    places, held = Places(per_call=3, in_all=5), Counter[str]()
    for takes, call in steps:
        if takes:
            is_free = held[call] < 3 and held.total() < 5
            assert places.take(call) is is_free
            held[call] += is_free
        elif held[call]:
            places.give_back(call)
            held[call] -= 1
