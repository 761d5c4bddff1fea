"""What is kept of a call while it lives, and its canonical line at the end (O18, O19).

Bounded: a call that never stops talking does not fill the memory. Nothing that was said and no
digit reaches the line; numbers are cut to their last four digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from controller.sansio import numbers
from controller.sansio.agent import Agent
from controller.sansio.commands import Outcome
from controller.sansio.events import (
    CallerSpoke,
    Digit,
    FaultReported,
    Note,
    TranscriptAdded,
    Usage,
    UsageReported,
)
from controller.sansio.incoming import IncomingCall

TRANSCRIPT_LIMIT: Final = 64 * 1024
"""Characters of transcript that are kept of one call; later lines are counted only."""
LINE_COST: Final = 64
"""Characters that a line counts beside its text and its item's id: empty ones fill memory, too."""
FAULTS_LIMIT: Final = 16
"""Kinds of faults that are told apart; the others count as `other`."""

_FAULT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""A code, and not a sentence: what the far end calls one stands in the log."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody said."""

    at: float
    speaker: str
    item_id: str
    text: str = field(repr=False)


@dataclass(slots=True)
class CallRecord:
    """One call, as far as this process knows it. Instants are Unix seconds."""

    call_id: str
    """Ours."""
    epoch: int
    incoming: IncomingCall
    agent: Agent | None
    """None: the call is refused."""
    received_at: float
    rule: str
    """The rule of the policy that decided."""
    generation: str
    answer_sent_at: float | None = None
    answered_at: float | None = None
    caller_spoke_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    detail: str | None = None
    reject_code: int | None = None
    usage: Usage = field(default_factory=Usage)
    digits: int = 0
    tools: int = 0
    transfers: int = 0
    reattaches: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    transcript: list[Line] = field(default_factory=list, repr=False)
    transcript_lines: int = 0
    """Those that are not kept included."""
    transcript_size: int = 0

    @property
    def transcript_cut(self) -> bool:
        """Lines were left out."""
        return self.transcript_lines > len(self.transcript)

    def note(self, note: Note, now: float) -> None:
        """Keep what was heard, said, pressed or billed."""
        match note:
            case TranscriptAdded():
                self._add_line(Line(now, note.speaker, note.item_id, note.text))
            case UsageReported():
                self.usage += note.usage
            case Digit():
                self.digits += 1
            case CallerSpoke():
                if self.caller_spoke_at is None:
                    self.caller_spoke_at = now
            case FaultReported():
                self._add_fault(note.code)
            case _:
                pass

    def _add_line(self, line: Line) -> None:
        was_cut = self.transcript_cut  # a later, shorter line would leave a hole before it
        self.transcript_lines += 1
        size = len(line.text) + len(line.item_id) + LINE_COST
        if not was_cut and self.transcript_size + size <= TRANSCRIPT_LIMIT:
            self.transcript.append(line)
            self.transcript_size += size

    def _add_fault(self, code: str) -> None:
        known = code in self.faults or len(self.faults) < FAULTS_LIMIT
        code = code if known and _FAULT.fullmatch(code) else "other"
        self.faults[code] = self.faults.get(code, 0) + 1

    def canonical(self) -> dict[str, Any]:
        """Return the fields of the one line that is logged when the call has ended."""
        fields: dict[str, Any] = {
            "outcome": self.outcome,
            "detail": self.detail,
            "reject_code": self.reject_code,
            "provider_id": self.incoming.provider_id,
            "webhook_id": self.incoming.webhook_id,
            "agent": self.agent.name if self.agent else None,
            "generation": self.generation,
            "rule": self.rule,
            "caller": last_four(self.incoming.caller.e164),
            "caller_trust": self.incoming.caller_trust,
            "called": last_four(self.incoming.called.e164),
            "called_header": self.incoming.called.header,
            "ring_s": _seconds(self.received_at, self.answered_at),
            "talk_s": _seconds(self.answered_at, self.ended_at),
            "total_s": _seconds(self.received_at, self.ended_at),
            "tools": self.tools,
            "transfers": self.transfers,
            "digits": self.digits,
            "reattaches": self.reattaches,
            "transcript_lines": self.transcript_lines,
            "faults": self.faults or None,
            **{f"usage_{name}": count for name, count in _tokens(self.usage).items()},
        }
        return {name: value for name, value in fields.items() if value is not None}

    def stored(self) -> bytes:
        """Return the record for the ledger."""
        fields = self.canonical() | {
            "received_at": self.received_at,
            "answered_at": self.answered_at,
            "ended_at": self.ended_at,
            "transcript": self.transcript,
            "transcript_cut": self.transcript_cut,
        }
        return msgspec.json.encode(fields)


def last_four(number: str | None) -> str | None:
    """Return the last four digits of a number, all that a log may show."""
    return None if number is None else numbers.last_four(number)


def _seconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 3)


def _tokens(usage: Usage) -> dict[str, int]:
    counts: dict[str, int] = msgspec.to_builtins(usage)
    return {name: count for name, count in counts.items() if count}
