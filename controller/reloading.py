"""Another generation while calls go on: built and checked beside the running one, then swapped.

    SIGHUP, a changed file, `controller reload` ──> build in a thread ──> the same? say so
                                                        │             ──> unhealthy? say so
                                                        │             ──> else new calls take it
                                                        └─ mistakes ────> the running one stays

One build runs at a time. Whoever asks meanwhile gets the result of one more build, which begins
when this one has ended: it sees what they have written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import structlog

from controller import config
from controller.calls.generations import Generation as CallGeneration
from controller.calls.generations import Generations, GenerationSummary, Kept
from controller.calls.threads import Threads
from controller.errors import ConfigurationError, ControlError, Problem
from controller.restart_keys import restart_keys
from controller.settings import Settings

BUILD_LIMIT: Final = 25.0
"""Seconds for a build: a tool module that hangs while it is imported must not end all reloads
without a word."""
STOPPING: Final = "the service stops; nothing was taken over"

_log = structlog.stdlib.get_logger(__name__)

Loaded: TypeAlias = tuple[Settings, config.Generation]
InThread: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function where it does not keep the loop, and returns its result."""


class Meter(Protocol):
    """What is counted of it."""

    def reloaded(self, result: str) -> None:
        """Count a reload by what became of it."""

    def alarm(self, kind: str) -> None:
        """Count something that an operator must look at."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload."""

    result: str
    """`activated`, `unchanged`, `failed`, or `unhealthy`: it was given up before and stays out."""
    hash: str
    """Of the generation that answers now."""
    changed: tuple[str, ...] = ()
    """Names of the pieces that differ from before."""
    problems: tuple[str, ...] = ()
    """Every mistake, a line each."""
    warnings: tuple[str, ...] = ()
    """What is allowed and yet worth a look, and what takes effect at a restart only."""


