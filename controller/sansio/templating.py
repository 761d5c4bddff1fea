"""Templates in instructions, greeting and disclosure: `{{ name }}`, and nothing else.

There is no logic in them: no condition, no loop, no expression, no call. A name stands for

* a value of the operator's, `values.NAME`, or the moment of the call (`date`, `time`, `weekday`,
  `time_zone`): these go into the sentence;
* a fact of the call, which the caller's side sent (`caller_name`, `header.NAME`, …) or a look-up
  found (`lookup.NAME`): the sentence gets a pointer, and the value goes into the one block of
  caller data (`quoting`), at the end of the instructions or where `{{ caller }}` stands.

So whatever an INVITE holds, the instructions outside the block are those that the operator wrote.
Everything is replaced in one pass: what a value holds is never read as a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Final, TypeAlias

from controller.sansio.agent import Agent
from controller.sansio.incoming import IncomingCall
from controller.sansio.numbers import Number
from controller.sansio.quoting import block

BLOCK: Final = "caller"
"""The name that stands for the whole block."""
MOMENT: Final = ("date", "time", "weekday", "time_zone")
"""Of the call's beginning, in the agent's zone: `2026-12-24`, `18:05`, `Thursday`, the zone."""
OF_THE_CALL: Final = ("caller_name", "caller_shown", "called_number", "caller_trust")
"""What every call has; `{{ caller }}` shows them all."""
HEADER: Final = "header."
"""Before the name of a SIP header, in lower case."""
VALUE: Final = "values."
"""Before the name of a value of the configuration."""
LOOKUP: Final = "lookup."
"""Before the name of a fact that a look-up finds."""
CARRIED: Final = "user-to-user"
"""The one header without `x-` that is kept of a call (RFC 7433)."""

_SIGN: Final = re.compile(
    r"(?P<escaped>\\\{\{)"
    r"|\{\{[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)?)[ \t]*\}\}"
    r"|(?P<broken>\{\{)"
)
_WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
_POINTER_TO_ALL: Final = "the caller data"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text that is filled in for each call."""

    name: str
    line: int
    """Of the text, from 0."""


Template: TypeAlias = tuple[str | Place, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A `{{` that begins no place."""

    line: int
    """Of the text, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """The texts of an agent that are filled in for each call; the operator's values are in."""

    instructions: Template
    greeting: Template = ()
    """Empty: the agent's own, as it is."""
    disclosure: Template = ()
    """Likewise. No caller data: it is spoken word by word."""
    zone: tzinfo | None = None
    """Of date and time; None where no text asks for them."""
    zone_name: str = ""


def read(text: str) -> tuple[Template, tuple[Broken, ...]]:
    r"""Read a text.

    Args:
        text: With `{{ name }}` for a place and `\{{` for two braces.

    Returns:
        The template, and every `{{` that is neither.
    """
    parts: list[str | Place] = []
    broken = []
    end = 0
    for match in _SIGN.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        line = text.count("\n", 0, match.start())
        if match["name"]:
            parts.append(Place(_canonical(match["name"]), line))
        else:
            parts.append("{{")
            if match["broken"]:
                broken.append(Broken(line))
    parts.append(text[end:])
    return joined(parts), tuple(broken)


def places(template: Template) -> Iterator[Place]:
    """Yield the places of a template."""
    return (part for part in template if isinstance(part, Place))


def bind(template: Template, values: Mapping[str, str]) -> Template:
    """Fill in what does not change from call to call.

    Args:
        template: The template.
        values: By name, with its prefix; other places stay.
    """
    return joined(
        values.get(part.name, part) if isinstance(part, Place) else part for part in template
    )


def joined(parts: Iterable[str | Place]) -> Template:
    """Return a template without empty texts, and with no two of them side by side."""
    joined: list[str | Place] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def written(template: Template) -> str:
    """Return a template as somebody would write it, but for escaped braces."""
    return "".join(part if isinstance(part, str) else f"{{{{ {part.name} }}}}" for part in template)


def is_caller_data(name: str) -> bool:
    """Tell whether a name stands for what the caller's side sent, or a look-up found."""
    return name in {BLOCK, *OF_THE_CALL} or name.startswith((HEADER, LOOKUP))


def address(
    agent: Agent,
    prompts: Prompts,
    incoming: IncomingCall,
    *,
    now: float,
    found: Mapping[str, str] = _NOTHING,
) -> Agent:
    """Return the agent with its texts as they are for one call.

    Args:
        agent: As configured.
        prompts: Its templates.
        incoming: The call.
        now: Unix seconds.
        found: What a look-up found, by name without prefix.
    """
    moment = _moment(prompts, now)
    instructions = bind(prompts.instructions, moment)
    greeting = bind(prompts.greeting, moment)
    data = {name: _fact(name, incoming, found) for name in _named(instructions, greeting)}
    return replace(
        agent,
        instructions=_whole(instructions, block(data) if data else ""),
        greeting=_flat(greeting) if greeting else agent.greeting,
        disclosure=_flat(bind(prompts.disclosure, moment)) or agent.disclosure,
    )


class Addressed(Mapping[str, Agent]):
    """The agents of a generation as they are for one call, each made when it is asked for.

    Args:
        agents: As configured, by name.
        prompts: Templates, of those that have some.
        incoming: The call.
        now: Unix seconds.
        found: What a look-up found, by name without prefix.
    """

    def __init__(
        self,
        agents: Mapping[str, Agent],
        prompts: Mapping[str, Prompts],
        incoming: IncomingCall,
        *,
        now: float,
        found: Mapping[str, str] = _NOTHING,
    ) -> None:
        self._agents = agents
        self._prompts = prompts
        self._incoming = incoming
        self._now = now
        self._found = found
        self._made: dict[str, Agent] = {}

    def learn(self, found: Mapping[str, str]) -> None:
        """Take what a look-up has found in place of what stood for it.

        An agent that was made before stays as it is; one that is asked for from now on is told.
        """
        self._found = found
        self._made.clear()

    def __getitem__(self, name: str) -> Agent:
        agent, prompts = self._agents[name], self._prompts.get(name)
        if prompts is None:
            return agent
        if name not in self._made:
            self._made[name] = address(
                agent, prompts, self._incoming, now=self._now, found=self._found
            )
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._agents)

    def __len__(self) -> int:
        return len(self._agents)


