"""What answers calls, and how long each state of it is needed.

A `Generation` is everything that decides how a call is answered; it never changes. A call takes the
one that is current when its delivery comes, and keeps it to its end: agents, tools, rules, prompts,
secrets, prices, trunk and look-up of one call are of one generation, however often another becomes
current meanwhile. `Generations` says which is current, and knows of each who still needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from controller.calls.ports import Toolbox
from controller.sansio.agent import Agent, Target
from controller.sansio.lookup import Lookup
from controller.sansio.parties import CALLED_NUMBER_HEADERS
from controller.sansio.policy import Rules
from controller.sansio.returning import numbers_of_targets
from controller.sansio.templating import Prompts
from controller.sansio.usage import PriceEntry


@dataclass(frozen=True, slots=True)
class Trunk:
    """How the trunk writes what we must read."""

    region: str = "US"
    called_number_headers: Sequence[str] = CALLED_NUMBER_HEADERS


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """What answers calls: agents, their tools, the rules of admission, and how to read a call."""

    hash: str
    agents: Mapping[str, Agent]
    toolboxes: Mapping[str, Toolbox]
    """By the agent's name."""
    rules: Rules
    targets: Mapping[str, Target] = field(default_factory=dict)
    """All that there are, by name; by default those that the agents have."""
    prices: Sequence[PriceEntry] = ()
    """The price list; without one nothing is counted in money."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name."""
    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    """By the agent's name: texts that are filled in for each call."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What stands for a fact that no look-up has found, by name."""
    lookup: Lookup | None = None
    """What is asked before a call is answered; None: nothing."""
    trunk: Trunk = field(default_factory=Trunk)
    numbers_of_targets: Mapping[str, frozenset[str]] = field(init=False, repr=False)
    """By which a transfer that comes back is known (`returning`)."""

    def __post_init__(self) -> None:
        has = (target for agent in self.agents.values() for target in agent.targets)
        targets = {**{target.name: target for target in has}, **self.targets}
        numbers = numbers_of_targets(targets.values(), region=self.trunk.region)
        object.__setattr__(self, "targets", targets)  # the way to set what is frozen
        object.__setattr__(self, "numbers_of_targets", numbers)


class Generations:
    """The generation of new calls, and those that older calls keep.

    Args:
        first: current from the start.
    """

    def __init__(self, first: Generation) -> None:
        self._current = first

    @property
    def current(self) -> Generation:
        """What a call takes that comes now. To be read once for each call."""
        return self._current

    def activate(self, generation: Generation) -> None:
        """Have the calls that come from now on take another one."""
        self._current = generation

    @contextmanager
    def use(self) -> Iterator[Generation]:
        """Return the current one, which is not given up before the end of the block."""
        generation = self._current
        release = self.hold(generation)
        try:
            yield generation
        finally:
            release()

    def hold(self, generation: Generation) -> Callable[[], None]:
        """Keep a generation for a call. Returns what ends that, to be called once."""
        del generation
        return _nothing


def _nothing() -> None:
    """Nothing is given up yet."""
