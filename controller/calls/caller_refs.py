"""A name for a caller that tells calls of one person together and nobody who it is (O18, O21).

Four digits are shared by thousands of people. A plain hash of a number would be no secret: there
are few enough numbers to try them all. So it is an HMAC under a key: with the operator's own key
the same caller has the same name after a restart, too; else the key is made anew for each process.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

MIN_KEY_BYTES: Final = 32
"""An HMAC key is at least as long as its hash (RFC 2104 §3)."""
REF_DIGITS: Final = 16
"""Hexadecimal digits: among a million callers, one chance in 37 million that two share a name."""


class CallerRefs:
    """Names callers.

    Args:
        key: `MIN_KEY_BYTES` at least; a random one if None.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(MIN_KEY_BYTES) if key is None else key

    def of(self, number: str | None) -> str | None:
        """Return the name of whoever calls from a number, E.164; None where there is none."""
        if number is None:
            return None
        return hmac.new(self._key, number.encode(), hashlib.sha256).hexdigest()[:REF_DIGITS]
