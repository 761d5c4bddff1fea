"""What becomes of a call that a rule or a limit is about: a SIP code, or an agent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from controller.config.problems import did_you_mean, refusal
from controller.config.section import Section, SipCode, Text
from controller.sansio.policy import Accept, Reject

if TYPE_CHECKING:
    from controller.config.document import KeyPath
    from controller.config.problems import Complaints


def rejection(value: Any) -> Any:
    """Refuse what is neither a table nor `ignore`, with one sentence for both."""
    if isinstance(value, dict) or value == "ignore" or isinstance(value, Rejection):
        return value
    raise refusal('must be { reject = 404 }, with a SIP code from 400 to 699, or "ignore"')


class Rejection(Section):
    """How a call is refused: `{ reject = 503 }`."""

    reject: SipCode
    """SIP status code, 400 to 699."""


def _plain(value: str) -> str:
    if "{{" in value:
        raise refusal("must be the words themselves: no {{ name }} is filled in here")
    return value


Say = Annotated[Text, AfterValidator(_plain)]
"""Words that are said as they are written. A caller would hear the braces of a template."""
OrIgnored = BeforeValidator(rejection, json_schema_input_type=Rejection | Literal["ignore"])


class Consequence(Section):
    """The keys that a rule and a limit have in common."""

    reject: SipCode | None = None
    """The call is refused with this SIP code."""
    agent: Text | None = None
    """Instead: this agent answers."""
    say: Say | None = None
    """With `agent`: the first words, as they are written, in place of the agent's greeting."""
    refer_to: Text | None = None
    """With `agent`: the target to whom the caller is sent after the first words, with no
    conversation."""


@dataclass(frozen=True, slots=True)
class Known:
    """What there is besides the policy."""

    check_agent: Callable[[KeyPath, str], None]
    """Complains where no agent has this name that answers calls."""
    targets: Collection[str] = ()
    numbers: Collection[str] = ()
    """Called numbers; `*` may be among them."""


def check_target(path: KeyPath, name: str, known: Known, complaints: Complaints) -> None:
    """Complain where there is no such target."""
    if name not in known.targets:
        complaints.add(path, f"no target is named {name!r}", did_you_mean(name, known.targets))


def resolve(
    section: Consequence, path: KeyPath, known: Known, complaints: Complaints
) -> Accept | Reject | None:
    """Return what a section says that becomes of the call, None where it says nothing.

    Args:
        section: As written.
        path: Where it stands.
        known: What it may name.
        complaints: Takes what is wrong.
    """
    if section.agent is None:
        for key in ("say", "refer_to"):
            if getattr(section, key) is not None:
                complaints.add((*path, key), "there is no agent", "name the agent who answers")
        return None if section.reject is None else Reject(section.reject)
    known.check_agent((*path, "agent"), section.agent)
    if section.refer_to is not None:
        check_target((*path, "refer_to"), section.refer_to, known, complaints)
    if section.reject is not None:
        complaints.add((*path, "reject"), "stands beside agent", "must be one of them")
    return Accept(section.agent, say=section.say, refer_to=section.refer_to)
