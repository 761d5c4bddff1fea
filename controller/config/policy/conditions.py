"""`when`: what a rule asks of a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BeforeValidator, Field

from controller.config.policy import calendars, lists
from controller.config.policy.numbers import SomeCalled, SomeCallers
from controller.config.problems import refusal
from controller.config.secrets import Filler
from controller.config.section import HeaderName, Section, Text, one_or_more
from controller.sansio.attestation import Attestation
from controller.sansio.hours import Calendar
from controller.sansio.parties import CallerTrust
from controller.sansio.policy import NumberSet
from controller.sansio.policy.conditions import (
    All,
    Attested,
    Called,
    CallerCountry,
    CallerIn,
    CallerTrusted,
    CallerWithheld,
    Condition,
    FromHost,
    HasPriority,
    HeaderContains,
    HeaderIs,
    HeaderPresent,
    MediaSecurity,
    Not,
    OpenAt,
)
from controller.sansio.policy.facts import is_kept

if TYPE_CHECKING:
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints


def country(value: str) -> str:
    """Return a country if its two letters are known (ISO 3166, as phonenumbers has them)."""
    if value not in SUPPORTED_REGIONS:
        raise refusal('must be a country\'s two capital letters, such as "US"')
    return value


def _kept(value: str) -> str:
    if not is_kept(value):
        raise refusal("must begin with X-, or be User-to-User, Privacy or Priority")
    return value


def _lower(value: str) -> str:
    return value.lower()


KeptHeader = Annotated[HeaderName, AfterValidator(_kept)]
Word = Annotated[str, Field(min_length=1, pattern=r"^\S+$"), AfterValidator(_lower)]
_OneOrMore = BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
_Some = Field(strict=False, min_length=1)
SomeCountries = Annotated[tuple[Annotated[str, AfterValidator(country)], ...], _OneOrMore, _Some]
SomeWords = Annotated[tuple[Word, ...], _OneOrMore, _Some]
SomeHeaders = Annotated[tuple[KeptHeader, ...], _OneOrMore, _Some]
SomeTrusts = Annotated[
    tuple[CallerTrust, ...],
    BeforeValidator(one_or_more, json_schema_input_type=CallerTrust | list[CallerTrust]),
    _Some,
]
SomeLevels = Annotated[
    tuple[Attestation, ...],
    BeforeValidator(one_or_more, json_schema_input_type=Attestation | list[Attestation]),
    _Some,
]


class ConditionsSection(Section):
    """What may be asked of a call. All keys that are given must hold.

    Headers that can be asked of are those that begin with `X-`, User-to-User, Privacy and Priority.
    Where a list may stand, so may a single value.
    """

    called: SomeCalled | None = None
    """The called number is one of these: numbers, prefixes `+1202*`, or `*` for all that can be
    read. Without this key a rule is about calls that are ours: whose number is listed in
    `[[numbers]]`, or that `*` or the default agent would take."""
    caller: SomeCallers | None = None
    """The caller's number is one of these: numbers and prefixes."""
    caller_list: Text | None = None
    """The caller's number is on this list of `[lists]`."""
    caller_country: SomeCountries | None = None
    """The caller's number is of one of these countries: `"US"`."""
    caller_withheld: bool | None = None
    """The caller asked not to show the number; false: did not."""
    caller_trust: SomeTrusts | None = None
    """How far the caller's number may be believed is one of these: `attested`, `trunk`, `claimed`,
    `withheld`."""
    header: Annotated[dict[KeptHeader, Text], Field(min_length=1)] | None = Field(None, repr=False)
    """Each of these headers has this value, letter by letter; `${NAME}` stands for a secret.
    Compared in constant time."""
    header_contains: Annotated[dict[KeptHeader, Text], Field(min_length=1)] | None = None
    """Each of these headers contains this text, in capitals or not. Not for secrets."""
    header_present: SomeHeaders | None = None
    """Each of these headers is there."""
    trunk_host: SomeWords | None = None
    """The host of the From header is one of these. Anybody can write one."""
    attestation: SomeLevels | None = None
    """A header says that the number was attested at one of these levels: `A`, `B`, `C`."""
    priority: SomeWords | None = None
    """The Priority header is one of these words."""
    media_security: SomeWords | None = None
    """The media is secured so: `srtp`, `rtp`."""
    open: Text | None = None
    """It is within the hours of this calendar of `[calendars]`."""
    closed: Text | None = None
    """It is not within the hours of this calendar."""


