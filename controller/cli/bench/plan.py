"""What is measured: which crowds, over what, how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import controller
from controller.errors import ControllerError


class Transport(StrEnum):
    """How the service reaches the stand-in for OpenAI; deliveries are always plain."""

    PLAIN = "plain TCP"
    TLS = "TLS"


class System(StrEnum):
    """Who is measured."""

    FLOOR = "floor"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Plan:
    """One benchmark.

    A run is one process of one system: it holds `held[0]` calls, then `held[1]`, and so on; each
    step is measured on its own.
    """

    transports: tuple[Transport, ...] = (Transport.PLAIN,)
    rates: tuple[float, ...] = (20.0,)
    """Arrivals a second."""
    held: tuple[int, ...] = (100,)
    """Calls that are held at the end of each step, ascending."""
    rounds: int = 2
    tool_calls: int = 60
    """Callers who ask for a tool, at each step."""
    tool_rate: float = 20.0
    """Of them, a second."""
    warm_up: int = 10
    """Calls that come and go before anything is measured."""
    settle: float = 1.0
    """Seconds of silence before memory is read."""
    floor: Path = Path()

    def runs(self) -> Iterator[tuple[int, Transport, float, System]]:
        """Yield the runs in order; who comes first changes from run to run."""
        for number in range(self.rounds):
            turn = number
            for transport in self.transports:
                for rate in self.rates:
                    order = list(System) if turn % 2 == 0 else list(System)[::-1]
                    for system in order:
                        yield number, transport, rate, system
                    turn += 1

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        steps = len(self.held) * (self.tool_calls / self.tool_rate + self.settle + 1.5)
        arrivals = sum(self.held[-1] / rate + steps + _OVERHEAD for rate in self.rates)
        return arrivals * len(self.transports) * self.rounds * len(System)


_OVERHEAD: Final = 5.0
"""Seconds that a run takes beside its arrivals: start, warm-up, end."""

PLANS: Final[Mapping[str, Plan]] = {
    "quick": Plan(tool_calls=20),
    "usual": Plan(transports=tuple(Transport), rates=(50.0,), held=(100, 500)),
    "full": Plan(transports=tuple(Transport), rates=(20.0, 50.0), held=(100, 500, 1000)),
}


def floor_program(given: Path | None) -> Path:
    """Return where the floor's program is.

    Raises:
        ControllerError: It is not there; it belongs to the tests, which are not installed.
    """
    path = given or Path(controller.__file__).parents[1] / "tests" / "bench" / "floor.py"
    if not path.is_file():
        raise ControllerError(
            f"no floor at {path}; run this in a checkout, or name it with --floor"
        )
    return path
