from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.calls.record import (
    FAULTS_LIMIT,
    LINE_COST,
    TRANSCRIPT_LIMIT,
    CallRecord,
    last_four,
)
from controller.sansio.agent import Agent
from controller.sansio.commands import Outcome
from controller.sansio.events import (
    CallerSpoke,
    Digit,
    FaultReported,
    Note,
    TranscriptAdded,
    Usage,
    UsageReported,
)
from controller.sansio.incoming import read_incoming
from controller.sansio.webhook import CallOffered


@pytest.fixture
def record() -> CallRecord:
    return make()


def make() -> CallRecord:
    headers = (
        ("From", '"Eve" <sip:+12025550142@trunk.example.net>'),
        ("Diversion", "<sip:+12025550100@trunk.example.net>"),
    )
    offered = CallOffered("evt_1", 1_800_000_000, "rtc_1", headers)
    return CallRecord(
        call_id="018f",
        epoch=1,
        incoming=read_incoming(offered, webhook_id="wh_1", region="US"),
        agent=Agent(name="frontdesk", model="m", voice="v", instructions="secret sauce"),
        received_at=100.0,
        rule="number",
        generation="abc123",
    )


def said(text: str, item_id: str = "item_1") -> TranscriptAdded:
    return TranscriptAdded("caller", item_id, text)


def test_the_line_of_a_call_tells_its_times_and_counts(record: CallRecord) -> None:
    record.answer_sent_at, record.answered_at, record.ended_at = 100.5, 101.25, 161.5
    record.outcome, record.detail = Outcome.WE_HUNG_UP, None
    for note in (
        UsageReported(Usage(responses=1, input_text=10, output_audio=7)),
        UsageReported(Usage(responses=1, input_text=5)),
        Digit("7"),
        said("My name is Zacharias."),
        FaultReported("server_error"),
    ):
        record.note(note, 110.0)

    line = record.canonical()

    assert (line["ring_s"], line["talk_s"], line["total_s"]) == (1.25, 60.25, 61.5)
    assert (line["digits"], line["transcript_lines"]) == (1, 1)
    assert (line["usage_responses"], line["usage_input_text"]) == (2, 15)
    assert line["usage_output_audio"] == 7
    assert line["faults"] == {"server_error": 1}
    assert (line["caller"], line["called"]) == ("…0142", "…0100")
    assert "detail" not in line


def test_nothing_said_and_no_whole_number_is_in_the_line(record: CallRecord) -> None:
    record.note(said("My name is Zacharias."), 110.0)
    record.note(Digit("7"), 110.0)

    text = json.dumps(record.canonical()) + repr(record)

    for secret in ("Zacharias", "2025550142", "2025550100", "Eve"):
        assert secret not in text


def test_the_ledger_gets_what_was_said(record: CallRecord) -> None:
    record.note(said("My name is Zacharias."), 110.0)

    stored = msgspec.json.decode(record.stored())

    assert stored["transcript"] == [
        {"at": 110.0, "speaker": "caller", "item_id": "item_1", "text": "My name is Zacharias."}
    ]
    assert stored["received_at"] == 100.0
    assert stored["transcript_cut"] is False


def test_when_the_caller_first_spoke_is_kept(record: CallRecord) -> None:
    record.note(CallerSpoke(), 110.0)
    record.note(CallerSpoke(), 120.0)

    assert record.caller_spoke_at == 110.0


@pytest.mark.parametrize(
    "line",
    [said(""), said("yes"), said("x" * 1000), said("", "item" * 1000), said("x" * 10**6)],
    ids=["empty", "short", "long", "a long id", "huge"],
)
def test_a_call_that_never_stops_talking_does_not_fill_the_memory(
    record: CallRecord, line: TranscriptAdded
) -> None:
    for _ in range(3000):
        record.note(line, 110.0)

    assert record.transcript_lines == 3000
    assert record.canonical()["transcript_lines"] == 3000
    assert record.transcript_cut
    assert len(record.transcript) <= TRANSCRIPT_LIMIT // LINE_COST
    assert sum(len(each.text) + len(each.item_id) for each in record.transcript) <= TRANSCRIPT_LIMIT


def test_a_transcript_that_was_cut_has_no_holes(record: CallRecord) -> None:
    for text in ("first", "x" * TRANSCRIPT_LIMIT, "third"):
        record.note(said(text), 110.0)

    assert [line.text for line in record.transcript] == ["first"]


@given(st.lists(st.text(max_size=100), max_size=60))
def test_faults_are_few_and_are_words(codes: list[str]) -> None:
    record = make()
    for code in codes:
        record.note(FaultReported(code), 110.0)

    assert sum(record.faults.values()) == len(codes)
    assert len(record.faults) <= FAULTS_LIMIT + 1
    assert all(code.isascii() and " " not in code for code in record.faults)


def test_a_fault_that_is_known_is_counted_even_when_there_are_too_many(record: CallRecord) -> None:
    for number in range(FAULTS_LIMIT + 5):
        record.note(FaultReported(f"fault_{number}"), 110.0)
    record.note(FaultReported("fault_0"), 110.0)

    assert record.faults["fault_0"] == 2
    assert record.faults["other"] == 5


def test_an_unknown_note_is_no_matter(record: CallRecord) -> None:
    notes: list[Note] = [FaultReported("not_json"), FaultReported("not_json")]
    for note in notes:
        record.note(note, 110.0)

    assert record.faults == {"not_json": 2}


@pytest.mark.parametrize(
    ("number", "shown"), [("+12025550142", "…0142"), ("+1", "…+1"), ("", "…"), (None, None)]
)
def test_four_digits_of_a_number_are_shown(number: str | None, shown: str | None) -> None:
    assert last_four(number) == shown
