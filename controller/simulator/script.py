"""Reads the parts of a scenario file: the caller's steps, the model's rules, the stand-in servers.

One table for each kind of part: its keys, the arguments that they become, and their readers.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from controller.errors import SimulatorError
from controller.simulator.ending import EndedBy
from controller.simulator.expectations import Expectations
from controller.simulator.faults import Planned, plan
from controller.simulator.forgeries import Forgery
from controller.simulator.http_answers import HttpAnswer
from controller.simulator.mcp import McpError, McpServer, McpTool
from controller.simulator.model import Rule, ToolCall
from controller.simulator.operating import OperatorStep
from controller.simulator.reading import (
    Reader,
    Readers,
    choice,
    counts,
    each,
    flag,
    listed,
    members,
    seconds,
    share,
    text,
    texts,
    true,
    typed,
    whole,
)
from controller.simulator.steps import (
    FOREVER,
    SOUNDS,
    Awaits,
    HangsUp,
    Hears,
    Noise,
    Plays,
    Presses,
    Says,
    Step,
    Waits,
)
from controller.simulator.switches import Pace
from controller.simulator.webhooks import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

# What surrounds the call


def webhooks(value: Any, where: str) -> tuple[str, ...]:
    """Read the deliveries: kinds and forgeries."""
    known = choice(*Kind, *Forgery)
    return tuple(known(one, f"{where}[{at}]") for at, one in enumerate(texts(value, where)))


def headers(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    """Read a table of headers; a list repeats a header."""
    typed(dict, "a table of headers")(value, where)
    return tuple((name, one) for name, given in value.items() for one in texts(given, where))


def pace(value: Any, where: str) -> Pace:
    """Read how long things take: seconds, or a speed for all of them."""
    known = {one.name: (one.name, seconds) for one in fields(Pace)}
    given = members(value, where, known | {"speed": ("speed", seconds)})
    speed = given.pop("speed", 1.0)
    if not speed:
        raise SimulatorError(f"{where}.speed: must be more than 0")
    return replace(Pace().times(1 / speed), **given)


def fault(value: Any, where: str) -> Planned:
    """Read a fault: its name, or a table with other values than its own."""
    table = {"name": value} if isinstance(value, str) else value
    given = members(table, where, _FAULT)
    try:
        return plan(given.pop("name", ""), **given)
    except SimulatorError as error:
        raise SimulatorError(f"{where}: {error}") from None


_FAULT: Readers = {
    "name": ("name", text),
    "times": ("times", whole),
    "skips": ("skips", whole),
    "seconds": ("seconds", seconds),
}


# What the caller does: a text, or a table whose first key says what


def step(value: Any, where: str) -> Step:
    """Read a step of the caller's."""
    if isinstance(value, str):
        return Says(words=value)
    typed(dict, "a text or a table")(value, where)
    acts = [key for key in value if key in _STEPS]
    if len(acts) != 1:
        raise SimulatorError(f"{where}: needs one of {', '.join(_STEPS)}")
    make, readers = _STEPS[acts[0]]
    made: Step = make(**members(value, where, readers))
    return made


def _hang_up(*, when: Any) -> HangsUp:
    return HangsUp(at_once=when == "at once")


def _silence(**_: Any) -> Waits:
    return Waits(seconds=FOREVER)


def _when_to_hang_up(value: Any, where: str) -> Any:
    return value is True or choice("at once")(value, where)


_STEPS: dict[str, tuple[Callable[..., Step], Readers]] = {
    "says": (
        Says,
        {
            "says": ("words", text),
            "transcript": ("transcript", text),
            "over": ("over", flag),
            "after": ("after", seconds),
            "times": ("times", whole),
        },
    ),
    "noise": (Noise, {"noise": ("seconds", seconds)}),
    "plays": (
        Plays,
        {
            "plays": ("sound", choice(*SOUNDS)),
            "seconds": ("seconds", seconds),
            "transcript": ("transcript", text),
        },
    ),
    "waits": (Waits, {"waits": ("seconds", seconds)}),
    "silent": (_silence, {"silent": ("silent", true)}),
    "hears": (Hears, {"hears": ("text", text), "limit": ("limit", seconds)}),
    "awaits": (Awaits, {"awaits": ("what", text), "limit": ("limit", seconds)}),
    "presses": (
        Presses,
        {
            "presses": ("keys", text),
            "over": ("over", flag),
            "after": ("after", seconds),
            "gap": ("gap", seconds),
        },
    ),
    "hangs_up": (_hang_up, {"hangs_up": ("when", _when_to_hang_up)}),
}


# What the model does


def rule(value: Any, where: str) -> Rule:
    """Read a rule of the model's."""
    return Rule(**members(value, where, _RULE))


def _calls(value: Any, where: str) -> tuple[ToolCall, ...]:
    """Read a tool's name, a table of names and arguments, or a list of both."""
    if isinstance(value, str):
        return (ToolCall(value),)
    if isinstance(value, list):
        return tuple(call for at, one in enumerate(value) for call in _calls(one, f"{where}[{at}]"))
    typed(dict, "a tool's name, or a table like { tool = { argument = 1 } }")(value, where)
    arguments = typed((dict, str), "a table of arguments")
    return tuple(ToolCall(name, arguments(one, f"{where}.{name}")) for name, one in value.items())


