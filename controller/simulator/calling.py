"""A response calls tools: functions of the service's, and tools of MCP servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.simulator.mcp import McpCall, call_item
from controller.simulator.wire import JsonObject, function_call_item

if TYPE_CHECKING:
    from controller.simulator.generation import Generation
    from controller.simulator.model import ToolCall


def call_function(
    response: Generation, act: ToolCall, *, status: str, tool_call_id: str | None = None
) -> str:
    """Write a function call into a response.

    Args:
        response: that calls.
        act: the function and its arguments.
        status: of the finished item, `incomplete` where the response is cut off.
        tool_call_id: of a call that is repeated; None makes a new one.

    Returns:
        The `tool_call_id`.
    """
    host, conversation = response.host, response.conversation
    item_id, index = host.ids.new("item"), response.next_index
    is_new = tool_call_id is None
    tool_call_id = tool_call_id or host.ids.new("call")
    place = {"response_id": response.id, "item_id": item_id, "output_index": index}
    place["call_id"] = tool_call_id
    if is_new:
        conversation.tool_called(tool_call_id, act)
    response.add_item(
        index, function_call_item(item_id, tool_call_id, act.name, "", status="in_progress")
    )
    host.emit("response.function_call_arguments.delta", **place, delta=act.json)
    host.emit("response.function_call_arguments.done", **place, name=act.name, arguments=act.json)
    response.finish_item(
        index, function_call_item(item_id, tool_call_id, act.name, act.json, status=status)
    )
    return tool_call_id


async def call_mcp(response: Generation, call: McpCall) -> tuple[str, str]:
    """Call a tool of an MCP server within a response; return its name and what it gave."""
    host, index = response.host, response.next_index
    item_id = host.ids.new("mcp")
    response.add_item(index, call_item(call, item_id) | {"arguments": ""})
    place = {"item_id": item_id, "output_index": index}
    written = {"response_id": response.id} | place
    host.emit("response.mcp_call_arguments.delta", **written, delta=call.act.json)
    host.emit("response.mcp_call_arguments.done", **written, arguments=call.act.json)
    host.emit("response.mcp_call.in_progress", **place)
    response.conversation.mcp_called(call)
    item = await response.conversation.mcp.run(call, item_id)
    has_failed = item["error"] is not None
    host.emit(f"response.mcp_call.{'failed' if has_failed else 'completed'}", **place)
    response.finish_item(index, item)
    return call.act.name, _result(item)


def ask_approval(response: Generation, call: McpCall) -> None:
    """Ask the service whether a tool of an MCP server may be called."""
    item, index = response.conversation.mcp.request(call), response.next_index
    response.add_item(index, item)
    response.finish_item(index, item)


def _result(item: JsonObject) -> str:
    return str(item["output"] if item["error"] is None else item["error"]["message"])
