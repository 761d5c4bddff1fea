"""All tables of the policy together: names looked up, secrets filled in, warnings given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from controller.config.names import NAME
from controller.config.policy import calendars, emergencies, limits, rules, trunk
from controller.config.policy.conditions import Material
from controller.config.policy.consequences import Known
from controller.config.policy.tables import PolicyTables
from controller.sansio.agent import Target
from controller.sansio.hours import Calendar
from controller.sansio.policy import NumberSet, Rules
from controller.sansio.trunk import TrunkFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.config.document import KeyPath
    from controller.config.problems import Complaints
    from controller.config.secrets import Filler


@dataclass(frozen=True, slots=True)
class Policy:
    """What admission decides by."""

    rules: Rules
    trunk: TrunkFacts
    calendars: Mapping[str, Calendar]
    lists: Mapping[str, NumberSet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the policy stands among."""

    known: Known
    targets: Mapping[str, Target]
    lists: Mapping[str, NumberSet]
    """Those that the tables name, read."""
    filler: Filler
    complaints: Complaints
    warn: Callable[[KeyPath, str], None]
    """Takes what is allowed and yet worth a look."""


def resolve(tables: PolicyTables, base: Rules, around: Surroundings) -> Policy:
    """Return the policy; where something is wrong it is good for nothing but further checks.

    Args:
        tables: As written.
        base: Numbers, default agent and codes.
        around: What the tables name.
    """
    complaints = around.complaints
    _check_names("lists", tables.lists, complaints)
    _check_names("calendars", tables.calendars, complaints)
    found = calendars.resolve(tables.calendars, tables.time_zone, complaints)
    material = Material(around.filler, around.lists, found)
    facts = trunk.resolve(tables.trunk, around.filler, complaints)
    own = rules.resolve(tables.rules, material, around.known, complaints, around.warn)
    zone, shared = ZoneInfo(tables.time_zone or "UTC"), NumberSet.of(tables.shared_numbers)
    decided = replace(
        base,
        ordered=(*trunk.rules_of(tables.trunk), *own),
        limits=limits.resolve(
            tables.limits,
            limits.defaults(zone, shared=shared, wanted=tables.default_limits),
            zone=zone,
            shared=shared,
            known=around.known,
            complaints=complaints,
        ),
        emergencies=emergencies.resolve(
            tables.emergencies, around.known, complaints, has_mark=bool(tables.trunk.header)
        ),
    )
    _doubt(tables, facts, decided, around)
    return Policy(decided, facts, found, around.lists)


def _doubt(tables: PolicyTables, facts: TrunkFacts, rules: Rules, around: Surroundings) -> None:
    places: dict[str, KeyPath]
    places = {each.name: (*limits.PATH, index) for index, each in enumerate(tables.limits)}
    for limit, sentence in limits.rings(rules.limits):
        around.warn(places[limit.name], sentence)
    trunk.doubts(
        tables.trunk, facts, rules=rules, places=places, targets=around.targets, warn=around.warn
    )


def _check_names(table: str, names: Iterable[str], complaints: Complaints) -> None:
    for name in names:
        if not NAME.fullmatch(name):
            complaints.add((table, name), "cannot be a name", "use letters, digits, - and _")
