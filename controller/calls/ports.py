"""What the shell around the core needs from the world. `clients`, `store` and `app` satisfy it.

Results of remote requests are events of the call's machine, never exceptions: a line that cannot
reach OpenAI returns `AnswerFailed(UNREACHABLE)`. Only `Channel` raises, `ChannelRefused` when it
cannot be opened and `ChannelClosed` when it is over, and `Ledger` raises `Fenced`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

from controller.sansio.agent import ToolDeclaration
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
from controller.sansio.policy import Share, Used
from controller.tools import CallContext

NOTHING_USED: Final[Used] = {}
"""A call that was never answered."""

UNCOUNTED: Final = frozenset({Outcome.REJECTED, Outcome.EXPIRED, Outcome.ACCEPT_FAILED})
"""Outcomes of calls that we did not take: they count in no limit, not even by their arrival."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the provider that has come to its end, as the call's record keeps it (O18)."""

    verb: str
    """`accept`, `reject`, `refer`, `hangup`, `attach`."""
    status: str
    """The HTTP status, or `refused`, `timeout`, `lost`."""
    latency_ms: float
    request_id: str | None = None
    """`x-request-id`, for a ticket at the provider."""


TakeRequest: TypeAlias = Callable[[Request], None]
"""Keeps a request."""


def no_record(_request: Request) -> None:
    """Keep nothing: for requests of a call that nobody keeps a record of."""


class Line(Protocol):
    """How a telephone call is controlled. Every method has its own time limit and never raises.

    `keep` gets every request that was made for it.
    """

    async def answer(
        self, provider_id: str, session: Mapping[str, Any], *, keep: TakeRequest = no_record
    ) -> Answered | AnswerFailed:
        """Answer with a session config."""

    async def reject(
        self, provider_id: str, status_code: int, *, keep: TakeRequest = no_record
    ) -> RejectSettled:
        """Refuse with a SIP code."""

    async def transfer(
        self, provider_id: str, target_uri: str, *, keep: TakeRequest = no_record
    ) -> TransferUnproven | TransferFailed:
        """Hand the caller to a URI."""

    async def hang_up(
        self, provider_id: str, *, keep: TakeRequest = no_record
    ) -> LineEnded | HangUpFailed:
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


class Handover(Protocol):
    """How the caller's context reaches the target of a transfer."""

    def uri(self, uri: str, claims: Mapping[str, Any]) -> str | None:
        """Return the target's URI with the claims in it, None where they do not fit."""


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


Urgency: TypeAlias = Literal["low", "normal", "urgent"]


@dataclass(frozen=True, slots=True)
class Message:
    """What a caller left for somebody (operations, O12)."""

    message_id: str
    """A UUIDv7."""
    call_id: str
    received_at: float
    """Unix seconds."""
    urgency: Urgency
    name: str = field(repr=False)
    number: str = field(repr=False)
    """To call back, as it was given or as it was shown; "" is none."""
    reason: str = field(repr=False)


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
        """Write down what is about to be done. Raises Fenced.

        The effects come without what nobody may keep (`redaction`).
        """

    async def settle(self, call_id: str, epoch: int, effect_id: str, result: str) -> None:
        """Write down what came of an effect. Raises Fenced.

        A tool may end after its call: that is written under the call's own epoch as well.
        """

    async def finish(
        self,
        call_id: str,
        epoch: int,
        outcome: Outcome,
        record: bytes,
        *,
        used: Used = NOTHING_USED,
    ) -> None:
        """Write the one outcome. Raises Fenced.

        Places are given back, and `used` takes the place of the deposits. A call whose outcome is
        one of `UNCOUNTED` gives everything back.
        """

    async def keep_message(self, epoch: int, message: Message) -> bool:
        """Keep a message of a call, also of one that has just ended. Raises Fenced.

        Returns False when there is no room: it is not kept then, and nobody may say that it is.
        """

    async def messages(self, limit: int) -> Sequence[Message]:
        """Return the newest messages, the oldest of them first."""

    async def reserve(self, call_id: str, shares: Sequence[Share]) -> Share | None:
        """Take all shares or none. Returns the first for which there is no room, else None.

        Exact under concurrent calls of it, and over all processes that share the ledger. What the
        call had taken before is given back first, also when there is no room now.
        """

    async def release(self, call_id: str) -> None:
        """Give back what `reserve` took, if anything, as if the call had never been."""


InThread: TypeAlias = Callable[
    [Callable[[Mapping[str, Any]], str], Mapping[str, Any]], Awaitable[str]
]
"""Runs a function with its argument in a thread and returns its result."""


class Runnable(Protocol):
    """A tool, whatever it is made of. `tools.Tool` is one."""

    @property
    def declaration(self) -> ToolDeclaration:
        """What the model is told, and the limits that the caller of `run` applies."""

    async def run(
        self, arguments_json: str, context: CallContext, *, in_thread: InThread = ...
    ) -> str:
        """Run it and return the output for the model. Only a cancellation is raised."""


class Toolbox(Protocol):
    """The tools of one agent."""

    async def run(
        self,
        call: ToolCall,
        context: CallContext,
        *,
        own: Mapping[str, Runnable],
        is_sensitive: bool,
    ) -> ToolOutput:
        """Run a tool under its time limit. Every failure is an output; never raises.

        Args:
            call: of the model's.
            context: the call in which it runs.
            own: tools that belong to this call, beside the agent's.
            is_sensitive: it is the tool that alone gets what nobody may keep (O13).
        """

    def ends_with_call(self, name: str) -> bool:
        """Tell whether a tool is to be cancelled when the call is over."""


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
        """Count and time a tool by its result, a stable word: `ok`, `error`, `timeout`, …."""

    def looked_up(self, result: str, seconds: float) -> None:
        """Count and time a look-up by its result, a stable word: `ok`, `timeout`, `late`, …."""

    def request(self, verb: str, status: str, seconds: float) -> None:
        """Count and time a request to the line by its HTTP status, or `timeout`, `refused`."""

    def ignored_frames(self, reason: str, count: int) -> None:
        """Count sideband frames that were not understood."""

    def alarm(self, kind: str) -> None:
        """Count something that an operator must look at."""

    def incident(self, *, is_on: bool) -> None:
        """Many sidebands were lost at once, or it is over."""

    def tokens_left(self, fraction: float) -> None:
        """What is left of the provider's token limit, 0 to 1."""

    def spent(self, usd: float) -> None:
        """Add what a call has cost."""

    def clock_skew(self, seconds: float) -> None:
        """By how much our clock is ahead of the provider's."""

    def one_way_audio(self) -> None:
        """Count a call that was heard by its caller and did not hear them."""
