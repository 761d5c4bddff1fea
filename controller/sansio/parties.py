"""Who calls, and which number they dialled.

**The caller** is two facts that are kept apart (O4). `number` is the best that we know, for limits,
blocks and tracing; `shown` is what model, tools and notifications may have, and is withheld when
somebody asked for that. They never differ otherwise: a tool that looks up `shown` and weighs
`trust` must be weighing the same number.

**The called number** is often not where one looks first: the trunk rings `sip:proj_…@`, so the To
header names the project. It is found in the first header, in an order that the operator measures
and configures, which holds a telephone number. "Read but not configured" is for the policy to
judge; "could not be read" is said here (O2).

Nothing in this module is proof. Anyone who knows the project id can send an INVITE with any header.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from controller.sansio.numbers import (
    UNPARSED,
    WITHHELD,
    WITHHELD_NAMES,
    Number,
    last_four,
    normalise,
)
from controller.sansio.sip import NameAddress, SipHeaders, canonical_name

CallerTrust = Literal["attested", "trunk", "claimed", "withheld"]

CALLED_NUMBER_HEADERS: Final = (
    "diversion",
    "x-original-to",
    "p-called-party-id",
    "history-info",
    "to",
)
"""Where the called number is looked for. An operator puts a trunk's own X-header before these."""

MAX_DISPLAY_NAME: Final = 64
"""Characters of a display name that are kept."""
MAX_CHAIN: Final = 16
"""Numbers of a diversion chain that are kept; the third hop is refused anyway (O6)."""

