"""Which settings a running service cannot change: what they made is there from start to end."""

from __future__ import annotations

from typing import Final

from controller.settings import Settings

_AT_START: Final = (
    "server", "store", "openai", "conversation", "incident", "http_tools", "handover", "webhook",
    "log", "reload",
)  # fmt: skip
"""Sections of which clients, machines and listeners were made."""
_WITH_GENERATION: Final = frozenset({"openai.price_factor", "http_tools.allowed_private_hosts"})
"""Keys in them that are read for each generation."""
_ALONE: Final = (("policy", "min_tokens_left"),)
"""Keys of other sections."""


def restart_keys(before: Settings, after: Settings) -> list[str]:
    """Return the dotted names of settings that differ and take effect at a restart only.

    Args:
        before: with which the service was started.
        after: as they are now.
    """
    asked = [(name, key) for name in _AT_START for key in type(getattr(before, name)).model_fields]
    return [
        f"{section}.{key}"
        for section, key in [*asked, *_ALONE]
        if f"{section}.{key}" not in _WITH_GENERATION
        and getattr(getattr(before, section), key) != getattr(getattr(after, section), key)
    ]
