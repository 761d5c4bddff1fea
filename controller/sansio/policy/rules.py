"""What the operator configured: ordered rules, numbers, limits, codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

from controller.sansio.policy.conditions import Called, Condition, HasPriority
from controller.sansio.policy.decisions import Decision, Reject
from controller.sansio.policy.facts import Facts
from controller.sansio.policy.limits import Limit

CATCH_ALL: Final = "*"
"""The key in `Rules.numbers` that stands for every number that is not listed."""

FULL: Final = "full"
"""The name of the limit of all calls at once."""

EMERGENCIES: Final = HasPriority(frozenset({"emergency", "psap-callback"}))
"""RFC 3261 §20.26; RFC 7090 §7: those who answer emergency calls are ringing back."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When all conditions hold, this is what becomes of the call."""

    name: str
    when: tuple[Condition, ...]
    """In the order in which they are asked; () always holds."""
    then: Decision
    """`rule` and `why` are filled in."""
    names_called: bool = field(init=False)
    """It says itself which called numbers it is about."""
    gate: frozenset[str] | None = field(init=False, repr=False, compare=False)
    """It cannot hold for a called number that is not among these; None: it must be asked."""

    def __post_init__(self) -> None:
        called = [condition for condition in self.when if isinstance(condition, Called)]
        gate = next((each.numbers.exact for each in called if not each.numbers.prefixes), None)
        object.__setattr__(self, "names_called", bool(called))  # the way to set what is frozen
        object.__setattr__(self, "gate", gate)

    def first_unmet(self, facts: Facts, now: float) -> Condition | None:
        """Return the first condition that does not hold, None where all do."""
        for condition in self.when:
            if not condition.holds(facts, now):
                return condition
        return None

    @property
    def decision(self) -> Decision:
        """What it decides, with its name and why."""
        asked = " and ".join(map(str, self.when)) or "it always holds"
        return replace(self.then, rule=self.name, why=asked)


@dataclass(frozen=True, slots=True)
class Emergencies:
    """What becomes of a call that a trusted trunk marks as an emergency (O9)."""

    trusted: tuple[Condition, ...]
    """How a call of a trusted trunk is known, all of them together: a shared secret in an X-header.
    () is no trunk at all: anyone who knows the project id can write a Priority header."""
    refer_to: str
    """The name of the human target."""
    agent_name: str | None = None
    """Who answers until then; None: the agent who would have anyway."""
    say: str | None = None
    """The first words."""

    def concerns(self, facts: Facts, now: float) -> bool:
        """Tell whether it is such a call."""
        return (
            bool(self.trusted)
            and EMERGENCIES.holds(facts, now)
            and all(condition.holds(facts, now) for condition in self.trusted)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator configured; names and SIP codes are checked when it is loaded."""

    numbers: Mapping[str, str] = field(repr=False)
    """Called number in E.164, or `*`, to the name of an agent."""
    default_agent: str | None = None
    """Takes the calls whose called number cannot be read."""
    unknown_number: int | Literal["ignore"] = 404
    """SIP code for a number that was read and is not configured, or leave it to somebody else."""
    max_concurrent_calls: int = 10
    """Calls that may live at once."""
    busy: int = 503
    """SIP code when that many live."""
    paused: int = 503
    """SIP code while no calls are admitted."""
    loop: int = 482
    """SIP code for a transfer that keeps coming back (RFC 3261 §21.4.20, Loop Detected)."""
    ordered: tuple[Rule, ...] = ()
    """Asked in this order before the numbers; the first that matches decides."""
    limits: tuple[Limit, ...] = ()
    """Asked in this order, after that of all calls at once."""
    emergencies: Emergencies | None = None
    """None: they are calls like others."""

    @property
    def every_limit(self) -> tuple[Limit, ...]:
        """All limits: that of all calls at once, which every service has, and the operator's."""
        return (_in_all(self.max_concurrent_calls, self.busy), *self.limits)


@lru_cache(maxsize=8)  # a policy has one
def _in_all(at_most: int, busy: int) -> Limit:
    return Limit(name=FULL, by="total", at_most=at_most, over=Reject(busy))
