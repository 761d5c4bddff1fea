"""The ledger in memory: everything is promised but that it outlives the process.

It keeps the same rules as a ledger on disk, so that the shell is written once:

- a claim is unique by delivery (`webhook_id`) and by call (`line`, `provider_id`);
- claims are remembered for as long as OpenAI may repeat a delivery, the newest of them only when
  there are too many, and live calls always;
- a write under another epoch than the call's own raises `Fenced`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from controller.calls.ports import NOTHING_USED, UNCOUNTED, Claim, Clock, Message
from controller.errors import Fenced
from controller.sansio.commands import Effect, Outcome, RunTool
from controller.sansio.policy import Share, Used
from controller.store.counts import Counts, Spent

REMEMBER_LIMIT: Final = 72 * 3600.0
"""Seconds that an ended call is remembered: OpenAI repeats a delivery for up to 72 h."""

MAX_REMEMBERED: Final = 100_000
"""Ended calls that are remembered at most, some 65 MB; the oldest are forgotten first."""

MAX_MESSAGES: Final = 10_000
"""Messages that are kept, at most some 50 MB; a further one is refused until the oldest is old
enough: to forget one that nobody has read would break a promise."""

MESSAGE_LIMIT: Final = 30 * 86_400.0
"""Seconds that a message is kept (operations, Defaults: retention of what was said)."""

FIRST_EPOCH: Final = 1


@dataclass(frozen=True, slots=True)
class EffectNote:
    """An outside effect that was intended, and what came of it."""

    effect: Effect
    result: str | None = None
    """None: not known (yet)."""


@dataclass(slots=True)
class _LiveCall:
    claim: Claim
    epoch: int
    snapshot: bytes = b""
    effects: dict[str, EffectNote] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _EndedCall:
    webhook_id: str
    line: str
    provider_id: str
    epoch: int
    outcome: Outcome
    forget_at: float


class MemoryLedger:
    """Satisfies `Ledger` for one process and one life.

    Args:
        clock: decides when an ended call may be forgotten.
        when_spent: told of each count of money in which an ended call has spent.
        max_remembered: ended calls that are remembered at most.
        max_messages: messages that are kept at most.
    """

    kept = False

    def __init__(
        self,
        clock: Clock,
        *,
        when_spent: Callable[[Spent], None] | None = None,
        max_remembered: int = MAX_REMEMBERED,
        max_messages: int = MAX_MESSAGES,
    ) -> None:
        self._clock = clock
        self._when_spent = when_spent
        self._max_remembered = max_remembered
        self._max_messages = max_messages
        self._messages: deque[Message] = deque()
        self._live: dict[str, _LiveCall] = {}
        self._ended: OrderedDict[str, _EndedCall] = OrderedDict()
        self._webhook_ids: set[str] = set()
        self._provider_ids: set[tuple[str, str]] = set()
        self._counts = Counts()

    async def claim(self, claim: Claim) -> int | None:
        """Claim a call. Returns its epoch, or None when the delivery or the call is known."""
        self._forget()
        call_key = (claim.line, claim.provider_id)
        if claim.webhook_id in self._webhook_ids or call_key in self._provider_ids:
            return None
        self._webhook_ids.add(claim.webhook_id)
        self._provider_ids.add(call_key)
        self._live[claim.call_id] = _LiveCall(claim, FIRST_EPOCH)
        return FIRST_EPOCH

    async def intend(
        self, call_id: str, epoch: int, effects: Sequence[Effect], snapshot: bytes
    ) -> None:
        """Write down what is about to be done. Raises Fenced."""
        call = self._owned(call_id, epoch)
        call.snapshot = snapshot
        for effect in effects:
            call.effects[effect.effect_id] = EffectNote(effect)

    async def settle(self, call_id: str, epoch: int, effect_id: str, result: str) -> None:
        """Write down what came of an effect. Raises Fenced.

        Of a call that has ended nothing but its outcome is kept here.
        """
        if self._has_ended(call_id, epoch):
            return
        call = self._owned(call_id, epoch)
        note = call.effects.get(effect_id)
        if note is not None:
            call.effects[effect_id] = EffectNote(_settled(note.effect), result)

    async def finish(
        self,
        call_id: str,
        epoch: int,
        outcome: Outcome,
        record: bytes,  # noqa: ARG002  # the port has it; only a ledger on disk can keep it
        *,
        used: Used = NOTHING_USED,
    ) -> None:
        """Write the one outcome, drop everything else, give the places back. Raises Fenced.

        The record is not kept: it goes to the log and to nobody else.
        """
        claim = self._owned(call_id, epoch).claim
        del self._live[call_id]
        if outcome in UNCOUNTED:
            self._counts.give_back(call_id)
        else:
            self._settle_counts(call_id, used)
        self._ended[call_id] = _EndedCall(
            webhook_id=claim.webhook_id,
            line=claim.line,
            provider_id=claim.provider_id,
            epoch=epoch,
            outcome=outcome,
            forget_at=self._clock.now() + REMEMBER_LIMIT,
        )
        self._forget()

    async def keep_message(self, epoch: int, message: Message) -> bool:
        """Keep a message, for 30 days. Returns False when there is no room. Raises Fenced."""
        if not self._has_ended(message.call_id, epoch):
            self._owned(message.call_id, epoch)
        now = self._clock.now()
        while self._messages and now - self._messages[0].received_at >= MESSAGE_LIMIT:
            self._messages.popleft()
        if len(self._messages) >= self._max_messages:
            return False
        self._messages.append(message)
        return True

    async def messages(self, limit: int) -> Sequence[Message]:
        """Return the newest messages, the oldest of them first."""
        oldest = max(0, len(self._messages) - limit)
        return list(islice(self._messages, oldest, None))

    async def reserve(self, call_id: str, shares: Sequence[Share]) -> Share | None:
        """Take all shares or none. Returns the first for which there is no room, else None."""
        return self._counts.take(call_id, shares, self._clock.now())

    async def release(self, call_id: str) -> None:
        """Give back what `reserve` took, if anything."""
        self._counts.give_back(call_id)

    def effects(self, call_id: str) -> Mapping[str, EffectNote]:
        """Return the effects of a live call by `effect_id`; none of a call that has ended."""
        call = self._live.get(call_id)
        return dict(call.effects) if call else {}

    def snapshot(self, call_id: str) -> bytes | None:
        """Return the last snapshot of a live call, None of a call that is not live."""
        call = self._live.get(call_id)
        return call.snapshot if call else None

    def _settle_counts(self, call_id: str, used: Used) -> None:
        for spent in self._counts.settle(call_id, used):
            if self._when_spent is not None:
                self._when_spent(spent)

    def _has_ended(self, call_id: str, epoch: int) -> bool:
        ended = self._ended.get(call_id)
        return ended is not None and ended.epoch == epoch

    def _owned(self, call_id: str, epoch: int) -> _LiveCall:
        call = self._live.get(call_id)
        if call is None or call.epoch != epoch:
            raise Fenced(f"epoch {epoch} does not own the call")
        return call

    def _forget(self) -> None:
        """Forget ended calls that are too old or too many; they ended in this order."""
        now = self._clock.now()
        while self._ended:
            oldest = next(iter(self._ended.values()))
            if len(self._ended) <= self._max_remembered and oldest.forget_at > now:
                return
            self._ended.popitem(last=False)
            self._webhook_ids.discard(oldest.webhook_id)
            self._provider_ids.discard((oldest.line, oldest.provider_id))


def _settled(effect: Effect) -> Effect:
    """Return what is worth its memory of an effect that is done: nobody will do it again.

    A model in a loop calls a thousand tools in one call, each with arguments as long as it likes.
    """
    if not isinstance(effect, RunTool):
        return effect
    return replace(effect, call=replace(effect.call, arguments=""))
