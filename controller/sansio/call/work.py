"""The tool calls of a telephone call: which were seen, which run, what they gave so far."""

from __future__ import annotations

from controller.sansio.events import ToolOutput
from controller.sansio.value import Value, replace


class Batch(Value, frozen=True):
    """The tool calls of one response; its outputs are posted together, after the last."""

    waiting: frozenset[str]
    outputs: tuple[ToolOutput, ...]
    respond: bool


class Work(Value, frozen=True):
    """All tool calls of one telephone call. Stored with it."""

    batches: tuple[Batch, ...] = ()
    seen: frozenset[str] = frozenset()
    """Every tool call ever seen: none runs twice (rule 8)."""

    def begun(self, batch: Batch) -> Work:
        """Return it with one more batch."""
        return replace(self, batches=(*self.batches, batch))

    def went_on(self, batch: Batch, left: Batch) -> Work:
        """Return it with what is left of a batch."""
        return self.closed(batch).begun(left)

    def closed(self, batch: Batch) -> Work:
        """Return it without a batch."""
        return replace(self, batches=tuple(each for each in self.batches if each is not batch))
