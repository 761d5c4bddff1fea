"""Calls that are answered or greeted late: an operator is told."""

from __future__ import annotations

import pytest

from controller.calls.world import AlarmLimits
from tests.calls.house import Open
from tests.calls.ledgers import WatchedLedger

pytestmark = pytest.mark.looptime

LIMITS = AlarmLimits()

SHORT = "caller = [{ waits = 8 }, { hangs_up = true }]"
SLOW_MODEL = f"{SHORT}\npace = {{ first_word = 3 }}"
LATE_QUESTION = """
caller = [{ waits = 4 }, "Hello?", { waits = 4 }, { hangs_up = true }]
pace = { first_word = 3 }
"""


async def test_a_call_that_is_answered_and_greeted_in_time_raises_no_alarm(
    open_house: Open,
) -> None:
    house = await open_house()
    await house.play(SHORT)
    assert house.meter.alarms == {}
    (line,) = house.lines
    assert 0.5 < line["first_word_s"] < LIMITS.slow_first_word


async def test_a_first_word_that_comes_late_is_an_alarm(open_house: Open) -> None:
    house = await open_house()
    await house.play(SLOW_MODEL)
    assert house.meter.alarms == {"slow_first_word": 1}
    assert house.lines[0]["first_word_s"] > LIMITS.slow_first_word


async def test_an_agent_that_waits_for_the_caller_cannot_be_late(open_house: Open) -> None:
    house = await open_house(agent={"greeting": None})
    await house.play(LATE_QUESTION)
    assert house.meter.alarms == {}
    assert house.lines[0]["first_word_s"] > LIMITS.slow_first_word


async def test_a_call_that_is_accepted_late_is_an_alarm(open_house: Open) -> None:
    house = await open_house(
        ledger=lambda ledger: WatchedLedger(ledger, seconds=LIMITS.slow_answer)
    )
    await house.play(SHORT)
    assert house.meter.alarms["slow_answer"] == 1


async def test_who_allows_more_time_is_told_of_less(open_house: Open) -> None:
    patient = AlarmLimits(slow_answer=10.0, slow_first_word=10.0)
    house = await open_house(
        ledger=lambda ledger: WatchedLedger(ledger, seconds=LIMITS.slow_answer),
        alarm_limits=patient,
    )
    await house.play(SLOW_MODEL)
    assert house.meter.alarms == {}


@pytest.mark.parametrize(
    ("limits", "alarm"),
    [
        (AlarmLimits(slow_answer=0.0001), "slow_answer"),
        (AlarmLimits(slow_first_word=0.1), "slow_first_word"),
    ],
)
async def test_who_allows_less_time_is_told_of_more(
    open_house: Open, limits: AlarmLimits, alarm: str
) -> None:
    house = await open_house(
        ledger=lambda ledger: WatchedLedger(ledger, seconds=0.5), alarm_limits=limits
    )
    await house.play(SHORT)
    assert house.meter.alarms == {alarm: 1}
