"""MCP servers: lists, approvals, calls and failures, as a sideband sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import Switches, parse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

SCRIPT = """
stays = 1000
[[mcp]]
label = "orders"
tools = { find_order = "It left on Monday.", refund = { error = "protocol_error" } }
[[mcp]]
label = "broken"
list_fails = true
[[model]]
after = "find_order"
says = "I see: {output}"
[[model]]
after = "refund"
says = "Sorry: {output}"
[[model]]
told = "find"
calls = { find_order = { number = 7 } }
[[model]]
told = "refund"
calls = "refund"
"""


def server(**options: Any) -> dict[str, Any]:
    return {"type": "mcp", "server_label": "orders", "server_url": "https://x.example", **options}


async def listed(serve: Callable[..., Any], *tools: dict[str, Any], **arguments: Any) -> Any:
    """Return an answered call whose servers were listed, and its sideband."""
    service = await serve(**arguments)
    call = await service.openai.place_call(parse(SCRIPT))
    sideband = await service.answer(call, tools=list(tools))
    await sideband.until("mcp_list_tools.completed")
    await sideband.until("conversation.item.done")
    return call, sideband


async def tell(sideband: Any, text: str) -> dict[str, Any]:
    """Tell the model something, ask for a response, and return the end of it."""
    item = {
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": text}],
    }
    await sideband.send("conversation.item.create", item=item)
    await sideband.send("response.create")
    response: dict[str, Any] = (await sideband.until("response.done"))["response"]
    return response


def words(response: dict[str, Any]) -> str:
    text: str = response["output"][-1]["content"][0]["transcript"]
    return text


async def test_tools_of_a_server_are_listed_after_the_attach(serve: Callable[..., Any]) -> None:
    _, sideband = await listed(serve, server(allowed_tools=["find_order"]))

    assert sideband.types[1:] == [
        "conversation.item.added",
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
        "conversation.item.done",
    ]
    item = sideband.events[-1]["item"]
    assert item["type"] == "mcp_list_tools"
    assert item["server_label"] == "orders"
    assert [tool["name"] for tool in item["tools"]] == ["find_order"]


@pytest.mark.parametrize("label", ["broken", "unheard_of"])
async def test_a_list_may_fail(serve: Callable[..., Any], label: str) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(SCRIPT))
    sideband = await service.answer(call, tools=[server(server_label=label)])
    failed = await sideband.until("mcp_list_tools.failed")

    assert failed["item_id"] == sideband.of("mcp_list_tools.in_progress")[0]["item_id"]


async def test_a_list_that_the_end_of_the_call_overtakes_does_no_harm(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(SCRIPT))
    sideband = await service.answer(call, tools=[server()])
    await sideband.until("mcp_list_tools.in_progress")
    call.leave()

    assert "mcp_list_tools.completed" not in {one["type"] for one in await sideband.rest()}


async def test_a_call_without_approval_is_made_and_told_in_one_response(
    serve: Callable[..., Any],
) -> None:
    call, sideband = await listed(serve, server(require_approval="never"))
    response = await tell(sideband, "Find it.")

    assert [item["type"] for item in response["output"]] == ["mcp_call", "message"]
    assert response["output"][0]["output"] == "It left on Monday."
    assert response["output"][0]["arguments"] == '{"number": 7}'
    assert words(response) == "I see: It left on Monday."
    in_order = [one for one in sideband.types if "mcp_call" in one]
    assert in_order == [
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
    ]
    assert call.mcp_calls == {"find_order": 1}
    assert call.tools_called == ["find_order"]


async def test_a_response_may_end_with_the_call(serve: Callable[..., Any]) -> None:
    switches = Switches(mcp_continues=False)
    _, sideband = await listed(serve, server(require_approval="never"), switches=switches)
    response = await tell(sideband, "Find it.")

    assert [item["type"] for item in response["output"]] == ["mcp_call"]


async def test_a_call_that_fails_says_so(serve: Callable[..., Any]) -> None:
    _, sideband = await listed(
        serve, server(require_approval={"never": {"tool_names": ["refund"]}})
    )
    response = await tell(sideband, "Refund it.")

    assert response["output"][0]["error"]["type"] == "protocol_error"
    assert response["output"][0]["error"]["code"] == -32603
    assert words(response) == "Sorry: The tool failed."
    assert "response.mcp_call.failed" in sideband.types


@pytest.mark.parametrize("rule", ["always", {"never": {"tool_names": ["refund"]}}])
async def test_an_approved_call_is_made_by_the_next_response(
    serve: Callable[..., Any], rule: Any
) -> None:
    call, sideband = await listed(serve, server(require_approval=rule))
    response = await tell(sideband, "Find it.")
    assert [item["type"] for item in response["output"]] == ["mcp_approval_request"]
    assert call.mcp_calls == {}

    request = response["output"][0]
    answer = {"type": "mcp_approval_response", "approval_request_id": request["id"]}
    await sideband.send("conversation.item.create", item=answer | {"approve": True})
    await sideband.send("response.create")
    response = (await sideband.until("response.done"))["response"]

    assert response["output"][0]["approval_request_id"] == request["id"]
    assert words(response) == "I see: It left on Monday."
    assert call.mcp_calls == {"find_order": 1}


async def test_a_refused_call_is_told_to_the_model(serve: Callable[..., Any]) -> None:
    call, sideband = await listed(serve, server())
    request = (await tell(sideband, "Find it."))["output"][0]
    answer = {"type": "mcp_approval_response", "approval_request_id": request["id"]}
    refusal = answer | {"approve": False, "reason": "Not this one."}
    await sideband.send("conversation.item.create", item=refusal)
    await sideband.send("response.create")
    response = (await sideband.until("response.done"))["response"]

    assert words(response) == "I see: The call was not approved. Not this one."
    assert call.mcp_calls == {}


async def test_an_approval_answers_a_request_once(serve: Callable[..., Any]) -> None:
    _, sideband = await listed(serve, server())
    answer = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    await sideband.send("conversation.item.create", item=answer)

    assert (await sideband.until("error"))["error"]["code"] == "invalid_approval_request_id"


async def test_a_server_that_an_update_brings_is_listed_and_one_that_it_takes_is_gone(
    serve: Callable[..., Any],
) -> None:
    call, sideband = await listed(serve, server(require_approval="never"))
    tools = [server(server_label="broken")]
    await sideband.send("session.update", session={"type": "realtime", "tools": tools})
    await sideband.until("mcp_list_tools.failed")
    await tell(sideband, "Find it.")

    assert call.mcp_calls == {}
    assert "the model calls a tool that was not offered" in call.notes
