"""What the shell around the core needs from the world. `clients`, `store` and `app` satisfy it.

Results of remote requests are events of the call's machine, never exceptions: a line that cannot
reach OpenAI returns `AnswerFailed(UNREACHABLE)`. Only `Channel` raises, `ChannelRefused` when it
cannot be opened and `ChannelClosed` when it is over, and `Ledger` raises `Fenced`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controller.sansio.commands import Effect, Outcome
from controller.sansio.events import (
    Answered,
    AnswerFailed,
    HangUpFailed,
    LineEnded,
    RejectSettled,
    ToolCall,
    ToolOutput,
    TransferFailed,
    TransferUnproven,
)


class Line(Protocol):
    """How a telephone call is controlled. Every method has its own time limit and never raises."""

    async def answer(self, provider_id: str, session: Mapping[str, Any]) -> Answered | AnswerFailed:
        """Answer with a session config."""

    async def reject(self, provider_id: str, status_code: int) -> RejectSettled:
        """Refuse with a SIP code."""

    async def transfer(
        self, provider_id: str, target_uri: str
    ) -> TransferUnproven | TransferFailed:
        """Hand the caller to a URI."""

    async def hang_up(self, provider_id: str) -> LineEnded | HangUpFailed:
        """End the call; a call that is not there any more has ended."""


class Channel(Protocol):
    """An open socket to the model."""

    async def receive(self) -> str | bytes:
        """Return the next frame. Raises ChannelClosed at the end, however it came."""

    async def send(self, frame: str) -> None:
        """Send one text frame, under a time limit. Raises ChannelClosed."""

    async def close(self) -> None:
        """Close it, under a time limit. Never raises."""


class Channels(Protocol):
    """Where sockets to the model come from."""

    async def open(self, provider_id: str) -> Channel:
        """Attach to a call. Raises ChannelRefused (`http_status` 404: no such call)."""


class Clock(Protocol):
    """The time, for everybody alike."""

    def now(self) -> float:
        """Return Unix seconds; never goes back within a process."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A call to be claimed, once over all processes and restarts."""

    call_id: str
    """Ours, a UUIDv7."""
    line: str
    """`openai_sip`."""
    provider_id: str
    webhook_id: str
    sip_call_id: str | None
    received_at: float
    raw_event: bytes


class Ledger(Protocol):
    """What is known of calls, kept where it outlives us (design section 4, write-ahead).

    `epoch` fences: every write names the epoch under which the call is owned, and a write under an
    older one raises `Fenced`.
    """

    kept: bool
    """False: records vanish with the process, which is said at start."""

    async def claim(self, claim: Claim) -> int | None:
        """Claim a call. Returns its epoch, or None when the delivery or the call is known."""

    async def intend(
        self, call_id: str, epoch: int, effects: Sequence[Effect], snapshot: bytes
    ) -> None:
        """Write down what is about to be done. Raises Fenced."""

    async def settle(self, call_id: str, epoch: int, effect_id: str, result: str) -> None:
        """Write down what came of an effect. Raises Fenced."""

    async def finish(self, call_id: str, epoch: int, outcome: Outcome, record: bytes) -> None:
        """Write the one outcome. Raises Fenced."""

    async def reserve(self, call_id: str, limits: Mapping[str, int]) -> str | None:
        """Take one place under each named limit. Returns the first that is full, else None.

        All or none is taken; `finish` and `release` give the places back.
        """

    async def release(self, call_id: str) -> None:
        """Give back what `reserve` took, if anything."""


class Toolbox(Protocol):
    """The tools of one generation."""

    async def run(self, call: ToolCall, context: Any) -> ToolOutput:
        """Run a tool under its time limit. Every failure is an output; never raises."""


class Meter(Protocol):
    """What the shell reports as numbers. No call id and no telephone number among them."""

    def delivery(self, result: str) -> None:
        """Count a webhook delivery by what became of it."""

    def delivery_age(self, seconds: float) -> None:
        """`created_at` to receipt."""

    def acknowledged(self, seconds: float) -> None:
        """Receipt to 200."""

    def answer_sent(self, seconds: float) -> None:
        """Receipt to the accept request."""

    def answered(self, seconds: float) -> None:
        """Accept to `session.created`."""

    def live_calls(self, count: int) -> None:
        """Calls that this process drives now."""

    def outcome(self, outcome: str) -> None:
        """Count a call by how it ended."""

    def reattached(self) -> None:
        """Count a sideband that was lost and is back."""

    def tool_ran(self, tool: str, result: str, seconds: float) -> None:
        """Count and time a tool by its result: `ok`, `error`, `timeout`."""

    def request(self, verb: str, status: str, seconds: float) -> None:
        """Count and time a request to the line by its HTTP status, or `timeout`, `refused`."""

    def ignored_frames(self, reason: str, count: int) -> None:
        """Count sideband frames that were not understood."""

    def alarm(self, kind: str) -> None:
        """Count something that an operator must look at."""
