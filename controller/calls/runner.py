"""The one owned task of a call: events in, commands performed, results back as events.

    what happens ──> inbox ──> Conversation.receive ──> commands ──> perform ──┐
         ^                                                                     │
         └──────────── results of requests, frames, tool outputs <─────────────┘

What takes time (a request, a tool, opening a socket) runs in a child task of this one and turns
into an event (`effects`); frames are sent by the call's own task, so that they keep their order.
Before an outside effect is performed its intent is in the ledger (design section 4, write-ahead).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, assert_never, get_args

from controller.calls.attachment import Attachment
from controller.calls.beginning import Preparation
from controller.calls.effects import Effects
from controller.calls.inbox import Inbox
from controller.calls.notes import Notes
from controller.calls.ports import Toolbox
from controller.calls.record import CallRecord
from controller.calls.redaction import redacted
from controller.calls.world import World
from controller.errors import Fenced
from controller.sansio.agent import Agent
from controller.sansio.call import Obstacle, State
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
    ReportDisclosure,
    ReportHandOff,
    ReportNoTranscript,
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
    OwnershipLost,
    ReconfigureRequested,
)

_EFFECTS: Final = get_args(Effect)
_TALKING: Final = frozenset({State.ATTACHING, State.ACTIVE})


class CallRunner:
    """Drives one call from its decision to its outcome.

    Args:
        record: what is kept of the call.
        conversation: its machines.
        world: the ports.
        toolboxes: of every agent of the generation, by name; none for a call that is refused.
        agents: of the generation, by name: a call may be handed to one of them.
        preparation: what must be known before the decision is followed, and may change it; the
            machines wait meanwhile. None: nothing.
    """

    def __init__(
        self,
        record: CallRecord,
        conversation: Conversation,
        world: World,
        *,
        toolboxes: Mapping[str, Toolbox],
        agents: Mapping[str, Agent],
        preparation: Preparation | None = None,
    ) -> None:
        self.record = record
        self.snapshot = b""
        """Of the machines, as it was last written ahead."""
        self._conversation = conversation
        self._world = world
        self._inbox = Inbox()
        self._attachment = Attachment(
            world.channels,
            record.incoming.provider_id,
            self._inbox,
            wants=conversation.wants,
            clock=world.clock,
            traffic=record.traffic,
        )
        self._toolboxes = toolboxes
        self._effects = self._effects_of(conversation)
        self._notes = Notes(record, world, agents)
        self._preparation = preparation
        self._answered = asyncio.Event()
        self._preparing: asyncio.Task[None] | None = None
        """Ends by itself: what it has begun to reserve must not be cut off."""
        self._following: asyncio.Task[None] | None = None
        self._is_instructed = False
        """An operator has given the session instructions: they are not replaced."""
        self._children: asyncio.TaskGroup | None = None
        self._when_lost: Callable[[], None] = _nobody_asks
        self._when_answered: Callable[[], None] = _nobody_asks

    @property
    def state(self) -> str:
        """Where the call stands."""
        return self._conversation.state

    @property
    def agent(self) -> Agent:
        """Who talks with the caller now."""
        return self._conversation.agent

    @property
    def is_talking(self) -> bool:
        """Caller and agent talk, or would if the sideband were not lost."""
        return self.record.answered_at is not None and self._conversation.state in _TALKING

    @property
    def is_over(self) -> bool:
        """The call has ended for us; a tool may still be running out its time."""
        return self._conversation.is_over

    @property
    def has_room(self) -> bool:
        """What an operator wants can wait in the inbox; nothing is heaped up without a limit."""
        return self._inbox.has_room

    def why_not_transfer(self, target: str) -> Obstacle | None:
        """Say why an operator's transfer to a target cannot be followed now; None: it can."""
        return self._conversation.why_not_transfer(target, now=self._world.clock.now())

    def tell(self, event: Event) -> None:
        """Tell the call what an operator or the process wants."""
        if isinstance(event, ReconfigureRequested) and event.instructions is not None:
            self._is_instructed = True
        self._inbox.tell(event)

    async def run(
        self,
        first: Event,
        *,
        when_over: Callable[[], None],
        when_lost: Callable[[], None] | None = None,
        when_answered: Callable[[], None] | None = None,
    ) -> None:
        """Drive the call; return when it is over for us and its children are done.

        Args:
            first: the decision.
            when_over: called once the call has ended, before the tools that still run are waited
                for, within their time limits.
            when_lost: called whenever the sideband proves to have been lost while caller and agent
                talked.
            when_answered: called when the answer has been proven by a session.
        """
        self._when_lost = when_lost or _nobody_asks
        self._when_answered = when_answered or _nobody_asks
        try:
            async with asyncio.TaskGroup() as self._children:
                await self._begin(first)
                while not self.is_over:
                    await self._receive(await self._next())
                await self._attachment.close()
                when_over()
                self._effects.end()
                self._stop_preparing()
        finally:
            await self._attachment.close()

    async def _begin(self, first: Event) -> None:
        """Follow the decision, or prepare for it first."""
        if self._preparation is None:
            await self._receive(first)
        else:
            self._preparing = self._child("look-up", self._prepare(self._preparation))

    async def _prepare(self, preparation: Preparation) -> None:
        """Go on with what the call really begins with, unless it was refused meanwhile."""
        beginning = await preparation.before()
        if self._conversation.state != State.PENDING:
            await preparation.undo()
            return
        # Nothing was asked of these machines, nor of the effects: the new ones owe nothing.
        self._conversation = beginning.conversation
        self._effects = self._effects_of(beginning.conversation)
        self._inbox.tell(beginning.first)
        self._following = self._child("late look-up", self._follow(preparation))

    async def _follow(self, preparation: Preparation) -> None:
        """Tell the session what comes late, once there is one."""
        if await preparation.is_late():
            await self._answered.wait()
            change = preparation.change(self.agent)
            if change is not None and not self._is_instructed:
                self._inbox.tell(change)

    def _stop_preparing(self) -> None:
        """The call is over: nothing that is found is of use any more."""
        if self._preparation is not None:
            self._preparation.stop()
        if self._following is not None:
            self._following.cancel()

    def _effects_of(self, conversation: Conversation) -> Effects:
        return Effects(
            self.record,
            conversation,
            self._world,
            toolboxes=self._toolboxes,
            tell=self._inbox.tell,
        )

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
        kept = [redacted(effect) for effect in effects]
        try:
            await self._world.ledger.intend(record.call_id, record.epoch, kept, self.snapshot)
        except Fenced:
            return False
        return True

    async def _perform(self, command: ShellCommand) -> None:
        match command:
            case SendFrame():
                await self._attachment.send(command.frame)
            case Record(note=note):
                self._notes.keep(note)
            case OpenChannel(attempt=attempt):
                await self._open(attempt)
            case CloseChannel():
                await self._attachment.close()
            case RunTool():
                self.record.tools += 1
                self._effects.perform(command, self._child)
            case AnswerCall() | RejectCall() | TransferCall() | HangUpCall():
                self._effects.perform(command, self._child)
            case ReportAnswered():
                await self._notes.report(command)
                self._answered.set()
                self._when_answered()
            case ReportReattached():
                self._when_lost()
                await self._notes.report(command)
            case (
                ReportDisclosure()
                | ReportNoTranscript()
                | ReportHandOff()
                | RaiseAlarm()
                | ReportOutcome()
            ):
                await self._notes.report(command)
            case _:
                assert_never(command)

    async def _open(self, attempt: int) -> None:
        """Open the sideband; again, not faster than the process may attach again (O15)."""
        is_again = self.record.answered_at is not None
        if is_again and attempt > 1:
            self._when_lost()  # the attempt before this one found neither a session nor a 404
        await self._attachment.open(
            lambda work: self._child("sideband", work),
            before=self._world.gate.pass_through if is_again else None,
        )

    def _child(self, what: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._children is not None  # noqa: S101 - commands come from run alone
        return self._children.create_task(work, name=f"call:{self.record.call_id}:{what}")


def _nobody_asks() -> None:
    """Nobody wants to know."""
