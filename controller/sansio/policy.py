"""Admission: which agent takes a call, or what the caller is told instead.

The SIP address has no authentication (design, section 4, rule 14): this function is the only door.
The order of its questions is part of its meaning:

1. **Is it ours at all?** With `unknown_number = "ignore"` another controller shares the project
   (O3), and rejecting its call would end it. So a call that is not ours is ignored whatever our
   own state: draining or full, we have nothing to say about it.
2. **Do we take calls?** A process that drains or is paused may have been replaced, with another
   configuration. It does not know any more which numbers exist, so its answer is 503 (try
   elsewhere) to known and unknown numbers alike, and never a definite 404.
3. **Is the number one of ours?** If not, it is told so even when the house is full: that holds
   at any load, and `busy` would make a misdialled caller try again.
4. **Does it go round in circles?** A caller whom a target has sent back twice is refused: a
   third transfer would end here again (O6).
5. **Is there room**, here and in the provider's token limits?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from controller.sansio.incoming import IncomingCall
from controller.sansio.parties import CalledNumber

LOOP_HOPS: Final = 2
"""Returns of one caller after which the next hop, the third, is refused (operations, O6)."""

CATCH_ALL: Final = "*"
"""The key in `Rules.numbers` that stands for every number that is not listed."""

UNREADABLE_ALARM: Final = "called_number_unreadable"
"""Raised with every call whose called number could not be read: the trunk must be looked at."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator configured; SIP codes are checked when it is loaded."""

    numbers: Mapping[str, str] = field(repr=False)
    """Called number in E.164, or `*`, to the name of an agent."""
    default_agent: str | None = None
    """Takes the calls whose called number cannot be read."""
    unknown_number: int | Literal["ignore"] = 404
    """SIP code for a number that was read and is not configured, or leave it to somebody else."""
    max_concurrent_calls: int = 10
    """Calls that may live at once."""
    busy: int = 503
    """SIP code when that many live."""
    paused: int = 503
    """SIP code while no calls are admitted."""
    loop: int = 482
    """SIP code for a transfer that keeps coming back (RFC 3261 §21.4.20, Loop Detected)."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the shell counts."""

    live_calls: int
    """Calls that hold a place now, without the one to be decided."""
    admitting: bool
    """False while draining or paused."""
    tokens_low: bool = False
    """The provider has too few tokens left for another call."""
    returns: int = 0
    """How often a target of ours has just sent this caller back."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Answer with this agent."""

    agent_name: str
    rule: str
    """A stable word for logs and metrics: `number`, `catch_all`, `default_agent`."""
    why: str
    """One sentence for the operator; it holds no number."""
    alarm: str | None = None
    """What must be told to the operator besides."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse with this SIP code."""

    status_code: int
    rule: str
    """A stable word: `not_admitting`, `unknown_number`, `unreadable_number`, `loop`, `full`,
    `provider_tokens`."""
    why: str
    """One sentence for the operator; it holds no number."""
    alarm: str | None = None
    """What must be told to the operator besides."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Do nothing: neither accept nor reject. Another controller decides."""

    rule: str
    """A stable word: `unknown_number`, `unreadable_number`."""
    why: str
    """One sentence for the operator; it holds no number."""
    alarm: str | None = None
    """What must be told to the operator besides."""


Decision: TypeAlias = Accept | Reject | Ignore


def admit(
    incoming: IncomingCall,
    rules: Rules,
    load: Load,
    now: float,  # noqa: ARG001 - hours and rates will ask for it; the callers pass it from the start
) -> Decision:
    """Decide about a call. Total and without memory: equal arguments, equal decision.

    Args:
        incoming: The call.
        rules: What the operator wants.
        load: What is going on.
        now: Unix seconds.
    """
    routed = _route(incoming.called, rules)
    if isinstance(routed, Ignore):
        return routed
    if not load.admitting:
        why = "the service is draining or paused"
        return Reject(rules.paused, "not_admitting", why, routed.alarm)
    if isinstance(routed, Reject):
        return routed
    return _refuse_for_load(rules, load, routed.alarm) or routed


def _refuse_for_load(rules: Rules, load: Load, alarm: str | None) -> Reject | None:
    """Refuse a call that is ours and that an agent would take at another time."""
    if load.returns >= LOOP_HOPS:
        why = f"transfers of ours sent this caller back {load.returns} times"
        return Reject(rules.loop, "loop", why, alarm)
    if load.live_calls >= rules.max_concurrent_calls:
        why = f"{load.live_calls} calls live, of at most {rules.max_concurrent_calls}"
        return Reject(rules.busy, "full", why, alarm)
    if load.tokens_low:
        why = "the provider has too few tokens left"
        return Reject(rules.busy, "provider_tokens", why, alarm)
    return None


def _route(called: CalledNumber, rules: Rules) -> Decision:
    """Decide by the called number alone."""
    if called.status == "unreadable":
        return _route_unreadable(rules)
    # The last to forward brought the call here, unless the trunk leaves itself out of the chain;
    # then it is the first number in it that we know.
    for number in (called.e164, *called.others):
        if number is not None and number in rules.numbers:
            why = f"the called number, read from {called.header}, is configured"
            return Accept(rules.numbers[number], "number", why)
    if CATCH_ALL in rules.numbers:
        why = f"the called number, read from {called.header}, falls to the catch-all"
        return Accept(rules.numbers[CATCH_ALL], "catch_all", why)
    why = f"the called number, read from {called.header}, is not configured"
    return _refuse(rules, "unknown_number", why)


def _route_unreadable(rules: Rules) -> Decision:
    """Somebody rings, and we cannot know whom: the default agent answers, with an alarm (O2)."""
    why = "no header holds the called number"
    if rules.default_agent is not None:
        return Accept(rules.default_agent, "default_agent", why, UNREADABLE_ALARM)
    if CATCH_ALL in rules.numbers:
        return Accept(rules.numbers[CATCH_ALL], "catch_all", why, UNREADABLE_ALARM)
    return _refuse(rules, "unreadable_number", why, UNREADABLE_ALARM)


def _refuse(rules: Rules, rule: str, why: str, alarm: str | None = None) -> Reject | Ignore:
    if rules.unknown_number == "ignore":
        return Ignore(rule, why, alarm)
    return Reject(rules.unknown_number, rule, why, alarm)
