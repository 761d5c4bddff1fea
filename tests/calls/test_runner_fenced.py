"""Another process takes the call over: from then on it is not touched from here."""

from __future__ import annotations

import pytest

from controller.simulator import Scenario
from tests.calls.house import Open
from tests.calls.ledgers import WatchedLedger, fenced

pytestmark = pytest.mark.looptime

HOURS = """
stays = 300.0
caller = ["When are you open on Monday?", "A person, please."]
[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }
[[model]]
heard = "person"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
"""


@pytest.mark.parametrize(
    ("step", "verbs"),
    [
        ("intend answer", []),
        ("settle answer", ["accept 200"]),
        ("intend tool", ["accept 200"]),
        ("settle tool", ["accept 200"]),
        ("intend transfer", ["accept 200"]),
        ("settle transfer", ["accept 200", "refer 200"]),
    ],
)
async def test_a_call_that_was_taken_over_is_let_go_without_a_word(
    open_house: Open, step: str, verbs: list[str]
) -> None:
    house = await open_house(ledger=lambda inner: WatchedLedger(inner, fails=fenced(step)))

    call = await house.ring(HOURS, "refer_ignored")
    await house.quiet()

    assert house.verbs() == verbs
    assert house.lines == []
    assert house.meter.outcomes == {}
    assert house.registry.live_count == 0
    assert not call.is_over
    assert call.sidebands == []
    ran = [name for name, _, _ in house.meter.tools]
    assert ran == ([] if step.endswith("answer") or step == "intend tool" else ["opening_hours"])
    call.leave()


@pytest.mark.parametrize("step", ["intend reject", "settle reject"])
async def test_a_refusal_that_was_taken_over_is_let_go(open_house: Open, step: str) -> None:
    house = await open_house(
        rules={"unknown_number": 404},
        ledger=lambda inner: WatchedLedger(inner, fails=fenced(step)),
    )

    call = await house.ring('to = "+12025550199"')
    await house.quiet()

    assert house.lines == []
    assert house.verbs() == ([] if step == "intend reject" else ["reject 200"])
    call.leave()


async def test_an_outcome_is_reported_by_the_owner_alone(open_house: Open) -> None:
    house = await open_house(ledger=lambda inner: WatchedLedger(inner, fails=fenced("finish")))

    await house.play("stays = 3.0")

    assert house.lines == []
    assert house.meter.outcomes == {}


async def test_a_stale_delivery_that_another_process_took_is_reported_there(
    open_house: Open,
) -> None:
    house = await open_house(ledger=lambda inner: WatchedLedger(inner, fails=fenced("finish")))
    await house.ring(Scenario(webhooks=("late",)))
    await house.until(lambda: house.results)

    assert house.results == ["stale"]
    assert house.lines == []


async def test_what_is_done_outside_is_written_down_before(open_house: Open) -> None:
    ledgers: list[WatchedLedger] = []

    def watched(inner: object) -> WatchedLedger:
        ledgers.append(WatchedLedger(inner))  # type: ignore[arg-type]  # it is what the house made
        return ledgers[0]

    house = await open_house(ledger=watched)

    await house.play(HOURS.replace("300.0", "2.0"))

    assert ledgers[0].steps == [
        "claim",
        "reserve",
        "intend answer",
        "settle answer",
        "intend tool",
        "settle tool",
        "intend transfer",
        "settle transfer",
        "finish",
    ]
