"""From a verified delivery to a call's task: parse, claim, judge its age, decide (rule 1).

Everything here is awaited before the 200; nothing here waits for OpenAI. The call's own task, and
with it the accept request, starts after.
"""

from __future__ import annotations

from dataclasses import replace

import structlog
from structlog.contextvars import bound_contextvars

from controller.calls.beginning import Opening, Preparation, Timing, take_shares
from controller.calls.generations import Generation, Generations
from controller.calls.ids import new_call_id
from controller.calls.orphan import end_orphan
from controller.calls.ports import Claim
from controller.calls.record import CallRecord
from controller.calls.referrals import Return
from controller.calls.registry import Registry
from controller.calls.runner import CallRunner
from controller.calls.world import World, report_outcome
from controller.sansio.call import Limits
from controller.sansio.commands import Outcome
from controller.sansio.incoming import IncomingCall
from controller.sansio.policy import Accept, Decision, Ignore, Load, Reject, admit
from controller.sansio.realtime import Pace
from controller.sansio.returning import forwarded_by
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


class Reception:
    """Takes verified deliveries.

    Args:
        registry: starts the calls' tasks.
        world: the ports.
        generation: what answers, or those of which one does at a time.
        limits: of the calls' machines.
        pace: of their turn machines.
        stale_after: seconds after which the caller has gone, by all experience.
    """

    def __init__(
        self,
        registry: Registry,
        world: World,
        *,
        generation: Generation | Generations,
        limits: Limits | None = None,
        pace: Pace | None = None,
        stale_after: float = STALE_AFTER,
    ) -> None:
        self._registry = registry
        self._world = world
        if isinstance(generation, Generation):
            generation = Generations(generation)
        self._generations = generation
        self._timing = Timing(limits or Limits(), pace)
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
        with self._generations.use() as generation:  # read once: a call never mixes two
            return await self._take(
                signed, event, received_at=received_at, body=body, generation=generation
            )

    async def _take(
        self,
        signed: Signed,
        event: CallOffered,
        *,
        received_at: float,
        body: bytes,
        generation: Generation,
    ) -> str:
        """Decide of a call and start its task, all of it with one generation."""
        incoming = _read(event, signed, generation)
        returned = self._returned(incoming, received_at, generation)
        load = self._load(returned, received_at)
        decision = admit(incoming, generation.rules, load, received_at)
        if isinstance(decision, Ignore):
            self._raise_alarm(decision, incoming)  # ours or not, nobody can read whom it is for
            return "ignored"  # and not claimed: it is another controller's (O3)
        record = self._record(incoming, received_at, generation)
        record.returned = returned
        with bound_contextvars(**record.ids):
            epoch = await self._claim(record, body)
            if epoch is None:
                return "duplicate"
            record.epoch = epoch
            if self._is_late(signed, event, received_at):
                await self._expire(record)
                return "stale"
            return await self._decide(record, decision, load, generation)

    def _load(self, returned: Return, now: float) -> Load:
        registry = self._registry
        return Load(
            live_calls=registry.live_count,
            admitting=registry.admitting,
            tokens_low=self._world.headroom.is_low(now),
            returns=returned.hops,
        )

    def _returned(self, incoming: IncomingCall, now: float, generation: Generation) -> Return:
        """Tell whether a transfer of ours comes back: by who calls, or by who forwarded (O6)."""
        recent = self._world.referrals.find(incoming.caller.e164, now)
        targets, hops = forwarded_by(incoming.diversion, generation.numbers_of_targets)
        return Return(recent.targets | targets, max(recent.hops, hops))

    def _record(
        self, incoming: IncomingCall, received_at: float, generation: Generation
    ) -> CallRecord:
        return CallRecord(
            call_id=new_call_id(received_at),
            epoch=0,
            incoming=incoming,
            agent=None,
            received_at=received_at,
            rule="",
            generation=generation.hash,
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

    async def _decide(
        self, record: CallRecord, decision: Accept | Reject, load: Load, generation: Generation
    ) -> str:
        """Start the call's task, with a place under the limits or with a refusal."""
        self._raise_alarm(decision, record.incoming)
        if isinstance(decision, Accept):
            decision = await self._reserve(record, decision, load, generation)
        try:
            # Nothing is awaited since the last look at the load.
            self._start(record, decision, generation)
        except Exception:  # noqa: BLE001 - a mistake of ours: neither caller nor place may stay
            _log.exception("call_failed")
            self._world.meter.alarm("call_failed")
            await end_orphan(record, self._world, b"")
            return "rejected"
        return "accepted" if isinstance(decision, Accept) else "rejected"

    async def _reserve(
        self, record: CallRecord, decision: Accept, load: Load, generation: Generation
    ) -> Accept | Reject:
        """Take the call's shares, unless calls are not taken any more."""
        rules, now = generation.rules, record.received_at
        decided = await take_shares(
            self._world,
            record,
            decided=decision,
            load=load,
            decide=lambda load: admit(record.incoming, rules, load, now),
        )
        if isinstance(decided, Accept) and not self._registry.admitting:
            await self._world.ledger.release(record.call_id)
            return Reject(rules.paused, "not_admitting", "draining or paused since a moment")
        return decided

    def _start(self, record: CallRecord, decision: Accept | Reject, generation: Generation) -> None:
        opening = Opening(record, generation, self._world, timing=self._timing)
        beginning = opening.begin(decision)
        runner = CallRunner(
            record,
            beginning.conversation,
            self._world,
            toolboxes=generation.toolboxes,
            agents=opening.agents,
            preparation=self._preparation(opening, decision),
        )
        hold = self._generations.hold(generation)
        self._registry.start(runner, beginning.first, hold=hold)

    def _preparation(self, opening: Opening, decision: Accept | Reject) -> Preparation | None:
        """Return what is looked up first; nothing for those who are refused or only referred."""
        lookups = opening.generation.lookup
        if lookups is None or isinstance(decision, Reject) or decision.refer_to is not None:
            return None
        returned = opening.record.returned

        def load() -> Load:
            now = self._load(returned, self._world.clock.now())
            return replace(now, live_calls=now.live_calls - 1)  # this call has its place already

        return Preparation(opening, decision, lookups, load=load)


def _read(event: CallOffered, signed: Signed, generation: Generation) -> IncomingCall:
    return generation.trunk.read(event, webhook_id=signed.webhook_id)
