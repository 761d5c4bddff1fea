"""The same decision with its reasons: which rules were tried, and what each lacked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controller.sansio.incoming import IncomingCall
from controller.sansio.policy.admission import Load, decide, is_ours, some_time
from controller.sansio.policy.decisions import Accept, Decision
from controller.sansio.policy.facts import Facts, read_facts
from controller.sansio.policy.rules import Rules

NOT_ASKED: Final = "not asked: the call is not ours, and the rule names no called number"


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was asked."""

    name: str
    matches: bool
    why: str
    """What decided it; it holds no number."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and how it came about."""

    decision: Decision
    tried: tuple[Tried, ...]
    """The operator's rules up to the one that matched, in order."""
    limits: tuple[str, ...]
    """The limits under which an accepted call is counted, in words."""


def explain(incoming: IncomingCall, rules: Rules, load: Load, now: float) -> Explanation:
    """Decide as `admit` does, and say which rules were tried. Total.

    Args:
        incoming: The call.
        rules: What the operator wants.
        load: What is going on.
        now: Unix seconds.
    """
    facts = read_facts(incoming, rules.numbers)
    decision = decide(facts, rules, load, now)
    shares = decision.shares if isinstance(decision, Accept) else ()
    counted = {share.key.limit for share in shares}
    limits = tuple(f"{each.name}: {each}" for each in rules.every_limit if each.name in counted)
    return Explanation(decision, tuple(_tried(facts, rules, some_time(now))), limits)


def _tried(facts: Facts, rules: Rules, now: float) -> Iterator[Tried]:
    ours = is_ours(facts, rules)
    for rule in rules.ordered:
        if not (ours or rule.names_called):
            yield Tried(rule.name, matches=False, why=NOT_ASKED)
            continue
        unmet = rule.first_unmet(facts, now)
        if unmet is None:
            yield Tried(rule.name, matches=True, why=rule.decision.why)
            return
        yield Tried(rule.name, matches=False, why=f"does not hold: {unmet}")
