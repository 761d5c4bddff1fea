"""The tool calls of a telephone call: which were seen, which run, what they gave so far.

Values only; `tooling`, `built_in` and `fillers` hold the handlers.
"""

from __future__ import annotations

from controller.sansio.agent import Filler
from controller.sansio.call.answers import is_error
from controller.sansio.events import ToolOutput
from controller.sansio.value import Value, replace

EARLIER_LIMIT = 256
"""Calls that a second one with the same arguments is held against."""
OUTPUT_LIMIT = 8 * 1024
KEPT_LIMIT = 64 * 1024
"""Characters of one output, and of all, that are kept for a second call: the state is written to
the ledger with every effect."""


class Batch(Value, frozen=True):
    """The tool calls of one response; its outputs are posted together, after the last."""

    calls: tuple[str, ...]
    """All of them, in the order of the response."""
    waiting: frozenset[str]
    outputs: tuple[ToolOutput, ...]
    respond: bool
    speaks: frozenset[str] = frozenset()
    """Those for which a filler may be said."""

    @property
    def is_spoken_for(self) -> bool:
        """Tell whether the caller waits for something that a filler may be said for."""
        return not self.waiting.isdisjoint(self.speaks)

    @property
    def in_order(self) -> tuple[ToolOutput, ...]:
        """What is there, in the order of the calls."""
        return tuple(sorted(self.outputs, key=lambda each: self.calls.index(each.tool_call_id)))


class Earlier(Value, frozen=True):
    """A run that counts for every later call with the same arguments.

    The arguments are what somebody said: only their hash is kept.
    """

    key: str
    tool_call_id: str
    is_reused: bool
    """Its output answers the later calls; otherwise they are refused."""
    is_running: bool = True
    output: str | None = None
    """None: not there yet, or too long to be kept."""
    also: tuple[str, ...] = ()
    """Calls that wait for the output of this one."""


class Entry(Value, frozen=True):
    """Digits that the caller is asked for. Which ones, the watcher alone knows."""

    tool_call_id: str
    is_sensitive: bool


class Lull(Value, frozen=True):
    """The silence in which the caller waits for a tool."""

    free_at: float | None = 0.0
    """When the floor became free; None: it is taken."""
    since: float | None = None
    """From when the fillers are counted; None: nobody waits, or the floor was not free yet."""
    fillers: int = 0
    filler: str | None = None
    """`say_id` of a filler that waits, or is being said."""

    def due(self, filler: Filler) -> float | None:
        """Return when the next filler is due, Unix seconds; None: there is none."""
        if self.since is None or self.free_at is None or self.filler is not None:
            return None
        soonest = max(self.since, self.free_at) + filler.first
        match self.fillers:
            case 0:
                return soonest
            case 1:
                return max(soonest, self.since + filler.second)
            case _:
                return None


class Work(Value, frozen=True):
    """All tool calls of one telephone call. Stored with it."""

    batches: tuple[Batch, ...] = ()
    seen: frozenset[str] = frozenset()
    """Every tool call ever seen: none runs twice (rule 8)."""
    earlier: tuple[Earlier, ...] = ()
    lull: Lull = Lull()
    entry: Entry | None = None
    """There is one at a time."""
    counted: tuple[tuple[str, int], ...] = ()
    """Tool calls whose digits a tool has got, and how many they were."""
    approvals: tuple[str, ...] = ()
    """Requests of MCP servers that were answered, the latest."""
    hand_offs: int = 0

    def due(self, filler: Filler | None) -> float | None:
        """Return when the next filler is due, Unix seconds; None: there is none.

        Nothing is said while the caller enters digits.
        """
        if filler is None or self.entry is not None:
            return None
        return self.lull.due(filler)

    @property
    def is_spoken_for(self) -> bool:
        """Tell whether the caller waits for something that a filler may be said for."""
        return any(each.is_spoken_for for each in self.batches)

    def waits_for(self, tool_call_id: str) -> bool:
        """Tell whether an output is still waited for."""
        return any(tool_call_id in each.waiting for each in self.batches)

    def spoken_for(self, tool_call_id: str) -> Work:
        """Return it where the caller now waits for a call that did not need a filler before."""
        batches = tuple(
            replace(each, speaks=each.speaks | {tool_call_id})
            if tool_call_id in each.waiting
            else each
            for each in self.batches
        )
        return replace(self, batches=batches)

    def answered(self, output: ToolOutput) -> tuple[Work, Batch | None]:
        """Return it with an output, and the batch that this completes."""
        name = output.tool_call_id
        batch = next((each for each in self.batches if name in each.waiting), None)
        if batch is None:
            return self, None
        left = replace(batch, waiting=batch.waiting - {name}, outputs=(*batch.outputs, output))
        others = tuple(each for each in self.batches if each is not batch)
        if left.waiting:
            return replace(self, batches=(*others, left)), None
        return replace(self, batches=others), left

    # --- calls with the same arguments ---------------------------------------------------------

    def run_of(self, key: str) -> Earlier | None:
        """Return the run that counts for a call with these arguments."""
        return next((each for each in self.earlier if each.key == key), None)

    def remembering(self, run: Earlier) -> Work:
        """Return it with one more run that counts for later calls.

        The oldest that is over makes room. While none is over the new one is not remembered: those
        that run may have others waiting for them.
        """
        earlier = self.earlier
        if len(earlier) >= EARLIER_LIMIT:
            oldest = next((each for each in earlier if not each.is_running), None)
            if oldest is None:
                return self
            earlier = tuple(each for each in earlier if each is not oldest)
        return replace(self, earlier=(*earlier, run))

    def sharing(self, run: Earlier, tool_call_id: str) -> Work:
        """Return it where one more call waits for the output of a run."""
        return self._exchanged(run, replace(run, also=(*run.also, tool_call_id)))

    def ran(self, output: ToolOutput) -> tuple[Work, tuple[str, ...]]:
        """Return it with a run's output kept, and the calls that it answers beside its own.

        An error answers those that waited for it, and no later one: a look-up that failed may be
        tried again.
        """
        name = output.tool_call_id
        run = next((each for each in self.earlier if each.tool_call_id == name), None)
        if run is None or not run.is_running:
            return self, ()
        if run.is_reused and is_error(output):
            return self._exchanged(run, None), run.also
        kept = output.output if run.is_reused and len(output.output) <= OUTPUT_LIMIT else None
        over = replace(run, is_running=False, output=kept, also=())
        return self._exchanged(run, over), run.also

    def _exchanged(self, run: Earlier, other: Earlier | None) -> Work:
        new = (other if each is run else each for each in self.earlier)
        left = tuple(each for each in new if each is not None)
        return replace(self, earlier=_thinned(left))


def _thinned(runs: tuple[Earlier, ...]) -> tuple[Earlier, ...]:
    """Return them without the outputs of the oldest, where all are too much to keep."""
    room = KEPT_LIMIT
    left: list[Earlier] = []
    for each in reversed(runs):
        room -= len(each.output or "")
        left.append(each if room >= 0 else replace(each, output=None))
    return tuple(reversed(left))
