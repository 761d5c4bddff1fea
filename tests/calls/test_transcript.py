from __future__ import annotations

import pytest

from controller.calls.transcript import LINE_COST, TRANSCRIPT_LIMIT, Line, Transcript


def said(text: str, item_id: str = "item_1") -> Line:
    return Line(110.0, "caller", item_id, text)


@pytest.mark.parametrize(
    "line",
    [said(""), said("yes"), said("x" * 1000), said("", "item" * 1000), said("x" * 10**6)],
    ids=["empty", "short", "long", "a long id", "huge"],
)
def test_a_call_that_never_stops_talking_does_not_fill_the_memory(line: Line) -> None:
    transcript = Transcript()
    for _ in range(3000):
        transcript.add(line, is_kept=True)

    assert transcript.count == 3000
    assert transcript.is_cut
    assert len(transcript.lines) <= TRANSCRIPT_LIMIT // LINE_COST
    assert sum(len(each.text) + len(each.item_id) for each in transcript.lines) <= TRANSCRIPT_LIMIT


def test_a_transcript_that_was_cut_has_no_holes() -> None:
    transcript = Transcript()
    for text in ("first", "x" * TRANSCRIPT_LIMIT, "third"):
        transcript.add(said(text), is_kept=True)

    assert [line.text for line in transcript.lines] == ["first"]


def test_what_may_not_be_kept_is_counted_and_cuts_nothing() -> None:
    transcript = Transcript()
    transcript.add(said("x" * TRANSCRIPT_LIMIT), is_kept=False)
    transcript.add(said("second"), is_kept=True)

    assert [line.text for line in transcript.lines] == ["second"]
    assert (transcript.count, transcript.is_cut) == (2, False)


def test_a_caller_who_refuses_leaves_no_word_behind_and_the_lines_are_counted() -> None:
    transcript = Transcript()
    for text in ("first", "x" * TRANSCRIPT_LIMIT):
        transcript.add(said(text), is_kept=True)
    transcript.refuse()
    transcript.add(said("third"), is_kept=True)

    assert transcript.lines == []
    assert (transcript.count, transcript.is_refused) == (3, True)


def test_numbers_of_cards_are_not_kept() -> None:
    transcript = Transcript()
    transcript.add(said("It is 4111 1111 1111 1111."), is_kept=True)

    assert [line.text for line in transcript.lines] == ["It is •••• •••• •••• ••••."]


def test_what_was_said_is_not_in_its_repr() -> None:
    transcript = Transcript()
    transcript.add(said("My name is Zacharias."), is_kept=True)

    assert "Zacharias" not in repr(transcript) + repr(transcript.lines)
