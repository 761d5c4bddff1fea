"""The session config of a Realtime call, made from its agent.

Shape: `RealtimeSessionCreateRequestGA` of the OpenAPI document, which accept takes as its body.
Audio formats are left out (on SIP the codec comes from SDP; naming one gave static), the voice is
named at once (it is locked after the first audio): design rule 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.sansio.agent import HANG_UP, TRANSFER, Agent

HANG_UP_DESCRIPTION = (
    "End the call. Say goodbye in the same turn; the call ends when your words were heard."
)
TRANSFER_DESCRIPTION = (
    "Transfer the caller to one of the targets. Announce it in the same turn; the transfer starts "
    "when your words were heard. Targets:"
)


def accept_body(
    agent: Agent, *, held: bool, secrets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the whole session config.

    Args:
        agent: who answers.
        held: the first words are ours: the caller's speech starts no response and cuts nothing off
            until they were heard (rule 6).
        secrets: by name; what an MCP server's headers need.
    """
    del secrets
    return {"model": agent.model, **_adjustable(agent, held=held)}


def minimal_body(agent: Agent) -> dict[str, Any]:
    """Return what no session can do without, for an accept that refused the whole (rule 4)."""
    return {
        "type": "realtime",
        "model": agent.model,
        "instructions": agent.instructions,
        "audio": {"output": {"voice": agent.voice}},
    }


def remainder(agent: Agent, *, held: bool, plain: bool = False) -> dict[str, Any]:
    """Return what the minimal body left out, for `session.update`.

    Model and voice are set by then: the one cannot be changed, the other only before any audio.
    """
    session = _adjustable(agent, held=held, plain=plain)
    del session["instructions"]
    del session["audio"]["output"]["voice"]
    if not session["audio"]["output"]:
        del session["audio"]["output"]
    return session


def turn_detection(agent: Agent, *, held: bool, plain: bool = False) -> dict[str, Any]:
    """Return the turn detection of an agent, held or free.

    Args:
        agent: who answers.
        held: no response and no interruption by the caller's speech.
        plain: the type alone, for a far end that refuses its numbers (agents-js #741).
    """
    options = {"type": agent.turn_detection["type"]} if plain else dict(agent.turn_detection)
    free = not held
    return {**options, "create_response": free, "interrupt_response": free}


def detection_update(agent: Agent, *, held: bool, plain: bool = False) -> dict[str, Any]:
    """Return the `session` of a `session.update` that sets turn detection alone."""
    detection = turn_detection(agent, held=held, plain=plain)
    return {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}


def _adjustable(agent: Agent, *, held: bool, plain: bool = False) -> dict[str, Any]:
    heard: dict[str, Any] = {"turn_detection": turn_detection(agent, held=held, plain=plain)}
    if agent.transcription is not None:
        heard["transcription"] = dict(agent.transcription)
    if agent.noise_reduction is not None:
        heard["noise_reduction"] = {"type": agent.noise_reduction}
    spoken: dict[str, Any] = {"voice": agent.voice}
    if agent.speed is not None:
        spoken["speed"] = agent.speed
    session: dict[str, Any] = {
        "type": "realtime",
        "instructions": agent.instructions,
        "audio": {"input": heard, "output": spoken},
    }
    if tools := _tools(agent):
        session |= {"tools": tools, "tool_choice": "auto"}
    if agent.reasoning_effort is not None:
        session["reasoning"] = {"effort": agent.reasoning_effort}
    if agent.max_output_tokens is not None:
        session["max_output_tokens"] = agent.max_output_tokens
    return session


def _tools(agent: Agent) -> list[dict[str, Any]]:
    tools = [_function(tool.name, tool.description, dict(tool.parameters)) for tool in agent.tools]
    if agent.can_transfer:
        offered = [each for each in agent.targets if each.name in agent.offered]
        described = "\n".join(f"- {each.name}: {each.description}" for each in offered)
        target = {"type": "string", "enum": [each.name for each in offered]}
        tools.append(
            _function(TRANSFER, f"{TRANSFER_DESCRIPTION}\n{described}", _object(target=target))
        )
    if agent.can_hang_up:
        tools.append(_function(HANG_UP, HANG_UP_DESCRIPTION, _object()))
    return tools


def _function(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
