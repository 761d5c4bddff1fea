"""What the line reports: admission, the answer, the transfer, the end of the telephone call."""

from __future__ import annotations

from dataclasses import dataclass

from controller.sansio.events.values import AnswerResult


@dataclass(frozen=True, slots=True)
class Admitted:
    """The policy lets the call through to an agent."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The policy refuses the call with a SIP code."""

    status_code: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The line took our answer. Not yet a conversation: that is `Ready`."""


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """The line did not take our answer, or we do not know."""

    result: AnswerResult
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class RejectSettled:
    """The rejection was delivered, or could not be."""

    certain: bool


@dataclass(frozen=True, slots=True)
class TransferDone:
    """The line proved that the target answered (never on `openai_sip`)."""


@dataclass(frozen=True, slots=True)
class TransferUnproven:
    """The transfer was relayed, or may have been; the line reports no result (rule 10)."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The transfer was refused for certain; the caller is still with us."""

    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class LineEnded:
    """The telephone call is over: by our hang-up, or by the line's own signal."""


@dataclass(frozen=True, slots=True)
class HangUpFailed:
    """The hang-up was not confirmed; the call may go on, and be billed."""
