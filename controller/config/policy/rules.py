"""`[[policy.rules]]`: in order, the first that matches decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from controller.config.policy import conditions, consequences
from controller.config.policy.conditions import Material, WhenSection
from controller.config.policy.consequences import Consequence, Known
from controller.config.section import Name
from controller.sansio.policy import CATCH_ALL, FULL, Decision, Ignore, Reject, Rule
from controller.sansio.policy.conditions import Called

if TYPE_CHECKING:
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

PATH: Final = ("policy", "rules")
UNTRUSTED_TRUNK: Final = "untrusted_trunk"
"""The rule that `[trunk] header` makes, asked before all others."""

RESERVED: Final = frozenset(
    {
        FULL, UNTRUSTED_TRUNK, "number", "catch_all", "default_agent", "emergency", "loop",
        "not_admitting", "unknown_number", "unreadable_number", "provider_tokens", "stale",
    }
)  # fmt: skip
"""Words that a call's record has where something else than an operator's rule decided."""


class RuleSection(Consequence):
    """When all of `when` holds, one thing becomes of the call: `reject`, `ignore`, or `agent`.

    Rules are asked in their order, before `[[numbers]]`; the first that matches decides.
    """

    name: Name
    """what the rule is called in logs, records and `controller explain`"""
    when: WhenSection
    """what must hold, all of it; `{}` always holds"""
    ignore: bool | None = None
    """Instead: the call is left to another controller of the project, with no answer at all."""


def resolve(
    sections: Sequence[RuleSection],
    material: Material,
    known: Known,
    complaints: Complaints,
    warn: Callable[[KeyPath, str], None],
) -> tuple[Rule, ...]:
    """Return the rules.

    Args:
        sections: As written, in order.
        material: What conditions name.
        known: What consequences name.
        complaints: Takes what is wrong.
        warn: Takes what is allowed and yet worth a look.
    """
    rules: dict[int, Rule] = {}
    for index, section in enumerate(sections):
        if not section.name:  # it stands for one that is wrong, which is told already
            continue
        path: KeyPath = (*PATH, index)
        check_name(section.name, path, [each.name for each in rules.values()], complaints)
        when = conditions.resolve(section.when, (*path, "when"), material, complaints)
        rules[index] = Rule(section.name, when, _then(section, path, known, complaints))
    for index, sentence in (*_idle(rules, known.numbers), *_final(rules, known.numbers)):
        warn((*PATH, index), sentence)
    return tuple(rules.values())


def check_name(name: str, path: KeyPath, taken: Collection[str], complaints: Complaints) -> None:
    """Complain where a rule or a limit has a name that another one has, or that we use."""
    if name in RESERVED:
        complaints.add((*path, "name"), f"{name!r} is a word of our own", "name it otherwise")
    elif name in taken:
        complaints.add((*path, "name"), f"{name!r} is taken", "name it otherwise")


def _then(section: RuleSection, path: KeyPath, known: Known, complaints: Complaints) -> Decision:
    found = consequences.resolve(section, path, known, complaints)
    if section.ignore is False:
        complaints.add((*path, "ignore"), "says nothing", "must be true, or left out")
    elif section.ignore and found is not None:
        complaints.add((*path, "ignore"), "is not the only consequence", "must be one of them")
    elif found is None and not section.ignore:
        cure = "give one of reject, agent, ignore = true"
        complaints.add(path, "has no consequence", cure)
    if section.ignore:
        return Ignore()
    return found or Reject(500)  # with a complaint: nobody is ever answered so


def _final(rules: dict[int, Rule], numbers: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the first rule that decides about every call of ours."""
    index = next((n for n, rule in rules.items() if not rule.when), None)
    if index is not None and numbers:
        sentence = f"rule {rules[index].name!r} always holds: no agent of [[numbers]] answers"
        yield index, sentence


def _idle(rules: dict[int, Rule], numbers: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the rules that decide about no call, because one before them does."""
    for index, rule in rules.items():
        asked = set(rule.when)
        for earlier in (each for n, each in rules.items() if n < index):
            if asked.issuperset(earlier.when) and _reaches(earlier, rule, numbers):
                more = "asks no more than it" if earlier.when else "always holds"
                yield index, f"rule {rule.name!r} never decides: {earlier.name!r} before it {more}"
                break


def _reaches(earlier: Rule, later: Rule, numbers: Collection[str]) -> bool:
    """Tell whether the earlier one is asked about every call that the later one is asked about.

    A rule that names no called number is asked about our calls only.
    """
    if earlier.names_called or not later.names_called or CATCH_ALL in numbers:
        return True
    named = [each.numbers for each in later.when if isinstance(each, Called)]
    return any(not each.prefixes and each.exact <= set(numbers) for each in named)