class WhenSection(ConditionsSection):
    """What a rule asks."""

    unless: ConditionsSection | None = None
    """The same keys once more: the rule does not hold where all of them do."""


@dataclass(frozen=True, slots=True)
class Material:
    """What conditions are made with."""

    filler: Filler
    lists: Mapping[str, NumberSet] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)


def resolve(
    section: ConditionsSection, path: KeyPath, material: Material, complaints: Complaints
) -> tuple[Condition, ...]:
    """Return the conditions, in the order in which they are best asked: the dear ones last.

    Args:
        section: As written.
        path: Where it stands.
        material: What it names.
        complaints: Takes what is wrong.
    """
    reading = _Reading(section, path, material, complaints)
    found = [*reading.of_numbers(), *reading.of_words(), *reading.of_headers()]
    found += [*reading.of_callers(), *reading.of_hours()]
    unless = section.unless if isinstance(section, WhenSection) else None
    if unless is not None:
        inner = resolve(unless, (*path, "unless"), material, complaints)
        if not inner:
            complaints.add((*path, "unless"), "asks nothing", "give a key, or leave it out")
        found.append(Not(inner[0] if len(inner) == 1 else All(inner)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One section, read by the kinds of its keys."""

    section: ConditionsSection
    path: KeyPath
    material: Material
    complaints: Complaints

    def of_numbers(self) -> Iterator[Condition]:
        section = self.section
        if section.called is not None:
            yield Called(NumberSet.of(section.called))
        if section.caller_withheld is not None:
            yield CallerWithheld() if section.caller_withheld else Not(CallerWithheld())
        if section.caller_trust is not None:
            yield CallerTrusted(frozenset(section.caller_trust))

    def of_words(self) -> Iterator[Condition]:
        section = self.section
        if section.priority is not None:
            yield HasPriority(frozenset(section.priority))
        if section.media_security is not None:
            yield MediaSecurity(frozenset(section.media_security))
        if section.attestation is not None:
            yield Attested(frozenset(section.attestation))
        if section.trunk_host is not None:
            yield FromHost(frozenset(section.trunk_host))

    def of_headers(self) -> Iterator[Condition]:
        section = self.section
        yield from (HeaderPresent(name.lower()) for name in section.header_present or ())
        for name, text in (section.header_contains or {}).items():
            path = (*self.path, "header_contains", name)
            if "${" in text:
                cure = "ask with header, which is compared in constant time"
                self.complaints.add(path, "is no place for a secret", cure)
            yield HeaderContains(name.lower(), text)
        for name, text in (section.header or {}).items():
            path = (*self.path, "header", name)
            yield HeaderIs(name.lower(), self.material.filler.fill(text, path, self.complaints))

    def of_callers(self) -> Iterator[Condition]:
        section = self.section
        if section.caller is not None:
            yield CallerIn(NumberSet.of(section.caller))
        if (name := section.caller_list) is not None:
            path = (*self.path, "caller_list")
            yield CallerIn(lists.find(self.material.lists, name, path, self.complaints), name)
        if section.caller_country is not None:
            yield CallerCountry(frozenset(section.caller_country))

    def of_hours(self) -> Iterator[Condition]:
        found = self.material.calendars
        for key in ("open", "closed"):
            name = getattr(self.section, key)
            path = (*self.path, key)
            if name is None:
                continue
            calendar = calendars.find(found, name, path, self.complaints)
            if calendar is not None:
                condition = OpenAt(calendar, name)
                yield condition if key == "open" else Not(condition)
