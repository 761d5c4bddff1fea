"""What a scenario expects to come of a call."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.simulator.conversation import SPOKE_OVER
from controller.simulator.journal import Source
from controller.simulator.model import contains, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from controller.simulator.record import CallRecord

_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """Each one that is set is checked when the call is over."""

    ended: tuple[str, ...] = ()
    """One of these names of `ending.EndedBy`."""
    rejected: int | None = None
    """SIP code with which the service rejected the call."""
    outcome: tuple[str, ...] = ()
    """What the service says became of the call; only checked by who can ask it."""
    referred_to: tuple[str, ...] | None = None
    """Addresses to which the service referred the caller, in order."""
    accepted: bool | None = None
    """Whether the service accepted the call."""
    tools: tuple[str, ...] | None = None
    """Tools whose outputs the service posted, in order and no more often."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """For a tool, a text that its output contains."""
    said: tuple[str, ...] = ()
    """Texts that the caller heard."""
    said_once: tuple[str, ...] = ()
    """Texts that the caller heard once and no more."""
    never_said: tuple[str, ...] = ()
    """Texts that the caller did not hear."""
    spoke_over: bool | None = None
    """Whether words began while the caller spoke, or a response was asked for beside another."""
    silent_after: str | None = None
    """REST verb after whose success nothing was asked of the model any more, and nothing said."""
    answers: tuple[int, ...] = ()
    """HTTP statuses of the service's answers to the deliveries, in order."""
    requests: Mapping[str, int] = field(default_factory=dict)
    """How often each REST verb was requested."""
    http: Mapping[str, int] = field(default_factory=dict)
    """How often each web service was asked by an HTTP tool."""
    mcp: Mapping[str, int] = field(default_factory=dict)
    """How often each tool of an MCP server was run."""
    events: Mapping[str, int] = field(default_factory=dict)
    """How often each client event came."""
    sent: tuple[str, ...] = ()
    """Texts that stand in a client event."""
    never_sent: tuple[str, ...] = ()
    """Texts that stand in none."""
    offers: tuple[str, ...] | None = None
    """Names of the functions that the session offers at the end, in any order."""
    prompt: tuple[str, ...] = ()
    """Texts in the instructions that the session has at the end."""
    session: Mapping[str, Any] = field(default_factory=dict)
    """Members that the session has at the end; nested tables are compared member by member."""

    def check(self, call: CallRecord, outcomes: Mapping[str, str] | None = None) -> list[str]:
        """Return one sentence for each expectation that did not hold."""
        found = [sentence for check in _CHECKS for sentence in check(self, call)]
        if outcomes is not None and self.outcome:
            outcome = outcomes.get(call.call_id, "none")
            if outcome not in self.outcome:
                found.append(f"expected the outcome {' or '.join(self.outcome)}, found {outcome}")
        return found


def _ending(expected: Expectations, call: CallRecord) -> Iterator[str]:
    found = call.outcome.by if call.outcome else "not at all"
    if expected.ended and found not in expected.ended:
        yield f"expected to end by {' or '.join(expected.ended)}, ended by {found}"
    code = call.outcome.status_code if call.outcome else None
    if expected.rejected is not None and code != expected.rejected:
        yield f"expected a rejection with {expected.rejected}, found {code or found}"
    if expected.accepted is not None and call.was_accepted != expected.accepted:
        wanted = "an accepted call" if expected.accepted else "a call that is not accepted"
        yield f"expected {wanted}"
    if expected.referred_to is not None and tuple(call.referred_to) != expected.referred_to:
        wanted = ", ".join(expected.referred_to) or "nobody"
        yield f"expected referrals to {wanted}, found {call.referred_to}"


def _tools(expected: Expectations, call: CallRecord) -> Iterator[str]:
    given = call.tool_outputs
    names = tuple(name for name, _ in given)
    if expected.tools is not None and names != expected.tools:
        yield f"expected outputs of {list(expected.tools)}, found those of {list(names)}"
    for tool, text in expected.outputs.items():
        if not any(name == tool and contains(output, text) for name, output in given):
            yield f"expected {tool} to give {text!r}"


