"""What answers calls, and how long each state of it is needed.

A `Generation` is everything that decides how a call is answered; it never changes. A call takes the
one that is current when its delivery comes, and keeps it to its end: agents, tools, rules, prompts,
secrets, prices, trunk and look-up of one call are of one generation, however often another becomes
current meanwhile. `Generations` says which is current, and knows of each who still needs it.

A new one is on probation: when its first calls fail as bad content makes them fail, the last one
that has served a call takes its place again (operations, O17).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final

import structlog

from controller.calls.lookups import Lookups
from controller.calls.ports import Toolbox
from controller.calls.record import CallRecord
from controller.sansio.agent import Agent, Target
from controller.sansio.policy import Rules
from controller.sansio.returning import numbers_of_targets
from controller.sansio.templating import Prompts
from controller.sansio.trunk import TrunkFacts
from controller.sansio.usage import PriceEntry

_log = structlog.get_logger()

MOST_KEPT: Final = 8
"""Generations that an operator can go back to."""
UNHEALTHY_AFTER: Final = 3
"""Calls in a row (operations, O17)."""
SECRETS: Final = "secrets"
"""What changed where a secret has another value; no hash of content knows it."""


def _nobody_asks(_what: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """What answers calls: agents, their tools, the rules of admission, and how to read a call."""

    hash: str
    agents: Mapping[str, Agent]
    toolboxes: Mapping[str, Toolbox]
    """By the agent's name."""
    rules: Rules
    targets: Mapping[str, Target] = field(default_factory=dict)
    """All that there are, by name; by default those that the agents have."""
    prices: Sequence[PriceEntry] = ()
    """The price list; without one nothing is counted in money."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name."""
    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    """By the agent's name: texts that are filled in for each call."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What stands for a fact that no look-up has found, by name."""
    lookup: Lookups | None = None
    """What is asked before a call is answered; None: nothing."""
    trunk: TrunkFacts = field(default_factory=TrunkFacts)
    """How its calls are known and read."""
    pieces: Mapping[str, str] = field(default_factory=dict, repr=False)
    """A short hash of each piece by its name, `agent frontdesk`: by which it is told what differs
    between two."""
    numbers_of_targets: Mapping[str, frozenset[str]] = field(init=False, repr=False)
    """By which a transfer that comes back is known (`returning`)."""

    def __post_init__(self) -> None:
        has = (target for agent in self.agents.values() for target in agent.targets)
        targets = {**{target.name: target for target in has}, **self.targets}
        numbers = numbers_of_targets(targets.values(), region=self.trunk.region)
        object.__setattr__(self, "targets", targets)  # the way to set what is frozen
        object.__setattr__(self, "numbers_of_targets", numbers)


@dataclass(slots=True, eq=False)
class Kept:
    """A generation that is kept, and what is known of it."""

    generation: Generation
    since: float
    """Unix seconds: when it last became the one that answers."""
    by: str
    """Who wanted that: `start`, `signal`, `file`, `operator uid 1000`, `health`."""
    changed: tuple[str, ...] = ()
    """The pieces in which it differs from the one before it."""
    is_good: bool = False
    """One of its calls has got a session, or it was the first."""
    is_unhealthy: bool = False
    """Calls were taken from it because too many failed; until an operator wants it again."""
    failures: int = 0
    """Calls that failed, one after the other, as bad content makes them fail."""
    calls: int = 0
    """Calls that began with it and whose tasks still run."""
    uses: int = 0
    """Those, and deliveries that are being decided."""


@dataclass(frozen=True, slots=True)
class GenerationSummary:
    """A generation, as an operator sees it."""

    hash: str
    since: float
    """Unix seconds."""
    by: str
    live_calls: int
    state: str
    """`current`, `good`, `unhealthy`, or `old`: of no call of it is it known that it worked."""
    is_good: bool
    changed: tuple[str, ...]


