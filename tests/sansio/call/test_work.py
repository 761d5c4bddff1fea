"""The tool calls of a telephone call, as a value."""

from __future__ import annotations

import pytest

from controller.sansio.agent import Filler
from controller.sansio.call.answers import error
from controller.sansio.call.work import (
    EARLIER_LIMIT,
    KEPT_LIMIT,
    OUTPUT_LIMIT,
    Batch,
    Earlier,
    Entry,
    Lull,
    Work,
)
from controller.sansio.events import ToolOutput
from controller.sansio.value import replace

FILLER = Filler(first=1.8, second=6.5)


def batch(*names: str, speaks: tuple[str, ...] = ()) -> Batch:
    return Batch(names, frozenset(names), (), respond=True, speaks=frozenset(speaks))


def test_a_batch_gives_its_outputs_with_the_last_in_the_order_of_the_calls() -> None:
    work = Work(batches=(batch("a", "b"), batch("c")))
    work, none = work.answered(ToolOutput("b", "2"))
    assert none is None
    work, complete = work.answered(ToolOutput("a", "1"))
    assert complete is not None
    assert [each.output for each in complete.in_order] == ["1", "2"]
    assert work.batches == (batch("c"),)


def test_an_output_that_nobody_waits_for_changes_nothing() -> None:
    work = Work(batches=(batch("a"),))
    assert work.answered(ToolOutput("b", "2")) == (work, None)
    assert work.waits_for("a")
    assert not work.waits_for("b")


def test_somebody_waits_for_a_filler_while_a_tool_that_speaks_runs() -> None:
    work = Work(batches=(batch("a", "b", speaks=("a",)),))
    assert work.is_spoken_for
    work, _ = work.answered(ToolOutput("a", "1"))
    assert not work.is_spoken_for
    assert work.spoken_for("b").is_spoken_for
    assert not work.spoken_for("c").is_spoken_for


@pytest.mark.parametrize(
    ("lull", "due"),
    [
        (Lull(free_at=50.0), None),
        (Lull(free_at=None, since=100.0), None),
        (Lull(free_at=50.0, since=100.0), 101.8),
        (Lull(free_at=104.0, since=100.0), 105.8),
        (Lull(free_at=103.0, since=100.0, fillers=1), 106.5),
        (Lull(free_at=106.0, since=100.0, fillers=1), 107.8),
        (Lull(free_at=50.0, since=100.0, fillers=2), None),
        (Lull(free_at=50.0, since=100.0, filler="filler-1"), None),
    ],
)
def test_a_filler_is_due_in_the_silence_of_whoever_waits(lull: Lull, due: float | None) -> None:
    assert Work(lull=lull).due(FILLER) == due


def test_no_filler_is_due_without_fillers_or_while_digits_are_entered() -> None:
    work = Work(lull=Lull(free_at=50.0, since=100.0))
    assert work.due(None) is None
    assert replace(work, entry=Entry("t1", is_sensitive=False)).due(FILLER) is None


# --- calls with the same arguments -------------------------------------------------------------


def run(number: int, *, is_reused: bool = True, is_running: bool = True) -> Earlier:
    return Earlier(f"key-{number}", f"t{number}", is_reused=is_reused, is_running=is_running)


def finished(work: Work, number: int, output: str = "done") -> Work:
    return work.ran(ToolOutput(f"t{number}", output))[0]


def test_the_output_of_a_run_answers_those_that_waited_and_is_kept() -> None:
    work = Work().remembering(run(1))
    first = work.run_of("key-1")
    assert first is not None
    work = work.sharing(first, "t2")
    work, others = work.ran(ToolOutput("t1", "done"))
    assert others == ("t2",)
    kept = work.run_of("key-1")
    assert kept is not None
    assert (kept.output, kept.is_running, kept.also) == ("done", False, ())
    assert work.ran(ToolOutput("t1", "again")) == (work, ())
    assert work.ran(ToolOutput("t9", "another")) == (work, ())


def test_an_error_is_not_kept_for_later_calls() -> None:
    work = finished(Work().remembering(run(1)), 1, error("t1", "no_digits").output)
    assert work.run_of("key-1") is None


def test_what_is_refused_later_keeps_no_output_and_counts_even_after_an_error() -> None:
    work = Work().remembering(run(1, is_reused=False))
    kept = finished(work, 1, error("t1", "no_digits").output).run_of("key-1")
    assert kept is not None
    assert kept.output is None


def test_an_output_that_is_too_long_is_not_kept() -> None:
    work = finished(Work().remembering(run(1)), 1, "x" * (OUTPUT_LIMIT + 1))
    kept = work.run_of("key-1")
    assert kept is not None
    assert kept.output is None


def test_the_oldest_outputs_make_room_for_the_latest() -> None:
    count = KEPT_LIMIT // OUTPUT_LIMIT + 3
    work = Work()
    for number in range(count):
        work = finished(work.remembering(run(number)), number, "x" * OUTPUT_LIMIT)
    lengths = [len(each.output or "") for each in work.earlier]
    assert lengths == [0, 0, 0, *[OUTPUT_LIMIT] * (count - 3)]


def test_the_oldest_run_that_is_over_is_forgotten_for_a_new_one() -> None:
    work = Work()
    for number in range(EARLIER_LIMIT):
        work = work.remembering(run(number))
    assert work.remembering(run(999)) == work
    work = finished(finished(work, 7), 3).remembering(run(999))
    assert len(work.earlier) == EARLIER_LIMIT
    assert work.run_of("key-3") is None
    assert work.run_of("key-7") is not None
    assert work.run_of("key-999") is not None
