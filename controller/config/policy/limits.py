"""`[[policy.limits]]`: of what there may only be so much, and what happens then."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema

from controller.config.policy import consequences
from controller.config.policy.consequences import Consequence, Known
from controller.config.policy.numbers import Entries
from controller.config.policy.rules import check_name
from controller.config.problems import did_you_mean, refusal
from controller.config.section import Name
from controller.config.telephony import check_number
from controller.sansio.policy import (
    CATCH_ALL,
    WARN_AT,
    Accept,
    Limit,
    Measure,
    NumberSet,
    Period,
    Reject,
    Sliding,
    default_limits,
)
from controller.sansio.policy.limits import ONE_IS_FULL, SERVICE_FULL, By

if TYPE_CHECKING:
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

PATH: Final = ("policy", "limits")
LONGEST: Final = 7 * 86_400
"""Seconds that calls are counted one by one; longer ago they are a sum of a day or month."""

_SECONDS: Final = {"s": 1, "min": 60, "h": 3600}
_SLIDING: Final = re.compile(r"([1-9][0-9]{0,5}) ?(s|min|h)")
_ABOUT_SOME: Final = frozenset({"number", "agent", "caller"})


def _within(value: str) -> str:
    match = _SLIDING.fullmatch(value)
    if value not in {"day", "month"} and not (match and _seconds(value) <= LONGEST):
        raise refusal('must be like "10min" (s, min or h, at most "168h"), or "day", or "month"')
    return value


Within = Annotated[
    str,
    AfterValidator(_within),
    WithJsonSchema({"type": "string", "pattern": rf"^(day|month|{_SLIDING.pattern})$"}),
]
Part = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LimitSection(Consequence):
    """A limit, in place of the default one of the same name, or beside them.

    It says what becomes of a call for which there is no room, `reject` or `agent`; without either
    it is rejected, with 503 where the limit is about all calls, else with 480.
    """

    name: Name
    """what the limit is called in logs, records and `controller explain`"""
    by: By
    """whose calls are counted together: `total`, `number`, `agent`, `caller`, `withheld` (callers
    without a number), `untrusted` (callers whose number is only claimed)"""
    at_most: Amount
    """how much there may be"""
    measure: Measure = "calls"
    """`calls`, `minutes` or `usd`."""
    within: Within | None = None
    """For how long it counts: `"10min"`, `"24h"`, at any moment; or `"day"` or `"month"` of the
    calendar in the zone of `[policy]`, else in UTC. Without it: at once. Minutes and money are
    counted by day or month."""
    only: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    """Called numbers, agents or callers to which it applies; to each without it."""
    exempt: Entries = ()
    """Callers that it does not count: numbers and prefixes."""
    deposit: Amount = 0.0
    """Minutes or US dollars that a live call counts as. Without it a call counts when it is over,
    and those that are live at the limit may go beyond it."""
    warn_at: Annotated[tuple[Part, ...], Field(strict=False)] | None = None
    """Of US dollars: the shares of `at_most` at which an alarm is raised; by default half, and four
    fifths."""


def resolve(
    sections: Sequence[LimitSection],
    defaults: Sequence[Limit],
    *,
    zone: tzinfo,
    shared: NumberSet,
    known: Known,
    complaints: Complaints,
) -> tuple[Limit, ...]:
    """Return the limits: the default ones, some of them replaced, then the further ones.

    Args:
        sections: As written, in order.
        defaults: What holds where nothing is written.
        zone: Whose days are counted.
        shared: Callers' numbers that many people share.
        known: What they may name.
        complaints: Takes what is wrong.
    """
    limits = {each.name: each for each in defaults}
    seen: set[str] = set()
    for index, section in enumerate(sections):
        if not section.name:  # it stands for one that is wrong, which is told already
            continue
        path: KeyPath = (*PATH, index)
        check_name(section.name, path, seen, complaints)
        seen.add(section.name)
        reading = _Reading(section, path, known, complaints)
        if reading.goes_together():
            limits[section.name] = reading.limit(zone, shared)
    return tuple(limits.values())


def defaults(zone: tzinfo, *, shared: NumberSet, wanted: bool) -> tuple[Limit, ...]:
    """Return the limits that nobody need write down, or none of them."""
    return default_limits(zone, shared=shared) if wanted else ()


def rings(limits: Sequence[Limit]) -> Iterator[tuple[Limit, str]]:
    """Yield the limits of agents that hand calls round: when all are full, none of them holds.

    With each comes a sentence. An agent who says a sentence and refers is no ring.
    """
    hands_on: dict[str, tuple[Limit, str]] = {}
    for limit in limits:
        if limit.by == "agent" and isinstance(limit.over, Accept):
            for agent in limit.only or ():
                hands_on.setdefault(agent, (limit, limit.over.agent_name))
    told: set[str] = set()
    for agent in sorted(hands_on):
        ring = _ring(agent, {each: to for each, (_, to) in hands_on.items()})
        if len(ring) > 1 and told.isdisjoint(ring):
            told.update(ring)
            way = " -> ".join((*ring, ring[0]))
            yield hands_on[ring[-1]][0], f"{way} goes round: when all are full, no limit holds them"


def _ring(agent: str, hands_on: Mapping[str, str]) -> list[str]:
    trail: list[str] = []
    while agent in hands_on and agent not in trail:
        trail.append(agent)
        agent = hands_on[agent]
    return trail[trail.index(agent) :] if agent in trail else []


class _Reading:
    """One section."""

    def __init__(
        self, section: LimitSection, path: KeyPath, known: Known, complaints: Complaints
    ) -> None:
        self._section = section
        self._path = path
        self._known = known
        self._complaints = complaints

    def goes_together(self) -> bool:
        before = len(self._complaints.problems)
        self._check_measure()
        self._check_only()
        return len(self._complaints.problems) == before

    def limit(self, zone: tzinfo, shared: NumberSet) -> Limit:
        section = self._section
        over = consequences.resolve(section, self._path, self._known, self._complaints)
        exempt = NumberSet.of(section.exempt)
        if section.by == "caller":  # O4: a hospital's exchange has one number for many people
            exempt = NumberSet(exempt.exact | shared.exact, exempt.prefixes | shared.prefixes)
        return Limit(
            name=section.name,
            by=section.by,
            at_most=section.at_most,
            over=over or _refusal(section.by),
            measure=section.measure,
            within=_span(section.within, zone),
            deposit=section.deposit,
            only=None if section.only is None else frozenset(section.only),
            exempt=exempt,
            warn_at=WARN_AT if section.warn_at is None else tuple(sorted(set(section.warn_at))),
        )

    def _check_measure(self) -> None:
        section, blame = self._section, self._blame
        if section.measure == "calls":
            if not section.at_most.is_integer():
                blame("at_most", f"found {section.at_most}", "must be a whole number of calls")
            if section.deposit:
                blame("deposit", "is of no use", "calls are counted as one each; leave it out")
        elif section.within not in {"day", "month"}:
            key = "measure" if section.within is None else "within"
            blame(
                key,
                f"{section.measure} are counted by the calendar",
                'give within = "day" or "month"',
            )
        elif section.deposit > section.at_most:
            blame("deposit", "is more than at_most", "no call could begin; must be at most that")
        if section.warn_at is not None and section.measure != "usd":
            blame("warn_at", "is of no use", 'alarms are raised where measure is "usd"')

    def _check_only(self) -> None:
        section, known = self._section, self._known
        if section.only is None:
            return
        if section.by not in _ABOUT_SOME:
            cure = "leave it out, or count by number, agent or caller"
            self._blame("only", f"is of no use where calls are counted by {section.by}", cure)
            return
        for index, name in enumerate(section.only):
            path = (*self._path, "only", index)
            if section.by == "agent":
                known.check_agent(path, name)
            elif name == CATCH_ALL or check_number(name) is not None:
                cure = 'must be a whole number, like "+12025550100"'
                self._complaints.add(path, f"found {name!r}", cure)
            elif section.by == "number" and not {name, CATCH_ALL} & set(known.numbers):
                cure = did_you_mean(name, known.numbers)
                self._complaints.add(path, f"no number of ours is {name!r}", cure)

    def _blame(self, key: str, found: str, cure: str) -> None:
        self._complaints.add((*self._path, key), found, cure)


def _refusal(by: By) -> Reject:
    return SERVICE_FULL if by == "total" else ONE_IS_FULL


def _span(within: str | None, zone: tzinfo) -> Sliding | Period | None:
    if within is None:
        return None
    if within == "day":
        return Period("day", zone)
    if within == "month":
        return Period("month", zone)
    return Sliding(_seconds(within))


def _seconds(within: str) -> float:
    match = _SLIDING.fullmatch(within)
    assert match is not None  # noqa: S101 - the section has been read
    return float(int(match[1]) * _SECONDS[match[2]])