class Reloading:
    """Builds generations and puts them in their place.

    Args:
        generations: of which one answers.
        loaded: what the running one was made from.
        build: loads settings and a generation; raises ConfigurationError. Runs in a thread.
        equip: makes a loaded generation ready for calls.
        meter: counts.
        in_thread: runs the build; in a thread of its own if None.
        when_swapped: called after another generation has become current, or was forgotten.
    """

    def __init__(
        self,
        generations: Generations,
        *,
        loaded: Loaded,
        build: Callable[[], Loaded],
        equip: Callable[[config.Generation], CallGeneration],
        meter: Meter,
        in_thread: InThread | None = None,
        when_swapped: Callable[[], None] = lambda: None,
    ) -> None:
        self._generations = generations
        self._at_start = self.settings = loaded[0]
        self._build = build
        self._equip = equip
        self._meter = meter
        self._in_thread = in_thread or Threads(1).run
        self._when_swapped = when_swapped
        self._loaded = {loaded[1].hash: loaded[1]}
        """Generations whose tool modules are in the interpreter."""
        self._gone: list[str] = []
        self._is_building = False
        self._wanted = asyncio.Event()
        self._wanted_by: dict[str, None] = {}
        self._next: asyncio.Future[Reloaded] | None = None
        self._unanswered: set[asyncio.Future[Reloaded]] = set()
        self._is_closed = False
        self._problems: tuple[Problem, ...] = ()

    @property
    def has_failed(self) -> bool:
        """The last build failed: what answers is not what the files say."""
        return bool(self._problems)

    # --- asking --------------------------------------------------------------------------------

    def ask(self, by: str) -> None:
        """Ask for a reload, which begins as soon as none runs.

        Args:
            by: who asks: `signal`, `file`, `operator uid 1000`. There are few of them.
        """
        self._wanted_by[by] = None
        self._wanted.set()

    async def reload(self, by: str) -> Reloaded:
        """Ask for a reload and return what became of it. Never raises."""
        if self._is_closed:
            return self._not_any_more()
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._unanswered.add(self._next)
            self._next.add_done_callback(self._unanswered.discard)
        asked = self._next  # of all who ask before it begins
        self.ask(by)
        return await asyncio.shield(asked)

    async def run(self) -> None:
        """Do what is asked for, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            result, self._next = self._next, None
            by = ", ".join(self._wanted_by)
            self._wanted_by.clear()
            reloaded = await self._reload(by)
            if result is not None and not result.done():
                result.set_result(reloaded)

    def close(self) -> None:
        """The service stops: whoever waits for a reload is told so, and nobody holds the end up."""
        self._is_closed = True
        for asked in list(self._unanswered):
            if not asked.done():
                asked.set_result(self._not_any_more())

    def _not_any_more(self) -> Reloaded:
        return Reloaded("failed", self._generations.current.hash, problems=(STOPPING,))

    def generations(self) -> list[GenerationSummary]:
        """Return what is kept, the one that was current last first."""
        return self._generations.summaries()

    def activate(self, prefix: str, by: str) -> Reloaded:
        """Have new calls take a generation that is kept, though it may have been unhealthy.

        Args:
            prefix: how its hash begins.
            by: who wants it.

        Raises:
            ControlError: None begins so, or several do.
        """
        found = self._generations.named(prefix)
        if len(found) != 1:
            what = (
                f"{len(found)} generations begin" if found else "no generation that is kept begins"
            )
            raise ControlError(f"{what} with {prefix!r}; `controller generations list` names them")
        (kept,) = found
        if self._generations.is_current(kept):
            return Reloaded("unchanged", kept.generation.hash)
        return self._activate(kept.generation, by)

    # --- building ------------------------------------------------------------------------------

    async def _reload(self, by: str) -> Reloaded:
        self._is_building = True
        try:
            async with asyncio.timeout(BUILD_LIMIT):
                settings, generation = await self._in_thread(self._build)
            reloaded = self._take(settings, generation, by)
        except ConfigurationError as error:
            reloaded = self._fail(error.problems, by)
        except TimeoutError:
            found = f"it was not loaded within {BUILD_LIMIT:g} s"
            cure = "look for a tool module that waits for something while it is imported"
            reloaded = self._fail([self._problem(found, cure)], by)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end all reloads
            _log.exception("reload_broke")
            found = f"it could not be loaded: {type(error).__name__}"
            reloaded = self._fail([self._problem(found, "see the log")], by)
        finally:
            self._is_building = False
            self._forget_gone()
        self._meter.reloaded(reloaded.result)
        return reloaded

    def _take(self, settings: Settings, generation: config.Generation, by: str) -> Reloaded:
        kept = self._generations.find(generation.hash, generation.secrets)
        equipped = self._equipped(generation) if kept is None else kept.generation
        self._problems = ()
        self.settings = settings
        warnings = (*self._restart_warnings(settings), *generation.warnings)
        if kept is None:
            return self._activate(equipped, by, warnings)
        if self._generations.is_current(kept):
            _log.info("generation_unchanged", generation=generation.hash, by=by)
            return Reloaded("unchanged", generation.hash, warnings=warnings)
        if kept.is_unhealthy:
            return self._refuse(kept, by)
        return self._activate(equipped, by, warnings)

    def _equipped(self, generation: config.Generation) -> CallGeneration:
        self._loaded[generation.hash] = generation
        try:
            return self._equip(generation)
        except Exception:
            self._gone.append(generation.hash)
            raise

    def _activate(
        self, generation: CallGeneration, by: str, warnings: Sequence[str] = ()
    ) -> Reloaded:
        kept = self._generations.activate(generation, by=by)
        for sentence in warnings:
            _log.warning("configuration", warning=sentence)
        self._when_swapped()
        return Reloaded("activated", generation.hash, kept.changed, warnings=tuple(warnings))

    def _refuse(self, kept: Kept, by: str) -> Reloaded:
        """Leave out what was given up before: its files have not changed since."""
        name = kept.generation.hash
        _log.error("generation_refused", generation=name, by=by, reason="unhealthy")
        problem = (
            f"{name} was given up because its first calls failed; correct it, or take it all the"
            f" same: controller generations activate {name}"
        )
        return Reloaded("unhealthy", self._generations.current.hash, problems=(problem,))

    def _fail(self, problems: Sequence[Problem], by: str) -> Reloaded:
        """Keep the running one, and name each mistake once, however often it is met again."""
        known, self._problems = self._problems, tuple(problems)
        for each in self._problems:
            if each not in known:
                _log.error(
                    "reload_problem",
                    where=each.where,
                    key=each.key,
                    found=each.found,
                    cure=each.cure,
                )
        current = self._generations.current.hash
        self._meter.alarm("reload_failed")
        _log.error("alarm", kind="reload_failed", by=by, problems=len(problems), generation=current)
        return Reloaded("failed", current, problems=tuple(map(str, problems)))

    def _problem(self, found: str, cure: str) -> Problem:
        return Problem(str(self.settings.config_path), "", found, cure)

    def _restart_warnings(self, settings: Settings) -> list[str]:
        keys = restart_keys(self._at_start, settings)
        return [f"{key} differs; it takes effect at a restart" for key in keys]

    # --- forgetting ----------------------------------------------------------------------------

    def forget(self, name: str) -> None:
        """Forget the tool modules of a generation that is not kept any more.

        Not while a build runs: it may be building the very same again, with these modules.
        """
        self._gone.append(name)
        if not self._is_building:
            self._forget_gone()

    def _forget_gone(self) -> None:
        gone, self._gone = self._gone, []
        forgotten = [name for name in gone if not self._generations.knows(name)]
        for name in forgotten:
            generation = self._loaded.pop(name, None)
            if generation is not None:
                config.forget(generation)
        if forgotten:
            self._when_swapped()
