"""The phases of a simulated call, and how it can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto


class Phase(StrEnum):
    """Where a call is in its life."""

    RINGING = auto()
    ACCEPTED = auto()
    LIVE = auto()
    ENDED = auto()


class EndedBy(StrEnum):
    """Why a call ended, as somebody sees it who sees both sides."""

    REJECTED = auto()
    """The service rejected it."""
    CALLER_GAVE_UP = auto()
    """The caller hung up while it rang."""
    UNANSWERED = auto()
    """Nobody decided in time: SIP 400."""
    CALLER_HUNG_UP = auto()
    """The caller hung up."""
    HUNG_UP = auto()
    """The service hung up."""
    REFERRED = auto()
    """The leg left for the target of a REFER."""
    DIED = auto()
    """Accepted, but the SIP leg never came up."""
    EXPIRED = auto()
    """The longest session that OpenAI allows is over."""
    STOPPED = auto()
    """The stand-in was stopped."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended."""

    by: EndedBy
    status_code: int | None = None
    """SIP code of a rejection."""
    target_uri: str | None = None
    """Where a referred leg went."""
