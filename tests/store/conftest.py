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
def ledger(request: pytest.FixtureRequest, clock: SetClock) -> Ledger:
    return LEDGERS[request.param](clock)
