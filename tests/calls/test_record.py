from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.calls.ports import Message, Request
from controller.calls.record import (
    FAULTS_LIMIT,
    HAND_OFFS_LIMIT,
    CallRecord,
    LookedUp,
    Recorded,
    last_four,
    text_hash,
)
from controller.calls.referrals import Return
from controller.sansio.agent import Agent
from controller.sansio.commands import DisclosureResult, Outcome
from controller.sansio.events import (
    CallerSpoke,
    Digit,
    FaultReported,
    MenuKeyPressed,
    ServerToolCalled,
    ServerToolsListed,
    SpeechHeard,
    SpendReported,
    TokensLeft,
    TranscriptAdded,
    Usage,
    UsageReported,
)
from controller.sansio.incoming import read_incoming
from controller.sansio.webhook import CallOffered


@pytest.fixture
def record() -> CallRecord:
    return make()


def make(**agent: Any) -> CallRecord:
    headers = (
        ("From", '"Eve" <sip:+12025550142@trunk.example.net>'),
        ("Diversion", "<sip:+12025550100@trunk.example.net>"),
    )
    offered = CallOffered("evt_1", 1_800_000_000, "rtc_1", headers)
    return CallRecord(
        call_id="018f",
        epoch=1,
        incoming=read_incoming(offered, webhook_id="wh_1", region="US"),
        agent=Agent(name="frontdesk", model="m", voice="v", instructions="secret sauce", **agent),
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


def test_what_means_nothing_here_changes_nothing(record: CallRecord) -> None:
    before = record.canonical()

    record.note(TokensLeft(0.5, 10.0), 110.0)

    assert record.canonical() == before


# --- which words are kept ------------------------------------------------------------------------


def words(record: CallRecord) -> list[str]:
    return [line.text for line in record.transcript.lines]


def test_an_agent_that_keeps_no_words_keeps_none_and_counts_them() -> None:
    record = make(transcript="never")
    record.note(said("My name is Zacharias."), 110.0)

    assert words(record) == []
    assert record.canonical()["transcript_lines"] == 1
    assert msgspec.json.decode(record.stored())["transcript_cut"] is False


@pytest.mark.parametrize("result", DisclosureResult)
def test_after_the_disclosure_words_are_kept_if_it_was_heard(result: DisclosureResult) -> None:
    record = make(transcript="after_disclosure", disclosure="This call is recorded.")
    record.note(said("before"), 110.0)
    record.disclosed(result, 1, 111.0)
    record.note(said("after"), 112.0)

    assert words(record) == (["after"] if result is DisclosureResult.HEARD else [])


def test_after_a_hand_off_the_other_agents_rule_holds() -> None:
    record = make()
    record.note(said("one"), 110.0)
    record.handed_to(Agent(name="b", model="m", voice="v", instructions="", transcript="never"))
    record.note(said("two"), 111.0)

    assert words(record) == ["one"]


def test_after_a_refusal_nothing_is_kept_whoever_goes_on(record: CallRecord) -> None:
    record.note(said("one"), 110.0)
    record.transcript.refuse()
    record.note(said("two"), 111.0)
    record.handed_to(Agent(name="b", model="m", voice="v", instructions="", transcript="always"))
    record.note(said("three"), 112.0)

    stored = msgspec.json.decode(record.stored())
    assert (stored["transcript"], stored["transcript_refused"]) == ([], True)
    assert record.canonical()["transcript_refused"] is True
    assert record.canonical()["transcript_lines"] == 3


def test_a_transcript_that_nobody_refused_says_nothing_of_it(record: CallRecord) -> None:
    assert "transcript_refused" not in record.canonical()


def test_a_refused_call_keeps_no_words(record: CallRecord) -> None:
    record.agent = None
    record.note(said("hello"), 110.0)

    assert words(record) == []


# --- evidence, money, counts ---------------------------------------------------------------------


def test_the_evidence_of_a_disclosure_is_in_the_line_without_its_words() -> None:
    record = make(disclosure="This call is recorded.")

    record.disclosed(DisclosureResult.HEARD, 2, 105.5)

    line = record.canonical()
    assert (line["disclosure"], line["disclosure_attempts"]) == ("heard", 2)
    assert line["disclosure_heard_at"] == 105.5
    assert line["disclosure_hash"] == text_hash("This call is recorded.")
    assert "recorded" not in json.dumps(line)


def test_what_was_not_heard_has_no_instant() -> None:
    record = make(disclosure="This call is recorded.")

    record.disclosed(DisclosureResult.DIFFERENT, 2, 105.5)

    assert "disclosure_heard_at" not in record.canonical()


def test_a_texts_hash_is_the_beginning_of_its_sha256() -> None:
    assert text_hash("abc") == "ba7816bf8f01cfea"
    assert text_hash("\ud800") != text_hash("?")


def test_hand_offs_are_named_in_their_order_and_few(record: CallRecord) -> None:
    other = Agent(name="billing", model="m", voice="v", instructions="")
    for _ in range(HAND_OFFS_LIMIT + 5):
        record.handed_to(other)

    assert record.canonical()["hand_offs"] == ["billing"] * HAND_OFFS_LIMIT


def test_what_a_call_costs_is_what_was_said_last(record: CallRecord) -> None:
    record.note(SpendReported(0.01), 110.0)
    record.note(SpendReported(0.0312345678), 120.0)

    line = record.canonical()
    assert line["cost_usd"] == 0.031235
    assert "usage_incomplete" not in line


def test_without_prices_there_is_no_cost(record: CallRecord) -> None:
    assert "cost_usd" not in record.canonical()


def test_an_estimate_or_a_gap_makes_the_usage_incomplete() -> None:
    records = [make() for _ in range(4)]
    records[0].note(UsageReported(Usage(), is_estimate=True), 110.0)
    records[1].note(SpendReported(0.1, is_estimate=True), 110.0)
    records[1].note(SpendReported(0.2), 111.0)
    records[2].reattaches = 1
    records[3].outcome = Outcome.SIDEBAND_LOST

    assert [record.canonical()["usage_incomplete"] for record in records] == [True] * 4


def test_keys_tools_of_servers_operators_and_messages_are_counted(record: CallRecord) -> None:
    record.note(MenuKeyPressed("0"), 110.0)
    record.note(ServerToolCalled("crm", "find", failed=False), 110.0)
    record.note(ServerToolCalled("crm", "find", failed=True), 110.0)
    record.note(ServerToolsListed("crm", failed=True), 110.0)
    record.note(ServerToolsListed("crm", failed=False), 110.0)
    for verb in ("say", "say", "transfer"):
        record.operator_did(verb)
    record.messages.append(Message("1", "018f", 1.0, "normal", "Eve", "+12025550142", "a tooth"))

    line = record.canonical()

    assert (line["menu_keys"], line["mcp_tools"], line["messages"]) == (1, 2, 1)
    assert line["faults"] == {"mcp_call_failed": 1, "mcp_list_failed": 1}
    assert line["operator_acts"] == {"say": 2, "transfer": 1}
    assert "Eve" not in json.dumps(line) + repr(record)
    assert msgspec.json.decode(record.stored())["messages"][0]["name"] == "Eve"


def test_where_a_caller_came_back_from_is_named(record: CallRecord) -> None:
    record.returned = Return(frozenset({"reception", "billing"}), 1)

    assert record.canonical()["returned_from"] == ["billing", "reception"]


def test_what_became_of_the_look_up_is_told(record: CallRecord) -> None:
    assert "lookup" not in record.canonical()

    record.looked_up = LookedUp("late", 1.23456, late_agent="vip")

    line = record.canonical()
    assert (line["lookup"], line["lookup_s"]) == ("late", 1.235)
    assert line["lookup_late_agent"] == "vip"
    assert "chosen_by_lookup" not in line


@pytest.mark.parametrize(
    ("notes", "detail", "suspected"),
    [
        ([SpeechHeard("greeting", certain=True)], None, True),
        ([SpeechHeard("greeting", certain=True)], "ghost", False),
        ([SpeechHeard("greeting", certain=False)], None, False),
        ([SpeechHeard("greeting", certain=True), CallerSpoke()], None, False),
        ([SpeechHeard("greeting", certain=True), Digit("1")], None, False),
        ([], None, False),
    ],
    ids=["one way", "ghost", "cut off", "spoke", "pressed a key", "nothing played"],
)
def test_one_way_audio_is_suspected_apart_from_ghost_calls(
    record: CallRecord, notes: list[Recorded], detail: str | None, *, suspected: bool
) -> None:
    for note in notes:
        record.note(note, 110.0)
    record.detail = detail

    assert record.canonical().get("suspected_one_way_audio", False) is suspected


@pytest.mark.parametrize(
    ("number", "shown"), [("+12025550142", "…0142"), ("+1", "…+1"), ("", "…"), (None, None)]
)
def test_four_digits_of_a_number_are_shown(number: str | None, shown: str | None) -> None:
    assert last_four(number) == shown


def test_the_ledger_gets_every_request_and_close_code_and_who_called(record: CallRecord) -> None:
    record.caller_ref = "5661a4a4f000dec1"
    record.traffic.asked(Request("accept", "200", 180.5, "req_1"), 100.5)
    record.traffic.closed(1006, 161.0)

    stored = msgspec.json.decode(record.stored())

    accept = {"verb": "accept", "status": "200", "latency_ms": 180.5, "request_id": "req_1"}
    assert stored["requests"] == [{"at": 100.5, "request": accept}]
    assert stored["requests_count"] == 1
    assert stored["close_codes"] == [{"at": 161.0, "code": 1006}]
    assert (stored["call_id"], stored["caller_ref"]) == ("018f", "5661a4a4f000dec1")
    line = record.canonical()
    assert line["close_code"] == 1006
    assert "requests" not in line
