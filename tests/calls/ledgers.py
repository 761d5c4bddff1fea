"""Ledgers that do what one in memory cannot: take time, lose the call, fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from controller.calls.ports import NOTHING_USED, Claim, Message
from controller.errors import Fenced
from controller.sansio.commands import Effect, Outcome
from controller.sansio.policy import Share, Used
from controller.store.memory import MemoryLedger


class WatchedLedger:
    """The ledger in memory, with something before each step.

    Args:
        ledger: the real one.
        seconds: each step takes so long.
        steps: where each step is noted.
        fails: step (`intend`, `settle:tool`, …) and which time, from 1, to what it raises.
    """

    kept = False

    def __init__(
        self,
        ledger: MemoryLedger,
        *,
        seconds: float = 0.0,
        fails: Mapping[tuple[str, int], Exception] | None = None,
        steps: list[str] | None = None,
    ) -> None:
        self.inner = ledger
        self.steps: list[str] = [] if steps is None else steps
        self._seconds = seconds
        self._fails = fails or {}

    async def _step(self, name: str) -> None:
        self.steps.append(name)
        if self._seconds:
            await asyncio.sleep(self._seconds)
        error = self._fails.get((name, self.steps.count(name)))
        if error is not None:
            raise error

    async def claim(self, claim: Claim) -> int | None:
        await self._step("claim")
        return await self.inner.claim(claim)

    async def intend(
        self, call_id: str, epoch: int, effects: Sequence[Effect], snapshot: bytes
    ) -> None:
        assert snapshot
        await self._step("intend " + effects[0].effect_id.rpartition("-")[0])
        await self.inner.intend(call_id, epoch, effects, snapshot)

    async def settle(self, call_id: str, epoch: int, effect_id: str, result: str) -> None:
        await self._step("settle " + effect_id.rpartition("-")[0])
        await self.inner.settle(call_id, epoch, effect_id, result)

    async def finish(
        self,
        call_id: str,
        epoch: int,
        outcome: Outcome,
        record: bytes,
        *,
        used: Used = NOTHING_USED,
    ) -> None:
        await self._step("finish")
        await self.inner.finish(call_id, epoch, outcome, record, used=used)

    async def keep_message(self, epoch: int, message: Message) -> bool:
        await self._step("keep_message")
        return await self.inner.keep_message(epoch, message)

    async def messages(self, limit: int) -> Sequence[Message]:
        return await self.inner.messages(limit)

    async def reserve(self, call_id: str, shares: Sequence[Share]) -> Share | None:
        await self._step("reserve")
        return await self.inner.reserve(call_id, shares)

    async def release(self, call_id: str) -> None:
        await self._step("release")
        await self.inner.release(call_id)


def fenced(step: str, time: int = 1) -> dict[tuple[str, int], Exception]:
    """Another process takes the call over just before a step."""
    return {(step, time): Fenced("another process owns the call")}
