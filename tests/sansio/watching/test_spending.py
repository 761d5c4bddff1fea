from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.agent import Agent, Budget
from controller.sansio.events import (
    BudgetSpent,
    BudgetWarned,
    ChannelLost,
    FloorFree,
    FloorTaken,
    Ready,
    SpendReported,
    Usage,
    UsageReported,
)
from controller.sansio.usage import Prices
from controller.sansio.watching.spending import Spending
from tests.sansio.watching.driving import START, WATCHED_AGENT

PRICES = Prices(output_audio=1_000_000.0)
"""One dollar a token."""
AGENT = replace(WATCHED_AGENT, budget=Budget(usd=10.0, warn_at=(0.8, 0.5)))


def spending(agent: Agent = AGENT, prices: Prices | None = PRICES) -> Spending:
    return Spending(agent, prices=prices)


def tokens(count: int, *, is_estimate: bool = False) -> UsageReported:
    return UsageReported(Usage(responses=1, output_audio=count), is_estimate)


def story(watcher: Spending, *happened: object) -> list[object]:
    return [found for each in happened for found in watcher.receive(each, now=START)]  # type: ignore[arg-type] # events of several kinds


def test_what_responses_cost_is_added_up() -> None:
    assert story(spending(), tokens(1), tokens(2)) == [SpendReported(1.0), SpendReported(3.0)]


def test_nothing_is_reported_that_did_not_change() -> None:
    assert story(spending(), tokens(0), FloorTaken(), FloorFree()) == []


def test_nothing_is_counted_without_prices() -> None:
    watcher = spending(prices=None)

    assert story(watcher, Ready(), FloorTaken(), tokens(100), ChannelLost()) == []
    assert watcher.value.usd == 0.0


def test_without_a_budget_money_is_only_reported() -> None:
    watcher = spending(replace(AGENT, budget=None))

    assert story(watcher, tokens(1000)) == [SpendReported(1000.0)]


def test_shares_of_the_budget_are_warned_of_once_and_its_end_is_reported_once() -> None:
    watcher = spending()

    assert story(watcher, tokens(4)) == [SpendReported(4.0)]
    assert story(watcher, tokens(1)) == [SpendReported(5.0), BudgetWarned(0.5)]
    assert story(watcher, tokens(1)) == [SpendReported(6.0)]
    assert story(watcher, tokens(6)) == [SpendReported(12.0), BudgetWarned(0.8), BudgetSpent()]
    assert story(watcher, tokens(1)) == [SpendReported(13.0)]


def test_another_agents_budget_counts_from_the_next_usage_on() -> None:
    watcher = spending()
    story(watcher, tokens(5))

    watcher.become(replace(AGENT, budget=Budget(usd=5.0, warn_at=(0.5, 0.9))))

    found = story(watcher, tokens(1))
    assert found == [SpendReported(6.0), BudgetWarned(0.9), BudgetSpent()]


def test_an_estimate_stays_one() -> None:
    found = story(spending(), tokens(1, is_estimate=True), tokens(1))

    assert found == [SpendReported(1.0, is_estimate=True), SpendReported(2.0, is_estimate=True)]


def test_prices_of_another_model_make_an_estimate() -> None:
    watcher = spending(prices=replace(PRICES, is_estimate=True))

    assert story(watcher, tokens(1)) == [SpendReported(1.0, is_estimate=True)]


def test_a_channel_that_is_lost_while_nobody_speaks_is_how_a_call_ends() -> None:
    watcher = spending()
    story(watcher, Ready(), FloorTaken(), tokens(1), FloorFree())

    assert story(watcher, ChannelLost()) == []


def test_a_channel_that_comes_back_may_have_missed_usage() -> None:
    watcher = spending()
    story(watcher, Ready(), tokens(1), ChannelLost())

    assert story(watcher, Ready()) == [SpendReported(1.0, is_estimate=True)]
    assert story(watcher, ChannelLost(), Ready()) == []


def test_a_channel_that_is_lost_during_a_response_has_missed_its_usage() -> None:
    watcher = spending()
    story(watcher, Ready(), tokens(1), FloorTaken())

    assert story(watcher, ChannelLost()) == [SpendReported(1.0, is_estimate=True)]


def test_a_channel_that_was_never_proven_has_missed_nothing() -> None:
    assert story(spending(), FloorTaken(), ChannelLost(), Ready()) == []


def test_it_waits_for_nothing() -> None:
    assert spending().deadline is None


@given(
    st.lists(
        st.one_of(
            st.builds(
                UsageReported,
                st.builds(
                    Usage,
                    responses=st.integers(0, 1),
                    input_audio=st.integers(0, 50),
                    cached_audio=st.integers(0, 99),
                    output_audio=st.integers(-3, 5),
                    transcribed_seconds=st.floats(0, 60),
                ),
                st.booleans(),
            ),
            st.sampled_from([FloorTaken(), FloorFree(), ChannelLost(), Ready()]),
        ),
        max_size=30,
    )
)
def test_costs_never_decrease_and_nothing_is_said_twice(happened: list[object]) -> None:
    prices = replace(PRICES, input_audio=100.0, cached_audio=10.0, transcription_minute=0.01)
    found = story(spending(prices=prices), *happened)

    sums = [each for each in found if isinstance(each, SpendReported)]
    assert [each.usd for each in sums] == sorted(each.usd for each in sums)
    assert [each.is_estimate for each in sums] == sorted(each.is_estimate for each in sums)
    assert len(set(sums)) == len(sums)
    warned = [each.share for each in found if isinstance(each, BudgetWarned)]
    assert warned == sorted(set(warned))
    assert found.count(BudgetSpent()) == int(bool(sums) and sums[-1].usd >= 10.0)


@pytest.mark.parametrize("usd", [0.0, 1e-9])
def test_a_budget_of_nothing_is_spent_by_the_first_usage(usd: float) -> None:
    watcher = spending(replace(AGENT, budget=Budget(usd=usd, warn_at=())))

    assert story(watcher, Ready()) == []
    assert story(watcher, tokens(1)) == [SpendReported(1.0), BudgetSpent()]
