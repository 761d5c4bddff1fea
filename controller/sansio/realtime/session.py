"""The session config of a Realtime call, made from its agent and what was changed since.

Shape: `RealtimeSessionCreateRequestGA` of the OpenAPI document, which accept takes as its body.
Audio formats are left out (on SIP the codec comes from SDP; naming one gave static), the voice is
named at once (it is locked after the first audio): design rule 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from controller.sansio.agent import Agent
from controller.sansio.realtime.declaring import tools
from controller.sansio.realtime.parts import Setup

PARTS = ("instructions", "tools", "transcription", "turn_detection")
"""What can be changed in a session that goes on; voice and model stay as they are."""
_NO_SECRETS: Mapping[str, str] = MappingProxyType({})
_AS_IT_IS = Setup()


@dataclass(frozen=True, slots=True)
class Form:
    """What a `session.update` says."""

    held: bool
    """No response and no interruption by the caller's speech."""
    plain: bool = False
    """The type of turn detection alone, for a far end that refuses its numbers."""
    setup: Setup = _AS_IT_IS
    """What the session has instead of the agent's own."""
    changes: tuple[str, ...] = ()
    """Of `PARTS`; turn detection always goes along."""
    remainder: bool = False
    """What the minimal answer left out."""


def accept_body(
    agent: Agent, *, held: bool, secrets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the whole session config.

    Args:
        agent: who answers.
        held: the first words are ours: the caller's speech starts no response and cuts nothing off
            until they were heard (rule 6).
        secrets: by name; what MCP servers need. One that is missing leaves its header out.
    """
    return {"model": agent.model, **_adjustable(agent, held=held, secrets=secrets)}


def minimal_body(agent: Agent) -> dict[str, Any]:
    """Return what no session can do without, for an accept that refused the whole (rule 4)."""
    return {
        "type": "realtime",
        "model": agent.model,
        "instructions": agent.instructions,
        "audio": {"output": {"voice": agent.voice}},
    }


def update(agent: Agent, form: Form, secrets: Mapping[str, str] = _NO_SECRETS) -> dict[str, Any]:
    """Return the `session` of a `session.update`; it always names its type."""
    setup = form.setup
    if form.remainder:
        session = remainder(agent, held=form.held, plain=form.plain, setup=setup, secrets=secrets)
    else:
        session = detection_update(agent, held=form.held, plain=form.plain, setup=setup)
    if "instructions" in form.changes:
        session["instructions"] = instructions(agent, setup)
    if "tools" in form.changes:
        # An empty list takes away what was declared before.
        session |= {"tools": tools(agent, secrets, setup.tools), "tool_choice": "auto"}
    if "transcription" in form.changes:
        own = None if agent.transcription is None else dict(agent.transcription)
        session["audio"]["input"]["transcription"] = own
    return session


def remainder(
    agent: Agent,
    *,
    held: bool,
    plain: bool = False,
    setup: Setup = _AS_IT_IS,
    secrets: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what the minimal body left out, for `session.update`.

    Model and voice are set by then: the one cannot be changed, the other only before any audio.
    """
    session = _adjustable(agent, held=held, plain=plain, setup=setup, secrets=secrets)
    del session["instructions"]
    del session["audio"]["output"]["voice"]
    if not session["audio"]["output"]:
        del session["audio"]["output"]
    return session


def instructions(agent: Agent, setup: Setup = _AS_IT_IS) -> str:
    """Return the instructions that are in force."""
    return agent.instructions if setup.instructions is None else setup.instructions


def detection(agent: Agent, setup: Setup = _AS_IT_IS) -> dict[str, Any]:
    """Return the turn detection that is in force, but for the hold."""
    return dict(agent.turn_detection if setup.turn_detection is None else setup.turn_detection)


def turn_detection(
    agent: Agent, *, held: bool, plain: bool = False, setup: Setup = _AS_IT_IS
) -> dict[str, Any]:
    """Return turn detection, held or free.

    Args:
        agent: who answers.
        held: no response and no interruption by the caller's speech.
        plain: the type alone, for a far end that refuses its numbers (agents-js #741).
        setup: what the session has instead of the agent's own.
    """
    options = detection(agent, setup)
    if plain:
        options = {"type": options["type"]}
    free = not held
    return {**options, "create_response": free, "interrupt_response": free}


def detection_update(
    agent: Agent, *, held: bool, plain: bool = False, setup: Setup = _AS_IT_IS
) -> dict[str, Any]:
    """Return the `session` of a `session.update` that sets turn detection alone."""
    wanted = turn_detection(agent, held=held, plain=plain, setup=setup)
    return {"type": "realtime", "audio": {"input": {"turn_detection": wanted}}}


def _adjustable(
    agent: Agent,
    *,
    held: bool,
    plain: bool = False,
    setup: Setup = _AS_IT_IS,
    secrets: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    wanted = turn_detection(agent, held=held, plain=plain, setup=setup)
    heard: dict[str, Any] = {"turn_detection": wanted}
    if agent.transcription is not None:
        heard["transcription"] = dict(agent.transcription)
    if agent.noise_reduction is not None:
        heard["noise_reduction"] = {"type": agent.noise_reduction}
    spoken: dict[str, Any] = {"voice": agent.voice}
    if agent.speed is not None:
        spoken["speed"] = agent.speed
    session: dict[str, Any] = {
        "type": "realtime",
        "instructions": instructions(agent, setup),
        "audio": {"input": heard, "output": spoken},
    }
    if declared := tools(agent, secrets or _NO_SECRETS, setup.tools):
        session |= {"tools": declared, "tool_choice": "auto"}
    if agent.reasoning_effort is not None:
        session["reasoning"] = {"effort": agent.reasoning_effort}
    if agent.max_output_tokens is not None:
        session["max_output_tokens"] = agent.max_output_tokens
    return session
