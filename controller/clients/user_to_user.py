"""The caller's context for whoever takes the call over: a signed token in the address.

A referral carries headers for the call that it causes, written into the address as
`?User-to-User=…` (RFC 3261 §19.1.1). `User-to-User` (RFC 7433) is the one that networks are meant
to pass on. The token is a JWT (RFC 7519) signed with HS256: what it says is not secret, but nobody
else can have said it.

Hexadecimal is the encoding that every receiver knows (RFC 7433 §4.1), and doubles the length: with
Bandwidth's 256 characters not even a call id would fit. So where it does not, the token goes as it
is, which a JWT can, being a token of SIP's too (RFC 3261 §25.1), under the name that Bandwidth
gives it: `encoding=jwt`. A receiver reads the parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import quote

import jwt

from controller.calls.ports import Clock
from controller.errors import ConfigurationError, Problem

MIN_SECRET_BYTES: Final = 32
"""RFC 7518 §3.2: a key for HS256 has the length of its hash at least."""

Encoding = Literal["hex", "jwt"]

_HEADER: Final = "User-to-User"


class Handover:
    """Writes callers' contexts into addresses.

    Args:
        secret: signs the tokens; `MIN_SECRET_BYTES` at least.
        limit_bytes: longest value of the header, parameters included, before it is escaped. With
            `hex`, a call id and an expiry alone take 323; with `jwt`, 168.
        lifetime: seconds for which a token holds.
        clock: for the expiry.
        encodings: how the token may be written, the preferred one first.

    Raises:
        ConfigurationError: The secret is too short.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        limit_bytes: int,
        lifetime: float,
        clock: Clock,
        encodings: Sequence[Encoding] = ("hex", "jwt"),
    ) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            found, cure = f"has {len(secret)} bytes", f"give it {MIN_SECRET_BYTES} at least"
            raise ConfigurationError(Problem("", "the User-to-User secret", found, cure))
        self._secret = secret
        self._limit_bytes = limit_bytes
        self._lifetime = lifetime
        self._clock = clock
        self._encodings = tuple(encodings)

    def uri(self, uri: str, claims: Mapping[str, Any]) -> str | None:
        """Return the address with the context in it, or None where it cannot carry any.

        A `tel:` address has no headers, and one that has a `User-to-User` already keeps its own.

        Args:
            uri: `sip:…` or `sips:…`; its other headers stay.
            claims: What is handed over as JSON, the most important first. Without the first it is
                not worth sending; the others are left out, the last first, until the rest fits.
        """
        scheme = uri.partition(":")[0].lower()
        # A `?` may stand in the user part (RFC 3261 §25.1, user-unreserved).
        before, at, location = uri.rpartition("@")
        address, question, headers = location.partition("?")
        names = {pair.partition("=")[0].lower() for pair in headers.split("&")}
        if scheme not in {"sip", "sips"} or _HEADER.lower() in names:
            return None
        value = self._value(claims)
        if value is None:
            return None
        kept = f"{headers}&" if question and headers else ""
        return f"{before}{at}{address}?{kept}{_HEADER}={quote(value, safe='')}"

    def _value(self, claims: Mapping[str, Any]) -> str | None:
        entries = list(claims.items())
        expires_at = int(self._clock.now() + self._lifetime)
        while entries:
            token = jwt.encode(
                {**dict(entries), "exp": expires_at},
                self._secret,
                algorithm="HS256",
                headers={"typ": None},  # PyJWT leaves it out then: 18 characters, or 36 in hex
            )
            for encoding in self._encodings:
                content = token.encode().hex() if encoding == "hex" else token
                value = f"{content};encoding={encoding}"
                if len(value) <= self._limit_bytes:
                    return value
            entries.pop()
        return None
