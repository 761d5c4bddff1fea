"""The hash of a generation: of content, so that two nodes with the same files agree on it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from controller.config.sources import Sources

_HASH_DIGITS: Final = 16


class Digest:
    """SHA-256 over named pieces, each with its length, so that no two contents look alike."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, name: str, content: bytes) -> None:
        """Add a piece."""
        for piece in (name.encode(errors="surrogateescape"), content):
            self._sha.update(len(piece).to_bytes(8) + piece)

    def text(self) -> str:
        """Return 16 hexadecimal digits."""
        return self._sha.hexdigest()[:_HASH_DIGITS]


def routing(sources: Sources) -> bytes:
    """Return what decides of calls beside the files. Secrets are there by name only."""
    rules = sources.transfer_rules
    pieces = [
        list(sources.numbers),
        {name: each.model_dump(mode="json") for name, each in sources.targets.items()},
        asdict(sources.rules),
        [rules.region, sorted(rules.hosts or ()), rules.time_zone],
        [asdict(each) for each in sources.prices],
        dict(sources.values),
        sources.lookup.model_dump(mode="json") if sources.lookup else None,
    ]
    return json.dumps(pieces, sort_keys=True).encode()
