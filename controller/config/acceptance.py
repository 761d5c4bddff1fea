"""Would OpenAI's own client recognise the session that an agent becomes?

A body with an unknown key can be accepted with 200 and then leave a dead call (design, section 4,
rule 4), and the SDK's types do not complain about such a key: they lose it. So the body goes
through them and must come out as it went in.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from controller.config.document import dotted
from controller.config.problems import did_you_mean
from controller.config.urls import secrets_in
from controller.sansio.realtime.session import accept_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.config.document import KeyPath
    from controller.sansio.agent import Agent


def unrecognised(agent: Agent) -> list[str]:
    """Return what of an agent's accept body the SDK does not know, or knows otherwise.

    Args:
        agent: Who answers.

    Returns:
        Paths within the body, each with the reason.
    """
    body = accept_body(agent, held=True, secrets=_stand_ins(agent))
    try:
        understood = _adapter().validate_python(body)
    except ValidationError as error:
        return [
            f"{dotted(each['loc'])}: {each['msg']}" for each in error.errors(include_input=False)
        ]
    return [f"{dotted(path)}: unknown" for path in _lost(body, understood, ())]


def unfamiliar(agent: Agent) -> Iterator[tuple[KeyPath, str]]:
    """Yield key and sentence of a model or a voice that is newer than we are, or misspelt."""
    models, voices = _names()
    for key, name, known in (("model", agent.model, models), ("voice", agent.voice, voices)):
        if name not in known:
            yield (key,), f"{name!r} is not known to this version; {did_you_mean(name, known)}"


def unheard(agent: Agent, agents: Mapping[str, Agent]) -> Iterator[str]:
    """Yield a sentence for what a hand-off does not change.

    OpenAI fixes model and voice for a session, and a disclosure is said once a call.
    """
    for colleague in agent.colleagues:
        other = agents.get(colleague.name)
        if other is None:
            continue
        for key in ("model", "voice"):
            stays, given = getattr(agent, key), getattr(other, key)
            if stays != given:
                change = f"stays {stays!r}, not {given!r}"
                yield f"after a hand-off to {colleague.name!r} the {key} {change}"
        if other.disclosure and other.disclosure != agent.disclosure:
            yield f"after a hand-off to {colleague.name!r} its disclosure is not said"


def _stand_ins(agent: Agent) -> dict[str, str]:
    """Return something in the place of each secret, so that its header is in the body."""
    names = [each.authorization for each in agent.mcp]
    names += [name for each in agent.mcp for _, value in each.headers for name in secrets_in(value)]
    return {name: "secret" for name in names if name is not None}


@cache
def _adapter() -> TypeAdapter[Any]:
    # Late: the SDK takes half a second, and `controller check --help` need not wait for it.
    from openai.types.realtime import CallAcceptParams

    return TypeAdapter(CallAcceptParams)


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the SDK's models and voices."""
    from openai.types.realtime import CallAcceptParams, RealtimeAudioConfigOutputParam

    return (
        frozenset(_words(get_type_hints(CallAcceptParams)["model"])),
        frozenset(_words(get_type_hints(RealtimeAudioConfigOutputParam)["voice"])),
    )


def _words(annotation: Any) -> Iterator[str]:
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _words(argument)


def _lost(sent: Any, understood: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(sent, dict) and isinstance(understood, dict):
        for key, value in sent.items():
            if key in understood:
                yield from _lost(value, understood[key], (*path, key))
            else:
                yield (*path, key)
    elif isinstance(sent, list) and isinstance(understood, list):
        for index, (one, other) in enumerate(zip(sent, understood, strict=False)):
            yield from _lost(one, other, (*path, index))
    elif sent != understood:
        yield path
