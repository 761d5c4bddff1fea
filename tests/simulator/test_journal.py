"""The journal keeps order, for all calls and for each."""

from __future__ import annotations

from itertools import count

from controller.simulator import Entry, Journal, Source


def test_entries_are_kept_in_order_and_by_call() -> None:
    ticks = count()
    journal = Journal(lambda: float(next(ticks)))
    journal.record("a", Source.CALL, "rings")
    journal.record("b", Source.CALL, "rings")
    journal.record("a", Source.CALLER, "says", "Hi")

    assert [entry.at for entry in journal.entries] == [0.0, 1.0, 2.0]
    assert [entry.name for entry in journal.of("a")] == ["rings", "says"]
    assert journal.of("a", Source.CALLER) == [Entry(2.0, "a", Source.CALLER, "says", "Hi")]
    assert journal.of("c") == []


def test_observers_see_entries_at_once() -> None:
    journal = Journal(lambda: 0.0, keep=False)
    seen: list[str] = []
    journal.record("a", Source.CALL, "unseen")
    journal.observe(lambda entry: seen.append(entry.name))
    journal.record("a", Source.CALL, "rings")
    assert seen == ["rings"]
    assert journal.entries == []


def test_somebody_listens_if_entries_are_kept_or_observed() -> None:
    journal = Journal(lambda: 0.0, keep=False)
    listening = [journal.is_listening]
    journal.observe(lambda entry: None)
    listening.append(journal.is_listening)
    assert listening == [False, True]
    assert Journal(lambda: 0.0).is_listening
