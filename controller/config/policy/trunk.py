"""`[trunk]`: what was measured on the SIP trunk (O1), and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from controller.config.document import dotted
from controller.config.driving import host_name
from controller.config.policy.conditions import country
from controller.config.policy.consequences import Rejection
from controller.config.policy.rules import UNTRUSTED_TRUNK
from controller.config.problems import refusal
from controller.config.section import Day, HeaderName, Seconds, Section, SipCode, Text
from controller.config.telephony import host_of
from controller.config.urls import secrets_in
from controller.sansio.agent import Target
from controller.sansio.parties import CALLED_NUMBER_HEADERS
from controller.sansio.policy import Reject, Rule, Rules
from controller.sansio.policy.conditions import FromTrunk, Not
from controller.sansio.trunk import TrunkFacts

if TYPE_CHECKING:
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints
    from controller.config.secrets import Filler

SHORTEST_SECRET: Final = 16
"""Characters, where nobody says how they were chosen."""
_HEADER: Final = ("trunk", "header")
_FORBIDDEN: Final = Reject(403)


def _untrusted(value: Any) -> Any:
    if isinstance(value, dict | Rejection) or value == "answer":
        return value
    raise refusal('must be { reject = 403 }, with a SIP code from 400 to 699, or "answer"')


class Trunk(Section):
    """What is known of the SIP trunk, from [the field test](../how-to/field-test.md).

    Until `verified_at` says that it was made, the trunk counts as unverified.
    """

    default_region: Annotated[str, AfterValidator(country)] = "US"
    """Country in which numbers without a country code are read."""
    called_number_headers: Annotated[tuple[HeaderName, ...], Field(strict=False)] = ()
    """Headers of your own trunk that carry the called number, in the order in which they are
    searched, before those that all trunks use."""
    caller_headers: Annotated[tuple[HeaderName, ...], Field(strict=False)] = ()
    """Headers of your own trunk that carry the caller, likewise; they are believed as
    P-Asserted-Identity is."""
    header: dict[HeaderName, Text] = Field(default_factory=dict, repr=False)
    """How a call of your trunk is known: headers with values that only the trunk knows,
    `{ X-Trunk-Secret = "${TRUNK_SECRET}" }`. All must be right; compared in constant time. What
    other calls say of their callers is then a claim."""
    untrusted: Annotated[
        Rejection | Literal["answer"] | None,
        BeforeValidator(_untrusted, json_schema_input_type=Rejection | Literal["answer"]),
    ] = None
    """What becomes of a call without `header`: `{ reject = 403 }`, which is the default, or
    `"answer"`: it goes through the rules like others, and its caller's number is `claimed`."""
    trust_verstat: bool = False
    """Believe `verstat=TN-Validation-Passed` beside a caller's number (`attested`): only where the
    trunk removes it from what its own callers send."""
    verified_at: Day | None = None
    """The day of the field test. `controller check` wants a `default_agent` or a number `"*"` until
    then."""
    advance_codes: Annotated[tuple[SipCode, ...], Field(strict=False)] | None = None
    """SIP codes at which the trunk tries its next route. Once verified, `controller check` warns of
    a full or closing service that refuses with another one."""
    ring_time: Seconds | None = None
    """Seconds that it rings with the service stopped. For your own records: `controller check`
    prints it."""
    refer_form: Literal["sip", "tel"] | None = None
    """What it takes in Refer-To, `sip` or `tel`; `controller check` warns of other targets."""
    refer_host: Annotated[str, AfterValidator(host_name)] | None = None
    """The host that it wants there; `controller check` warns of SIP targets at another one."""
    refer_seconds: Seconds | None = None
    """Seconds from the REFER until the new leg rings. For your own records, as `ring_time`."""


def resolve(section: Trunk, filler: Filler, complaints: Complaints) -> TrunkFacts:
    """Return the facts.

    Args:
        section: As written.
        filler: Knows the secrets.
        complaints: Takes what is wrong.
    """
    if section.untrusted is not None and not section.header:
        found = "says what becomes of calls without header, and there is none"
        complaints.add(("trunk", "untrusted"), found, "give header, or leave it out")
    mark = [
        (name.lower(), filler.fill(text, (*_HEADER, name), complaints))
        for name, text in section.header.items()
    ]
    return TrunkFacts(
        region=section.default_region,
        called_number_headers=(*section.called_number_headers, *CALLED_NUMBER_HEADERS),
        caller_headers=section.caller_headers,
        trust_verstat=section.trust_verstat,
        mark=tuple(mark),
        verified_at=section.verified_at,
        advance_codes=section.advance_codes,
        ring_time=section.ring_time,
        refer_form=section.refer_form,
        refer_host=section.refer_host,
        refer_seconds=section.refer_seconds,
    )


