"""From a verified delivery to a call's task: parse, claim, judge its age, decide (rule 1).

Everything here is awaited before the 200; nothing here waits for OpenAI. The call's own task, and
with it the accept request, starts after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from structlog.contextvars import bound_contextvars

from controller.calls.decided import as_decided
from controller.calls.ids import new_call_id
from controller.calls.orphan import end_orphan
from controller.calls.ports import Claim, Toolbox
from controller.calls.record import CallRecord
from controller.calls.referrals import Return
from controller.calls.registry import Registry
from controller.calls.runner import CallRunner
from controller.calls.world import World, report_outcome
from controller.sansio.agent import Agent
from controller.sansio.call import Limits
from controller.sansio.commands import Outcome
from controller.sansio.conversation import Circumstances, Conversation
from controller.sansio.events import Admitted, Event, Refused
from controller.sansio.incoming import IncomingCall, read_incoming
from controller.sansio.policy import Accept, Decision, Ignore, Load, Reject, Rules, admit
from controller.sansio.realtime import Pace
from controller.sansio.returning import forwarded_by, numbers_of_targets
from controller.sansio.templating import Addressed, Prompts
from controller.sansio.usage import PriceEntry, Prices, prices_at
from controller.sansio.webhook import (
    STALE_AFTER,
    CallOffered,
    Signed,
    Unhandled,
    parse,
    staleness,
)

_log = structlog.get_logger()

LINE = "openai_sip"
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
    prices: Sequence[PriceEntry] = ()
    """The price list; without one nothing is counted in money."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name."""
    prompts: Mapping[str, Prompts] = field(default_factory=dict)
    """By the agent's name: texts that are filled in for each call."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What stands for a fact that no look-up has found, by name."""


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
        pace: of their turn machines.
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
        pace: Pace | None = None,
        stale_after: float = STALE_AFTER,
    ) -> None:
        self._registry = registry
        self._world = world
        self._generation = generation
        self._trunk = trunk
        self._limits = limits or Limits()
        self._pace = pace
        self._targets = numbers_of_targets(generation.agents.values(), region=trunk.region)
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
        returned = self._returned(incoming, received_at)
        load = self._load(returned, received_at)
        decision = admit(incoming, self._generation.rules, load, received_at)
        if isinstance(decision, Ignore):
            self._raise_alarm(decision, incoming)  # ours or not, nobody can read whom it is for
            return "ignored"  # and not claimed: it is another controller's (O3)
        record = self._record(incoming, received_at)
        record.returned = returned
        with bound_contextvars(**record.ids):
            epoch = await self._claim(record, body)
            if epoch is None:
                return "duplicate"
            record.epoch = epoch
            if self._is_late(signed, event, received_at):
                await self._expire(record)
                return "stale"
            return await self._decide(record, decision, load)

    def _load(self, returned: Return, now: float) -> Load:
        registry = self._registry
        return Load(
            live_calls=registry.live_count,
            admitting=registry.admitting,
            tokens_low=self._world.headroom.is_low(now),
            returns=returned.hops,
        )

    def _returned(self, incoming: IncomingCall, now: float) -> Return:
        """Tell whether a transfer of ours comes back: by who calls, or by who forwarded (O6)."""
        recent = self._world.referrals.find(incoming.caller.e164, now)
        targets, hops = forwarded_by(incoming.diversion, self._targets)
        return Return(recent.targets | targets, max(recent.hops, hops))

    def _read(self, event: CallOffered, signed: Signed) -> IncomingCall:
        return read_incoming(
            event,
            webhook_id=signed.webhook_id,
            region=self._trunk.region,
            called_number_headers=self._trunk.called_number_headers,
        )

    def _record(self, incoming: IncomingCall, received_at: float) -> CallRecord:
        return CallRecord(
            call_id=new_call_id(received_at),
            epoch=0,
            incoming=incoming,
            agent=None,
            received_at=received_at,
            rule="",
            generation=self._generation.hash,
            caller_ref=self._world.caller_refs.of(incoming.caller.e164),
        )

    async def _claim(self, record: CallRecord, body: bytes) -> int | None:
        claim = Claim(
            call_id=record.call_id,
            line=LINE,
            provider_id=record.incoming.provider_id,
            webhook_id=record.incoming.webhook_id,
            sip_call_id=record.incoming.sip_call_id,
            received_at=record.received_at,
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
            _log.error("alarm", kind="stale_deliveries", count=self._stale)
        return True

    async def _expire(self, record: CallRecord) -> None:
        """End a call that came too late: whoever rang has given up long ago."""
        record.rule, record.outcome = "stale", Outcome.EXPIRED
        record.ended_at = self._world.clock.now()
        await report_outcome(self._world, record, level="warning")

    def _raise_alarm(self, decision: Decision, incoming: IncomingCall) -> None:
        """Tell of a trunk that does not say what was dialled: header names only (O2)."""
        if decision.alarm is not None:
            self._world.meter.alarm(decision.alarm)
            _log.warning("alarm", kind=decision.alarm, header_names=incoming.header_names)

    async def _decide(self, record: CallRecord, decision: Accept | Reject, load: Load) -> str:
        """Start the call's task, with a place under the limits or with a refusal."""
        self._raise_alarm(decision, record.incoming)
        if isinstance(decision, Accept):
            decision = await self._reserve(record, decision, load)
        record.rule = decision.rule
        try:
            self._start(record, decision)  # nothing is awaited since the last look at the load
        except Exception:  # noqa: BLE001 - a mistake of ours: neither caller nor place may stay
            _log.exception("call_failed")
            self._world.meter.alarm("call_failed")
            await end_orphan(record, self._world, b"")
            return "rejected"
        return "accepted" if isinstance(decision, Accept) else "rejected"

    async def _reserve(self, record: CallRecord, decision: Accept, load: Load) -> Accept | Reject:
        """Take the call's shares; where there is no room for one, decide again with that known.

        It ends: a decision never asks for a share of which it was told that there is no room.
        """
        ledger, rules = self._world.ledger, self._generation.rules
        decided: Decision = decision
        while isinstance(decided, Accept):
            full = await ledger.reserve(record.call_id, decided.shares)
            if full is None:
                break
            load = replace(load, full=load.full | {full.key})
            decided = admit(record.incoming, rules, load, record.received_at)
        if not isinstance(decided, Accept):
            assert isinstance(decided, Reject)  # noqa: S101 - a call that is ours stays ours
            return decided
        if not self._registry.admitting:
            await ledger.release(record.call_id)
            return Reject(rules.paused, "not_admitting", "draining or paused since a moment")
        return decided

    def _start(self, record: CallRecord, decision: Accept | Reject) -> None:
        generation = self._generation
        agents = self._addressed(record)
        first: Event
        if isinstance(decision, Accept):
            targets = (each for agent in generation.agents.values() for each in agent.targets)
            record.agent = as_decided(agents[decision.agent_name], decision, targets)
            first = Admitted()
        else:
            first = Refused(decision.status_code)
        runner = CallRunner(
            record,
            self._conversation(record, agents),
            self._world,
            toolboxes=generation.toolboxes,
            agents=agents,
        )
        self._registry.start(runner, first)

    def _addressed(self, record: CallRecord) -> Addressed:
        """Return the agents with their texts as they are for this call."""
        generation = self._generation
        return Addressed(
            generation.agents,
            generation.prompts,
            record.incoming,
            now=record.received_at,
            found=generation.facts,
        )

    def _conversation(self, record: CallRecord, agents: Mapping[str, Agent]) -> Conversation:
        generation, now = self._generation, self._world.clock.now()
        # A call that is refused needs no agent; the machines ask for one only after an answer.
        agent = record.agent or _NOBODY
        return Conversation(
            agent,
            now=now,
            circumstances=Circumstances(
                capacity_code=generation.rules.busy,
                limits=self._limits,
                pace=self._pace,
                colleagues=agents,
                prices=self._prices(agent, now),
                secrets=generation.secrets,
                returned_from=record.returned.targets,
            ),
        )

    def _prices(self, agent: Agent, now: float) -> Prices | None:
        """Return what the agent's model costs today, with the transcription beside it."""
        transcription = agent.transcription
        beside = transcription.get("model") if transcription else None
        return prices_at(self._generation.prices, agent.model, beside, now)


_NOBODY = Agent(name="", model="", voice="", instructions="")
