"""Transfers that come back (operations, O6): which target sent the caller to us again.

A target that does not answer may forward the call to the very number that transferred it; then
Diversion or History-Info names the target's number (RFC 5806, RFC 7044).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.sansio.agent import Target
from controller.sansio.numbers import normalise
from controller.sansio.sip import parse_uri


def numbers_of_targets(targets: Iterable[Target], *, region: str) -> dict[str, frozenset[str]]:
    """Return the telephone numbers of targets, with the names of those that have each.

    Args:
        targets: all that there are.
        region: Country of the trunk (`US`), for numbers that do not begin with `+`.
    """
    found: dict[str, frozenset[str]] = {}
    for target in targets:
        uri = parse_uri(target.uri)
        context = (uri.parameter("phone-context") if uri else None) or ""
        number = normalise(uri.user if uri else "", region=region, context=context).e164
        if number is not None:
            found[number] = found.get(number, frozenset()) | {target.name}
    return found


def forwarded_by(
    diversion: Iterable[str], targets: Mapping[str, frozenset[str]]
) -> tuple[frozenset[str], int]:
    """Return the targets that forwarded a call, and how many hops of theirs it has made.

    Args:
        diversion: E.164 numbers that forwarded the call.
        targets: from `numbers_of_targets`.
    """
    hops = [targets[number] for number in diversion if number in targets]
    return frozenset().union(*hops), len(hops)
