"""What is kept of a call while it lives, and its canonical line at the end (O18, O19).

Bounded: a call that never stops talking does not fill the memory. Nothing that was said and no
digit reaches the line; numbers are cut to their last four digits.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from controller.calls.ports import Message
from controller.calls.referrals import NEVER, Return
from controller.calls.traffic import Traffic
from controller.calls.transcript import Line, Transcript
from controller.sansio import numbers
from controller.sansio.agent import Agent
from controller.sansio.commands import DisclosureResult, Outcome
from controller.sansio.events import (
    CallerSpoke,
    Digit,
    FaultReported,
    MenuKeyPressed,
    Note,
    ServerToolCalled,
    ServerToolsListed,
    SpeechHeard,
    SpendReported,
    TranscriptAdded,
    Usage,
    UsageReported,
)
from controller.sansio.incoming import IncomingCall

FAULTS_LIMIT: Final = 16
"""Kinds of faults that are told apart; the others count as `other`."""
HAND_OFFS_LIMIT: Final = 16
"""Hand-offs whose agent is named; the machine allows fewer."""
HASH_DIGITS: Final = 16
"""Hexadecimal digits of a text's SHA-256: enough to tell one's own texts apart."""
GHOST: Final = "ghost"
"""Detail of a call that was ended because nobody was there (O10)."""

_FAULT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""A code, and not a sentence: what the far end calls one stands in the log."""

Recorded: TypeAlias = Note | MenuKeyPressed | SpeechHeard


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The evidence of a disclosure (O8)."""

    result: DisclosureResult
    attempts: int
    text_hash: str
    """Of the agent's text."""
    heard_at: float | None
    """Unix seconds; None unless it was heard."""


@dataclass(slots=True)
class LookedUp:
    """What became of the look-up before the answer."""

    result: str
    """A stable word (`lookups.Result`)."""
    seconds: float
    agent: str | None = None
    """Whom it has chosen, if that is another agent than the rules'."""
    late_agent: str | None = None
    """Whom it would have chosen, had it been there in time."""


