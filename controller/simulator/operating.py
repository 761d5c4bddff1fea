"""What an operator does during a scenario's call.

The stand-in has no way to the operator's own socket: it says when a step is due, and who plays the
scenario, and can reach the service, does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.simulator.ending import Phase
from controller.simulator.model import contains

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from controller.simulator.call import SimulatedCall

_LIMIT = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorStep:
    """One thing that an operator does; exactly one of the acts is set."""

    after: float = 0.0
    """Seconds to wait before it, from the step before or from the answer."""
    hears: str = ""
    """Wait until the caller has heard this, before `after` begins; empty: do not wait."""
    says: str = ""
    """Words that the model is to say as they stand."""
    instructs: str = ""
    """An instruction for words that the model is to find."""
    tells: str = ""
    """Something for the model alone."""
    transfers: str = ""
    """Name of the target to which the caller is to be sent."""
    hangs_up: bool = False

    @property
    def acts(self) -> tuple[tuple[str, str], ...]:
        """The acts that are set: name and text."""
        found = [
            (name, str(getattr(self, name)))
            for name in ("says", "instructs", "tells", "transfers")
            if getattr(self, name)
        ]
        return (*found, ("hangs_up", "")) if self.hangs_up else tuple(found)


async def operate(call: SimulatedCall, act: Callable[[str, str], Awaitable[None]]) -> None:
    """Do the operator's steps of a call's scenario when they are due; stop when the call is over.

    Args:
        call: that was placed.
        act: does one step: `says`, `instructs`, `tells`, `transfers` or `hangs_up`, and its text.
    """
    await call.wait_until(lambda: call.phase is Phase.LIVE)
    for step in call.scenario.operator:
        await _heard(call, step.hears)
        await call.wait_until(lambda: call.is_over, step.after)
        if call.is_over:
            return
        for name, text in step.acts:
            await act(name, text)


async def _heard(call: SimulatedCall, text: str) -> None:
    if text:
        await call.wait_until(lambda: any(contains(one, text) for one in call.heard), _LIMIT)
