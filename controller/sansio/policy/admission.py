"""The decision itself. What it weighs and in which order is told in the package's docstring."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from controller.sansio.incoming import IncomingCall
from controller.sansio.policy.decisions import Accept, Decision, Ignore, Reject
from controller.sansio.policy.facts import Facts, read_facts
from controller.sansio.policy.limits import Limit
from controller.sansio.policy.rules import CATCH_ALL, FULL, Rules
from controller.sansio.policy.shares import Key, Share

LOOP_HOPS: Final = 2
"""Returns of one caller after which the next hop, the third, is refused (operations, O6)."""

UNREADABLE_ALARM: Final = "called_number_unreadable"
"""Raised with every call whose called number could not be read: the trunk must be looked at."""
EMERGENCY_ALARM: Final = "emergency_call"
"""Raised with every call that a trusted trunk marks as an emergency."""

_EARLIEST: Final = 86_400.0
_LATEST: Final = 253_370_000_000.0
"""In the year 9998: the calendar ends with 9999, and zones and time over midnight need a day."""


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
    full: frozenset[Key] = field(default=frozenset(), repr=False)
    """Counts in which the ledger had no room for this call. A decision is made, its shares are
    reserved, and where one of them is refused, another decision is made with that in here."""


def admit(incoming: IncomingCall, rules: Rules, load: Load, now: float) -> Decision:
    """Decide about a call. Total and without memory: equal arguments, equal decision.

    Args:
        incoming: The call.
        rules: What the operator wants.
        load: What is going on.
        now: Unix seconds.
    """
    return decide(read_facts(incoming, rules.numbers), rules, load, now)


def reassign(
    accepted: Accept, *, incoming: IncomingCall, rules: Rules, load: Load, now: float
) -> Accept | Reject:
    """Decide about the room for another agent, whom a look-up has chosen for a call of ours.

    Whether the call is taken at all was decided before, and is not asked again.

    Args:
        accepted: What was decided, with that agent; its shares are asked for anew.
        incoming: The call.
        rules: What the operator wants.
        load: What is going on, without this call.
        now: Unix seconds.
    """
    facts = read_facts(incoming, rules.numbers)
    return _within_limits(accepted, facts, rules, load, some_time(now))


def some_time(now: float) -> float:
    """Return the instant, or another one where calendars and zones have no answer."""
    return now if _EARLIEST <= now <= _LATEST else _EARLIEST


def decide(facts: Facts, rules: Rules, load: Load, now: float) -> Decision:
    """Decide by the facts."""
    decision = _decide(facts, rules, load, some_time(now))
    if facts.called is None and decision.alarm is None:
        return replace(decision, alarm=UNREADABLE_ALARM)
    return decision


def is_ours(facts: Facts, rules: Rules) -> bool:
    """Tell whether the numbers, `*` or the default agent would take the call."""
    return isinstance(_route(facts, rules), Accept)


def _decide(facts: Facts, rules: Rules, load: Load, now: float) -> Decision:
    routed = _route(facts, rules)
    found = _first_match(facts, rules, now, is_ours=isinstance(routed, Accept)) or routed
    if isinstance(found, Ignore):
        return found
    if not load.admitting:
        return Reject(rules.paused, "not_admitting", "the service is draining or paused")
    urgent = _emergency(facts, rules, now, found, routed)
    found = urgent or found
    if isinstance(found, Reject):
        return found
    if load.returns >= LOOP_HOPS:
        why = f"transfers of ours sent this caller back {load.returns} times"
        return Reject(rules.loop, "loop", why)
    if urgent is not None:
        return urgent
    allowed = _within_limits(found, facts, rules, load, now)
    if load.tokens_low and isinstance(allowed, Accept):
        return Reject(rules.busy, "provider_tokens", "the provider has too few tokens left")
    return allowed


# --- who it is for -------------------------------------------------------------------------------


def _first_match(facts: Facts, rules: Rules, now: float, *, is_ours: bool) -> Decision | None:
    """Return what the first rule that matches decides. Written for speed: see the benchmark."""
    called = facts.called
    for rule in rules.ordered:
        # Most rules are about one number, and asking them all takes most of the time.
        if rule.gate is not None and called not in rule.gate:
            continue
        # "Closed", "blocked": such rules speak of our calls. Another controller's call is not to
        # be refused by them, nor a number that nobody configured to be answered.
        if not (is_ours or rule.names_called):
            continue
        for condition in rule.when:
            if not condition.holds(facts, now):
                break
        else:
            return rule.decision
    return None


def _route(facts: Facts, rules: Rules) -> Decision:
    """Decide by the called number alone."""
    called = facts.called
    if called is None:
        return _route_unreadable(rules)
    read = f"the called number, read from {facts.called_header},"
    agent_name = rules.numbers.get(called)
    if agent_name is not None:
        return Accept(agent_name, "number", f"{read} is configured")
    if CATCH_ALL in rules.numbers:
        return Accept(rules.numbers[CATCH_ALL], "catch_all", f"{read} falls to the catch-all")
    return _leave(rules, "unknown_number", f"{read} is not configured")


def _route_unreadable(rules: Rules) -> Decision:
    """Somebody rings, and we cannot know whom: the default agent answers, with an alarm (O2)."""
    why = "no header holds the called number"
    if rules.default_agent is not None:
        return Accept(rules.default_agent, "default_agent", why)
    if CATCH_ALL in rules.numbers:
        return Accept(rules.numbers[CATCH_ALL], "catch_all", why)
    return _leave(rules, "unreadable_number", why)


def _leave(rules: Rules, rule: str, why: str) -> Reject | Ignore:
    if rules.unknown_number == "ignore":
        return Ignore(rule, why)
    return Reject(rules.unknown_number, rule, why)


def _emergency(
    facts: Facts, rules: Rules, now: float, found: Decision, routed: Decision
) -> Accept | None:
    """Return how an emergency is answered, if it is one and the call is ours (O9)."""
    usual = next((each for each in (found, routed) if isinstance(each, Accept)), None)
    emergencies = rules.emergencies
    if emergencies is None or usual is None or not emergencies.concerns(facts, now):
        return None
    return Accept(
        emergencies.agent_name or usual.agent_name,
        "emergency",
        "a trusted trunk marks it as an emergency",
        EMERGENCY_ALARM,
        say=emergencies.say,
        refer_to=emergencies.refer_to,
    )


# --- whether there is room -----------------------------------------------------------------------


def _within_limits(
    accepted: Accept, facts: Facts, rules: Rules, load: Load, now: float
) -> Accept | Reject:
    """Follow the limits that are full, from agent to agent, until there is room or a refusal.

    It ends: each turn leaves one more count aside, and a limit is about one agent at a time.
    """
    limits = rules.every_limit
    left: set[Key] = set()
    while True:
        shares = _shares(accepted, facts, limits, left, now)
        full = next((limit for limit, share in shares if _is_full(share, load)), None)
        if full is None:
            return replace(accepted, shares=tuple(share for _, share in shares))
        why = f"{full} is reached"
        over = replace(full.over, rule=full.name, why=why)
        if isinstance(over, Reject):
            return over
        left |= {share.key for limit, share in shares if limit is full}
        accepted = over


def _shares(
    accepted: Accept, facts: Facts, limits: tuple[Limit, ...], left: set[Key], now: float
) -> list[tuple[Limit, Share]]:
    found = ((limit, limit.share(facts, accepted.agent_name, now)) for limit in limits)
    return [
        (limit, share)
        for limit, share in found
        # To hash keys for nothing takes a tenth of a decision.
        if share is not None and (not left or share.key not in left)
    ]


def _is_full(share: Share, load: Load) -> bool:
    if load.full and share.key in load.full:
        return True
    # This process's own calls, before anything is written down.
    return share.key.limit == FULL and load.live_calls >= share.at_most
