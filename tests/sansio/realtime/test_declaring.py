"""The tools of a session, as OpenAI is told of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.sansio.agent import BUILT_IN, Colleague, Keypad, McpServer
from controller.sansio.realtime.declaring import tools
from tests.sansio.driving import AGENT

EVERYTHING = replace(
    AGENT,
    built_in=BUILT_IN,
    colleagues=(Colleague("billing", "Invoices"), Colleague("sales", "New customers")),
)
CRM = McpServer(
    "crm",
    "https://crm.example/mcp",
    description="Customers",
    authorization="crm_token",
    headers=(("X-Tenant", "acme"), ("X-Key", "key ${CRM_KEY}"), ("X-Other", "${ABSENT}")),
    allowed_tools=("find",),
    require_approval="always",
)


def declared(name: str, **fields: Any) -> dict[str, Any]:
    (found,) = (each for each in tools(replace(EVERYTHING, **fields), {}) if each["name"] == name)
    return found


def names(**fields: Any) -> list[str]:
    return [each["name"] for each in tools(replace(EVERYTHING, **fields), {})]


def test_every_tool_of_ours_is_declared_where_the_agent_has_it() -> None:
    assert names() == [
        "opening_hours",
        "transfer",
        "collect_digits",
        "take_message",
        "wait_for_caller",
        "no_transcript",
        "handoff",
        "hang_up",
    ]
    assert names(built_in=frozenset(), tools=()) == []


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_parameters_of_ours_are_strict(name: str) -> None:
    parameters = declared(name)["parameters"]
    assert parameters["type"] == "object"
    assert parameters["additionalProperties"] is False
    assert set(parameters["required"]) <= set(parameters["properties"])


def test_the_length_and_the_end_of_an_entry_are_for_the_model_to_choose() -> None:
    parameters = declared("collect_digits")["parameters"]
    assert parameters["required"] == ["purpose"]
    digits = parameters["properties"]["max_digits"]
    assert (digits["minimum"], digits["maximum"]) == (1, 64)
    assert parameters["properties"]["terminator"]["enum"] == ["#", "*", "none"]


def test_digits_are_hidden_from_the_model_only_where_a_tool_takes_them() -> None:
    assert "sensitive" not in declared("collect_digits")["parameters"]["properties"]
    keypad = Keypad(sensitive_tool="pay")
    properties = declared("collect_digits", keypad=keypad)["parameters"]["properties"]
    assert properties["sensitive"]["type"] == "boolean"


def test_a_message_is_taken_whole_and_its_number_read_back_first() -> None:
    message = declared("take_message")
    assert message["parameters"]["required"] == ["name", "number", "reason", "urgency"]
    assert message["parameters"]["properties"]["urgency"]["enum"] == ["low", "normal", "urgent"]
    assert "digit by digit" in message["description"]


def test_a_transcript_is_refused_without_arguments_before_anything_is_promised() -> None:
    refused = declared("no_transcript")
    assert refused["parameters"]["properties"] == {}
    assert "does not agree" in refused["description"]
    assert "promise no more" in refused["description"]


def test_the_call_is_handed_to_colleagues_by_name() -> None:
    handed = declared("handoff")
    assert handed["parameters"]["properties"]["agent"]["enum"] == ["billing", "sales"]
    assert "- billing: Invoices" in handed["description"]
    assert "handoff" not in names(colleagues=())


def test_targets_are_offered_in_the_order_of_the_agent_and_no_others() -> None:
    transfer = declared("transfer", offered=("doctor", "gone", "reception"))
    assert transfer["parameters"]["properties"]["target"]["enum"] == ["doctor", "reception"]
    transfer = declared("transfer", offered=("doctor",))
    assert "reception" not in str(transfer)


def test_some_of_the_tools_can_be_taken_away() -> None:
    agent = replace(EVERYTHING, mcp=(CRM, replace(CRM, label="other")))
    kept = tools(agent, {}, ("hang_up", "crm", "unknown"))
    assert [each.get("name") or each["server_label"] for each in kept] == ["hang_up", "crm"]


def test_a_server_is_declared_with_its_secrets() -> None:
    (server,) = tools(
        replace(AGENT, tools=(), built_in=frozenset(), mcp=(CRM,)),
        {"crm_token": "t0ken", "CRM_KEY": "k3y"},
    )
    assert server == {
        "type": "mcp",
        "server_label": "crm",
        "server_url": "https://crm.example/mcp",
        "server_description": "Customers",
        "authorization": "t0ken",
        "headers": {"X-Tenant": "acme", "X-Key": "key k3y"},
        "allowed_tools": ["find"],
        "require_approval": "always",
    }


def test_a_server_with_nothing_but_an_address_is_declared_with_that() -> None:
    bare = McpServer("crm", "https://crm.example/mcp", headers=(("X-Key", "${ABSENT}"),))
    (server,) = tools(replace(AGENT, tools=(), built_in=frozenset(), mcp=(bare,)), {})
    assert set(server) == {"type", "server_label", "server_url", "require_approval"}


def test_a_secret_that_is_missing_leaves_its_header_out() -> None:
    (server,) = tools(replace(AGENT, tools=(), built_in=frozenset(), mcp=(CRM,)), {})
    assert "authorization" not in server
    assert server["headers"] == {"X-Tenant": "acme"}
