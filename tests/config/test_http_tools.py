from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from controller.config.document import dotted
from controller.config.http_tools import HttpToolEntry, read, secrets_of
from controller.config.problems import Complaints
from controller.sansio.agent import ToolDeclaration
from controller.sansio.arguments import Arguments
from controller.sansio.http_tool import HttpTool, build

LEAST = {"name": "find", "description": "Find.", "url": "https://crm.example.net/customers"}
NUMBER = {"number": {"description": "E.164"}}


def outcome(private_hosts: tuple[str, ...] = (), **keys: Any) -> tuple[HttpTool, list[str]]:
    complaints = Complaints(dotted)
    entry = HttpToolEntry.model_validate(LEAST | keys)
    tool = read(entry, ("http_tools", 0), complaints, private_hosts=private_hosts)
    return tool, [f"{each.key}: {each.found}; {each.cure}" for each in complaints.problems]


def tool_of(**keys: Any) -> HttpTool:
    tool, problems = outcome(**keys)
    assert problems == []
    return tool


def problems_of(**keys: Any) -> list[str]:
    return [each.removeprefix("http_tools[0].") for each in outcome(**keys)[1]]


def test_the_least_entry_is_a_get_without_arguments() -> None:
    nothing = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

    assert tool_of() == HttpTool(
        ToolDeclaration("find", "Find.", nothing), "GET", "https://crm.example.net/customers"
    )


def test_every_key_reaches_the_tool() -> None:
    keys = tomllib.loads(
        """
        method = "POST"
        url = "https://crm.example.net/customers/{number}?verbose={verbose}"
        headers = { Authorization = "Bearer ${CRM_TOKEN}", X-Tenant = "acme" }
        timeout = 5
        retries = 1
        idempotent = true
        on_duplicate = "reuse"
        cancel_on_hangup = true
        speak_while_waiting = false
        max_response_bytes = 1000
        allow_private = true
        signed = false
        [parameters]
        number = { description = "E.164" }
        verbose = { type = "boolean", required = false }
        size = { type = "integer", enum = [1, 2] }
        """
    )

    tool = tool_of(**keys)

    assert tool == HttpTool(
        declaration=ToolDeclaration(
            name="find",
            description="Find.",
            parameters={
                "type": "object",
                "properties": {
                    "number": {"type": "string", "description": "E.164"},
                    "verbose": {"type": "boolean"},
                    "size": {"type": "integer", "enum": [1, 2]},
                },
                "required": ["number", "size"],
                "additionalProperties": False,
            },
            timeout=5.0,
            idempotent=True,
            on_duplicate="reuse",
            cancel_on_hangup=True,
            speak_while_waiting=False,
        ),
        method="POST",
        url=keys["url"],
        headers=(("Authorization", "Bearer ${CRM_TOKEN}"), ("X-Tenant", "acme")),
        retries=1,
        max_response_bytes=1000,
        allow_private=True,
        signed=False,
    )


def test_a_whole_json_schema_is_taken_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"when": {"type": "array", "items": {"type": "string"}}},
        "required": ["when"],
    }

    assert tool_of(parameters=schema).declaration.parameters == schema


def test_a_parameter_may_be_called_type() -> None:
    tool = tool_of(parameters={"type": {"type": "string"}})

    assert list(tool.declaration.parameters["properties"]) == ["type"]


