"""The composition root: the only place that knows everything.

A `Service` is built from settings and a generation, and lives in a running event loop. Its life:

    start            clients warm, control socket and listeners open
    draining         new calls are refused, live ones go on, the listeners stay open
    stop             what is left is hung up, listeners closed, clients closed

Draining is our own business and not aiohttp's: its `on_shutdown` runs when the listeners are closed
already, and then a caller hears nothing until OpenAI gives up.
"""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from controller import parts
from controller.calls.clock import SystemClock, WallClock
from controller.calls.generations import Generations
from controller.calls.ports import Clock
from controller.calls.threads import Threads
from controller.config import Generation
from controller.equipping import Equipping
from controller.file_watch import LOOK_LIMIT, Snapshot, look, watch, watched
from controller.handlers.control import ControlHandler
from controller.handlers.faults import answer_faults
from controller.handlers.generations import GenerationsHandler
from controller.handlers.health import HealthHandler
from controller.handlers.listeners import ControlSocket, Listener
from controller.handlers.webhooks import WebhookHandler
from controller.metrics import Metrics, probe_loop_lag
from controller.reloading import InThread, Loaded, Reloading
from controller.sansio.webhook import decode_secrets
from controller.settings import Settings, load_all
from controller.store.counts import Spent
from controller.store.memory import MemoryLedger
from controller.systemd import ServiceManager

HANG_UP_LIMIT: Final = 10.0
"""Seconds for the calls that are left when draining has taken too long."""

HURRY_LIMIT: Final = 5.0
"""Seconds for the live calls after a second SIGTERM."""

STRAGGLER_LIMIT: Final = 5.0
"""Seconds for the rejects of deliveries that came in the last moment."""

BUILDS: Final = 8
"""Threads in which generations are loaded, one at a time: Python cannot stop one that hangs."""

_log = structlog.stdlib.get_logger(__name__)


