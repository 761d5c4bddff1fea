"""Loads TOML, Markdown and Python tools into one immutable, hashed `Generation`.

Every mistake is found at once, and each names file, line, key, what was found and what is allowed.
Nothing here reads the environment, and nothing here knows `Settings`: what is needed of them
arrives as `Sources`.
"""

from __future__ import annotations

from controller.config.generation import UNREADABLE_CALLS, Generation, forget, load
from controller.config.sources import Sources

__all__ = ["UNREADABLE_CALLS", "Generation", "Sources", "forget", "load"]
