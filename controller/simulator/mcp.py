"""MCP servers, which OpenAI asks by itself: their tools, approvals, calls and failures.

The session names the servers, the scenario says what they would offer and answer. Items and events
follow the Realtime reference (`mcp_list_tools`, `mcp_approval_request`, `mcp_call`). When the list
is asked for is not documented: here with the first sideband, and with an update of the tools.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from controller.simulator.host import pause
from controller.simulator.journal import Source
from controller.simulator.wire import JsonObject, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from controller.simulator.host import Host
    from controller.simulator.items import Items
    from controller.simulator.model import ToolCall

_LIST_TAKES = 0.3
_CALL_TAKES = 0.5


class McpError(StrEnum):
    """Types of the `error` of an `mcp_call` item."""

    TOOL_EXECUTION_ERROR = "tool_execution_error"
    PROTOCOL_ERROR = "protocol_error"
    HTTP_ERROR = "http_error"


_CODES = {McpError.PROTOCOL_ERROR: -32603, McpError.HTTP_ERROR: 503}


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """A tool of an MCP server."""

    output: str = ""
    error: str | None = None
    """One of `McpError`: the call fails so."""
    takes: float = _CALL_TAKES
    """Seconds of a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """An MCP server as OpenAI would find it."""

    label: str = ""
    """The `server_label` of the session."""
    tools: Mapping[str, McpTool] = field(default_factory=dict)
    list_fails: bool = False
    """It does not say which tools it has."""
    list_takes: float = _LIST_TAKES
    """Seconds until it does."""


@dataclass(frozen=True, slots=True)
class McpCall:
    """A call that the model wants of a server's tool."""

    act: ToolCall
    label: str
    tool: McpTool
    approval_request_id: str | None = None


class McpDesk:
    """The MCP servers of one call.

    Args:
        host: the call.
        items: of its conversation.
        servers: what the scenario says of them; a server of the session that is not among them
            cannot be listed.
    """

    def __init__(self, host: Host, items: Items, servers: Sequence[McpServer]) -> None:
        self._host = host
        self._items = items
        self._servers = {server.label: server for server in servers}
        self._listed: dict[str, McpServer] = {}
        self._declared: dict[str, JsonObject] = {}
        self._waiting: dict[str, McpCall] = {}
        self._approved: list[McpCall] = []
        self._lists: list[asyncio.Task[None]] = []
        self.called: Counter[str] = Counter()
        """How often each tool was run."""

    # What there is

    def declare(self, tools: Sequence[JsonObject]) -> None:
        """Take the session's tools; servers that are new among them are asked for theirs."""
        declared = {tool["server_label"]: tool for tool in tools if tool["type"] == "mcp"}
        for label in declared.keys() - self._declared.keys():
            self._lists.append(self._host.spawn(self._list(label), f"mcp list {label}"))
        self._declared = declared

    async def _list(self, label: str) -> None:
        server = self._servers.get(label, McpServer(label=label, list_fails=True))
        item_id = self._host.ids.new("mcpl")
        item: JsonObject = {"id": item_id, "object": "realtime.item", "type": "mcp_list_tools"}
        item |= {"server_label": label, "tools": []}
        self._items.add(item)
        self._host.emit("mcp_list_tools.in_progress", item_id=item_id)
        await pause(server.list_takes)
        if server.list_fails:
            self._host.emit("mcp_list_tools.failed", item_id=item_id)
            return
        self._listed[label] = server
        tools = [
            {"name": name, "description": name, "input_schema": {"type": "object"}}
            for name in self._allowed(label)
        ]
        self._host.emit("mcp_list_tools.completed", item_id=item_id)
        self._items.finish(item | {"tools": tools})

    def _allowed(self, label: str) -> Iterator[str]:
        """Yield the tools that the session lets the model call; all, or a list, or a filter."""
        allowed = self._declared.get(label, {}).get("allowed_tools")
        names = allowed.get("tool_names") if isinstance(allowed, dict) else allowed
        server = self._listed.get(label)
        for name in () if server is None else server.tools:
            if names is None or name in names:
                yield name

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools that are known and allowed by now."""
        return tuple(name for label in self._declared for name in self._allowed(label))

    def find(self, act: ToolCall) -> McpCall | None:
        """Return the call that the model means, None if no server offers the tool."""
        for label in self._declared:
            if act.name in self._allowed(label):
                return McpCall(act, label, self._listed[label].tools[act.name])
        return None

    # Approval

    def needs_approval(self, call: McpCall) -> bool:
        """Tell whether the service must be asked; the default of the API is to ask always."""
        rule: Any = self._declared[call.label].get("require_approval", "always")
        if isinstance(rule, dict):
            never = (rule.get("never") or {}).get("tool_names") or ()
            return call.act.name not in never
        return bool(rule != "never")

    def request(self, call: McpCall) -> JsonObject:
        """Return the item that asks for approval, and keep the call until it is answered."""
        item_id = self._host.ids.new("mcpr")
        self._waiting[item_id] = McpCall(call.act, call.label, call.tool, item_id)
        return {
            "id": item_id,
            "object": "realtime.item",
            "type": "mcp_approval_request",
            "server_label": call.label,
            "name": call.act.name,
            "arguments": call.act.json,
        }

    def check_request(self, request_id: str) -> None:
        """Check that an approval answers a request.

        Raises:
            RefusedError: no request with this id waits.
        """
        if request_id not in self._waiting:
            raise RefusedError(
                f"Approval request '{request_id}' not found in conversation.",
                code="invalid_approval_request_id",
                param="item.approval_request_id",
            )

    def decide(self, request_id: str, *, approve: bool) -> str:
        """Take the service's decision; the next response makes the call, or does without it.

        Returns:
            The tool's name.
        """
        call = self._waiting.pop(request_id)
        decision = "is approved" if approve else "is refused"
        self._host.record(Source.MODEL, decision, {"tool": call.act.name, "server": call.label})
        if approve:
            self._approved.append(call)
        return call.act.name

    def take_approved(self) -> list[McpCall]:
        """Return the approved calls that were not made yet, once."""
        approved, self._approved = self._approved, []
        return approved

    @property
    def is_awaited(self) -> bool:
        """Whether a request waits for its answer, or an approved call for a response."""
        return bool(self._waiting or self._approved)

    def close(self) -> None:
        """The call is over: nothing is asked any more."""
        for task in self._lists:
            task.cancel()

    # The call itself

    async def run(self, call: McpCall, item_id: str) -> JsonObject:
        """Make the call; return its final item."""
        self.called[call.act.name] += 1
        await pause(call.tool.takes)
        item = call_item(call, item_id)
        if call.tool.error is None:
            return item | {"output": call.tool.output}
        error: JsonObject = {"type": call.tool.error, "message": "The tool failed."}
        code = _CODES.get(McpError(call.tool.error))
        return item | {"error": error if code is None else error | {"code": code}}


def call_item(call: McpCall, item_id: str) -> JsonObject:
    """Return the item of a call whose result is not known yet."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "mcp_call",
        "approval_request_id": call.approval_request_id,
        "server_label": call.label,
        "name": call.act.name,
        "arguments": call.act.json,
        "output": None,
        "error": None,
    }