_RULE: Readers = {
    "when": ("when", choice("greeting", "asked")),
    "heard": ("heard", texts),
    "told": ("told", texts),
    "instructed": ("instructed", texts),
    "prompted": ("prompted", texts),
    "has_tool": ("has_tool", texts),
    "after": ("after", text),
    "output": ("output", texts),
    "says": ("says", text),
    "calls": ("calls", _calls),
    "times": ("times", whole),
}


# Servers that the call needs


def mcp_server(value: Any, where: str) -> McpServer:
    """Read an MCP server that OpenAI would call."""
    made = McpServer(**members(value, where, _MCP))
    if not made.label:
        raise SimulatorError(f"{where}: needs a label, the server_label of the session")
    return made


def _mcp_tools(value: Any, where: str) -> dict[str, McpTool]:
    typed(dict, "a table of tools")(value, where)
    return {name: _mcp_tool(one, f"{where}.{name}") for name, one in value.items()}


def _mcp_tool(value: Any, where: str) -> McpTool:
    """Read a tool: its output, or a table."""
    if isinstance(value, str):
        return McpTool(output=value)
    return McpTool(**members(value, where, _MCP_TOOL))


_MCP: Readers = {
    "label": ("label", text),
    "tools": ("tools", _mcp_tools),
    "list_fails": ("list_fails", flag),
    "list_takes": ("list_takes", seconds),
}
_MCP_TOOL: Readers = {
    "output": ("output", text),
    "error": ("error", choice(*McpError)),
    "takes": ("takes", seconds),
}


def http_answer(value: Any, where: str) -> HttpAnswer:
    """Read an answer of a web service that the service's HTTP tools ask."""
    made = HttpAnswer(**members(value, where, _HTTP))
    if not made.name or "/" in made.name:
        raise SimulatorError(f"{where}: needs a name without a slash, its path is /http/NAME")
    return made


def _body(value: Any, _where: str) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


_HTTP: Readers = {
    "name": ("name", text),
    "status": ("status", whole),
    "body": ("body", _body),
    "headers": ("headers", headers),
    "delay": ("delay", seconds),
    "times": ("times", whole),
}


def operator_step(value: Any, where: str) -> OperatorStep:
    """Read something that an operator does during the call."""
    made = OperatorStep(**members(value, where, _OPERATOR))
    if len(made.acts) != 1:
        raise SimulatorError(f"{where}: needs one of says, instructs, tells, transfers, hangs_up")
    return made


_OPERATOR: Readers = {
    "after": ("after", seconds),
    "hears": ("hears", text),
    "says": ("says", text),
    "instructs": ("instructs", text),
    "tells": ("tells", text),
    "transfers": ("transfers", text),
    "hangs_up": ("hangs_up", true),
}


# What is to come of it


def expectations(value: Any, where: str) -> Expectations:
    """Read `[expect]`."""
    return Expectations(**members(value, where, _EXPECT))


def _endings(value: Any, where: str) -> tuple[str, ...]:
    read = choice(*EndedBy)
    return tuple(read(one, where) for one in texts(value, where))


def _outputs(value: Any, where: str) -> dict[str, str]:
    typed(dict, "a table of tools and texts")(value, where)
    return {key: text(one, f"{where}.{key}") for key, one in value.items()}


def _statuses(value: Any, where: str) -> tuple[int, ...]:
    return tuple(whole(one, where) for one in listed(value, where))


def _targets(value: Any, where: str) -> tuple[str, ...]:
    return texts(value, where)


_EXPECT: Readers = {
    "ended": ("ended", _endings),
    "outcome": ("outcome", texts),
    "rejected": ("rejected", whole),
    "referred_to": ("referred_to", _targets),
    "accepted": ("accepted", flag),
    "tools": ("tools", texts),
    "outputs": ("outputs", _outputs),
    "said": ("said", texts),
    "said_once": ("said_once", texts),
    "never_said": ("never_said", texts),
    "spoke_over": ("spoke_over", flag),
    "silent_after": ("silent_after", choice("refer", "hangup")),
    "answers": ("answers", _statuses),
    "requests": ("requests", counts),
    "http": ("http", counts),
    "mcp": ("mcp", counts),
    "events": ("events", counts),
    "sent": ("sent", texts),
    "never_sent": ("never_sent", texts),
    "offers": ("offers", texts),
    "prompt": ("prompt", texts),
    "session": ("session", typed(dict, "a table")),
}

SCENARIO: dict[str, tuple[str, Reader]] = {
    "title": ("title", text),
    "from": ("caller", text),
    "to": ("to", text),
    "headers": ("headers", headers),
    "media_security": ("media_security", text),
    "webhooks": ("webhooks", webhooks),
    "caller": ("steps", each(step)),
    "model": ("rules", each(rule)),
    "mcp": ("mcp", each(mcp_server)),
    "http": ("http", each(http_answer)),
    "operator": ("operator", each(operator_step)),
    "faults": ("faults", each(fault)),
    "tokens_left": ("tokens_left", share),
    "session_limit": ("session_limit", seconds),
    "patience": ("patience", seconds),
    "stays": ("stays", seconds),
    "pace": ("pace", pace),
    "expect": ("expect", expectations),
}
"""Everything that a scenario file may hold, but `then`, which holds a scenario again."""