def test_a_tool_that_passes_makes_a_request() -> None:
    tool = tool_of(
        url="https://crm.example.net/{number}?q={q}",
        parameters=NUMBER | {"q": {"required": False}},
        headers={"X-Key": "${KEY}"},
    )
    arguments = Arguments(tool.declaration.parameters).read('{"number":"+1 202"}')

    request = build(tool, dict(arguments), {"KEY": "k"})  # type: ignore[arg-type] # no complaints

    assert getattr(request, "url", None) == "https://crm.example.net/%2B1%20202"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            {"url": "http://crm.example.net/"},
            "https://, or allow_private = true for a service of your",
        ),
        ({"url": "https://u:p@crm.example.net/"}, "url: holds a credential; "),
        ({"url": "https://{host}/x"}, "url: an argument chooses the host; scheme, host and port"),
        ({"url": "{scheme}://crm.example.net/x"}, "url: an argument chooses the host; "),
        ({"url": "https://crm.example.net:{port}/x"}, "url: an argument chooses the host; "),
        ({"url": "https://{user}@crm.example.net/x"}, "url: an argument chooses the host; "),
        ({"url": "https://crm.example.net?x={y}#z"}, "url: found "),
        (
            {"url": "https://crm.example.net/{number"},
            "url: found 'https://crm.example.net/{number'",
        ),
        ({"url": "https://crm.example.net/{}"}, "must hold { and } round the name of an argument"),
        ({"url": "https://crm.example.net/{nummer}"}, "url: {nummer} is no parameter; give it in"),
        (
            {
                "url": "https://crm.example.net/{number}",
                "parameters": {"number": {"required": False}},
            },
            "url: {number} may be missing; a parameter in the path must be required",
        ),
        ({"headers": {"Host": "x"}}, "headers.Host: is set by the controller"),
        ({"method": "POST", "retries": 1}, "retries: POST is not repeated; say idempotent = true"),
        (
            {"parameters": {"number": {"type": "text"}}},
            "parameters.number.type: found 'text'; must be 'string', 'integer', 'number' or 'bo",
        ),
        ({"parameters": {"number": {"requird": True}}}, 'requird: unknown key; did you mean "requ'),
        (
            {"parameters": {"number": "string"}},
            "parameters.number: found 'string'; must be a ta",
        ),
        ({"parameters": {"number": {"enum": []}}}, "parameters.number.enum: found []; "),
        ({"parameters": {"type": "array"}}, "parameters.type: found 'array'; must be \"object\""),
        ({"parameters": {"type": "object"}}, "parameters.properties: is missing; must be a table"),
        (
            {"parameters": {"type": "object", "properties": []}},
            "parameters.properties: is no table",
        ),
        (
            {"parameters": {"type": "object", "properties": {"a": "string"}}},
            "parameters.properties.a: is no table; must be a JSON Schema",
        ),
        (
            {"parameters": {"type": "object", "properties": {}, "required": "a"}},
            "parameters.required: is no list",
        ),
        (
            {"parameters": {"type": "object", "properties": {}, "required": ["a"]}},
            "parameters.required[0]: 'a' is no parameter; give it in properties",
        ),
        (
            {"parameters": {"type": "object", "properties": {"a": {"type": "strin"}}}},
            "parameters.properties.a.type: is no JSON Schema",
        ),
    ],
)
def test_a_mistake_names_its_place_and_cure(keys: dict[str, Any], problem: str) -> None:
    found = problems_of(**{"parameters": NUMBER, **keys})

    assert [each for each in found if problem in each]


def test_a_mistake_in_a_schema_is_not_blamed_on_the_address() -> None:
    found = problems_of(url="https://crm.example.net/{number}", parameters={"number": 5})

    assert [each.partition(":")[0] for each in found] == ["parameters.number"]


@pytest.mark.parametrize("keys", [{"method": "PUT"}, {"method": "POST", "retries": 0}])
def test_a_method_that_changes_something_is_not_repeated(keys: dict[str, Any]) -> None:
    tool = tool_of(**keys)

    assert not tool.may_repeat


def test_a_host_may_be_private_by_the_policy_of_the_house() -> None:
    tool, problems = outcome(("crm.example.net",), url="http://CRM.example.net/x")

    assert problems == []
    assert tool.allow_private


@pytest.mark.parametrize(
    "keys",
    [{"name": "a b"}, {"name": ""}, {"description": " "}, {"method": "HEAD"}, {"timeout": 0},
     {"timeout": 301}, {"retries": 6}, {"max_response_bytes": 0}, {"on_duplicate": "never"},
     {"headers": {"X": 1}}, {"parameters": []}, {"retry": 1}],
)  # fmt: skip
def test_what_no_tool_can_have_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpToolEntry.model_validate(LEAST | keys)


def test_secrets_are_found_with_their_place() -> None:
    entry = HttpToolEntry.model_validate(LEAST | {"headers": {"A": "${X}:${Y}", "B": "b"}})

    assert list(secrets_of(entry)) == [(("headers", "A"), "X"), (("headers", "A"), "Y")]
