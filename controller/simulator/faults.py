"""Everything that can go wrong on OpenAI's side, by name.

A fault is a name (`fault_names.py`) and one row (`effects.py`): the point of the call where it
strikes, and values that the code at this point reads. To add one, add a name and a row; code is
needed for a new *point* only. A scenario names faults (`faults = ["accept_404"]`) and may change a
row's values (`{ name = "accept_slow", seconds = 2.0 }`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from controller.errors import SimulatorError
from controller.simulator.effects import EFFECTS, Effect
from controller.simulator.fault_names import Fault, Point

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.simulator.wire import JsonObject

__all__ = ["EFFECTS", "Effect", "Fault", "FaultLike", "Faults", "Planned", "Point", "plan"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault of one call, with this call's own values."""

    fault: Fault
    effect: Effect


FaultLike: TypeAlias = Fault | Planned | str


def plan(
    name: FaultLike,
    *,
    times: int | None = None,
    seconds: float | None = None,
    skips: int | None = None,
) -> Planned:
    """Return a fault ready for a call; what is given takes the place of the row's own value.

    Raises:
        SimulatorError: no fault has this name.
    """
    if isinstance(name, Planned):
        return name
    try:
        fault = Fault(name)
    except ValueError:
        raise SimulatorError(f"no fault is called {name!r}") from None
    given = {"times": times, "seconds": seconds, "skips": skips}
    wanted: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    return Planned(fault, replace(EFFECTS[fault], **wanted) if wanted else EFFECTS[fault])


class Faults:
    """The faults of one call and how often each may still strike."""

    __slots__ = ("_left",)

    def __init__(self, planned: Iterable[Planned]) -> None:
        self._left: dict[Point, list[tuple[Planned, int | None]]] = {}
        for one in planned:
            self._left.setdefault(one.effect.point, []).append((one, one.effect.times))

    def peek(self, point: Point) -> Planned | None:
        """Return the fault that would strike at a point, without using it up."""
        waiting = self._left.get(point)
        return waiting[0][0] if waiting else None

    def take(self, point: Point, body: JsonObject | None = None) -> Planned | None:
        """Return the fault that strikes now at a point, or None, and count it."""
        for position, (one, left) in enumerate(self._left.get(point, ())):
            spares = one.effect.spares
            if spares is not None and body is not None and spares(body):
                continue
            if one.effect.skips:
                later = Planned(one.fault, replace(one.effect, skips=one.effect.skips - 1))
                self._left[point][position] = (later, left)
                continue
            if left is not None and left <= 1:
                del self._left[point][position]
            elif left is not None:
                self._left[point][position] = (one, left - 1)
            return one
        return None

    def add(self, one: Planned) -> None:
        """Let a further fault strike from now on, before the others at its point."""
        self._left.setdefault(one.effect.point, []).insert(0, (one, one.effect.times))
