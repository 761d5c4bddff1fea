"""The attestation of a caller's number (STIR/SHAKEN, ATIS-1000074), where a header carries it.

It is what somebody on the way says that a carrier has said. Nothing is verified here: the PASSporT
of an Identity header is not read, because its certificate would have to be fetched. So an
attestation is worth what the trunk is worth, like everything else in an INVITE.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, cast

from controller.sansio.sip import SipHeaders

Attestation: TypeAlias = Literal["A", "B", "C"]
"""A: the carrier knows its customer and the right to the number; B: the customer only; C: it is a
gateway, and knows neither."""

_HEADERS: Final = ("attestation-info", "p-attestation-indicator", "x-attestation-info")
"""Attestation-Info is 3GPP's (TS 24.229); the others are carriers' own."""
_PASSED: Final = "-passed-"
"""3GPP TS 24.229 §7.2A.20: `verstat=TN-Validation-Passed-A`."""


def read_attestation(headers: SipHeaders) -> Attestation | None:
    """Return the first level that is told: beside the number, else in a header of its own."""
    for level in _levels(headers):
        if level in {"A", "B", "C"}:
            return cast("Attestation", level)
    return None


def _levels(headers: SipHeaders) -> Iterator[str]:
    for name in ("p-asserted-identity", "from"):
        for address in headers.addresses(name):
            verstat = (address.parameter("verstat") or "").lower()
            _, _, level = verstat.partition(_PASSED)
            yield level.upper()
    for name in _HEADERS:
        yield (headers.first(name) or "").strip(' "').upper()
