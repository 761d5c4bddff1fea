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
from collections.abc import Callable, Coroutine
from typing import Any, Final, assert_never, get_args

import structlog

from controller.calls.attachment import Attachment
from controller.calls.inbox import Inbox
from controller.calls.ports import Toolbox
from controller.calls.record import CallRecord
from controller.calls.world import World, report_outcome
from controller.errors import Fenced
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
    DeadlineReached,
    Event,
    FaultReported,
    OwnershipLost,
    ToolFinished,
)
from controller.tools import CallContext

_log = structlog.get_logger()

_EFFECTS: Final = get_args(Effect)
_IGNORED_FRAMES: Final = frozenset({"binary", "malformed", "not_json"})
"""What the dialect reports of frames that it could not read."""


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
        self.snapshot = b""
        """Of the machines, as it was last written ahead."""
        self._conversation = conversation
        self._world = world
        self._toolbox = toolbox
        self._inbox = Inbox()
        self._attachment = Attachment(
            world.channels, record.incoming.provider_id, self._inbox, wants=conversation.wants
        )
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
        self._inbox.tell(event)

    async def run(self, first: Event, *, when_over: Callable[[], None]) -> None:
        """Drive the call; return when it is over for us and its children are done.

        Tools that still run then are waited for, within their time limits: what they do outside
        must not be cut off in the middle because the caller hung up.

        Args:
            first: the decision.
            when_over: called once the call has ended, before those tools are waited for.
        """
        try:
            async with asyncio.TaskGroup() as self._children:
                await self._receive(first)
                while not self.is_over:
                    await self._receive(await self._next())
                await self._attachment.close()
                when_over()
        finally:
            await self._attachment.close()

    async def _next(self) -> Event | str | bytes:
        """Wait for the next event, or for the machines' deadline."""
        deadline = self._conversation.deadline
        assert deadline is not None  # noqa: S101 - None exactly when the call is over
        left = deadline - self._world.clock.now()
        # What is due comes before what waits: nobody can put a deadline off by talking.
        item = await self._inbox.next(left) if left > 0 else None
        return DeadlineReached() if item is None else item

    async def _receive(self, event: Event | str | bytes) -> None:
        now = self._world.clock.now()
        if isinstance(event, str | bytes):
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
        self.snapshot = self._conversation.snapshot()
        try:
            await self._world.ledger.intend(record.call_id, record.epoch, effects, self.snapshot)
        except Fenced:
            return False
        return True

    async def _perform(self, command: ShellCommand) -> None:
        match command:
            case SendFrame():
                await self._attachment.send(command.frame)
            case Record(note=note):
                self.record.note(note, self._world.clock.now())
                if isinstance(note, FaultReported) and note.code in _IGNORED_FRAMES:
                    self._world.meter.ignored_frames(note.code, 1)
            case OpenChannel():
                await self._attachment.open(lambda work: self._child("sideband", work))
            case CloseChannel():
                await self._attachment.close()
            case AnswerCall() | RejectCall() | TransferCall() | HangUpCall():
                self._perform_aside(command)
            case RunTool():
                self.record.tools += 1
                self._perform_aside(command)
            case ReportAnswered() | ReportReattached() | RaiseAlarm() | ReportOutcome():
                await self._report(command)
            case _:
                assert_never(command)

    def _perform_aside(self, effect: Effect) -> None:
        task = self._child(effect.effect_id, self._settle(effect))
        del task  # the group holds it

    def _child(self, what: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._children is not None  # noqa: S101 - commands come from run alone
        return self._children.create_task(work, name=f"call:{self.record.call_id}:{what}")

    # --- effects -------------------------------------------------------------------------------

    async def _settle(self, effect: Effect) -> None:
        """Perform an effect, write down what came of it, and tell the machines."""
        # Not as a coroutine from outside: cancelled before it starts, nobody would ever await that.
        work = self._run_tool(effect) if isinstance(effect, RunTool) else self._ask_line(effect)
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
                await report_outcome(self._world, record)
