"""What the rules may ask of a call, read once."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from controller.sansio.attestation import Attestation
from controller.sansio.incoming import IncomingCall
from controller.sansio.numbers import last_four
from controller.sansio.parties import CallerTrust

KEPT_HEADERS: Final = frozenset({"user-to-user", "privacy", "priority"})
"""Beside those that begin with `x-`, what a rule can ask of; names in lower case."""


def is_kept(name: str) -> bool:
    """Tell whether a rule can ask of a header, by its name in any case."""
    return name.lower() in KEPT_HEADERS or name.lower().startswith("x-")


@dataclass(frozen=True, slots=True, repr=False)
class Facts:
    """A call, as rules see it. Everything in it is a claim of whoever sent the INVITE."""

    called: str | None
    """E.164; None when no header holds it. Of a chain of diversions the first number of ours."""
    called_header: str | None = None
    """Where it was read."""
    caller: str | None = None
    """E.164; the number even of somebody who withholds it, where it is known."""
    is_withheld: bool = False
    """Somebody asked not to show the caller's number."""
    trust: CallerTrust = "claimed"
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values by name in lower case: X-headers, User-to-User, Privacy, Priority."""
    media_security: str | None = None
    attestation: Attestation | None = None
    priority: str | None = None
    from_host: str | None = None
    is_from_trunk: bool = False
    """The call carries what our trunk is known by."""

    @property
    def is_nameless(self) -> bool:
        """The caller cannot be told from others by a number: withheld, or none can be read."""
        return self.is_withheld or self.caller is None

    def __repr__(self) -> str:
        caller = last_four(self.caller) if self.caller else None
        called = last_four(self.called) if self.called else None
        return f"Facts(called={called}, caller={caller}, trust={self.trust})"


def read_facts(incoming: IncomingCall, own: Container[str]) -> Facts:
    """Read what the rules may ask.

    Args:
        incoming: The call.
        own: Our numbers. The last to forward brought the call here, unless the trunk leaves itself
            out of the chain; then it is the first number in it that we know.
    """
    called = incoming.called
    chain = (called.e164, *called.others) if called.status == "read" else ()
    known = next((number for number in chain if number is not None and number in own), None)
    return Facts(
        called=known or next(iter(chain), None),
        called_header=called.header,
        caller=incoming.caller.e164,
        is_withheld=incoming.caller_trust == "withheld",
        trust=incoming.caller_trust,
        headers=_headers(incoming),
        media_security=incoming.media_security,
        attestation=incoming.attestation,
        priority=incoming.priority,
        from_host=incoming.from_host,
        is_from_trunk=incoming.is_from_trunk is True,
    )


def _headers(incoming: IncomingCall) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in incoming.x_headers:
        found[name] = (*found.get(name, ()), value)
    if incoming.user_to_user:
        found["user-to-user"] = incoming.user_to_user
    if incoming.privacy:
        found["privacy"] = incoming.privacy
    if incoming.priority is not None:
        found["priority"] = (incoming.priority,)
    return found
