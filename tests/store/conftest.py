"""What every ledger promises is tested once, with each ledger in turn.

A ledger that keeps its records joins by one more entry in `LEDGERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from controller.calls.ports import Clock, Ledger
from controller.store.memory import MemoryLedger


@dataclass
class SetClock:
    time: float = 1_800_000_000.0

    def now(self) -> float:
        return self.time


LEDGERS: dict[str, Callable[[Clock], Ledger]] = {"memory": MemoryLedger}


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=LEDGERS)
def make_ledger(request: pytest.FixtureRequest, clock: SetClock) -> Callable[[], Ledger]:
    """Make a ledger with nothing in it, as often as a test likes."""
    return lambda: LEDGERS[request.param](clock)


@pytest.fixture
def ledger(make_ledger: Callable[[], Ledger]) -> Ledger:
    return make_ledger()
