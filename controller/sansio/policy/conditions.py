"""What a rule may ask of a call, one frozen value a question.

Every condition answers `holds(facts, now)` and says in `str()` what it asks, for `controller
explain` and for the log. Three promises, for all of them:

1. **Total.** Whatever a header holds, nothing raises.
2. **Discreet.** Neither `str` nor `repr` shows a telephone number or a header's wanted value, which
   may be a secret.
3. **No oracle.** Wanted header values are compared in constant time: somebody who tries values over
   the telephone network learns nothing from how fast the refusal comes.

A call without the fact that is asked for does not satisfy the condition. `Not` turns an answer
round.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from controller.sansio.attestation import Attestation
from controller.sansio.hours import Calendar
from controller.sansio.parties import CallerTrust
from controller.sansio.policy.countries import country_of
from controller.sansio.policy.facts import Facts
from controller.sansio.policy.number_sets import NumberSet
from controller.sansio.secret_headers import carries


@dataclass(frozen=True, slots=True)
class Called:
    """The dialled number is one of these; `*` is any that could be read."""

    numbers: NumberSet

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.called is not None and facts.called in self.numbers

    def __str__(self) -> str:
        return f"the called number is one of {len(self.numbers)}"


@dataclass(frozen=True, slots=True)
class CallerIn:
    """The caller's number is one of these."""

    numbers: NumberSet
    name: str = ""
    """Of the list, where it has one."""

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.caller is not None and facts.caller in self.numbers

    def __str__(self) -> str:
        if self.name:
            return f"the caller is on the list {self.name}"
        return f"the caller's number is one of {len(self.numbers)}"


@dataclass(frozen=True, slots=True)
class CallerCountry:
    """The caller's number is of one of these countries (ISO 3166, two letters)."""

    countries: frozenset[str]

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.caller is not None and country_of(facts.caller) in self.countries

    def __str__(self) -> str:
        return f"the caller's number is of {_either(self.countries)}"


@dataclass(frozen=True, slots=True)
class CallerWithheld:
    """The caller asked not to show the number (O4)."""

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.is_withheld

    def __str__(self) -> str:
        return "the caller's number is withheld"


@dataclass(frozen=True, slots=True)
class CallerTrusted:
    """The caller's number is believed so far."""

    trusts: frozenset[CallerTrust]

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.trust in self.trusts

    def __str__(self) -> str:
        return f"the caller's number is {_either(self.trusts)}"


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """A header has this value, in any of its repeats; letter by letter, in constant time."""

    name: str
    """In lower case."""
    value: str = field(repr=False)

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return carries(facts.headers, ((self.name, self.value),))

    def __str__(self) -> str:
        return f"header {self.name} has the configured value"


@dataclass(frozen=True, slots=True)
class HeaderContains:
    """A header contains this text, in any case. Not for secrets: this takes no constant time."""

    name: str
    """In lower case."""
    text: str = field(repr=False)

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        wanted = self.text.casefold()
        return any(wanted in each.casefold() for each in facts.headers.get(self.name, ()))

    def __str__(self) -> str:
        return f"header {self.name} contains the configured text"


@dataclass(frozen=True, slots=True)
class HeaderPresent:
    """A header is there, with whatever value."""

    name: str
    """In lower case."""

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return self.name in facts.headers

    def __str__(self) -> str:
        return f"header {self.name} is there"


@dataclass(frozen=True, slots=True)
class MediaSecurity:
    """The leg to OpenAI is encrypted so, by `sip_media_security`: `rtp`, `srtp`."""

    kinds: frozenset[str]

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.media_security in self.kinds

    def __str__(self) -> str:
        return f"the media is {_either(self.kinds)}"


@dataclass(frozen=True, slots=True)
class Attested:
    """A header says that the number was attested at one of these levels (STIR/SHAKEN)."""

    levels: frozenset[Attestation]

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.attestation in self.levels

    def __str__(self) -> str:
        return f"the attestation is {_either(self.levels)}"


@dataclass(frozen=True, slots=True)
class HasPriority:
    """The Priority header is one of these words (RFC 3261 §20.26, RFC 7090 §7)."""

    words: frozenset[str]
    """In lower case."""

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.priority in self.words

    def __str__(self) -> str:
        return f"the priority is {_either(self.words)}"


@dataclass(frozen=True, slots=True)
class FromTrunk:
    """The call carries what our trunk is known by; where nothing was configured, none does."""

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.is_from_trunk

    def __str__(self) -> str:
        return "the call carries the trunk's secret header"


@dataclass(frozen=True, slots=True)
class FromHost:
    """The From header names one of these hosts."""

    hosts: frozenset[str]
    """In lower case."""

    def holds(self, facts: Facts, _now: float) -> bool:
        """Ask the facts."""
        return facts.from_host in self.hosts

    def __str__(self) -> str:
        return f"the From header's host is {_either(self.hosts)}"


@dataclass(frozen=True, slots=True)
class OpenAt:
    """It is opening time."""

    calendar: Calendar
    name: str = ""
    """Of the calendar, where it has one."""

    def holds(self, _facts: Facts, now: float) -> bool:
        """Ask the calendar."""
        return self.calendar.is_open(now)

    def __str__(self) -> str:
        return f"it is within the hours {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class Not:
    """A condition does not hold."""

    condition: Condition

    def holds(self, facts: Facts, now: float) -> bool:
        """Ask the other way round."""
        return not self.condition.holds(facts, now)

    def __str__(self) -> str:
        match self.condition:
            case OpenAt(_, name):
                return f"it is outside the hours {name}".rstrip()
            case CallerWithheld():
                return "the caller's number is not withheld"
            case FromTrunk():
                return "the call lacks the trunk's secret header"
            case other:
                return f"not: {other}"


@dataclass(frozen=True, slots=True)
class All:
    """All of them hold; () always."""

    conditions: tuple[Condition, ...]

    def holds(self, facts: Facts, now: float) -> bool:
        """Ask until one does not hold."""
        return all(each.holds(facts, now) for each in self.conditions)

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions)) or "it always holds"


Condition: TypeAlias = (
    All
    | Called
    | CallerIn
    | CallerCountry
    | CallerWithheld
    | CallerTrusted
    | HeaderIs
    | HeaderContains
    | HeaderPresent
    | MediaSecurity
    | Attested
    | HasPriority
    | FromHost
    | FromTrunk
    | OpenAt
    | Not
)


def _either(words: frozenset[str] | frozenset[CallerTrust] | frozenset[Attestation]) -> str:
    return " or ".join(sorted(words)) or "none of the configured"
