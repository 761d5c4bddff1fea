"""Our own ids of calls: UUIDv7 (RFC 9562 section 5.7), so that they sort by time."""

from __future__ import annotations

import secrets
import uuid


def new_call_id(now: float) -> str:
    """Return a new id.

    Args:
        now: Unix seconds; the first 48 bits of the id are its milliseconds.
    """
    milliseconds = int(now * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    value |= 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))