def _canonical(name: str) -> str:
    """Return a header's name in lower case (RFC 3261 §7.3.1: case says nothing), others as is."""
    return name.lower() if name.lower().startswith(HEADER) else name


def _moment(prompts: Prompts, now: float) -> Mapping[str, str]:
    if prompts.zone is None:
        return _NOTHING
    local = datetime.fromtimestamp(now, prompts.zone)
    return {
        "date": local.date().isoformat(),
        "time": local.strftime("%H:%M"),
        "weekday": _WEEKDAYS[local.weekday()],  # strftime's are in the language of the machine
        "time_zone": prompts.zone_name,
    }


def _named(*templates: Template) -> Iterator[str]:
    """Yield the facts that the block must hold, each once."""
    names = dict.fromkeys(place.name for template in templates for place in places(template))
    if BLOCK in names:
        names = dict.fromkeys((*OF_THE_CALL, *names))
        del names[BLOCK]
    yield from names


def _fact(name: str, incoming: IncomingCall, found: Mapping[str, str]) -> str | None:
    if name.startswith(HEADER):
        header = name.removeprefix(HEADER)
        if header == CARRIED:
            return next(iter(incoming.user_to_user), None)
        return next((value for key, value in incoming.x_headers if key == header), None)
    if name.startswith(LOOKUP):
        return found.get(name.removeprefix(LOOKUP))
    facts = {
        "caller_name": incoming.display_name or None,
        "caller_shown": _number(incoming.caller_shown),
        "called_number": incoming.called.e164,
        "caller_trust": incoming.caller_trust,
    }
    return facts.get(name)


def _number(number: Number) -> str | None:
    return "withheld" if number.kind == "withheld" else number.e164


def _whole(template: Template, data: str) -> str:
    """Return instructions with the block where it belongs."""
    text = ""
    for part in template:
        if isinstance(part, Place) and part.name == BLOCK and data not in text:
            text += f"\n{data}\n"
        else:
            text += part if isinstance(part, str) else _pointer(part.name)
    return text if not data or data in text else f"{text}\n\n{data}"


def _flat(template: Template) -> str:
    return "".join(part if isinstance(part, str) else _pointer(part.name) for part in template)


def _pointer(name: str) -> str:
    return _POINTER_TO_ALL if name == BLOCK else f'"{name}" ({_POINTER_TO_ALL})'
