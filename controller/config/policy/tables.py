"""The policy as it is written: every table of it, before names are looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.config.policy.calendars import CalendarSection
from controller.config.policy.emergencies import EmergenciesSection
from controller.config.policy.limits import LimitSection
from controller.config.policy.lists import ListSection
from controller.config.policy.rules import RuleSection
from controller.config.policy.trunk import Trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTables:
    """What `[policy]`, `[lists]`, `[calendars]` and `[trunk]` say."""

    rules: Sequence[RuleSection] = ()
    limits: Sequence[LimitSection] = ()
    default_limits: bool = False
    """The limits that hold unless an operator says otherwise."""
    shared_numbers: Sequence[str] = ()
    """Callers' numbers and prefixes that many people share."""
    emergencies: EmergenciesSection | None = None
    lists: Mapping[str, ListSection] = field(default_factory=dict)
    calendars: Mapping[str, CalendarSection] = field(default_factory=dict)
    time_zone: str | None = None
    trunk: Trunk = field(default_factory=Trunk)
