"""Whether a transcript holds words, and whether two turns hold the same."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final

from controller.sansio.events import TranscriptAdded

COMPARED: Final = 64
"""Characters of a turn that are compared: the time for it grows with their cube, at worst."""
ALIKE: Final = 0.9
"""Ratio of matching characters above which two turns are near-identical."""


def is_said_by_caller(added: TranscriptAdded) -> bool:
    """Tell whether it holds intelligible words of the caller's, not only punctuation."""
    return added.speaker == "caller" and any(each.isalnum() for each in added.text)


def normalised(text: str) -> str:
    """Return the beginning of a text without case, punctuation and spacing."""
    plain = "".join(each if each.isalnum() else " " for each in text[: 2 * COMPARED].casefold())
    return " ".join(plain.split())[:COMPARED]


def are_alike(one: str, other: str) -> bool:
    """Tell whether two normalised texts are near-identical."""
    if one == other:
        return True
    # Cheap upper bounds first (difflib documents both); junk is for source code.
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return (
        matcher.real_quick_ratio() > ALIKE
        and matcher.quick_ratio() > ALIKE
        and matcher.ratio() > ALIKE
    )
