"""Who is on the line: every call's task is started, named, awaited and ended here."""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from structlog.contextvars import bind_contextvars

from controller.calls.generations import Hold
from controller.calls.incident import Incidents
from controller.calls.operators import NO_CALL, Refusal, Wish, ask
from controller.calls.orphan import end_orphan
from controller.calls.ports import Message
from controller.calls.record import CallRecord, last_four
from controller.calls.runner import CallRunner
from controller.calls.world import World
from controller.sansio.call import State
from controller.sansio.events import (
    Event,
    HangUpRequested,
    IncidentDeclared,
    InjectRequested,
    ReconfigureRequested,
    SayRequested,
    TransferRequested,
)

_log = structlog.get_logger()

CLOSE_LIMIT: Final = 5.0
"""Seconds for cancelled calls to close their sockets and to stop their tools."""


@dataclass(frozen=True, slots=True)
class CallSummary:
    """A live call, as an operator sees it."""

    call_id: str
    provider_id: str
    sip_call_id: str | None
    state: str
    agent: str | None
    caller: str | None
    """Last four digits."""
    called: str | None
    """Last four digits."""
    received_at: float
    answered_at: float | None
    cost_usd: float | None
    """So far; None: nothing is counted in money."""


class Registry:
    """Owns the calls of this process.

    Args:
        world: the ports.
        incidents: says when too many calls have lost their sideband.
    """

    def __init__(self, world: World, *, incidents: Incidents | None = None) -> None:
        self._world = world
        self._incidents = incidents or Incidents()
        self._incident_end: asyncio.TimerHandle | None = None
        self._runners: dict[str, CallRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._holding: set[str] = set()
        """Calls that hold a place."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._paused = False
        self._draining = False

    # --- admission -----------------------------------------------------------------------------

    @property
    def admitting(self) -> bool:
        """New calls may be answered."""
        return not (self._paused or self._draining)

    @property
    def is_paused(self) -> bool:
        """An operator paused admission."""
        return self._paused

    @property
    def is_draining(self) -> bool:
        """The service is stopping."""
        return self._draining

    def pause(self) -> None:
        """Refuse new calls until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Take new calls again. Draining is for good."""
        self._paused = False

    def start_draining(self) -> None:
        """Refuse new calls until the end of the process."""
        self._draining = True

    # --- calls ---------------------------------------------------------------------------------

    @property
    def live_count(self) -> int:
        """Calls that hold a place: answered or about to be."""
        return len(self._holding)

    @property
    def unsettled_count(self) -> int:
        """Calls whose task still runs, those that are being refused included."""
        return len(self._tasks)

    def calls(self) -> list[CallSummary]:
        """Return the calls that are not over, the oldest first."""
        return [_summary(runner) for runner in self._runners.values() if not runner.is_over]

    def start(self, runner: CallRunner, first: Event, *, hold: Hold | None = None) -> None:
        """Start a call's task. Its exception, which would be a bug of ours, is logged once.

        Args:
            runner: drives it.
            first: the decision.
            hold: what the call has of its generation; it is told how that served, and the end.
        """
        call_id = runner.record.call_id
        task = asyncio.create_task(self._drive(runner, first, hold), name=f"call:{call_id}")
        self._runners[call_id] = runner
        self._tasks[call_id] = task
        self._idle.clear()
        if runner.record.agent is not None:
            self._holding.add(call_id)
            self._world.meter.live_calls(len(self._holding))
        task.add_done_callback(partial(self._forget, call_id, hold))

    def _end(self, record: CallRecord, hold: Hold | None) -> None:
        """The call is over, though a tool may still run."""
        self._give_back(record.call_id)
        if hold is not None:
            hold.judge(record, is_over=True)

    def _give_back(self, call_id: str) -> None:
        """The call is over: its place is free, even while a tool still runs."""
        if call_id in self._holding:
            self._holding.remove(call_id)
            self._world.meter.live_calls(len(self._holding))

    def _forget(self, call_id: str, hold: Hold | None, task: asyncio.Task[None]) -> None:
        del self._tasks[call_id]
        del self._runners[call_id]
        self._give_back(call_id)
        if hold is not None:
            hold.release()
        if not self._tasks:
            self._idle.set()
        error = None if task.cancelled() else task.exception()
        if error is not None:  # not even the clean-up came to its end
            _log.error("call_failed", call_id=call_id, exc_info=error)
            self._world.meter.alarm("call_failed")

    async def _drive(self, runner: CallRunner, first: Event, hold: Hold | None) -> None:
        record = runner.record
        bind_contextvars(**record.ids)
        try:
            await runner.run(
                first,
                when_over=partial(self._end, record, hold),
                when_lost=partial(self._lost, runner),
                when_answered=None if hold is None else partial(hold.judge, record),
            )
        except Exception:  # noqa: BLE001 - the root of the call's task: a bug of ours
            # The caller must not pay for it, nor the other calls: end this one.
            _log.exception("call_failed")
            self._world.meter.alarm("call_failed")
            if record.outcome is None and runner.state != State.RELEASED:
                await end_orphan(record, self._world, runner.snapshot)

    # --- operators -----------------------------------------------------------------------------

    def hang_up(self, call_id: str) -> bool:
        """Ask a call to end. Returns False where there is no such call."""
        return self._ask(call_id, HangUpRequested()) != NO_CALL

    def say(self, call_id: str, text: str, *, verbatim: bool = False) -> Refusal | None:
        """Have the agent say something now, as an instruction or word by word."""
        return self._ask(call_id, SayRequested(text, verbatim))

    def inject(self, call_id: str, text: str) -> Refusal | None:
        """Tell the model something that the caller does not hear."""
        return self._ask(call_id, InjectRequested(text))

    def transfer(self, call_id: str, target: str) -> Refusal | None:
        """Send the caller to a target of the agent's, by its name."""
        return self._ask(call_id, TransferRequested(target))

    def reconfigure(self, call_id: str, change: ReconfigureRequested) -> Refusal | None:
        """Have the session go on with other instructions, tools or turn detection."""
        return self._ask(call_id, change)

    async def messages(self, limit: int) -> list[Message]:
        """Return the newest messages that callers left, the oldest of them first."""
        return list(await self._world.ledger.messages(limit))

    def _ask(self, call_id: str, wish: Wish) -> Refusal | None:
        return ask(self._runners.get(call_id), wish)

    # --- incidents -----------------------------------------------------------------------------

    @property
    def has_incident(self) -> bool:
        """Many calls have lost their sideband at once, a moment ago (O15)."""
        return self._incidents.until(self._world.clock.now()) is not None

    def _lost(self, runner: CallRunner) -> None:
        """A call has lost its sideband; too many of them are an incident, told to every call."""
        now, call_id = self._world.clock.now(), runner.record.call_id
        begins = self._incidents.lost(call_id, len(self._holding), now)
        until = self._incidents.until(now)
        if until is None:
            return
        told = list(self._runners.values()) if begins else [runner]
        for each in told:
            each.tell(IncidentDeclared(until))
        if begins:
            nobody = Context()  # it is the process's: no line of it has the ids of one call
            nobody.run(self._world.raise_alarm, "incident")
            self._world.meter.incident(is_on=True)
            loop = asyncio.get_running_loop()
            self._incident_end = loop.call_later(until - now, self._end_incident, context=nobody)

    def _end_incident(self) -> None:
        self._incident_end = None
        self._world.meter.incident(is_on=False)
        _log.info("incident_over")

    # --- the end -------------------------------------------------------------------------------

    async def settled(self, limit: float) -> bool:
        """Wait until no call is left. Returns False when the limit, in seconds, has passed."""
        try:
            async with asyncio.timeout(limit):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def hang_up_all(self, limit: float) -> bool:
        """End every call, within a limit in seconds. Returns False where not all have ended."""
        for runner in list(self._runners.values()):
            if not runner.is_over:
                runner.tell(HangUpRequested())  # not by an operator: the service stops
        return await self.settled(limit)

    async def close(self, limit: float = CLOSE_LIMIT) -> None:
        """Cancel what is left of the calls' tasks and wait for them, at most so many seconds.

        The telephone calls themselves are not ended by this: that is `hang_up_all`.
        """
        self._draining = True
        if self._incident_end is not None:
            self._incident_end.cancel()
        for call_id, task in self._tasks.items():
            self._note_left(self._runners[call_id])
            task.cancel()
        await self.settled(limit)

    def _note_left(self, runner: CallRunner) -> None:
        """Name a call that may go on without us: it gets no canonical line, and is still billed."""
        if not runner.is_over:
            incoming = runner.record.incoming
            self._world.meter.alarm("call_left")
            _log.error(
                "alarm",
                kind="call_left",
                **runner.record.ids,
                provider_id=incoming.provider_id,
                state=runner.state,
            )


def _summary(runner: CallRunner) -> CallSummary:
    record = runner.record
    return CallSummary(
        call_id=record.call_id,
        provider_id=record.incoming.provider_id,
        sip_call_id=record.incoming.sip_call_id,
        state=runner.state,
        agent=runner.agent.name if record.agent else None,
        caller=last_four(record.incoming.caller.e164),
        called=last_four(record.incoming.called.e164),
        received_at=record.received_at,
        answered_at=record.answered_at,
        cost_usd=record.cost_usd,
    )