def _words(expected: Expectations, call: CallRecord) -> Iterator[str]:
    heard = " ".join(call.heard)
    for text in expected.said:
        if not contains(heard, text):
            yield f"expected the caller to hear {text!r}, heard {heard!r}"
    for text in expected.said_once:
        times = plain(heard).count(plain(text))
        if times != 1:
            yield f"expected the caller to hear {text!r} once, heard it {times} times"
    for text in expected.never_said:
        if contains(heard, text):
            yield f"expected the caller never to hear {text!r}"
    for text in call.caller.never_heard if call.caller else ():
        yield f"the caller waited in vain to hear {text!r}"
    for what in call.caller.never_came if call.caller else ():
        yield f"the caller waited in vain for {what!r}"


def _manners(expected: Expectations, call: CallRecord) -> Iterator[str]:
    """Who speaks when."""
    errors = [event["error"]["code"] for event in call.server_events if event["type"] == "error"]
    spoke_over = SPOKE_OVER in call.notes or "conversation_already_has_active_response" in errors
    if expected.spoke_over is not None and spoke_over != expected.spoke_over:
        happened = "was" if spoke_over else "was not"
        yield f"the caller, or another response, {happened} spoken over"
    if expected.silent_after is not None:
        yield from _sounds_after(expected.silent_after, call)


def _sounds_after(verb: str, call: CallRecord) -> Iterator[str]:
    entries = iter(call.entries)
    for entry in entries:
        if entry.source is Source.REPLY and entry.name == verb and entry.body["status"] == _OK:
            break
    for entry in entries:
        if entry.source is Source.CLIENT and entry.name == "response.create":
            yield f"after {verb} the model was asked for a response"
        if entry.source is Source.MODEL and entry.name == "says":
            yield f"after {verb} the model said {entry.body['text']!r}"


def _wire(expected: Expectations, call: CallRecord) -> Iterator[str]:
    statuses = tuple(answer.status for answer in call.answers)
    if expected.answers and statuses != expected.answers:
        yield f"expected answers {list(expected.answers)}, found {list(statuses)}"
    yield from _counts("requests", expected.requests, Counter(verb for verb, _ in call.requests))
    events = Counter(str(event.get("type")) for event in call.client_events)
    yield from _counts("client events", expected.events, events)
    yield from _counts("calls of the MCP tool", expected.mcp, Counter(call.mcp_calls))
    asked = Counter(name for name, _ in call.http_requests)
    yield from _counts("requests of the web service", expected.http, asked)
    frames = [json.dumps(event, ensure_ascii=False) for event in call.client_events]
    for text in expected.sent:
        if not any(text in frame for frame in frames):
            yield f"expected {text!r} in a client event"
    for text in expected.never_sent:
        if any(text in frame for frame in frames):
            yield f"expected {text!r} in no client event"


def _session(expected: Expectations, call: CallRecord) -> Iterator[str]:
    session = call.session or {}
    yield from _differences("session", expected.session, session)
    offers = sorted(tool["name"] for tool in session.get("tools", ()) if "name" in tool)
    if expected.offers is not None and offers != sorted(expected.offers):
        yield f"expected the session to offer {sorted(expected.offers)}, found {offers}"
    for text in expected.prompt:
        if not contains(session.get("instructions", ""), text):
            yield f"expected {text!r} in the instructions of the session"


def _counts(what: str, expected: Mapping[str, int], found: Counter[str]) -> Iterator[str]:
    for name, times in expected.items():
        if found[name] != times:
            yield f"expected {times} {what} {name!r}, found {found[name]}"


def _differences(path: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for key, wanted in expected.items():
        value = found.get(key)
        if isinstance(wanted, dict) and isinstance(value, dict):
            yield from _differences(f"{path}.{key}", wanted, value)
        elif value != wanted:
            yield f"expected {path}.{key} to be {wanted!r}, found {value!r}"


_CHECKS: tuple[Callable[[Expectations, CallRecord], Iterator[str]], ...]
_CHECKS = (_ending, _tools, _words, _manners, _wire, _session)
