"""What every call's task needs, and how a call's outcome leaves it."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from controller.calls.caller_refs import CallerRefs
from controller.calls.headroom import Headroom
from controller.calls.incident import Gate
from controller.calls.ports import (
    NOTHING_USED,
    Channels,
    Clock,
    Handover,
    Ledger,
    Line,
    Meter,
    TakeRequest,
)
from controller.calls.record import CallRecord
from controller.calls.referrals import Referrals
from controller.errors import Fenced
from controller.sansio.policy import Used

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AlarmLimits:
    """Seconds above which an operator is told, by the alarm (operations, Defaults)."""

    slow_answer: float = 1.5
    """From the receipt of a call to the accept: the caller hears it ring, and OpenAI waits for a
    few seconds only."""
    slow_first_word: float = 3.0
    """From the answer to the first word of an agent that speaks first: callers take the silence for
    a dead line."""


@dataclass(frozen=True, slots=True)
class World:
    """The ports, and what the calls of one process know of each other."""

    ledger: Ledger
    line: Line
    channels: Channels
    clock: Clock
    meter: Meter
    handover: Handover | None = None
    """None: no target gets the caller's context."""
    gate: Gate = field(default_factory=Gate)
    """Before every attempt to attach again."""
    headroom: Headroom = field(default_factory=Headroom)
    referrals: Referrals = field(default_factory=Referrals)
    caller_refs: CallerRefs = field(default_factory=CallerRefs)
    alarm_limits: AlarmLimits = field(default_factory=AlarmLimits)

    def keeper(self, record: CallRecord) -> TakeRequest:
        """Return what keeps a call's requests in its record."""
        return lambda request: record.traffic.asked(request, self.clock.now())

    def raise_alarm(self, kind: str) -> None:
        """Count and log something that an operator must look at."""
        self.meter.alarm(kind)
        _log.error("alarm", kind=kind)


async def report_outcome(world: World, record: CallRecord, *, level: str = "info") -> None:
    """Write a call's one outcome to the ledger, to the metrics and to the log.

    Nothing is reported where the call has another owner by now: that one reports it. A ledger that
    fails otherwise takes nothing away from the line in the log.

    Args:
        world: the ports.
        record: `outcome` and `ended_at` are set.
        level: of the canonical line.
    """
    assert record.outcome is not None  # noqa: S101 - the callers have just set it
    is_ours = True
    try:
        await world.ledger.finish(
            record.call_id, record.epoch, record.outcome, record.stored(), used=_used(record)
        )
    except Fenced:
        is_ours = False
    finally:
        if is_ours:
            _measure(world, record)
            write = getattr(_log, level)
            write("call", **record.canonical())


def _used(record: CallRecord) -> Used:
    """Return what counts in the limits of minutes and money."""
    if record.answered_at is None or record.ended_at is None:
        return NOTHING_USED
    minutes = max(0.0, record.ended_at - record.answered_at) / 60.0
    return {"minutes": minutes, "usd": record.cost_usd or 0.0}


def _measure(world: World, record: CallRecord) -> None:
    assert record.outcome is not None  # noqa: S101 - see above
    world.meter.outcome(record.outcome)
    if record.cost_usd is not None:
        world.meter.spent(record.cost_usd)
    if record.suspected_one_way_audio:
        world.meter.one_way_audio()