class Service:
    """One controller. To be made inside a running event loop.

    Args:
        settings: every setting.
        generation: who answers, and by which rules.
        manager: who is told how we are; nobody if None.
        clock: the time; the system's if None.
        load: loads settings and generation again, for a reload; from the same file if None.
        in_thread: runs what blocks for long; in a thread of its own if None.
    """

    def __init__(
        self,
        settings: Settings,
        generation: Generation,
        *,
        manager: ServiceManager | None = None,
        clock: Clock | None = None,
        load: Callable[[], Loaded] | None = None,
        in_thread: InThread | None = None,
    ) -> None:
        self._settings = settings
        self._warnings = generation.warnings
        self._manager = manager or ServiceManager({})
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_signalled = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._collectors = CollectorRegistry()
        self._metrics = Metrics(self._collectors)
        self._clock = clock or SystemClock()
        self._wall: Clock = clock or WallClock()
        self._ledger = MemoryLedger(self._clock, when_spent=self._note_spent)
        # One context for all connections: making one blocks the loop for 20 ms.
        tls = ssl.create_default_context()
        self._line = parts.line(settings, tls, self._metrics)
        self._sidebands = parts.sidebands(settings, tls)
        self._http_tools = parts.http_tools(settings, tls, self._wall)
        self._world = parts.world(
            settings,
            ledger=self._ledger,
            line=self._line,
            channels=self._sidebands,
            clock=self._clock,
            wall=self._wall,
            meter=self._metrics,
        )
        self._calls = parts.registry(settings, self._world)
        equipping = Equipping(self._world, self._http_tools)
        self._generations = Generations(
            equipping.equip(generation),
            now=self._wall.now,
            unhealthy_after=settings.reload.unhealthy_after,
            alarm=self._metrics.alarm,
            when_current=self._metrics.generation,
            when_gone=self._forget,
        )
        self._look_in_thread = in_thread or Threads(1).run
        self._reloading = Reloading(
            self._generations,
            loaded=(settings, generation),
            build=load or partial(load_all, settings.config_path),
            equip=equipping.equip,
            meter=self._metrics,
            in_thread=in_thread or Threads(BUILDS).run,
            when_swapped=self._freeze,
        )
        self._reception = parts.reception(settings, self._generations, self._calls, self._world)
        self._listeners = self._make_listeners()
        self._control = ControlSocket(self._control_app(), settings.server.control_socket)
        self._is_controlled = False
        self._is_for_good = False

    # --- state ---------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the public listener is, once started: `http://127.0.0.1:8080`."""
        return self._listeners[0].url

    @property
    def operator_url(self) -> str:
        """Where health and metrics are, once started."""
        return self._listeners[-1].url

    @property
    def state(self) -> str:
        """Return `running`, `paused` or `draining`."""
        if self._calls.is_draining:
            return "draining"
        return "paused" if self._calls.is_paused else "running"

    def reasons(self) -> list[str]:
        """Return why no calls are welcome (`Readiness`)."""
        reasons = [] if self.state == "running" else [self.state]
        if self._line.is_denied:
            reasons.append("accept_denied")
        if self._world.headroom.is_low(self._clock.now()):
            reasons.append("provider_tokens")
        return reasons

    def notes(self) -> list[str]:
        """Return what an operator should know (`Readiness`)."""
        said = {
            "records_not_kept": not self._ledger.kept,
            # No reason to turn new calls away: they get sidebands of their own, and a balancer
            # would send them to a node that meets the same provider (O15).
            "incident": self._calls.has_incident,
            "reload_failed": self._reloading.has_failed,
            "generation_unhealthy": self._generations.is_unhealthy,
            "no_control": not self._is_controlled,
            "trunk_unverified": not self._generations.current.trunk.is_verified,  # O1
        }
        return [note for note, holds in said.items() if holds]

    # --- life ----------------------------------------------------------------------------------

    async def start(self, *, for_good: bool = False) -> None:
        """Warm the clients, open the listeners, say that we are ready.

        Args:
            for_good: the process has no other purpose: take what is loaded by now out of the
                collector's sight, which else looks through the SDK's objects for 24 ms at a time.

        Raises:
            ControllerError: A listener or the control socket cannot be opened.
        """
        await self._line.warm()
        self._is_for_good = for_good
        self._freeze()
        self._own("reloads", self._reloading.run())
        self._own("loop lag", probe_loop_lag(self._metrics.loop_lag))
        try:
            for listener in self._listeners:
                await listener.open()
            self._is_controlled = await self._control.open()
        except BaseException:
            await self._close()
            raise
        if not self._is_controlled:
            # Calls matter more than commands: two services of one configuration, on two ports, are
            # no reason not to answer.
            _log.warning("control_socket_taken", path=str(self._settings.server.control_socket))
        if self._settings.reload.watch:
            self._own("file watch", self._watch_files())
        self._own("watchdog", self._manager.beat())
        self._manager.ready(f"listening on {self.url}")
        _log.info("ready", address=self.url, kept=self._ledger.kept)
        for sentence in self._warnings:
            _log.warning("configuration", warning=sentence)

    def request_stop(self) -> None:
        """Take a signal: begin to drain; at the second one, hang up and stop at once."""
        if self._is_signalled:
            self._hurry.set()
        self._is_signalled = True
        self.drain()

    def request_reload(self) -> None:
        """Take a signal: load the configuration again; the log says what became of it."""
        self._reloading.ask("signal")

    def drain(self) -> None:
        """Refuse new calls, stop when the live ones have ended. Repeating it hangs nobody up."""
        self._calls.start_draining()
        self._stop.set()

    async def run(self, announce: Callable[[str], None]) -> None:
        """Start, announce in one line that we are ready, serve until somebody asks for the end.

        Raises:
            ControllerError: A listener or the control socket cannot be opened.
        """
        await self.start(for_good=True)
        kept = "kept" if self._ledger.kept else "not kept yet"
        with suppress(OSError):  # whoever started us may not read it: no reason not to answer
            announce(f"listening on {self.url}; records are {kept}")
        await self.run_until_stopped()

    async def run_until_stopped(self) -> None:
        """Serve until somebody asks for the end, then drain and stop."""
        await self._stop.wait()
        await self._drain()
        await self.stop()

    async def stop(self) -> None:
        """Hang up what is left, close everything. The listeners close after the calls."""
        self._calls.start_draining()
        limit = HURRY_LIMIT if self._hurry.is_set() else HANG_UP_LIMIT
        has_settled = await self._calls.hang_up_all(limit)
        for listener in self._listeners:
            await listener.close()
        # Deliveries of the last moment got their 200; their rejects must still go out.
        if not (has_settled and await self._calls.settled(STRAGGLER_LIMIT)):
            _log.error("calls_left", live_calls=self._calls.unsettled_count)
        await self._close()
        _log.info("stopped")

    async def _drain(self) -> None:
        limit = self._settings.server.drain_timeout
        live = self._calls.live_count
        self._manager.stopping(f"draining, {live} calls live")
        self._manager.extend_timeout(limit + HANG_UP_LIMIT + STRAGGLER_LIMIT)
        _log.info("draining", live_calls=live, limit=limit)
        settled = asyncio.create_task(self._calls.settled(limit))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({settled, hurry}, return_when=asyncio.FIRST_COMPLETED)
        for waiter in (settled, hurry):
            waiter.cancel()
        await asyncio.gather(settled, hurry, return_exceptions=True)

    async def _close(self) -> None:
        for listener in self._listeners:
            await listener.close()
        await self._calls.close()
        self._reloading.close()  # the socket's closing waits for whoever waits for a reload
        await self._control.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http_tools.close()
        await self._sidebands.close()
        await self._line.close()

    def _own(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a task of the service's own; its failure is logged once and counted."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("task_failed", task=task.get_name(), exc_info=error)
            self._metrics.alarm("task_failed")

    # --- generations ---------------------------------------------------------------------------

    def _forget(self, generation: str) -> None:
        self._reloading.forget(generation)

    def _freeze(self) -> None:
        """Take what is loaded by now out of the collector's sight, and what is not any more back.

        Only while nobody is on the line: looking through all of it takes the loop 25 to 80 ms, and
        a generation that is left in sight less than 1 ms of each full collection.
        """
        if self._is_for_good and not self._calls.live_count:
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    async def _watch_files(self) -> None:
        async def see() -> Snapshot | None:
            paths = watched(self._reloading.settings)
            with suppress(TimeoutError):  # a folder on another machine may hang
                async with asyncio.timeout(LOOK_LIMIT):
                    seen: Snapshot = await self._look_in_thread(partial(look, paths))
                    return seen
            return None

        interval = self._settings.reload.interval
        await watch(see, lambda: self._reloading.ask("file"), interval=interval)

    def _note_spent(self, spent: Spent) -> None:
        """Tell how much of a limit of money is spent, and whoever watches where that is much."""
        self._metrics.spend_ratio(spent.limit, spent.ratio)
        for mark in spent.marks:
            kind = f"spend_{mark * 100:.0f}"
            self._metrics.alarm(kind)
            _log.error("alarm", kind=kind, limit=spent.limit, ratio=round(spent.ratio, 3))

    # --- parts ---------------------------------------------------------------------------------

    def _make_listeners(self) -> list[Listener]:
        server = self._settings.server
        public = self._app()
        WebhookHandler(
            reception=self._reception,
            secrets=decode_secrets(self._settings.openai.webhook_secret.get_secret_value()),
            clock=self._clock,
            meter=self._metrics,
            tolerance=self._settings.webhook.tolerance_limit,
            body_timeout=server.body_timeout,
            wall=self._wall.now,
        ).add_to(public)
        has_own_port = server.operator_port is not None
        operator = self._app() if has_own_port else public
        HealthHandler(readiness=self, registry=self._collectors).add_to(operator)
        listeners = [Listener(public, server.host, server.port)]
        if server.operator_port is not None:
            listeners.append(Listener(operator, server.host, server.operator_port))
        return listeners

    def _control_app(self) -> web.Application:
        app = self._app()
        control = ControlHandler(
            switchboard=self._calls, state=lambda: self.state, drain=self.drain
        )
        control.add_to(app)
        GenerationsHandler(self._reloading).add_to(app)
        return app

    def _app(self) -> web.Application:
        return web.Application(middlewares=[answer_faults(self._metrics.alarm)])


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Have faults that nobody awaited logged once, by type and place."""

    def note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        _log.error(
            "loop_fault", message=context.get("message", ""), exc_info=context.get("exception")
        )

    loop.set_exception_handler(note)


def manager_of_environment() -> ServiceManager:
    """Return the service manager that started this process, or nobody."""
    return ServiceManager(os.environ)