class Hold:
    """What a call has of its generation, from its start to the end of its task."""

    __slots__ = ("_generations", "_is_judged", "_kept")

    def __init__(self, generations: Generations, kept: Kept) -> None:
        self._generations = generations
        self._kept = kept
        self._is_judged = False

    def judge(self, record: CallRecord, *, is_over: bool = False) -> None:
        """Tell whether the generation served the call, once that is known.

        Args:
            record: of the call.
            is_over: nothing more will come.
        """
        served = verdict(record, is_over=is_over)
        if served is not None and not self._is_judged:
            self._is_judged = True
            # It is the process's: no line of it has the ids of one call.
            Context().run(self._generations.note, self._kept, served)

    def release(self) -> None:
        """The call needs its generation no more. To be called once."""
        self._kept.calls -= 1
        self._generations.let_go(self._kept)


class Generations:
    """The generation of new calls, and those that older calls keep.

    Args:
        first: current from the start, and good: there is nothing else to go back to.
        now: returns Unix seconds.
        unhealthy_after: calls that must fail one after the other, of the current one, for the last
            good one to take its place (O17); 0: never.
        most: that are kept. Those with live calls and the last good one are kept beside them.
        alarm: counts something that an operator must look at.
        when_current: gets the hash of whichever becomes current.
        when_gone: gets a hash of which no generation is kept any more.
    """

    def __init__(
        self,
        first: Generation,
        *,
        now: Callable[[], float] = time.time,
        unhealthy_after: int = UNHEALTHY_AFTER,
        most: int = MOST_KEPT,
        alarm: Callable[[str], None] = _nobody_asks,
        when_current: Callable[[str], None] = _nobody_asks,
        when_gone: Callable[[str], None] = _nobody_asks,
    ) -> None:
        self._now = now
        self._unhealthy_after = unhealthy_after
        self._most = most
        self._alarm = alarm
        self._when_current = when_current
        self._when_gone = when_gone
        self._current = Kept(first, now(), "start", is_good=True)
        self._kept = [self._current]
        """In the order in which they last became current."""
        self._given_up = False
        when_current(first.hash)

    # --- calls ---------------------------------------------------------------------------------

    @property
    def current(self) -> Generation:
        """What a call takes that comes now. To be read once for each call."""
        return self._current.generation

    @contextmanager
    def use(self) -> Iterator[Generation]:
        """Return the current one, which is not given up before the end of the block."""
        kept = self._current
        kept.uses += 1
        try:
            yield kept.generation
        finally:
            self.let_go(kept)

    def hold(self, generation: Generation) -> Hold:
        """Keep a generation for a call, within the block of `use` that returned it."""
        kept = next(each for each in self._kept if each.generation is generation)
        kept.uses += 1
        kept.calls += 1
        return Hold(self, kept)

    def let_go(self, kept: Kept) -> None:
        """End one use."""
        kept.uses -= 1
        self._tidy()

    # --- which one answers ---------------------------------------------------------------------

    def find(self, name: str, secrets: Mapping[str, str]) -> Kept | None:
        """Return what is kept of a content: a hash, and the values of the secrets it names."""
        for kept in self._kept:
            if kept.generation.hash == name and kept.generation.secrets == secrets:
                return kept
        return None

    def named(self, prefix: str) -> list[Kept]:
        """Return those whose hash begins so, of each hash the last that was current."""
        found = {each.generation.hash: each for each in self._kept}
        return [kept for name, kept in found.items() if name.startswith(prefix)]

    def is_current(self, kept: Kept) -> bool:
        """Tell whether new calls take it."""
        return kept is self._current

    def activate(self, generation: Generation, *, by: str = "operator") -> Kept:
        """Have the calls that come from now on take a generation: a new one, or one that is kept.

        Args:
            generation: takes the calls; whoever asks for it does not mind that it was unhealthy.
            by: who wants it.
        """
        found = (each for each in self._kept if each.generation is generation)
        kept = next(found, None) or Kept(generation, 0.0, by)
        kept.is_unhealthy, kept.failures = False, 0
        self._given_up = False
        self._switch(kept, by)
        return kept

    def _switch(self, kept: Kept, by: str) -> None:
        before, self._current = self._current, kept
        kept.since, kept.by = self._now(), by
        kept.changed = changes(before.generation.pieces, kept.generation.pieces)
        if before.generation.secrets != kept.generation.secrets:
            kept.changed = (*kept.changed, SECRETS)
        self._kept = [*(each for each in self._kept if each is not kept), kept]
        _log.info(
            "generation_activated",
            generation=kept.generation.hash,
            before=before.generation.hash,
            by=by,
            changed=list(kept.changed),
        )
        self._when_current(kept.generation.hash)
        self._tidy()

    def _tidy(self) -> None:
        """Give up what is neither recent nor needed."""
        recent, last_good = self._kept[-self._most :], self._last_good
        needed = [each for each in self._kept if each.uses or each is last_good or each in recent]
        gone = [each.generation.hash for each in self._kept if each not in needed]
        self._kept = needed
        for name in dict.fromkeys(gone):
            if not self.knows(name):
                self._when_gone(name)

    def knows(self, name: str) -> bool:
        """Tell whether a generation of this hash is kept."""
        return any(each.generation.hash == name for each in self._kept)

    # --- health --------------------------------------------------------------------------------

    @property
    def is_unhealthy(self) -> bool:
        """A generation was given up and nobody has wanted another one since.

        Also where the current one fails, and there is nothing to go back to.
        """
        limit = self._unhealthy_after
        return self._given_up or 0 < limit <= self._current.failures

    @property
    def _last_good(self) -> Kept:
        """There is always one: the first is, and none is given up before another one is good."""
        return next(each for each in reversed(self._kept) if each.is_good)

    def note(self, kept: Kept, served: bool) -> None:  # noqa: FBT001 - it is what is noted
        """Note that a call of a generation got a session, or failed as bad content makes it."""
        if served:
            kept.is_good, kept.failures = True, 0
            return
        kept.failures += 1
        if kept is self._current and kept.failures == self._unhealthy_after:
            self._give_up(kept)

    def _give_up(self, kept: Kept) -> None:
        """Go back to the last good one. One that has served calls stays: it is not to blame."""
        back_to = None if kept.is_good else self._last_good
        self._alarm("generation_unhealthy")
        _log.error(
            "alarm",
            kind="generation_unhealthy",
            generation=kept.generation.hash,
            back_to=back_to.generation.hash if back_to else None,
        )
        if back_to is not None:
            kept.is_unhealthy = self._given_up = True
            self._switch(back_to, "health")

    # --- operators -----------------------------------------------------------------------------

    def summaries(self) -> list[GenerationSummary]:
        """Return what is kept, the one that was current last first."""
        return [self._summary(each) for each in reversed(self._kept)]

    def _summary(self, kept: Kept) -> GenerationSummary:
        if kept is self._current:
            state = "current"
        elif kept.is_unhealthy:
            state = "unhealthy"
        else:
            state = "good" if kept.is_good else "old"
        return GenerationSummary(
            kept.generation.hash, kept.since, kept.by, kept.calls, state, kept.is_good, kept.changed
        )


_BODY_REFUSED: Final = {("accept", "400"), ("accept", "422")}


def verdict(record: CallRecord, *, is_over: bool) -> bool | None:
    """Tell whether a call shows that its generation works; None: it does not show anything yet.

    An accept whose body was refused shows that it does not, also where the plain form of the answer
    rescued the call; so does a sideband that was answered 404 and never came about: a body that is
    wrong can be accepted, and the call be gone then (rule 4).

    Args:
        record: of the call.
        is_over: nothing more will come.
    """
    seen = {(asked.request.verb, asked.request.status) for asked in record.traffic.requests}
    if not seen.isdisjoint(_BODY_REFUSED):
        return False
    if record.answered_at is not None:
        return True
    return False if is_over and ("attach", "404") in seen else None


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the pieces that differ, `+` before new ones and `-` before lost ones."""
    added = [f"+{name}" for name in after if name not in before]
    lost = [f"-{name}" for name in before if name not in after]
    changed = [name for name in after if name in before and after[name] != before[name]]
    return tuple(sorted([*changed, *added, *lost], key=lambda name: name.lstrip("+-")))
