"""The same decision with its reasons: which rules were tried, and what each lacked."""

from __future__ import annotations

from dataclasses import dataclass

from controller.sansio.incoming import IncomingCall
from controller.sansio.policy.admission import Load, decide
from controller.sansio.policy.conditions import Condition
from controller.sansio.policy.decisions import Accept, Decision
from controller.sansio.policy.facts import read_facts
from controller.sansio.policy.rules import Rule, Rules


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
    tried: list[Tried] = []

    def note(rule: Rule, unmet: Condition | None, is_asked: bool) -> None:  # noqa: FBT001 - `Note`
        tried.append(_tried(rule, unmet, is_asked=is_asked))

    facts = read_facts(incoming, rules.numbers)
    decision = decide(facts, rules, load, now, note=note)
    shares = decision.shares if isinstance(decision, Accept) else ()
    counted = {share.key.limit for share in shares}
    limits = tuple(f"{each.name}: {each}" for each in rules.every_limit if each.name in counted)
    return Explanation(decision, tuple(tried), limits)


def _tried(rule: Rule, unmet: Condition | None, *, is_asked: bool) -> Tried:
    if not is_asked:
        why = "not asked: the call is not ours, and the rule names no called number"
        return Tried(rule.name, matches=False, why=why)
    if unmet is not None:
        return Tried(rule.name, matches=False, why=f"does not hold: {unmet}")
    return Tried(rule.name, matches=True, why=rule.decision.why)
