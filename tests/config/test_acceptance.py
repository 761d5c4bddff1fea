from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.config.acceptance import unfamiliar, unheard, unrecognised
from controller.sansio.agent import (
    BUILT_IN,
    Agent,
    Colleague,
    Keypad,
    McpServer,
    Target,
    ToolDeclaration,
)
from controller.sansio.realtime.session import accept_body

LEAST = Agent("a", "gpt-realtime-2.1", "marin", "You answer.")
FULL = replace(
    LEAST,
    tools=(ToolDeclaration("f", "Do.", {"type": "object", "properties": {}}),),
    built_in=frozenset({"hang_up", "transfer"}),
    targets=(Target("desk", "tel:+12025550123", "The desk"),),
    offered=("desk",),
    turn_detection={"type": "semantic_vad", "eagerness": "low"},
    noise_reduction="far_field",
    transcription={"model": "whisper-1", "language": "de", "prompt": "Zahnarzt"},
    reasoning_effort="low",
    speed=1.25,
    max_output_tokens=500,
)


def with_tool(tool: ToolDeclaration) -> Agent:
    return replace(LEAST, tools=(tool,))


DRIVEN = replace(
    FULL,
    built_in=BUILT_IN,
    colleagues=(Colleague("billing", "Bills"),),
    keypad=Keypad(sensitive_tool="pay"),
    mcp=(
        McpServer(
            label="crm",
            url="https://mcp.example.net/",
            description="Customers",
            authorization="CRM_TOKEN",
            headers=(("X-Key", "${CRM_KEY}"),),
            allowed_tools=("find",),
            require_approval="always",
            approved_tools=("find",),
        ),
        McpServer("open", "https://open.example.net/"),
    ),
)


@pytest.mark.parametrize("agent", [LEAST, FULL, replace(LEAST, transcription=None), DRIVEN])
def test_what_agents_become_is_known_to_the_sdk(agent: Agent) -> None:
    assert unrecognised(agent) == []
    assert list(unfamiliar(agent)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            {"turn_detection": {"type": "server_vad", "treshold": 0.5}},
            "audio.input.turn_detection.treshold: unknown",
        ),
        ({"transcription": {"modle": "whisper-1"}}, "audio.input.transcription.modle: unknown"),
        ({"reasoning_effort": "huge"}, "reasoning.effort: Input should be "),
        ({"speed": "fast"}, "audio.output.speed: Input should be a valid number"),
        ({"speed": "1.5"}, "audio.output.speed: unknown"),
    ],
)
def test_what_the_sdk_loses_or_refuses_is_named(change: dict[str, Any], found: str) -> None:
    problems = unrecognised(replace(LEAST, **change))

    assert problems
    assert problems[0].startswith(found)


def test_what_is_wrong_within_a_list_is_named_by_its_place() -> None:
    broken = ToolDeclaration("f", {}, {})  # type: ignore[arg-type] # no text: on purpose

    assert [problem for problem in unrecognised(with_tool(broken)) if "tools[0]" in problem]


def test_what_is_wrong_with_the_header_of_a_server_is_found_without_its_secret() -> None:
    server = McpServer("crm", "https://mcp.example.net/", headers=(("X-Key", "${CRM_KEY}"),))
    broken = replace(server, label=5, authorization="A")  # type: ignore[arg-type] # on purpose

    problems = unrecognised(replace(LEAST, mcp=(broken,)))

    assert [each for each in problems if "server_label" in each]
    assert unrecognised(replace(LEAST, mcp=(server,))) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"model": "gpt-realtime-2.l"},
            "'gpt-realtime-2.l' is not known to this version; did",
        ),
        ({"voice": "marine"}, 'did you mean "marin"?'),
    ],
)
def test_an_unfamiliar_name_is_worth_a_warning(change: dict[str, str], sentence: str) -> None:
    ((path, warning),) = unfamiliar(replace(LEAST, **change))  # type: ignore[arg-type] # one of two keys

    assert path == tuple(change)
    assert sentence in warning


def test_built_in_tools_and_mcp_servers_are_in_the_body_that_is_checked() -> None:
    body = accept_body(DRIVEN, held=False)

    names = {each.get("name", each.get("server_label")) for each in body["tools"]}
    assert {*BUILT_IN, "f", "crm", "open"} == names


def test_a_disclosure_that_a_hand_off_would_skip_is_worth_a_warning() -> None:
    desk = replace(LEAST, disclosure="A machine speaks.", colleagues=(Colleague("bank", "Money"),))
    bank = replace(LEAST, name="bank", disclosure="This call is recorded.")

    (warning,) = unheard(desk, {"bank": bank})

    assert warning == "after a hand-off to 'bank' its disclosure is not said"
    assert list(unheard(desk, {"bank": replace(bank, disclosure="A machine speaks.")})) == []
    assert list(unheard(desk, {"bank": replace(bank, disclosure=False)})) == []
    assert list(unheard(desk, {})) == []
