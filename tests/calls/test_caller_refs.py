from __future__ import annotations

from controller.calls.caller_refs import REF_DIGITS, CallerRefs

KEY = b"k" * 32
EVE, BOB = "+12025550142", "+12025550143"


def test_the_same_caller_has_the_same_name_and_another_has_not() -> None:
    refs = CallerRefs(KEY)

    assert refs.of(EVE) == refs.of(EVE) == CallerRefs(KEY).of(EVE)
    assert refs.of(BOB) != refs.of(EVE)


def test_nobody_can_tell_the_name_without_the_key() -> None:
    assert CallerRefs(b"x" * 32).of(EVE) != CallerRefs(KEY).of(EVE)
    assert CallerRefs().of(EVE) != CallerRefs().of(EVE)  # made anew for each process


def test_nobody_has_no_name() -> None:
    assert CallerRefs(KEY).of(None) is None


def test_a_name_is_short_and_nothing_of_the_number() -> None:
    name = CallerRefs(KEY).of(EVE)
    assert name is not None
    assert len(name) == REF_DIGITS
    assert "0142" not in name
