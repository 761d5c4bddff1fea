"""From a verified delivery to a call's task: parse, claim, judge its age, decide (rule 1).

Everything here is awaited before the 200; nothing here waits for OpenAI. The call's own task, and
with it the accept request, starts after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from controller.calls.ids import new_call_id
from controller.calls.ports import Claim, Toolbox
from controller.calls.record import CallRecord
from controller.calls.registry import Registry
from controller.calls.runner import CallRunner, World
from controller.sansio.agent import Agent
from controller.sansio.call import Limits
from controller.sansio.commands import Outcome
from controller.sansio.conversation import Conversation
from controller.sansio.events import Admitted, Refused
from controller.sansio.incoming import IncomingCall, read_incoming
from controller.sansio.policy import Accept, Ignore, Load, Reject, Rules, admit
from controller.sansio.webhook import CallOffered, Signed, Unhandled, parse, staleness

_log = structlog.get_logger()

LINE = "openai_sip"
TOTAL = "total"
"""The one limit that is reserved for now: concurrent calls."""
STALE_IN_A_ROW = 2
"""First deliveries that come too late, one after the other, after which somebody is told (O16)."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What answers calls now: agents, their tools, and the rules of admission."""

    hash: str
    agents: Mapping[str, Agent]
    toolboxes: Mapping[str, Toolbox]
    """By the agent's name."""
    rules: Rules


@dataclass(frozen=True, slots=True)
class Trunk:
    """How the trunk writes what we must read."""

    region: str
    called_number_headers: Sequence[str]


class Reception:
    """Takes verified deliveries.

    Args:
        registry: starts the calls' tasks.
        world: the ports.
        generation: what answers.
        trunk: how to read the caller and the called number.
        limits: of the calls' machines.
        stale_after: seconds after which the caller has gone, by all experience.
    """

    def __init__(
        self,
        registry: Registry,
        world: World,
        *,
        generation: Generation,
        trunk: Trunk,
        limits: Limits | None = None,
        stale_after: float = 60.0,
    ) -> None:
        self._registry = registry
        self._world = world
        self._generation = generation
        self._trunk = trunk
        self._limits = limits or Limits()
        self._stale_after = stale_after
        self._stale = 0

    async def receive(self, signed: Signed, body: bytes, received_at: float) -> str:
        """Take one delivery; return what became of it, a stable word.

        Args:
            signed: from the verifier.
            body: the bytes that were signed.
            received_at: Unix seconds, when the first byte came.

        Raises:
            MalformedDelivery: it is not of the documented shape.
        """
        event = parse(body)
        if isinstance(event, Unhandled):
            # The twin `live.…` event of the same INVITE among them: no request, not even a
            # rejection, which would end the call (rule 2).
            return "unhandled"
        self._world.meter.delivery_age(max(0.0, received_at - event.created_at))
        incoming = self._read(event, signed)
        decision = admit(incoming, self._generation.rules, self._load(), received_at)
        if decision.alarm is not None:
            self._world.meter.alarm(decision.alarm)
            _log.warning("alarm", kind=decision.alarm, headers=incoming.header_names)
        if isinstance(decision, Ignore):
            return "ignored"
        call_id = new_call_id(received_at)
        epoch = await self._claim(call_id, incoming, body, received_at)
        if epoch is None:
            return "duplicate"
        if self._is_late(signed, event, received_at):
            await self._expire(call_id, epoch, incoming, received_at)
            return "stale"
        if isinstance(decision, Accept):
            decision = await self._reserve(call_id, decision)
        record = CallRecord(
            call_id=call_id,
            epoch=epoch,
            incoming=incoming,
            agent=self._agent(decision),
            received_at=received_at,
            rule=decision.rule,
            generation=self._generation.hash,
        )
        self._start(record, decision)
        return "accepted" if isinstance(decision, Accept) else "rejected"

    def _read(self, event: CallOffered, signed: Signed) -> IncomingCall:
        return read_incoming(
            event,
            webhook_id=signed.webhook_id,
            region=self._trunk.region,
            called_number_headers=self._trunk.called_number_headers,
        )

    def _load(self) -> Load:
        registry = self._registry
        return Load(live_calls=registry.live_count, admitting=registry.admitting)

    async def _claim(
        self, call_id: str, incoming: IncomingCall, body: bytes, received_at: float
    ) -> int | None:
        claim = Claim(
            call_id=call_id,
            line=LINE,
            provider_id=incoming.provider_id,
            webhook_id=incoming.webhook_id,
            sip_call_id=incoming.sip_call_id,
            received_at=received_at,
            raw_event=body,
        )
        return await self._world.ledger.claim(claim)

    def _is_late(self, signed: Signed, event: CallOffered, received_at: float) -> bool:
        """Judge the age by OpenAI's clock, and our own queueing by ours (O16)."""
        queued = self._world.clock.now() - received_at
        age = staleness(signed.webhook_timestamp, event.created_at, queued)
        if age <= self._stale_after:
            self._stale = 0
            return False
        self._stale += 1
        if self._stale >= STALE_IN_A_ROW:
            self._world.meter.alarm("stale_deliveries")
            _log.error("alarm", kind="stale_deliveries", in_a_row=self._stale)
        return True

    async def _expire(
        self, call_id: str, epoch: int, incoming: IncomingCall, received_at: float
    ) -> None:
        """End a call that came too late: whoever rang has given up long ago."""
        record = CallRecord(
            call_id=call_id,
            epoch=epoch,
            incoming=incoming,
            agent=None,
            received_at=received_at,
            rule="stale",
            generation=self._generation.hash,
            ended_at=self._world.clock.now(),
            outcome=Outcome.EXPIRED,
        )
        await self._world.ledger.finish(call_id, epoch, Outcome.EXPIRED, record.stored())
        self._world.meter.outcome(Outcome.EXPIRED)
        _log.warning(
            "call", call_id=call_id, sip_call_id=incoming.sip_call_id, **record.canonical()
        )

    async def _reserve(self, call_id: str, accepted: Accept) -> Accept | Reject:
        """Take a place; somebody else may have taken the last one meanwhile."""
        rules = self._generation.rules
        full = await self._world.ledger.reserve(call_id, {TOTAL: rules.max_concurrent_calls})
        if full is None:
            return accepted
        return Reject(rules.busy, "full", "the last place was just taken", accepted.alarm)

    def _agent(self, decision: Accept | Reject) -> Agent | None:
        return (
            self._generation.agents[decision.agent_name] if isinstance(decision, Accept) else None
        )

    def _start(self, record: CallRecord, decision: Accept | Reject) -> None:
        generation = self._generation
        # A call that is refused needs no agent; the machines ask for one only after an answer.
        agent = record.agent or _NOBODY
        conversation = Conversation(
            agent,
            now=self._world.clock.now(),
            capacity_code=generation.rules.busy,
            limits=self._limits,
        )
        toolbox = generation.toolboxes[agent.name] if record.agent is not None else None
        runner = CallRunner(record, conversation, self._world, toolbox)
        first = Admitted() if isinstance(decision, Accept) else Refused(decision.status_code)
        self._registry.start(runner, first)


_NOBODY = Agent(name="", model="", voice="", instructions="")
