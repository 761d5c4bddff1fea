"""Ends a call whose own task has failed by a mistake of ours: the caller must not pay for it."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from controller.calls.record import CallRecord
from controller.calls.world import World, report_outcome
from controller.errors import Fenced
from controller.sansio.commands import HangUpCall, Outcome, RejectCall
from controller.sansio.events import LineEnded

_log = structlog.get_logger()

DETAIL: Final = "internal_error"
TRIES: Final = 3
"""Hang-ups, as in the call's machine: it may be repeated twice (design section 4, rule 3)."""
RETRY_INTERVAL: Final = 1.0
"""Seconds between two of them."""
REFUSAL: Final = 503
"""SIP code for a caller who was not answered yet: somewhere else may be better."""


async def end_orphan(record: CallRecord, world: World, snapshot: bytes) -> None:
    """Refuse or hang up, and report the outcome; nothing where the call has another owner.

    Args:
        record: of the call; has no outcome yet.
        world: the ports.
        snapshot: the last one of the call's machines.
    """
    try:
        if record.answer_sent_at is None:
            outcome = await _refuse(record, world, snapshot)
        else:
            outcome = await _hang_up(record, world, snapshot)
    except Fenced:
        return
    record.outcome, record.detail = outcome, DETAIL
    record.ended_at = world.clock.now()
    await report_outcome(world, record, level="error")


async def _refuse(record: CallRecord, world: World, snapshot: bytes) -> Outcome:
    await _intend(record, world, RejectCall("orphan-1", REFUSAL), snapshot)
    record.reject_code = REFUSAL
    settled = await world.line.reject(
        record.incoming.provider_id, REFUSAL, keep=world.keeper(record)
    )
    return Outcome.REJECTED if settled.certain else Outcome.CLEANUP_UNCONFIRMED


async def _hang_up(record: CallRecord, world: World, snapshot: bytes) -> Outcome:
    for number in range(1, TRIES + 1):
        if number > 1:
            await asyncio.sleep(RETRY_INTERVAL)
        await _intend(record, world, HangUpCall(f"orphan-{number}"), snapshot)
        ended = await world.line.hang_up(record.incoming.provider_id, keep=world.keeper(record))
        if isinstance(ended, LineEnded):
            return Outcome.WE_HUNG_UP
    return Outcome.CLEANUP_UNCONFIRMED


async def _intend(
    record: CallRecord, world: World, command: RejectCall | HangUpCall, snapshot: bytes
) -> None:
    try:
        await world.ledger.intend(record.call_id, record.epoch, [command], snapshot)
    except Fenced:
        raise
    except Exception:  # noqa: BLE001 - perhaps the very fault that brought us here
        _log.exception("call_failed")
