"""The one owned task of a call: events in, commands performed, results back as events.

    what happens ──> inbox ──> Conversation.receive ──> commands ──> perform ──┐
         ^                                                                     │
         └──────────── results of requests, frames, tool outputs <─────────────┘

What takes time (a request, a tool, opening a socket) runs in a child task of this one and turns
into an event; frames are sent by the call's own task, so that they keep their order. Before an
outside effect is performed its intent is in the ledger (design section 4, write-ahead).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, assert_never, get_args

import structlog

from controller.calls.ports import Channel, Channels, Clock, Ledger, Line, Meter, Toolbox
from controller.calls.record import CallRecord
from controller.errors import ChannelClosed, ChannelRefused, Fenced
from controller.sansio.commands import (
    AnswerCall,
    CloseChannel,
    Effect,
    HangUpCall,
    OpenChannel,
    RaiseAlarm,
    Record,
    RejectCall,
    ReportAnswered,
    ReportOutcome,
    ReportReattached,
    RunTool,
    SendFrame,
    ShellCommand,
    TransferCall,
)
from controller.sansio.conversation import Conversation
from controller.sansio.events import (
    AttachFailed,
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    Event,
    OwnershipLost,
    ToolFinished,
)
from controller.tools import CallContext

_log = structlog.get_logger()

FRAMES_LIMIT = 64
"""Frames that may wait for the call's task. Then its reader stops, aiohttp's buffer fills, and TCP
holds the far end back: nothing is lost. Results of requests are as many as the machine asked for,
and wait without a limit of their own."""

_EFFECTS = get_args(Effect)
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class World:
    """What every call's task needs: the ports."""

    ledger: Ledger
    line: Line
    channels: Channels
    clock: Clock
    meter: Meter