def rules_of(section: Trunk) -> tuple[Rule, ...]:
    """Return the rule that the trunk's header makes, to be asked before all others."""
    if not section.header or section.untrusted == "answer":
        return ()
    refuses = section.untrusted
    code = _FORBIDDEN if refuses is None else Reject(refuses.reject)
    return (Rule(UNTRUSTED_TRUNK, (Not(FromTrunk()),), code),)


def doubts(
    section: Trunk,
    facts: TrunkFacts,
    *,
    rules: Rules,
    places: Mapping[str, KeyPath],
    targets: Mapping[str, Target],
    warn: Callable[[KeyPath, str], None],
) -> None:
    """Warn of what does not fit the trunk.

    Args:
        section: As written.
        facts: What became of it.
        rules: Of admission, with the limits.
        places: Where each limit stands that somebody wrote, by name.
        targets: Who a call may be transferred to.
        warn: Takes path and sentence.
    """
    if section.header and not any(map(secrets_in, section.header.values())):
        name = next(iter(section.header))
        warn((*_HEADER, name), "the trunk's secret stands in the file; name it as ${NAME}")
    for (_, value), (name, text) in zip(facts.mark, section.header.items(), strict=True):
        if value != text and len(value) < SHORTEST_SECRET:
            least = f"give it at least {SHORTEST_SECRET} characters"
            warn((*_HEADER, name), f"the trunk's secret can be guessed; {least}")
    if facts.is_verified and facts.advance_codes is not None:
        dead_ends: dict[int, list[KeyPath]] = {}
        for path, code in _capacity_codes(rules, places):
            dead_ends.setdefault(code, []).append(path)
        codes = ", ".join(map(str, facts.advance_codes)) or "no code"
        for code in sorted(dead_ends.keys() - set(facts.advance_codes)):
            first, *others = dict.fromkeys(dead_ends[code])
            also = f" (and {', '.join(map(dotted, others))})" if others else ""
            tells = f"the trunk tries no other route after {code}, only after {codes}"
            warn(first, f"rejects with {code}{also}: {tells}")
    for name, target in targets.items():
        for sentence in _misfits(target, facts):
            warn(("targets", name, "uri"), sentence)


def _capacity_codes(rules: Rules, places: Mapping[str, KeyPath]) -> Iterator[tuple[KeyPath, int]]:
    """Yield the codes after which a call had better be answered by somebody else."""
    yield ("policy", "busy"), rules.busy
    yield ("policy", "draining"), rules.paused
    for limit in rules.limits:
        if limit.by == "total" and isinstance(limit.over, Reject):
            yield places.get(limit.name, ("policy", "default_limits")), limit.over.status_code


def _misfits(target: Target, facts: TrunkFacts) -> Iterator[str]:
    scheme = target.uri.partition(":")[0].lower()
    if facts.refer_form is not None and scheme.removesuffix("s") != facts.refer_form:
        yield f"the trunk takes {facts.refer_form}: in Refer-To, and the target is {scheme}:"
    elif scheme != "tel" and facts.refer_host not in {None, host_of(target.uri)}:
        yield f"the trunk wants the host {facts.refer_host} in Refer-To"


def known_as(facts: TrunkFacts) -> Sequence[str]:
    """Return what is printed of a trunk, a piece each."""
    pieces = ["verified on " + facts.verified_at.isoformat()] if facts.verified_at else []
    pieces = pieces or ["unverified"]
    if facts.mark:
        pieces.append(f"known by {', '.join(name for name, _ in facts.mark)}")
    if facts.advance_codes is not None:
        pieces.append(f"next route after {', '.join(map(str, facts.advance_codes)) or 'no code'}")
    if facts.ring_time is not None:
        pieces.append(f"rings {facts.ring_time:g} s")
    if facts.refer_seconds is not None:
        pieces.append(f"new leg rings {facts.refer_seconds:g} s after REFER")
    return pieces
