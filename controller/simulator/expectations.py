"""What a scenario expects to come of a call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.simulator.model import contains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from controller.simulator.record import CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """Each one that is set is checked when the call is over."""

    ended: tuple[str, ...] = ()
    """One of these names of `ending.EndedBy`."""
    rejected: int | None = None
    """SIP code with which the service rejected the call."""
    referred_to: str | None = None
    """Address to which the service referred the caller."""
    accepted: bool | None = None
    """Whether the service accepted the call."""
    tools: tuple[str, ...] | None = None
    """Tools whose outputs the service posted, in order and no more often."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """For a tool, a text that its output contains."""
    said: tuple[str, ...] = ()
    """Texts that the caller heard."""
    never_said: tuple[str, ...] = ()
    """Texts that the caller did not hear."""
    answers: tuple[int, ...] = ()
    """HTTP statuses of the service's answers to the deliveries, in order."""
    requests: Mapping[str, int] = field(default_factory=dict)
    """How often each REST verb was requested."""
    events: Mapping[str, int] = field(default_factory=dict)
    """How often each client event came."""
    session: Mapping[str, Any] = field(default_factory=dict)
    """Members that the session has at the end; nested tables are compared member by member."""

    def check(self, call: CallRecord) -> list[str]:
        """Return one sentence for each expectation that did not hold."""
        return [sentence for check in _CHECKS for sentence in check(self, call)]


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
    if expected.referred_to is not None and call.referred_to != [expected.referred_to]:
        yield f"expected one referral to {expected.referred_to}, found {call.referred_to}"


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
    for text in expected.never_said:
        if contains(heard, text):
            yield f"expected the caller never to hear {text!r}"
    for text in call.caller.never_heard if call.caller else ():
        yield f"the caller waited in vain to hear {text!r}"


def _wire(expected: Expectations, call: CallRecord) -> Iterator[str]:
    statuses = tuple(answer.status for answer in call.answers)
    if expected.answers and statuses != expected.answers:
        yield f"expected answers {list(expected.answers)}, found {list(statuses)}"
    yield from _counts("requests", expected.requests, Counter(verb for verb, _ in call.requests))
    events = Counter(str(event.get("type")) for event in call.client_events)
    yield from _counts("client events", expected.events, events)
    yield from _differences("session", expected.session, call.session or {})


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
_CHECKS = (_ending, _tools, _words, _wire)