class CallRunner:
    """Drives one call from its decision to its outcome.

    Args:
        record: what is kept of the call.
        conversation: its two machines.
        world: the ports.
        toolbox: the agent's tools; None for a call that is refused.
    """

    def __init__(
        self,
        record: CallRecord,
        conversation: Conversation,
        world: World,
        toolbox: Toolbox | None,
    ) -> None:
        self.record = record
        self._conversation = conversation
        self._world = world
        self._toolbox = toolbox
        self._inbox: asyncio.Queue[Event | str | bytes] = asyncio.Queue()
        self._room = asyncio.Semaphore(FRAMES_LIMIT)
        self._channel: Channel | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._children: asyncio.TaskGroup | None = None

    @property
    def state(self) -> str:
        """Where the call stands."""
        return self._conversation.state

    @property
    def is_over(self) -> bool:
        """The call has ended for us; a tool may still be running out its time."""
        return self._conversation.is_over

    def tell(self, event: Event) -> None:
        """Tell the call what an operator wants."""
        self._inbox.put_nowait(event)

    async def run(self, first: Event) -> None:
        """Drive the call; return when it is over for us and its children are done.

        Tools that still run then are waited for, within their time limits: what they do outside
        must not be cut off in the middle because the caller hung up.
        """
        try:
            async with asyncio.TaskGroup() as self._children:
                await self._receive(first)
                while not self.is_over:
                    await self._receive(await self._next())
                for reader in self._readers:
                    reader.cancel()
        finally:
            await self._close_channel()

    async def _next(self) -> Event | str | bytes:
        """Wait for the next event, or for the machines' deadline."""
        deadline = self._conversation.deadline
        if deadline is None:
            return await self._inbox.get()
        left = deadline - self._world.clock.now()
        if left <= 0:
            return DeadlineReached()
        try:
            async with asyncio.timeout(left):
                return await self._inbox.get()
        except TimeoutError:
            return DeadlineReached()

    async def _receive(self, event: Event | str | bytes) -> None:
        now = self._world.clock.now()
        if isinstance(event, str | bytes):
            self._room.release()
            commands = self._conversation.receive_frame(event, now=now)
        else:
            commands = self._conversation.receive(event, now=now)
        effects = [command for command in commands if isinstance(command, _EFFECTS)]
        if effects and not await self._intend(effects):
            commands = self._conversation.receive(OwnershipLost(), now=now)
        for command in commands:
            await self._perform(command)

    async def _intend(self, effects: list[Any]) -> bool:
        """Write down what is about to be done; False where the call is no longer ours."""
        record = self.record
        snapshot = self._conversation.snapshot()
        try:
            await self._world.ledger.intend(record.call_id, record.epoch, effects, snapshot)
        except Fenced:
            return False
        return True

    async def _perform(self, command: ShellCommand) -> None:
        match command:
            case SendFrame():
                await self._send(command)
            case Record():
                self.record.note(command.note, self._world.clock.now())
            case OpenChannel():
                reader = self._child("sideband", self._open())
                self._readers.add(reader)
                reader.add_done_callback(self._readers.discard)
            case CloseChannel():
                await self._close_channel()
            case AnswerCall() | RejectCall() | TransferCall() | HangUpCall():
                self._perform_aside(command, self._ask_line(command))
            case RunTool():
                self.record.tools += 1
                self._perform_aside(command, self._run_tool(command))
            case ReportAnswered() | ReportReattached() | RaiseAlarm() | ReportOutcome():
                await self._report(command)
            case _:
                assert_never(command)

    def _perform_aside(self, effect: Effect, work: Coroutine[Any, Any, Event]) -> None:
        task = self._child(effect.effect_id, self._settle(effect, work))
        del task  # the group holds it

    def _child(self, what: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._children is not None  # noqa: S101 - commands come from run alone
        return self._children.create_task(work, name=f"call:{self.record.call_id}:{what}")

    # --- effects -------------------------------------------------------------------------------

    async def _settle(self, effect: Effect, work: Coroutine[Any, Any, Event]) -> None:
        """Perform an effect, write down what came of it, and tell the machines."""
        result = await work
        record = self.record
        try:
            await self._world.ledger.settle(
                record.call_id, record.epoch, effect.effect_id, type(result).__name__
            )
        except Fenced:
            # A call that has ended is settled already; one that was taken from us is released.
            result = OwnershipLost()
        self.tell(result)

    async def _ask_line(
        self, command: AnswerCall | RejectCall | TransferCall | HangUpCall
    ) -> Event:
        line, provider_id = self._world.line, self.record.incoming.provider_id
        match command:
            case AnswerCall(form=form):
                session = self._conversation.session(form)
                self._mark_answer()
                return await line.answer(provider_id, session)
            case RejectCall(status_code=status_code):
                self.record.reject_code = status_code
                return await line.reject(provider_id, status_code)
            case TransferCall(uri=uri):
                self.record.transfers += 1
                return await line.transfer(provider_id, uri)
            case HangUpCall():
                return await line.hang_up(provider_id)

    def _mark_answer(self) -> None:
        if self.record.answer_sent_at is None:
            now = self._world.clock.now()
            self.record.answer_sent_at = now
            self._world.meter.answer_sent(now - self.record.received_at)

    async def _run_tool(self, command: RunTool) -> Event:
        assert self._toolbox is not None  # noqa: S101 - a refused call has no model to ask
        incoming, agent = self.record.incoming, self.record.agent
        context = CallContext(
            call_id=self.record.call_id,
            sip_call_id=incoming.sip_call_id,
            caller_shown=incoming.caller_shown.e164,
            called_number=incoming.called.e164,
            agent=agent.name if agent else "",
        )
        return ToolFinished(await self._toolbox.run(command.call, context))

    # --- the channel ---------------------------------------------------------------------------

    async def _open(self) -> None:
        """Open the model's socket and read it until it closes."""
        try:
            channel = await self._world.channels.open(self.record.incoming.provider_id)
        except ChannelRefused as refused:
            self.tell(AttachFailed(gone=refused.http_status == NOT_FOUND))
            return
        await self._close_channel()  # that of an attempt that was given up
        self._channel = channel
        self.tell(ChannelOpened())
        try:
            while True:
                frame = await channel.receive()
                await self._room.acquire()
                self._inbox.put_nowait(frame)
        except ChannelClosed as closed:
            await channel.close()
            if channel is self._channel:
                self._channel = None
                self.tell(ChannelLost(closed.code))

    async def _send(self, command: SendFrame) -> None:
        # A frame without a socket is lost with it; the reader reports the loss, and the turn
        # machine posts again what must not be lost.
        if self._channel is not None:
            with suppress(ChannelClosed):
                await self._channel.send(command.frame)

    async def _close_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    # --- reports -------------------------------------------------------------------------------

    async def _report(
        self, report: ReportAnswered | ReportReattached | RaiseAlarm | ReportOutcome
    ) -> None:
        now, record, meter = self._world.clock.now(), self.record, self._world.meter
        match report:
            case ReportAnswered():
                record.answered_at = now
                meter.answered(now - (record.answer_sent_at or now))
                _log.info("answered", agent=record.agent.name if record.agent else None)
            case ReportReattached():
                record.reattaches += 1
                meter.reattached()
                _log.info("reattached")
            case RaiseAlarm(kind=kind):
                meter.alarm(kind)
                _log.error("alarm", kind=kind)
            case ReportOutcome(outcome=outcome, detail=detail):
                record.outcome, record.detail, record.ended_at = outcome, detail, now
                await self._finish()

    async def _finish(self) -> None:
        """Write the one outcome to the ledger, the metrics and the log."""
        record = self.record
        assert record.outcome is not None  # noqa: S101 - it was just reported
        with suppress(Fenced):
            await self._world.ledger.finish(
                record.call_id, record.epoch, record.outcome, record.stored()
            )
        self._world.meter.outcome(record.outcome)
        _log.info("call", **record.canonical())
