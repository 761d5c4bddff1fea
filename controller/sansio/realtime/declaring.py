"""The tools of a session, as OpenAI is told of them: functions, ours among them, and MCP servers.

The descriptions of ours are read by the model and nobody else: they say when to use the tool, and
what to do before. No address of a target is among them (rule 10).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.sansio.agent import (
    COLLECT_DIGITS,
    HAND_OFF,
    HANG_UP,
    NO_TRANSCRIPT,
    TAKE_MESSAGE,
    TRANSFER,
    WAIT_FOR_CALLER,
    Agent,
    McpServer,
)

HANG_UP_DESCRIPTION = (
    "End the call. Say goodbye in the same turn; the call ends when your words were heard."
)
TRANSFER_DESCRIPTION = (
    "Transfer the caller to one of the targets. Announce it in the same turn; the transfer starts "
    "when your words were heard. Targets:"
)
COLLECT_DIGITS_DESCRIPTION = (
    "Have the caller enter digits on the telephone's keypad, for example a customer number. Ask "
    "for them in the same turn, and say which key ends the entry. You are told the digits once "
    "they are entered; do not guess them, and do not ask for them by voice at the same time."
)
SENSITIVE_DESCRIPTION = (
    "true for digits that you must not see, such as those of a payment card: they are handed on "
    "without you, and you are told only how many there were."
)
TAKE_MESSAGE_DESCRIPTION = (
    "Take a message for the people whom the caller could not reach. Before you call this, read "
    "the telephone number back digit by digit, and have the caller confirm it. Say that the "
    "message was taken only after this tool has answered so."
)
WAIT_FOR_CALLER_DESCRIPTION = (
    "Say nothing and wait. Use it when the caller asks for a moment, talks to somebody else, or "
    "when what you heard is background talk and not meant for you."
)
HAND_OFF_DESCRIPTION = (
    "Hand the conversation to a colleague who is better placed for what the caller wants. Tell "
    "the caller in the same turn; the colleague knows what was said so far. Colleagues:"
)
NO_TRANSCRIPT_DESCRIPTION = (
    "Keep no transcript of this call. Call it when the caller does not agree that what they say is "
    "written down, recorded or kept, and before you say that it is not. What was written down so "
    "far is then deleted, and nothing is written down from then on; it cannot be taken back. The "
    "call goes on: tell the caller that no transcript is kept and promise no more than that, then "
    "go on, or offer a transfer if you can make one."
)
LONGEST_ENTRY = 64
"""Digits of one entry."""

_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def tools(
    agent: Agent, secrets: Mapping[str, str], only: tuple[str, ...] | None = None
) -> list[dict[str, Any]]:
    """Return the tools of an agent.

    Args:
        agent: whose.
        secrets: by name; what MCP servers need.
        only: names of functions and labels of MCP servers to keep; None: all.
    """
    functions = [
        _function(tool.name, tool.description, dict(tool.parameters)) for tool in agent.tools
    ]
    functions += _built_in(agent)
    if only is None:
        return functions + [_server(each, secrets) for each in agent.mcp]
    kept = [each for each in functions if each["name"] in only]
    return kept + [_server(each, secrets) for each in agent.mcp if each.label in only]


def _built_in(agent: Agent) -> Iterator[dict[str, Any]]:
    if agent.can_transfer:
        yield _transfer(agent)
    if COLLECT_DIGITS in agent.built_in:
        yield _collect_digits(agent)
    if TAKE_MESSAGE in agent.built_in:
        yield _take_message()
    if WAIT_FOR_CALLER in agent.built_in:
        yield _function(WAIT_FOR_CALLER, WAIT_FOR_CALLER_DESCRIPTION, _object({}))
    if NO_TRANSCRIPT in agent.built_in:
        yield _function(NO_TRANSCRIPT, NO_TRANSCRIPT_DESCRIPTION, _object({}))
    if HAND_OFF in agent.built_in and agent.colleagues:
        described = {each.name: each.description for each in agent.colleagues}
        yield _choice(HAND_OFF, HAND_OFF_DESCRIPTION, "agent", described)
    if agent.can_hang_up:
        yield _function(HANG_UP, HANG_UP_DESCRIPTION, _object({}))


def _transfer(agent: Agent) -> dict[str, Any]:
    offered = [target for name in agent.offered if (target := agent.target(name)) is not None]
    described = {each.name: each.description for each in offered}
    return _choice(TRANSFER, TRANSFER_DESCRIPTION, "target", described)


def _choice(name: str, description: str, parameter: str, choices: dict[str, str]) -> dict[str, Any]:
    """Declare a tool that chooses among names, each with a description."""
    described = "\n".join(f"- {each}: {choices[each]}" for each in choices)
    chosen = {"type": "string", "enum": list(choices)}
    return _function(name, f"{description}\n{described}", _object({parameter: chosen}))


def _collect_digits(agent: Agent) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "purpose": {
            "type": "string",
            "description": "What the digits are, in a few words, such as customer number.",
        },
        "max_digits": {
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST_ENTRY,
            "description": "The entry ends by itself after so many digits.",
        },
        "terminator": {
            "type": "string",
            "enum": ["#", "*", "none"],
            "description": "The key that ends the entry.",
        },
    }
    if agent.keypad.sensitive_tool is not None:
        properties["sensitive"] = {"type": "boolean", "description": SENSITIVE_DESCRIPTION}
    parameters = _object(properties, required=("purpose",))
    return _function(COLLECT_DIGITS, COLLECT_DIGITS_DESCRIPTION, parameters)


def _take_message() -> dict[str, Any]:
    parameters = _object(
        {
            "name": {"type": "string", "description": "Who calls, as they said it."},
            "number": {
                "type": "string",
                "description": "The number to call back, as the caller confirmed it.",
            },
            "reason": {"type": "string", "description": "What it is about, in a sentence or two."},
            "urgency": {"type": "string", "enum": ["low", "normal", "urgent"]},
        }
    )
    return _function(TAKE_MESSAGE, TAKE_MESSAGE_DESCRIPTION, parameters)


def _function(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
    }


def _object(
    properties: dict[str, Any], *, required: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


def _server(server: McpServer, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Declare an MCP server, with its secrets: they go to OpenAI, which calls it."""
    declared: dict[str, Any] = {
        "type": "mcp",
        "server_label": server.label,
        "server_url": server.url,
        "require_approval": server.require_approval,
    }
    if server.description:
        declared["server_description"] = server.description
    if server.authorization is not None and server.authorization in secrets:
        declared["authorization"] = secrets[server.authorization]
    headers = {
        name: filled
        for name, value in server.headers
        if (filled := _filled_in(value, secrets)) is not None
    }
    if headers:
        declared["headers"] = headers
    if server.allowed_tools is not None:
        declared["allowed_tools"] = list(server.allowed_tools)
    return declared


def _filled_in(value: str, secrets: Mapping[str, str]) -> str | None:
    """Put secrets in the place of their names, None where one is missing."""
    if any(name not in secrets for name in _SECRET.findall(value)):
        return None
    return _SECRET.sub(lambda match: secrets[match[1]], value)
