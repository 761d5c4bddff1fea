"""Limits: of what there may only be so much, by whom it is counted, and what follows at the limit.

A limit says *what* a call takes (`share`); the ledger counts (`reserve`). Which calls are counted
together is `by`:

    total      all calls
    number     the calls to each called number
    agent      the calls that each agent takes
    caller     the calls of each caller whose number is known, shown or not
    withheld   the calls of callers who withhold their number or have none that can be read
    untrusted  the calls whose caller's number is no more than a claim

A call to which `by` does not apply is not limited: the pool of `withheld` is there because callers
without a number would escape the limit of `caller`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Literal, TypeAlias, assert_never

from controller.sansio.policy.decisions import Accept, Reject
from controller.sansio.policy.facts import Facts
from controller.sansio.policy.number_sets import NO_NUMBERS, NumberSet
from controller.sansio.policy.shares import ALL, WARN_AT, Key, Measure, Share

By: TypeAlias = Literal["total", "number", "agent", "caller", "withheld", "untrusted"]

DAY: Final = 86_400.0

_OF: Final[dict[By, str]] = {
    "total": "in all",
    "number": "for one called number",
    "agent": "for one agent",
    "caller": "of one caller",
    "withheld": "of callers without a number",
    "untrusted": "of callers whose number is only claimed",
}


@dataclass(frozen=True, slots=True)
class Sliding:
    """The last so many seconds, at any moment."""

    seconds: float

    def __str__(self) -> str:
        for unit, seconds in (("h", 3600), ("min", 60)):
            if self.seconds >= seconds and self.seconds % seconds == 0:
                return f"in {self.seconds / seconds:g} {unit}"
        return f"in {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month of the calendar; a call counts where it began."""

    each: Literal["day", "month"]
    zone: tzinfo

    def label(self, now: float) -> str:
        """Return the period's name, `2026-11-22` or `2026-11`. Unix seconds."""
        day = datetime.fromtimestamp(now, self.zone).date().isoformat()
        return day if self.each == "day" else day[: len("2026-11")]

    def __str__(self) -> str:
        return f"a {self.each}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit with its consequence."""

    name: str
    """Unique; the rule's name in logs, and half of the key under which it is counted."""
    by: By
    at_most: float
    over: Reject | Accept
    """What becomes of a call for which there is no room; `rule` and `why` are filled in. A call
    that goes to another agent is outside of this limit from then on, and within all others."""
    measure: Measure = "calls"
    within: Sliding | Period | None = None
    """None: at once."""
    deposit: float = 0.0
    """Minutes or money that a live call counts as. 0: a call counts when it is over, so that the
    calls that are live at the limit may go beyond it."""
    only: frozenset[str] | None = None
    """Called numbers, agents or callers to which it applies; None: to each."""
    exempt: NumberSet = NO_NUMBERS
    """Callers that are not counted: a hospital's exchange has one number for many people (O4)."""
    warn_at: tuple[float, ...] = WARN_AT
    """Of money: the shares of `at_most` at which somebody is told."""

    def __post_init__(self) -> None:
        # The same promises as a share's, at load and not in the middle of a call.
        period = self.within.each if isinstance(self.within, Period) else None
        seconds = self.within.seconds if isinstance(self.within, Sliding) else None
        Share(
            key=Key(self.name), at_most=self.at_most,
            measure=self.measure, seconds=seconds, period=period,
        )  # fmt: skip

    def share(self, facts: Facts, agent_name: str, now: float) -> Share | None:
        """Return what a call takes of it, None where the limit is not about this call.

        Args:
            facts: the call.
            agent_name: who takes it.
            now: Unix seconds.
        """
        subject = self._subject(facts, agent_name)
        if subject is None or (facts.caller is not None and facts.caller in self.exempt):
            return None
        within = self.within
        return Share(
            key=Key(self.name, subject),
            at_most=self.at_most,
            amount=1.0 if self.measure == "calls" else self.deposit,
            measure=self.measure,
            seconds=within.seconds if isinstance(within, Sliding) else None,
            period=within.label(now) if isinstance(within, Period) else None,
            warn_at=self.warn_at if self.measure == "usd" else (),
        )

    def _subject(self, facts: Facts, agent_name: str) -> str | None:
        match self.by:
            case "total":
                return ALL
            case "withheld":
                return ALL if facts.is_nameless else None
            case "untrusted":
                return ALL if facts.trust == "claimed" else None
            case "number":
                subject = facts.called
            case "agent":
                subject = agent_name
            case "caller":
                subject = facts.caller
            case _:
                assert_never(self.by)
        return None if self.only is not None and subject not in self.only else subject

    def __str__(self) -> str:
        within = "at once" if self.within is None else str(self.within)
        counted = self.measure if self.at_most != 1 else self.measure.removesuffix("s")
        measure = "USD" if self.measure == "usd" else counted
        return f"at most {self.at_most:.12g} {measure} {within} {_OF[self.by]}"


SERVICE_FULL: Final = Reject(503)
ONE_IS_FULL: Final = Reject(480)


def default_limits(zone: tzinfo, *, shared: NumberSet = NO_NUMBERS) -> tuple[Limit, ...]:
    """Return the limits that hold unless an operator says otherwise (operations, Defaults).

    The ten calls at once in all are not among them: that is `Rules.max_concurrent_calls`.

    Args:
        zone: whose days are counted.
        shared: callers' numbers that many people share; not limited as one caller (O4).
    """
    one = ONE_IS_FULL
    return (
        Limit(name="arrivals", by="total", at_most=5, within=Sliding(1), over=SERVICE_FULL),
        Limit(name="withheld", by="withheld", at_most=3, over=one),
        Limit(name="caller", by="caller", at_most=2, over=one, exempt=shared),
        Limit(
            name="caller_10_min", by="caller", at_most=6,
            within=Sliding(600), over=one, exempt=shared,
        ),
        Limit(
            name="caller_day", by="caller", at_most=30,
            within=Sliding(DAY), over=one, exempt=shared,
        ),
        Limit(
            name="spend_day", by="total", at_most=50, measure="usd",
            within=Period("day", zone), over=SERVICE_FULL,
        ),
    )  # fmt: skip
