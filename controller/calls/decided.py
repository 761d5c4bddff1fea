"""The agent as a decision wants it: with other first words, or to hand the caller on (O7, O9).

A caller who is only to hear a sentence and be referred gets no conversation: the agent's first
words are its disclosure and the sentence, and then it hands on to its fallback. What a transfer may
meet (a target that does not answer, a caller who comes back) is dealt with as always. A target's
hours do not count: the rule that chose it has conditions of its own, and an emergency has no hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from controller.sansio.agent import Agent, Target
from controller.sansio.call.words import CONNECTING
from controller.sansio.policy import Accept

AT_LATEST: Final = 60.0
"""Seconds from the answer after which the caller is referred though the words were not heard."""


def as_decided(agent: Agent, decision: Accept, targets: Iterable[Target]) -> Agent:
    """Return the agent who carries a decision out.

    Args:
        agent: the one that the decision names.
        decision: with `say` or `refer_to`, or with neither.
        targets: all that there are; of a target that is none of them, nothing is done.
    """
    if decision.say is not None:
        agent = replace(agent, greeting=decision.say, greeting_is_verbatim=True)
    target = next((each for each in targets if each.name == decision.refer_to), None)
    if target is None:
        return agent
    own = tuple(each for each in agent.targets if each.name != target.name)
    return replace(
        agent,
        greeting=decision.say or CONNECTING,
        greeting_is_verbatim=decision.say is not None,
        tools=(),
        mcp=(),
        built_in=frozenset(),
        targets=(*own, replace(target, hours=None)),
        offered=(),
        fallback=target.name,
        hands_on=True,
        at_the_end="transfer",
        max_duration=AT_LATEST,
        warn_before=0.0,
    )
