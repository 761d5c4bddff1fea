"""Attempts to attach that fail alike are folded, and nothing else is."""

from __future__ import annotations

from typing import Any

from controller.simulator import Entry, Source
from controller.simulator.attempts import AGAIN, Attempts

LOST = Entry(0.0, "rtc_1", Source.FAULT, "sideband_lost")
WORDS = Entry(0.0, "rtc_1", Source.CALLER, "says", "Hello?")
REFER = Entry(0.0, "rtc_1", Source.REQUEST, "refer", {})


def asks() -> Entry:
    return Entry(0.0, "rtc_1", Source.REQUEST, "attach")


def answer(status: int | None) -> Entry:
    return Entry(0.0, "rtc_1", Source.REPLY, "attach", {"status": status, "code": None})


def told(*entries: Entry) -> list[tuple[str, Any]]:
    """Return the names of what is told, each with the status or the number in its body."""
    attempts = Attempts()
    kept = [each for entry in entries for each in attempts.take(entry)]
    return [(each.name, _number(each.body)) for each in kept]


def _number(body: Any) -> Any:
    return body.get("status") if isinstance(body, dict) else body


def test_the_first_failure_is_told_and_the_same_again_is_counted() -> None:
    failure = (asks(), LOST, answer(500))

    assert told(*failure, *failure, *failure, REFER) == [
        ("attach", None),
        ("sideband_lost", None),
        ("attach", 500),
        (AGAIN, 2),
        ("refer", None),
    ]


def test_an_attempt_with_another_answer_is_told() -> None:
    assert told(asks(), answer(500), asks(), answer(500), asks(), LOST, answer(101)) == [
        ("attach", None),
        ("attach", 500),
        (AGAIN, 1),
        ("attach", None),
        ("sideband_lost", None),
        ("attach", 101),
    ]


def test_what_happens_before_the_answer_is_told_after_the_attempt() -> None:
    assert told(asks(), answer(500), asks(), WORDS, answer(500)) == [
        ("attach", None),
        ("attach", 500),
        ("attach", None),
        ("says", "Hello?"),
        ("attach", 500),
    ]


def test_an_attempt_after_a_success_is_no_repetition() -> None:
    assert told(asks(), answer(101), asks(), answer(500), asks(), answer(404)) == [
        ("attach", None),
        ("attach", 101),
        ("attach", None),
        ("attach", 500),
        ("attach", None),
        ("attach", 404),
    ]


def test_no_answer_at_all_is_no_failure_to_compare_with() -> None:
    assert told(asks(), answer(None), asks(), answer(None)) == [("attach", None)] * 4
