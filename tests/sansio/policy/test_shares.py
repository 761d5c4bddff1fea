from __future__ import annotations

import pytest

from controller.errors import LocalProtocolError
from controller.sansio.policy import Key, Measure, Share

KEY = Key("a", "+12025550142")


@pytest.mark.parametrize(
    ("at_most", "amount", "used", "is_too_much"),
    [
        (2, 1, 0, False),
        (2, 1, 1, False),
        (2, 1, 2, True),
        (0, 1, 0, True),
        (5, 0, 4.99, False),
        (5, 0, 5, True),
        (5, 2, 3, False),
        (5, 2, 3.5, True),
    ],
)
def test_there_is_room_or_not(
    at_most: float, amount: float, used: float, *, is_too_much: bool
) -> None:
    share = Share(key=KEY, at_most=at_most, amount=amount, measure="usd", period="2026-11")

    assert share.is_too_much(used) is is_too_much


@pytest.mark.parametrize(
    ("measure", "seconds", "period"),
    [("calls", 1.0, "2026-11"), ("usd", 1.0, None), ("minutes", None, None), ("usd", None, None)],
)
def test_what_cannot_be_counted_is_refused(
    measure: Measure, seconds: float | None, period: str | None
) -> None:
    with pytest.raises(LocalProtocolError):
        Share(key=KEY, at_most=1, measure=measure, seconds=seconds, period=period)


def test_whom_a_count_is_about_is_not_shown() -> None:
    assert "555" not in repr(Share(key=KEY, at_most=1))
    assert Key("a", "x") != Key("a", "y")
