"""What a call does outside: requests to the line, and tools. Each one is a task of the call's.

Its intent is in the ledger before it begins; here it is performed, what came of it is written down,
and the machines are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeAlias

from controller.calls.messages import TakeMessage
from controller.calls.ports import Runnable, Toolbox
from controller.calls.record import CallRecord
from controller.calls.world import World
from controller.errors import Fenced
from controller.sansio.agent import TAKE_MESSAGE, Agent
from controller.sansio.commands import (
    AnswerCall,
    Effect,
    HangUpCall,
    LineCommand,
    RejectCall,
    RunTool,
    TransferCall,
)
from controller.sansio.conversation import Conversation
from controller.sansio.events import Event, OwnershipLost, ToolFinished, TransferFailed
from controller.tools import CallContext

Start: TypeAlias = Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a child task of the call's, with a name for it."""

CANCELLED: Final = "Cancelled"
"""What came of a tool that was stopped because its call ended."""


class Effects:
    """Performs the outside effects of one call.

    Args:
        record: what is kept of the call.
        conversation: makes the session config, and knows who talks.
        world: the ports.
        toolboxes: of every agent of the generation, by name; none for a call that is refused.
        tell: takes what came of an effect.
    """

    def __init__(
        self,
        record: CallRecord,
        conversation: Conversation,
        world: World,
        *,
        toolboxes: Mapping[str, Toolbox],
        tell: Callable[[Event], None],
    ) -> None:
        self._record = record
        self._conversation = conversation
        self._world = world
        self._toolboxes = toolboxes
        self._tell = tell
        self._stoppable: set[asyncio.Task[None]] = set()
        """Tools that are to end with the call."""
        self._is_over = False
        self._own = {TAKE_MESSAGE: TakeMessage(record, world)}

    def perform(self, effect: Effect, start: Start) -> None:
        """Begin to perform an effect, in a task of its own."""
        task = start(effect.effect_id, self._settle(effect))
        if isinstance(effect, RunTool) and self._ends_with_call(effect):
            self._stoppable.add(task)
            task.add_done_callback(self._stoppable.discard)

    def end(self) -> None:
        """The call is over: stop the tools that are of no use any more.

        The others may finish, within their time limits: what they do outside must not be cut off
        in the middle because the caller hung up.
        """
        self._is_over = True
        for task in self._stoppable:
            task.cancel()

    async def _settle(self, effect: Effect) -> None:
        """Perform an effect, write down what came of it, and tell the machines."""
        # Not as a coroutine from outside: cancelled before it starts, nobody would ever await that.
        work = self._run_tool(effect) if isinstance(effect, RunTool) else self._ask_line(effect)
        try:
            result = await work
        except asyncio.CancelledError:
            if not self._is_over:
                raise  # the process stops
            await self._write(effect, CANCELLED)
            return
        is_ours = await self._write(effect, type(result).__name__)
        if not self._is_over:
            self._tell(result if is_ours else OwnershipLost())

    async def _write(self, effect: Effect, result: str) -> bool:
        """Write down what came of an effect; False where the call is no longer ours."""
        record = self._record
        try:
            await self._world.ledger.settle(record.call_id, record.epoch, effect.effect_id, result)
        except Fenced:
            return False
        return True

    # --- the line ------------------------------------------------------------------------------

    async def _ask_line(self, command: LineCommand) -> Event:
        line, provider_id = self._world.line, self._record.incoming.provider_id
        keep = self._world.keeper(self._record)
        match command:
            case AnswerCall(form=form):
                session = self._conversation.session(form)
                self._mark_answer()
                return await line.answer(provider_id, session, keep=keep)
            case RejectCall(status_code=status_code):
                self._record.reject_code = status_code
                return await line.reject(provider_id, status_code, keep=keep)
            case TransferCall():
                return await self._transfer(command)
            case HangUpCall():
                return await line.hang_up(provider_id, keep=keep)

    def _mark_answer(self) -> None:
        if self._record.answer_sent_at is None:
            now = self._world.clock.now()
            self._record.answer_sent_at = now
            seconds = now - self._record.received_at
            self._world.meter.answer_sent(seconds)
            if seconds > self._world.alarm_limits.slow_answer:
                self._world.raise_alarm("slow_answer")

    async def _transfer(self, command: TransferCall) -> Event:
        """Refer the caller; remember it before, for the caller may be back before the answer is."""
        record, referrals = self._record, self._world.referrals
        record.transfers += 1
        caller = record.incoming.caller.e164
        referrals.add(caller, command.target, record.returned, self._world.clock.now())
        uri = self._with_context(command)
        result = await self._world.line.transfer(
            record.incoming.provider_id, uri, keep=self._world.keeper(record)
        )
        if isinstance(result, TransferFailed):
            referrals.forget(caller)
        return result

    def _with_context(self, command: TransferCall) -> str:
        """Return the target's URI, with the caller's context where it is wanted and fits."""
        agent, handover = self._conversation.agent, self._world.handover
        target = agent.target(command.target)
        if handover is None or target is None or not target.user_to_user:
            return command.uri
        return handover.uri(command.uri, self._claims(agent)) or command.uri

    def _claims(self, agent: Agent) -> dict[str, str]:
        """Return what the target may know, the most important first; what is withheld stays so."""
        incoming = self._record.incoming
        claims = {
            "call_id": self._record.call_id,
            "caller_shown": incoming.caller_shown.e164,
            "agent": agent.name,
            "sip_call_id": incoming.sip_call_id,
        }
        return {name: value for name, value in claims.items() if value is not None}

    # --- tools ---------------------------------------------------------------------------------

    def _agent_name(self, command: RunTool) -> str:
        return command.agent or self._conversation.agent.name

    def _ends_with_call(self, command: RunTool) -> bool:
        toolbox = self._toolboxes.get(self._agent_name(command))
        return toolbox is not None and toolbox.ends_with_call(command.call.name)

    async def _run_tool(self, command: RunTool) -> Event:
        name = self._agent_name(command)
        incoming = self._record.incoming
        context = CallContext(
            call_id=self._record.call_id,
            sip_call_id=incoming.sip_call_id,
            caller_shown=incoming.caller_shown.e164,
            called_number=incoming.called.e164,
            agent=name,
            tool_call_id=command.call.tool_call_id,
        )
        output = await self._toolboxes[name].run(
            command.call, context, own=self._own_tools(), is_sensitive=command.is_sensitive
        )
        return ToolFinished(output)

    def _own_tools(self) -> Mapping[str, Runnable]:
        """Return the built-in tools that the shell runs and the agent may use."""
        may = self._conversation.agent.built_in
        return {name: each for name, each in self._own.items() if name in may}
