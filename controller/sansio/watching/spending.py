"""What the call costs so far, and how much of its budget is left.

Costs are added up as they are reported: each response bills the whole context again, and one that
was cancelled or failed is billed too (facts, section 6.1). The sum is an estimate from the moment
on at which a part of it is guessed or may be missed: usage that the provider did not split, prices
that are not exactly those of the model, a channel that was lost while the model had the floor, or
one that was away for a while. A channel that is lost while nobody speaks is how a normal call ends
(rule 12), so that alone makes no estimate; its return does.
"""

from __future__ import annotations

from typing import ClassVar

from controller.sansio.agent import Agent
from controller.sansio.events import (
    BudgetSpent,
    BudgetWarned,
    ChannelLost,
    Event,
    FloorFree,
    FloorTaken,
    Ready,
    SpendReported,
    UsageReported,
)
from controller.sansio.usage import Prices, cost
from controller.sansio.value import Value, replace
from controller.sansio.watching.given import Given


class SpendingState(Value, frozen=True):
    """What was counted."""

    usd: float = 0.0
    is_estimate: bool = False
    is_floor_taken: bool = False
    """The usage of a response may be owed."""
    was_lost: bool = False
    """The channel was lost after the session had been proven, and is not back."""
    is_proven: bool = False
    warned: tuple[float, ...] = ()
    """Shares of the budget that were reported."""
    is_spent: bool = False


class Spending:
    """Counts money. No I/O, no clock, no deadline; never raises.

    Args:
        agent: whose budget counts.
        prices: None: nothing is counted.
    """

    __slots__ = ("_agent", "_prices", "value")

    uses: ClassVar[frozenset[type]] = frozenset(
        {ChannelLost, FloorFree, FloorTaken, Ready, UsageReported}
    )
    deadline: float | None = None
    """It waits for nothing."""

    def __init__(self, agent: Agent, *, prices: Prices | None) -> None:
        self._agent = agent
        self._prices = prices
        self.value = SpendingState(is_estimate=prices is not None and prices.is_estimate)

    def become(self, agent: Agent) -> None:
        """Go on under another agent's budget; what was spent and warned of stays.

        It is compared when the floor changes next, which a hand-off makes it do.
        """
        self._agent = agent

    def receive(self, given: Given, *, now: float) -> tuple[Event, ...]:
        """Take what happened; return the new sum if it changed, and what it means."""
        del now
        prices = self._prices
        if prices is None:
            return ()
        before = self.value
        after = _count(before, given, prices)
        found: tuple[Event, ...] = ()
        if (after.usd, after.is_estimate) != (before.usd, before.is_estimate):
            found += (SpendReported(after.usd, after.is_estimate),)
        self.value, more = _compare(self._agent, after)
        return (*found, *more)


def _count(state: SpendingState, given: Given, prices: Prices) -> SpendingState:
    match given:
        case UsageReported():
            return replace(
                state,
                usd=state.usd + max(0.0, cost(given.usage, prices)),
                is_estimate=state.is_estimate or given.is_estimate,
            )
        case FloorTaken() | FloorFree():
            return replace(state, is_floor_taken=isinstance(given, FloorTaken))
        case ChannelLost() if state.is_proven:
            is_estimate = state.is_estimate or state.is_floor_taken
            return replace(state, was_lost=True, is_floor_taken=False, is_estimate=is_estimate)
        case Ready():
            is_estimate = state.is_estimate or state.was_lost
            return replace(state, is_proven=True, was_lost=False, is_estimate=is_estimate)
        case _:
            return state


def _compare(agent: Agent, state: SpendingState) -> tuple[SpendingState, tuple[Event, ...]]:
    budget = agent.budget
    if budget is None or not state.usd:
        return state, ()
    crossed = tuple(
        share
        for share in sorted(set(budget.warn_at) - set(state.warned))
        if state.usd >= share * budget.usd
    )
    found: tuple[Event, ...] = tuple(BudgetWarned(share) for share in crossed)
    is_spent = state.usd >= budget.usd
    if is_spent and not state.is_spent:
        found += (BudgetSpent(),)
    if not found:
        return state, ()
    warned = (*state.warned, *crossed)
    return replace(state, warned=warned, is_spent=state.is_spent or is_spent), found
