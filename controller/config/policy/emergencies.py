"""`[policy.emergencies]`: calls that a trusted trunk marks, and that must reach a human (O9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controller.config.policy.consequences import Known, Say, check_target
from controller.config.section import Section, Text
from controller.sansio.policy import Emergencies
from controller.sansio.policy.conditions import FromTrunk

if TYPE_CHECKING:
    from controller.config.problems import Complaints

PATH: Final = ("policy", "emergencies")


class EmergenciesSection(Section):
    """Calls with `Priority: emergency` or `psap-callback` that carry the trunk's secret header.

    They pass blocks, hours and limits, and are sent to a human. This is not an emergency line.
    """

    refer_to: Text
    """name of the target to whom they are sent"""
    agent: Text | None = None
    """Who answers until then; without it the agent who would have anyway."""
    say: Say | None = None
    """The first words; without it those of the agent."""


def resolve(
    section: EmergenciesSection | None, known: Known, complaints: Complaints, *, has_mark: bool
) -> Emergencies | None:
    """Return what becomes of an emergency.

    Args:
        section: As written; None: they are calls like others.
        known: What it may name.
        complaints: Takes what is wrong.
        has_mark: A call of the trunk can be told from a stranger's.
    """
    if section is None:
        return None
    if not has_mark:
        # Whoever knows the project id can write a Priority header: it opens nothing by itself.
        found = "can mark no call: no trunk is trusted"
        complaints.add(PATH, found, "give the trunk's secret in [trunk] header")
    check_target((*PATH, "refer_to"), section.refer_to, known, complaints)
    if section.agent is not None:
        known.check_agent((*PATH, "agent"), section.agent)
    return Emergencies((FromTrunk(),), section.refer_to, section.agent, section.say)