@dataclass(slots=True)
class CallRecord:
    """One call, as far as this process knows it. Instants are Unix seconds."""

    call_id: str
    """Ours."""
    epoch: int
    incoming: IncomingCall
    agent: Agent | None
    """Who answered; None: the call is refused."""
    received_at: float
    rule: str
    """The rule of the policy that decided."""
    generation: str
    caller_ref: str | None = None
    """Tells calls of one caller together (`caller_refs`); None: a number was not given."""
    why: str | None = None
    """What the rule asked, in a sentence without numbers."""
    answer_sent_at: float | None = None
    answered_at: float | None = None
    first_word_at: float | None = None
    """When the caller first heard the agent."""
    caller_spoke_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    detail: str | None = None
    reject_code: int | None = None
    looked_up: LookedUp | None = None
    """None: nothing was asked."""
    returned: Return = NEVER
    """What the call is, if a transfer came back (O6)."""
    speaking: Agent | None = None
    """Who talks with the caller now, after a hand-off."""
    hand_offs: list[str] = field(default_factory=list)
    disclosure: Disclosure | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    """None: nothing is counted in money."""
    is_estimate: bool = False
    """Of usage and cost: a part was not split, or may be missing."""
    digits: int = 0
    menu_keys: int = 0
    heard: int = 0
    """Words of the agent's that were played to their end, for certain."""
    tools: int = 0
    mcp_tools: int = 0
    transfers: int = 0
    reattaches: int = 0
    operator_acts: dict[str, int] = field(default_factory=dict)
    """By verb."""
    messages: list[Message] = field(default_factory=list, repr=False)
    """Those that are in the ledger."""
    faults: dict[str, int] = field(default_factory=dict)
    transcript: Transcript = field(default_factory=Transcript, repr=False)
    traffic: Traffic = field(default_factory=Traffic, repr=False)

    @property
    def ids(self) -> dict[str, str | None]:
        """What every line of the call in the log has (O18)."""
        return {
            "call_id": self.call_id,
            "sip_call_id": self.incoming.sip_call_id,
            "caller_ref": self.caller_ref,
        }

    @property
    def usage_incomplete(self) -> bool:
        """Something may have been billed that we did not hear of."""
        return self.is_estimate or self.reattaches > 0 or self.outcome is Outcome.SIDEBAND_LOST

    @property
    def suspected_one_way_audio(self) -> bool:
        """The caller could hear us, and we heard neither a word nor a key (O18).

        A ghost call looks the same, but stays until we end it; somebody whom we do not hear says
        "hello?" a few times and hangs up.
        """
        is_silent = self.caller_spoke_at is None and self.digits == 0
        return self.heard > 0 and is_silent and self.detail != GHOST

    def cost(self) -> float | None:
        """Return what the call has cost so far, in USD to a millionth, as a line shows it."""
        return None if self.cost_usd is None else round(self.cost_usd, 6)

    def note(self, note: Recorded, now: float) -> None:
        """Keep what was heard, said, pressed or billed."""
        match note:
            case TranscriptAdded():
                line = Line(now, note.speaker, note.item_id, note.text)
                self.transcript.add(line, is_kept=self._keeps_words())
            case UsageReported() | SpendReported():
                self._note_money(note)
            case CallerSpoke():
                if self.caller_spoke_at is None:
                    self.caller_spoke_at = now
            case FaultReported():
                self.add_fault(note.code)
            case ServerToolCalled() | ServerToolsListed():
                self._note_server(note)
            case Digit():
                self.digits += 1
            case MenuKeyPressed():
                self.menu_keys += 1
            case SpeechHeard():
                self.heard += note.certain
            case _:
                pass

    def disclosed(self, result: DisclosureResult, attempts: int, now: float) -> None:
        """Keep the evidence of a disclosure."""
        agent = self.speaking or self.agent
        text = (agent.disclosure if agent else False) or ""
        heard_at = now if result is DisclosureResult.HEARD else None
        self.disclosure = Disclosure(result, attempts, text_hash(text), heard_at)

    def handed_to(self, agent: Agent) -> None:
        """Go on with another agent; its rules hold for what is said from here on."""
        self.speaking = agent
        if len(self.hand_offs) < HAND_OFFS_LIMIT:
            self.hand_offs.append(agent.name)

    def operator_did(self, verb: str) -> None:
        """Count what an operator did; the verbs are few."""
        self.operator_acts[verb] = self.operator_acts.get(verb, 0) + 1

    def add_fault(self, code: str) -> None:
        """Count a fault by its code."""
        known = code in self.faults or len(self.faults) < FAULTS_LIMIT
        code = code if known and _FAULT.fullmatch(code) else "other"
        self.faults[code] = self.faults.get(code, 0) + 1

    def canonical(self) -> dict[str, Any]:
        """Return the fields of the one line that is logged when the call has ended."""
        fields: dict[str, Any] = {
            "outcome": self.outcome,
            "detail": self.detail,
            "reject_code": self.reject_code,
            "close_code": self.traffic.close_code,
            "provider_id": self.incoming.provider_id,
            "webhook_id": self.incoming.webhook_id,
            "agent": self.agent.name if self.agent else None,
            "generation": self.generation,
            "rule": self.rule,
            "why": self.why,
            "caller": last_four(self.incoming.caller.e164),
            "caller_trust": self.incoming.caller_trust,
            "called": last_four(self.incoming.called.e164),
            "called_header": self.incoming.called.header,
            "ring_s": _seconds(self.received_at, self.answered_at),
            "first_word_s": _seconds(self.answered_at, self.first_word_at),
            "talk_s": _seconds(self.answered_at, self.ended_at),
            "total_s": _seconds(self.received_at, self.ended_at),
            **self._counts(),
            **self._evidence(),
            **self._found(),
            "cost_usd": self.cost(),
            **{f"usage_{name}": count for name, count in _tokens(self.usage).items()},
        }
        return {name: value for name, value in fields.items() if value is not None}

    def stored(self) -> bytes:
        """Return the record for the ledger."""
        fields = self.canonical() | {
            "received_at": self.received_at,
            "answered_at": self.answered_at,
            "ended_at": self.ended_at,
            "transcript": self.transcript.lines,
            "transcript_cut": self.transcript.is_cut,
            "messages": self.messages,
            **self.ids,
            "requests": self.traffic.requests,
            "requests_count": self.traffic.count,
            "close_codes": self.traffic.closes,
        }
        return msgspec.json.encode(fields)

    def _keeps_words(self) -> bool:
        """Tell whether what is said now may be kept (O8); nothing before the disclosure's end."""
        agent = self.speaking or self.agent
        policy = agent.transcript if agent else "never"
        if policy == "after_disclosure":
            return self.disclosure is not None and self.disclosure.heard_at is not None
        return policy == "always"

    def _note_money(self, note: UsageReported | SpendReported) -> None:
        self.is_estimate |= note.is_estimate
        if isinstance(note, UsageReported):
            self.usage += note.usage
        else:
            self.cost_usd = note.usd

    def _note_server(self, note: ServerToolCalled | ServerToolsListed) -> None:
        if isinstance(note, ServerToolCalled):
            self.mcp_tools += 1
        if note.failed:
            was_called = isinstance(note, ServerToolCalled)
            self.add_fault("mcp_call_failed" if was_called else "mcp_list_failed")

    def _found(self) -> dict[str, Any]:
        known = self.looked_up
        if known is None:
            return {}
        return {
            "lookup": known.result,
            "lookup_s": round(known.seconds, 3),
            "chosen_by_lookup": known.agent,
            "lookup_late_agent": known.late_agent,
        }

    def _counts(self) -> dict[str, Any]:
        return {
            "tools": self.tools,
            "mcp_tools": self.mcp_tools or None,
            "transfers": self.transfers,
            "digits": self.digits,
            "menu_keys": self.menu_keys or None,
            "messages": len(self.messages) or None,
            "reattaches": self.reattaches,
            "transcript_lines": self.transcript.count,
            "operator_acts": self.operator_acts or None,
            "faults": self.faults or None,
        }

    def _evidence(self) -> dict[str, Any]:
        known = self.disclosure
        return {
            "disclosure": known.result if known else None,
            "disclosure_attempts": known.attempts if known else None,
            "disclosure_hash": known.text_hash if known else None,
            "disclosure_heard_at": known.heard_at if known else None,
            "transcript_refused": self.transcript.is_refused or None,
            "hand_offs": self.hand_offs or None,
            "returned_from": sorted(self.returned.targets) or None,
            "suspected_one_way_audio": self.suspected_one_way_audio or None,
            "usage_incomplete": self.usage_incomplete or None,
        }


def last_four(number: str | None) -> str | None:
    """Return the last four digits of a number, all that a log may show."""
    return None if number is None else numbers.last_four(number)


def text_hash(text: str) -> str:
    """Return the beginning of a text's SHA-256: which text it was, without the text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:HASH_DIGITS]


def _seconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 3)


def _tokens(usage: Usage) -> dict[str, int]:
    counts: dict[str, int] = msgspec.to_builtins(usage)
    return {name: count for name, count in counts.items() if count}
