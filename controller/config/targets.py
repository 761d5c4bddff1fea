"""Transfer targets: what one may hold, and what is checked of all of them together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from controller.config import telephony
from controller.config.hours import IN_AN_EDITOR, TimeZone, hours_of, weekly
from controller.config.names import NAME
from controller.config.problems import did_you_mean, refusal
from controller.config.section import Names, Section, Text
from controller.sansio.agent import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.config.document import KeyPath
    from controller.config.problems import Complaints


def _entry(value: str) -> str:
    weekly(value)
    return value


def _never(reason: str) -> Callable[[Any], Any]:
    def refuse(value: Any) -> Any:
        del value
        # Operations, O11: what the line cannot do is refused, and not silently left undone.
        raise refusal(f"must be left out: calls are transferred by REFER, {reason}")

    return refuse


RING_TIMEOUT: Final = "which hands over the call and does not say when the other side rings"
CALLER_ID: Final = "which cannot choose the number that the other side sees"
CONFIRM: Final = "which cannot ask whoever answers before the caller is put through"


Entry = Annotated[str, AfterValidator(_entry), WithJsonSchema(IN_AN_EDITOR)]


class TransferTarget(Section):
    """Somebody to whom a call may be transferred."""

    uri: str
    """the address, such as "sip:+12025550123@trunk.example.net"; the model never sees it"""
    description: Text
    """who answers there and when; the model reads it to choose"""
    hours: Annotated[list[Entry], Field(min_length=1)] | None = None
    """When somebody answers: `["mon-fri 08:00-17:00", "sat 09:00-12:00"]`; always without it. Time
    over midnight belongs to the day on which it begins."""
    time_zone: TimeZone | None = None
    """Zone of `hours`, such as "America/New_York"; by default that of `[policy]`."""
    next: Names = ()
    """Names of the targets to try where this one is closed, or the transfer fails."""
    user_to_user: bool = False
    """Hand over the caller's context in a User-to-User header, signed with the secret of
    `[handover]`; only to a SIP address."""
    allow_premium: bool = False
    """The number may be one that costs the caller's line extra."""
    ring_timeout: Annotated[None, BeforeValidator(_never(RING_TIMEOUT))] = None
    """Not on this line: calls are transferred by REFER, which does not say when it rings."""
    caller_id: Annotated[None, BeforeValidator(_never(CALLER_ID))] = None
    """Not on this line: REFER cannot choose the number that the other side sees."""
    confirm: Annotated[None, BeforeValidator(_never(CONFIRM))] = None
    """Not on this line: REFER cannot ask whoever answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """What holds for all targets."""

    region: str = "US"
    """The trunk's: how numbers without a country code are read."""
    own: Collection[str] = ()
    """Called numbers of ours, E.164."""
    hosts: Collection[str] | None = None
    """Those that SIP targets may have, in lower case; None: any."""
    time_zone: str | None = None
    """Of hours without a zone of their own."""
    has_secret: bool = False
    """There is a secret for User-to-User."""


def resolve(
    tables: Mapping[str, TransferTarget], rules: TransferRules, complaints: Complaints
) -> dict[str, Target]:
    """Check all targets and return them.

    Args:
        tables: By name, as written.
        rules: What holds for all of them.
        complaints: Takes what is wrong; then the result is good for looking up names only.
    """
    for name, table in tables.items():
        _check(name, table, rules, complaints)
        _check_next(name, tables, complaints)
    if cycle := _cycle(tables):
        ring = " -> ".join((*cycle, cycle[0]))
        complaints.add(("targets", cycle[0], "next"), f"{ring} goes round", "leave one of them out")
    return {name: _target(name, table, rules.time_zone) for name, table in tables.items()}


def _target(name: str, table: TransferTarget, time_zone: str | None) -> Target:
    zone = table.time_zone or time_zone
    return Target(
        name,
        table.uri,
        table.description,
        hours=hours_of(table.hours, zone) if table.hours and zone else None,
        next=tuple(table.next),
        user_to_user=table.user_to_user,
    )


def _check(name: str, table: TransferTarget, rules: TransferRules, complaints: Complaints) -> None:
    path: KeyPath = ("targets", name)
    if not NAME.fullmatch(name):
        complaints.add(path, f"{name!r} cannot be a name", "use letters, digits, - and _")
    if refused := _refusal(table, rules):
        complaints.add((*path, "uri"), refused.found, refused.cure)
    if table.hours and not (table.time_zone or rules.time_zone):
        complaints.add((*path, "hours"), "has no time zone", "give time_zone here or in [policy]")
    if table.user_to_user and not rules.has_secret:
        complaints.add(
            (*path, "user_to_user"), "there is no secret to sign with", "give [handover] secret"
        )
    if table.user_to_user and table.uri.lower().startswith("tel:"):
        # RFC 3966 §3: a tel URI has parameters and no headers.
        complaints.add(
            (*path, "user_to_user"), "a tel: address cannot carry it", "must be a sip: address"
        )


def _refusal(table: TransferTarget, rules: TransferRules) -> telephony.Refusal | None:
    refused = telephony.check_target(
        table.uri, region=rules.region, hosts=rules.hosts, allow_premium=table.allow_premium
    )
    if refused is None and telephony.number_of(table.uri, region=rules.region) in rules.own:
        return telephony.Refusal(
            f"{table.uri!r} is one of our own numbers",
            "a call sent there would ring here again; name another line",
        )
    return refused


def _check_next(name: str, tables: Mapping[str, TransferTarget], complaints: Complaints) -> None:
    following = tables[name].next
    for index, other in enumerate(following):
        path: KeyPath = ("targets", name, "next", index)
        if other == name:
            complaints.add(path, "is the target itself", "name another one")
        elif other not in tables:
            cure = did_you_mean(other, tables.keys() - {name})
            complaints.add(path, f"no target is named {other!r}", cure)
        elif other in following[:index]:
            complaints.add(path, f"{other!r} is listed twice", "once will do")


def _cycle(tables: Mapping[str, TransferTarget]) -> tuple[str, ...]:
    """Return the targets of one ring of at least two, nothing where there is none."""
    left = {
        name: [each for each in table.next if each != name and each in tables]
        for name, table in tables.items()
    }
    while ends := [name for name, following in left.items() if not following]:
        for name in ends:
            del left[name]
        left = {name: [each for each in found if each in left] for name, found in left.items()}
    if not left:
        return ()
    trail: list[str] = []
    name = next(iter(left))
    while name not in trail:  # whoever is left leads to another one
        trail.append(name)
        name = left[name][0]
    return tuple(trail[trail.index(name) :])
