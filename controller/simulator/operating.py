"""What an operator does during a scenario's call.

The stand-in has no way to the operator's own socket: it says when a step is due, and who plays the
scenario (the tests, `controller simulate openai --operate`) does it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorStep:
    """One thing that an operator does; exactly one of the acts is set."""

    after: float = 0.0
    """Seconds to wait before it, from the step before or from the answer."""
    hears: str = ""
    """Wait until the caller has heard this, before `after` begins; empty: do not wait."""
    says: str = ""
    """Words that the model is to say as they stand."""
    instructs: str = ""
    """An instruction for words that the model is to find."""
    tells: str = ""
    """Something for the model alone."""
    transfers: str = ""
    """Name of the target to which the caller is to be sent."""
    hangs_up: bool = False

    @property
    def acts(self) -> tuple[tuple[str, str], ...]:
        """The acts that are set: name and text."""
        found = [
            (name, str(getattr(self, name)))
            for name in ("says", "instructs", "tells", "transfers")
            if getattr(self, name)
        ]
        return (*found, ("hangs_up", "")) if self.hangs_up else tuple(found)