_HIDING: Final = frozenset({"id", "user", "header"})  # RFC 3323 §4.2, RFC 3325 §9.3
_PASSED: Final = frozenset(
    {
        "tn-validation-passed",  # 3GPP TS 24.229 §7.2A.20
        "tn-validation-passed-a",
        "tn-verification-passed",  # Bandwidth's documents have both spellings
        "tn-verification-passed-a",
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as far as headers say."""

    number: Number
    """For limits, blocks and tracing: the number even of a caller who withholds it, if known."""
    shown: Number
    """For model, tools and notifications."""
    trust: CallerTrust
    """`attested`: the trunk, which is configured to be believed, says that the number was verified
    (STIR/SHAKEN); `trunk`: from P-Asserted-Identity or a header of the trunk's own, or from
    anywhere in a call that is known to come over the trunk; `claimed`: from what the caller's side
    wrote; `withheld`. A caller's number authenticates nobody, whatever this says."""
    display_name: str = field(repr=False)
    """From the From header, one line of at most `MAX_DISPLAY_NAME` characters; hostile. Empty when
    withheld."""


@dataclass(frozen=True, slots=True, repr=False)
class CalledNumber:
    """The number that the caller dialled, or that none could be read."""

    status: Literal["read", "unreadable"]
    e164: str | None = None
    """The number; None when it is unreadable."""
    header: str | None = None
    """The name of the header that it stood in, in lower case."""
    others: tuple[str, ...] = ()
    """Further numbers of that header, for a chain of diversions: the later to forward, the earlier
    in this list."""

    def __repr__(self) -> str:
        number = f" {last_four(self.e164)} from {self.header}" if self.e164 else ""
        return f"CalledNumber({self.status}{number})"


UNREADABLE: Final = CalledNumber("unreadable")


def identify_caller(
    headers: SipHeaders,
    *,
    region: str,
    trust_verstat: bool = False,
    caller_headers: Sequence[str] = (),
    is_from_trunk: bool | None = None,
) -> Caller:
    """Find the caller: the first number in P-Asserted-Identity, Remote-Party-ID, From.

    Args:
        headers: The INVITE's headers.
        region: Country of the trunk, for numbers that do not begin with `+`.
        trust_verstat: Believe `verstat=TN-Validation-Passed` beside the number. Only where the
            trunk is known to remove it from what its own callers send.
        caller_headers: Of the trunk's own, searched before all others, in this order.
        is_from_trunk: The call is known to come over the trunk, or not to; what a stranger asserts
            is a claim. None: nobody knows, and what a trunk would assert is taken for the trunk's.
    """
    own = tuple(address for name in caller_headers for address in headers.addresses(name))
    asserted = (*own, *headers.addresses("p-asserted-identity"))
    remote = tuple(
        address
        for address in headers.addresses("remote-party-id")
        if (address.parameter("party") or "calling").lower() == "calling"
    )
    origin = headers.addresses("from")
    sources = (*asserted, *remote, *origin)
    numbers = [_read(address, region) for address in sources]
    known = next((number for number in numbers if number.kind == "e164"), None)
    if WITHHELD in numbers or _asks_for_privacy(headers, remote, origin):
        return Caller(known or WITHHELD, WITHHELD, "withheld", "")
    display_name = _clean_name(origin[0].display_name) if origin else ""
    if known is None:
        return Caller(UNPARSED, UNPARSED, "claimed", display_name)
    is_asserted = known in numbers[: len(asserted)]
    is_verified = trust_verstat and any(
        number == known and _is_verified(address)
        for address, number in zip(sources, numbers, strict=True)
    )
    trust = _trust(is_from_trunk=is_from_trunk, is_asserted=is_asserted, is_verified=is_verified)
    return Caller(known, known, trust, display_name)


def _trust(*, is_from_trunk: bool | None, is_asserted: bool, is_verified: bool) -> CallerTrust:
    if is_from_trunk is False:
        return "claimed"
    if is_verified:
        return "attested"
    return "trunk" if is_asserted or is_from_trunk else "claimed"


def privacy_values(headers: SipHeaders) -> tuple[str, ...]:
    """Return the values of Privacy (RFC 3323 §4.2: `id;critical`), in lower case, each once."""
    values = ";".join(headers.all("privacy")).replace(",", ";").lower().split(";")
    return tuple(dict.fromkeys(value.strip() for value in values if value.strip()))


def find_called_number(
    headers: SipHeaders, *, region: str, order: Sequence[str] = CALLED_NUMBER_HEADERS
) -> CalledNumber:
    """Find the dialled number in the first header of `order` that holds a telephone number.

    Of a chain of diversions the *last to forward* is taken: the call came to us through it, so it
    is the number that routes to this service, whoever forwarded to it before. A new Diversion
    goes on top (RFC 5806 §4.2), a new History-Info at the end (RFC 7044 §10.3). A trunk that adds
    no entry of its own leaves a stranger's number on top, which is why `others` has the rest and
    why the order of headers is configurable.
    """
    for header in order:
        numbers = _numbers(headers, header, region)
        if numbers:
            return CalledNumber("read", numbers[0], canonical_name(header), numbers[1:])
    return UNREADABLE


def diversion_chain(headers: SipHeaders, *, region: str) -> tuple[str, ...]:
    """Return the numbers that forwarded this call, the last first (O6), from both headers.

    A trunk that writes both writes the same hops twice; each number is given once.
    """
    both = (*_numbers(headers, "diversion", region), *_numbers(headers, "history-info", region))
    return _distinct(both)


def _numbers(headers: SipHeaders, name: str, region: str) -> tuple[str, ...]:
    addresses = headers.addresses(name)
    if canonical_name(name) == "history-info":
        addresses = addresses[::-1]
    numbers = (_read(address, region).e164 for address in addresses)
    return _distinct(number for number in numbers if number)


def _distinct(numbers: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(numbers))[:MAX_CHAIN]


def _read(address: NameAddress, region: str) -> Number:
    if address.uri.host.endswith(".invalid"):
        return WITHHELD  # anonymous.invalid (RFC 3323 §4.1.1.3), unknown.invalid (3GPP TS 23.003)
    context = address.parameter("phone-context") or ""
    return normalise(address.uri.user, region=region, context=context)


def _asks_for_privacy(
    headers: SipHeaders, remote: Iterable[NameAddress], origin: Iterable[NameAddress]
) -> bool:
    """Say whether a header asks not to show a number that is there.

    A display name of `Unavailable` or `Unknown` does not: with a number beside it, it is the mark
    of a name look-up that found nothing.
    """
    return (
        not _HIDING.isdisjoint(privacy_values(headers))
        or any((party.parameter("privacy") or "").lower() in {"full", "uri"} for party in remote)
        or any(party.display_name.strip().casefold() in WITHHELD_NAMES for party in origin)
    )


def _is_verified(address: NameAddress) -> bool:
    return (address.parameter("verstat") or "").lower() in _PASSED


def _clean_name(text: str) -> str:
    """Return a name without control, format and private characters, which could turn a line."""
    visible = "".join(
        char if not unicodedata.category(char).startswith("C") else " " for char in text
    )
    return " ".join(visible.split())[:MAX_DISPLAY_NAME].rstrip()
