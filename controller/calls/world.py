"""What every call's task needs, and how a call's outcome leaves it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from controller.calls.ports import Channels, Clock, Ledger, Line, Meter
from controller.calls.record import CallRecord
from controller.errors import Fenced

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class World:
    """The ports."""

    ledger: Ledger
    line: Line
    channels: Channels
    clock: Clock
    meter: Meter


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
        await world.ledger.finish(record.call_id, record.epoch, record.outcome, record.stored())
    except Fenced:
        is_ours = False
    finally:
        if is_ours:
            world.meter.outcome(record.outcome)
            write = getattr(_log, level)
            write("call", **record.canonical())
