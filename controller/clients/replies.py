"""What an answer from OpenAI, or the lack of one, means for a call (design section 4).

Pure: each verb's table in one function. The difference that matters is whether a request can have
landed: then the call may be answered, referred or over without our having been told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from controller.sansio.events import (
    Answered,
    AnswerFailed,
    AnswerResult,
    HangUpFailed,
    LineEnded,
    RejectSettled,
    TransferFailed,
    TransferUnproven,
)


class Fault(StrEnum):
    """Why there is no HTTP status."""

    REFUSED = "refused"
    """No connection came about: nothing was sent."""
    TIMEOUT = "timeout"
    """The limit passed; the request may have landed."""
    LOST = "lost"
    """The connection broke, or did not speak HTTP; the request may have landed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request: a status, or a fault."""

    http_status: int | None = None
    fault: Fault | None = None
    request_id: str | None = None
    """`x-request-id`, for a ticket at the provider."""
    code: str | None = None
    """The provider's error code, `call_id_not_found`."""
    param: str | None = None
    """The parameter that the provider complains of, `session.audio.input`."""
    date: str | None = None
    """When the provider answered, by its own clock (RFC 9110 §6.6.1)."""

    @property
    def is_success(self) -> bool:
        """Whether the answer was 2xx."""
        return self.http_status is not None and HTTPStatus.OK <= self.http_status < _REDIRECTION

    @property
    def is_gone(self) -> bool:
        """Whether the provider knows no such call (any more)."""
        return self.http_status == HTTPStatus.NOT_FOUND

    @property
    def is_denied(self) -> bool:
        """Whether our key was refused."""
        return self.http_status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

    @property
    def label(self) -> str:
        """The status or the fault, for logs and metrics."""
        return str(self.http_status or self.fault)


_REDIRECTION: Final = 300
_SERVER_ERROR: Final = 500

_ANSWER_RESULTS: Final[Mapping[int, AnswerResult]] = {
    HTTPStatus.BAD_REQUEST: AnswerResult.REFUSED,
    HTTPStatus.UNPROCESSABLE_ENTITY: AnswerResult.REFUSED,
    HTTPStatus.UNAUTHORIZED: AnswerResult.DENIED,
    HTTPStatus.FORBIDDEN: AnswerResult.DENIED,
    HTTPStatus.NOT_FOUND: AnswerResult.GONE,
    HTTPStatus.CONFLICT: AnswerResult.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS: AnswerResult.CAPACITY,
}


def answer_event(reply: Reply) -> Answered | AnswerFailed:
    """Return what an accept came to, by the table "Accept results"."""
    if reply.is_success:
        return Answered()
    return AnswerFailed(_answer_result(reply), reply.http_status)


def _answer_result(reply: Reply) -> AnswerResult:
    if reply.http_status is None:
        return AnswerResult.UNREACHABLE if reply.fault is Fault.REFUSED else AnswerResult.UNKNOWN
    if reply.http_status >= _SERVER_ERROR:
        return AnswerResult.UNKNOWN
    return _ANSWER_RESULTS.get(reply.http_status, AnswerResult.OTHER)


def reject_event(reply: Reply) -> RejectSettled:
    """Return what a reject came to: certain when delivered, or when the call is gone anyway."""
    return RejectSettled(certain=reply.is_success or reply.is_gone)


def transfer_event(reply: Reply) -> TransferUnproven | TransferFailed:
    """Return what a refer came to: a definite refusal, or a REFER that may be under way (rule 10).

    A 5xx is an HTTP error and so a definite failure; silence is not.
    """
    if reply.is_success or reply.fault in {Fault.TIMEOUT, Fault.LOST}:
        return TransferUnproven()
    return TransferFailed(reply.http_status)


def hang_up_event(reply: Reply) -> LineEnded | HangUpFailed:
    """Return what a hang-up came to: a call that is not there any more has ended (rule 3)."""
    return LineEnded() if reply.is_success or reply.is_gone else HangUpFailed()
