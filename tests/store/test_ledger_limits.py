"""Counts behind limits, as every ledger keeps them: exact, all or none, given back at the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.calls.ports import UNCOUNTED, Claim, Ledger
from controller.sansio.commands import Outcome
from controller.sansio.policy import Key, Share

CALLER = "+12025550142"


def place(name: str, at_most: float, subject: str = "") -> Share:
    return Share(key=Key(name, subject), at_most=at_most)


def recent(at_most: float, *, seconds: float = 600.0, subject: str = CALLER) -> Share:
    return Share(key=Key("caller", subject), at_most=at_most, seconds=seconds)


def spent(
    at_most: float, *, deposit: float = 0.0, period: str = "2026-11-22", subject: str = ""
) -> Share:
    return Share(
        key=Key("spend", subject), at_most=at_most, amount=deposit, measure="usd", period=period
    )


async def claimed(ledger: Ledger, call_id: str) -> int:
    claim = Claim(call_id, "openai_sip", f"rtc_{call_id}", f"wh_{call_id}", None, 0.0, b"{}")
    epoch = await ledger.claim(claim)
    assert epoch is not None
    return epoch


async def has_room(ledger: Ledger, *shares: Share) -> bool:
    """Tell whether there is room, taking none of it."""
    full = await ledger.reserve("probe", shares)
    await ledger.release("probe")
    return full is None


async def test_the_share_without_room_is_returned_and_nothing_is_taken(ledger: Ledger) -> None:
    total, withheld = place("total", 2), place("withheld", 1)

    assert await ledger.reserve("a", [total, withheld]) is None
    assert await ledger.reserve("b", [total, withheld]) == withheld
    assert await ledger.reserve("c", [total]) is None
    assert await ledger.reserve("d", [total]) == total


async def test_nothing_is_taken_of_any_kind_when_one_share_is_refused(ledger: Ledger) -> None:
    await ledger.reserve("a", [place("last", 1)])
    beside = [place("total", 1), recent(1), spent(1, deposit=1), place("last", 1)]

    assert await ledger.reserve("b", beside) == place("last", 1)
    assert await ledger.reserve("c", beside[:-1]) is None


async def test_a_limit_of_none_is_always_full(ledger: Ledger) -> None:
    for share in (place("total", 0), recent(0), spent(0)):
        assert await ledger.reserve("a", [share]) == share


async def test_a_call_without_shares_has_room(ledger: Ledger) -> None:
    assert await ledger.reserve("a", []) is None


async def test_subjects_and_limits_are_counted_apart(ledger: Ledger) -> None:
    assert await ledger.reserve("a", [place("agent", 1, "frontdesk")]) is None
    assert await ledger.reserve("b", [place("agent", 1, "sales")]) is None
    assert await ledger.reserve("c", [place("number", 1, "sales")]) is None
    assert await ledger.reserve("d", [place("agent", 1, "sales")]) is not None


async def test_release_gives_everything_back_once(ledger: Ledger) -> None:
    shares = [place("total", 1), recent(1), spent(1, deposit=1)]
    await ledger.reserve("a", shares)
    await ledger.release("a")
    await ledger.release("a")
    await ledger.release("nobody")

    assert await ledger.reserve("b", shares) is None
    assert await ledger.reserve("c", shares) == shares[0]


async def test_reserving_again_does_not_take_twice(ledger: Ledger) -> None:
    shares = [place("total", 1), recent(1), spent(1, deposit=1)]

    assert await ledger.reserve("a", shares) is None
    assert await ledger.reserve("a", shares) is None
    await ledger.release("a")
    assert await ledger.reserve("b", shares) is None


async def test_a_call_that_finds_no_room_the_second_time_holds_nothing(ledger: Ledger) -> None:
    await ledger.reserve("a", [place("total", 1)])
    await ledger.reserve("b", [place("agent", 1)])

    assert await ledger.reserve("a", [place("agent", 1)]) is not None
    assert await has_room(ledger, place("total", 1))


async def test_an_ended_call_gives_its_places_back_and_stays_in_the_other_counts(
    ledger: Ledger,
) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.reserve("a", [place("total", 1), recent(1), spent(5)])

    await ledger.finish("a", epoch, Outcome.CALLER_HUNG_UP, b"{}", used={"usd": 5.0})

    assert await has_room(ledger, place("total", 1))
    assert not await has_room(ledger, recent(1))
    assert not await has_room(ledger, spent(5))


@pytest.mark.parametrize("outcome", sorted(UNCOUNTED))
async def test_a_call_that_was_refused_after_all_counts_nowhere(
    ledger: Ledger, outcome: Outcome
) -> None:
    epoch = await claimed(ledger, "a")
    shares = [place("total", 1), recent(1), spent(1, deposit=1)]
    await ledger.reserve("a", shares)

    await ledger.finish("a", epoch, outcome, b"{}", used={"usd": 1.0})

    assert await has_room(ledger, *shares)


async def test_no_stretch_of_that_many_seconds_holds_more_calls(ledger: Ledger, clock: Any) -> None:
    for call_id, wait in (("a", 0.0), ("b", 300.0), ("c", 299.0)):
        clock.time += wait
        assert (await ledger.reserve(call_id, [recent(2)]) is None) == (call_id != "c")

    clock.time += 1.0  # ten minutes after the first
    assert await ledger.reserve("d", [recent(2)]) is None
    assert not await has_room(ledger, recent(2))
    clock.time += 299.0
    assert not await has_room(ledger, recent(2))
    clock.time += 1.0
    assert await has_room(ledger, recent(2))


async def test_other_callers_are_not_counted_with_the_one_who_calls_too_often(
    ledger: Ledger,
) -> None:
    await ledger.reserve("a", [recent(1)])

    assert await ledger.reserve("b", [recent(1, subject="+12025550143")]) is None


async def test_money_is_counted_when_the_call_is_over(ledger: Ledger) -> None:
    for call_id, cost in (("a", 3.0), ("b", 1.5)):
        epoch = await claimed(ledger, call_id)
        assert await ledger.reserve(call_id, [spent(4)]) is None
        await ledger.finish(call_id, epoch, Outcome.WE_HUNG_UP, b"{}", used={"usd": cost})

    assert await ledger.reserve("c", [spent(4)]) == spent(4)
    assert await ledger.reserve("d", [spent(5)]) is None


async def test_a_deposit_keeps_live_calls_within_the_limit(ledger: Ledger) -> None:
    share = spent(10, deposit=5)
    epoch = await claimed(ledger, "a")
    assert await ledger.reserve("a", [share]) is None
    assert await ledger.reserve("b", [share]) is None
    assert await ledger.reserve("c", [share]) == share

    await ledger.finish("a", epoch, Outcome.WE_HUNG_UP, b"{}", used={"usd": 0.25, "minutes": 9})

    assert await ledger.reserve("c", [share]) == share
    assert await ledger.reserve("d", [spent(10, deposit=4.75)]) is None


async def test_a_call_that_was_never_answered_costs_nothing(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.reserve("a", [spent(5, deposit=5)])

    await ledger.finish("a", epoch, Outcome.CALLER_GONE, b"{}")

    assert await ledger.reserve("b", [spent(5, deposit=5)]) is None


async def test_a_new_period_begins_with_nothing_and_the_old_call_counts_in_the_old_one(
    ledger: Ledger,
) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.reserve("a", [spent(5)])
    today = spent(5, period="2026-11-23", deposit=5)

    assert await ledger.reserve("b", [today]) is None
    await ledger.finish("a", epoch, Outcome.WE_HUNG_UP, b"{}", used={"usd": 100.0})

    await ledger.release("b")
    assert await ledger.reserve("c", [today]) is None


async def test_calls_may_be_counted_by_the_day_too(ledger: Ledger) -> None:
    share = Share(key=Key("day"), at_most=1, period="2026-11-22")
    epoch = await claimed(ledger, "a")
    await ledger.reserve("a", [share])
    await ledger.finish("a", epoch, Outcome.WE_HUNG_UP, b"{}", used={"usd": 1.0})

    assert await ledger.reserve("b", [share]) == share


async def test_counts_outlive_the_rules_they_were_made_by(ledger: Ledger, clock: Any) -> None:
    await ledger.reserve("a", [place("total", 5), recent(5, seconds=600)])
    clock.time += 60

    # After a reload: tighter limits, of the same names.
    assert await ledger.reserve("b", [place("total", 1)]) == place("total", 1)
    assert await ledger.reserve("b", [recent(1)]) == recent(1)
    assert await ledger.reserve("b", [recent(1, seconds=60)]) is None
    await ledger.release("a")
    assert await ledger.reserve("c", [place("total", 1)]) is None


async def test_of_many_calls_at_once_exactly_as_many_as_fit_are_taken(ledger: Ledger) -> None:
    shares = [place("total", 7), recent(5, seconds=1.0)]

    results = await asyncio.gather(*(ledger.reserve(f"c{n}", shares) for n in range(50)))

    assert sum(full is None for full in results) == 5


# --- any history -----------------------------------------------------------------------------


class Model:
    """The same counts, kept as a list of what happened."""

    def __init__(self) -> None:
        self.live: dict[str, tuple[float, list[Share]]] = {}
        self.over: list[tuple[float, list[Share], float]] = []

    def used(self, share: Share, now: float) -> float:
        live = [(at, each, each.amount) for at, all_ in self.live.values() for each in all_]
        over = [
            (at, each, usd if each.measure == "usd" else each.amount)
            for at, all_, usd in self.over
            for each in all_
            if each.seconds is not None or each.period is not None
        ]
        return sum(
            amount
            for at, each, amount in live + over
            if each.key == share.key
            and (share.seconds is None or now - at < share.seconds)
            and each.period == share.period
        )


KINDS = [
    place("total", 3),
    place("caller", 1, CALLER),
    place("caller", 1, "+12025550143"),
    Share(key=Key("rate", CALLER), at_most=2, seconds=10.0),
    Share(key=Key("rate"), at_most=4, seconds=10.0),
    spent(4, deposit=1),
    Share(key=Key("calls_a_day"), at_most=6, period="2026-11-22"),
]
STEPS = st.tuples(
    st.sampled_from(["reserve", "reserve", "reserve", "release", "finish", "refuse"]),
    st.sampled_from(["a", "b", "c", "d", "e"]),
    st.sets(st.sampled_from(range(len(KINDS))), min_size=1),
    st.sampled_from([0.0, 0.5, 3.0, 9.75, 10.0]),
    st.sampled_from([0.0, 0.25, 2.0]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(steps=st.lists(STEPS, max_size=40))
async def test_no_limit_is_exceeded_and_none_refuses_while_there_is_room(
    make_ledger: Any, clock: Any, steps: list[tuple[str, str, set[int], float, float]]
) -> None:
    ledger, model = make_ledger(), Model()
    epochs = {call_id: await claimed(ledger, call_id) for call_id in "abcde"}
    for verb, call_id, chosen, wait, usd in steps:
        clock.time += wait
        known = model.live.pop(call_id, None)
        if verb == "reserve" and call_id in epochs:
            shares = [KINDS[index] for index in sorted(chosen)]
            full = await ledger.reserve(call_id, shares)
            full_by_model = [
                each for each in shares if each.is_too_much(model.used(each, clock.time))
            ]
            assert full == next(iter(full_by_model), None)
            if full is None:
                model.live[call_id] = (clock.time, shares)
                assert all(model.used(each, clock.time) <= each.at_most for each in shares)
        elif verb == "release":
            await ledger.release(call_id)
        elif verb in {"finish", "refuse"} and call_id in epochs:
            outcome = Outcome.REJECTED if verb == "refuse" else Outcome.WE_HUNG_UP
            await ledger.finish(call_id, epochs.pop(call_id), outcome, b"{}", used={"usd": usd})
            if verb == "finish" and known is not None:
                model.over.append((known[0], known[1], usd))
