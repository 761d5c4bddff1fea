from __future__ import annotations

from typing import Any

from controller.calls.notes import Notes
from controller.calls.record import CallRecord
from controller.calls.world import World
from controller.sansio.agent import Agent
from controller.sansio.commands import (
    DisclosureResult,
    ReportDisclosure,
    ReportHandOff,
    ReportNoTranscript,
)
from controller.sansio.events import BudgetWarned, SpendReported, TokensLeft
from controller.sansio.incoming import read_incoming
from controller.sansio.webhook import CallOffered
from tests.calls.house import START, Gauges

AGENT = Agent(name="a", model="m", voice="v", instructions="", disclosure="We record this.")


class Clock:
    def now(self) -> float:
        return START


def noting() -> tuple[Notes, CallRecord, World, Gauges]:
    record = CallRecord(
        call_id="018f",
        epoch=1,
        incoming=read_incoming(CallOffered("evt_1", 1, "rtc_1", ()), webhook_id="w", region="US"),
        agent=AGENT,
        received_at=0.0,
        rule="number",
        generation="abc",
    )
    nobody: Any = None
    meter = Gauges()
    world = World(nobody, nobody, nobody, Clock(), meter)
    other = Agent(name="b", model="m", voice="v", instructions="")
    return Notes(record, world, {"a": AGENT, "b": other}), record, world, meter


async def test_the_evidence_of_a_disclosure_is_kept_and_logged(log: list[Any]) -> None:
    notes, record, _, _ = noting()

    await notes.report(ReportDisclosure(DisclosureResult.HEARD, 2))

    assert record.disclosure is not None
    assert record.disclosure.heard_at == START
    assert [(each["event"], each["result"], each["attempts"]) for each in log] == [
        ("disclosure", "heard", 2)
    ]


async def test_a_transcript_that_is_refused_is_dropped_and_logged(log: list[Any]) -> None:
    notes, record, _, _ = noting()

    await notes.report(ReportNoTranscript())

    assert record.transcript.is_refused
    assert [each["event"] for each in log] == ["transcript_refused"]


async def test_a_hand_off_is_kept_and_logged(log: list[Any]) -> None:
    notes, record, _, _ = noting()

    await notes.report(ReportHandOff("b"))

    assert record.speaking is not None
    assert record.speaking.name == "b"
    assert [(each["event"], each["agent"]) for each in log] == [("handed_off", "b")]


def test_a_share_of_the_budget_is_a_warning_in_the_log(log: list[Any]) -> None:
    notes, _, _, meter = noting()

    notes.keep(SpendReported(2.5))
    notes.keep(BudgetWarned(0.5))

    assert [(each["event"], each["share"], each["cost_usd"]) for each in log] == [
        ("budget_warned", 0.5, 2.5)
    ]
    assert meter.alarms == {}


def test_tokens_that_are_short_raise_one_alarm(log: list[Any]) -> None:
    notes, _, world, meter = noting()

    for _ in range(3):
        notes.keep(TokensLeft(0.05, 30.0))

    assert world.headroom.is_low(START + 29)
    assert meter.alarms == {"provider_tokens": 1}
    assert meter.tokens == [0.05] * 3
