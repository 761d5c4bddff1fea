"""What is kept of the words of a call: as much as the agent's file allows and memory can hold (O8).

Numbers of payment cards are blotted out before a line is kept (O13).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from controller.sansio.masking import mask_cards

TRANSCRIPT_LIMIT: Final = 64 * 1024
"""Characters of transcript that are kept of one call; later lines are counted only."""
LINE_COST: Final = 64
"""Characters that a line counts beside its text and its item's id: empty ones fill memory, too."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody said."""

    at: float
    speaker: str
    item_id: str
    text: str = field(repr=False)


@dataclass(slots=True)
class Transcript:
    """The lines of one call."""

    lines: list[Line] = field(default_factory=list, repr=False)
    count: int = 0
    """Of all lines, those that are not kept included."""
    is_cut: bool = False
    """Lines were left out for want of room; none after the first of them is kept."""
    is_refused: bool = False
    """The caller does not agree that their words are kept: there are none, and will be none."""
    size: int = 0

    def add(self, line: Line, *, is_kept: bool) -> None:
        """Count a line, and keep it if that is allowed and there is room."""
        self.count += 1
        if self.is_refused or not is_kept:
            return
        if self.is_cut:  # a later, shorter line would leave a hole before it
            return
        size = len(line.text) + len(line.item_id) + LINE_COST
        if self.size + size > TRANSCRIPT_LIMIT:
            self.is_cut = True
            return
        self.size += size
        self.lines.append(Line(line.at, line.speaker, line.item_id, mask_cards(line.text)))

    def refuse(self) -> None:
        """Drop every line, and keep none from now on; they are counted all the same."""
        self.is_refused = True
        self.lines.clear()
        self.size = 0
