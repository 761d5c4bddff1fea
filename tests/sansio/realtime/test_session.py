"""The session config, held against the SDK's own types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime.call_accept_params import CallAcceptParams
from pydantic import TypeAdapter

from controller.sansio.agent import (
    BUILT_IN,
    Agent,
    Colleague,
    Keypad,
    McpServer,
    Target,
    ToolDeclaration,
)
from controller.sansio.realtime import session
from tests.sansio.driving import AGENT

ACCEPT: TypeAdapter[Any] = TypeAdapter(CallAcceptParams)

_names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
_schemas = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(_names, st.just({"type": "string"}))}
)
_tools = st.builds(ToolDeclaration, _names, st.text(max_size=30), _schemas)
_targets = st.builds(Target, _names, st.just("sip:+12025550123@x.example"), st.text(max_size=30))
_servers = st.builds(
    McpServer,
    label=_names,
    url=st.just("https://crm.example/mcp"),
    description=st.text(max_size=20),
    authorization=st.sampled_from([None, "TOKEN", "ABSENT"]),
    headers=st.sampled_from([(), (("X-Key", "${TOKEN}"),), (("X-Key", "${ABSENT}"),)]),
    allowed_tools=st.none() | st.lists(_names, max_size=2).map(tuple),
    require_approval=st.sampled_from(["always", "never"]),
)
SECRETS = {"TOKEN": "t0ken"}
_server_vad = st.fixed_dictionaries(
    {"type": st.just("server_vad")},
    optional={
        "threshold": st.floats(0, 1),
        "prefix_padding_ms": st.integers(0, 1000),
        "silence_duration_ms": st.integers(0, 2000),
        "idle_timeout_ms": st.integers(5000, 30000),
    },
)
_semantic_vad = st.fixed_dictionaries(
    {"type": st.just("semantic_vad")},
    optional={"eagerness": st.sampled_from(["low", "medium", "high", "auto"])},
)
_transcriptions = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-transcribe", "whisper-1"])},
    optional={"language": st.just("en"), "prompt": st.text(max_size=20)},
)
AGENTS = st.builds(
    Agent,
    name=_names,
    model=st.sampled_from(["gpt-realtime-2.1", "gpt-realtime-2.1-mini"]),
    voice=st.sampled_from(["marin", "cedar"]),
    instructions=st.text(max_size=60),
    greeting=st.none() | st.text(max_size=20),
    disclosure=st.sampled_from([False, "", "A machine speaks."]),
    tools=st.lists(_tools, max_size=3).map(tuple),
    built_in=st.frozensets(st.sampled_from(sorted(BUILT_IN))),
    colleagues=st.lists(st.builds(Colleague, _names, st.text(max_size=20)), max_size=2).map(tuple),
    keypad=st.builds(Keypad, sensitive_tool=st.none() | st.just("pay")),
    mcp=st.lists(_servers, max_size=2).map(tuple),
    targets=st.lists(_targets, max_size=3).map(tuple),
    turn_detection=_server_vad | _semantic_vad,
    noise_reduction=st.sampled_from([None, "near_field", "far_field"]),
    transcription=st.none() | _transcriptions,
    reasoning_effort=st.sampled_from([None, "minimal", "low", "medium", "high", "xhigh"]),
    speed=st.none() | st.floats(0.25, 1.5),
    max_output_tokens=st.none() | st.integers(1, 4096),
)


@given(agent=AGENTS, held=st.booleans())
def test_every_config_is_what_accept_takes(agent: Agent, *, held: bool) -> None:
    whole = session.accept_body(agent, held=held, secrets=SECRETS)
    for body in (whole, session.minimal_body(agent)):
        assert ACCEPT.validate_python(body) == body
        assert body["type"] == "realtime"
        assert body["audio"]["output"]["voice"] == agent.voice
        assert "format" not in body["audio"]["output"]
        assert "format" not in body["audio"].get("input", {})


@given(agent=AGENTS, held=st.booleans(), plain=st.booleans())
def test_the_remainder_and_the_minimal_body_make_the_whole(
    agent: Agent, *, held: bool, plain: bool
) -> None:
    rest = session.remainder(agent, held=held, plain=plain)
    assert ACCEPT.validate_python(rest) == rest
    assert rest["type"] == "realtime"
    assert "model" not in rest
    assert "voice" not in rest["audio"].get("output", {})
    minimal = session.minimal_body(agent)
    audio = {"input": rest["audio"]["input"], "output": {"voice": agent.voice}}
    audio["output"] |= rest["audio"].get("output", {})
    if not plain:
        assert {**minimal, **rest, "audio": audio} == session.accept_body(agent, held=held)


def test_the_round_trip_would_notice_an_unknown_key() -> None:
    body = {**session.accept_body(AGENT, held=True), "temperature": 0.8}
    assert ACCEPT.validate_python(body) != body


def test_the_minimal_body_is_what_no_session_can_do_without() -> None:
    assert session.minimal_body(AGENT) == {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "instructions": "You are the receptionist of Acme Dental.",
        "audio": {"output": {"voice": "marin"}},
    }


@pytest.mark.parametrize("held", [True, False])
def test_a_held_session_starts_and_interrupts_nothing(*, held: bool) -> None:
    update = session.detection_update(AGENT, held=held)
    assert update == {
        "type": "realtime",
        "audio": {
            "input": {
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.6,
                    "create_response": not held,
                    "interrupt_response": not held,
                }
            }
        },
    }


def test_the_plain_form_of_turn_detection_has_no_numbers() -> None:
    assert session.turn_detection(AGENT, held=False, plain=True) == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": True,
    }


def test_the_model_sees_the_names_of_targets_and_no_address() -> None:
    tools = session.accept_body(AGENT, held=False)["tools"]
    (transfer,) = (each for each in tools if each["name"] == "transfer")
    assert transfer["parameters"]["properties"]["target"]["enum"] == ["reception", "doctor"]
    assert "- reception: The front desk" in transfer["description"]
    assert "sip:" not in str(tools)
    assert "0123" not in str(tools)


def test_an_agent_without_targets_has_no_transfer() -> None:
    body = session.accept_body(replace(AGENT, offered=(), tools=()), held=False)
    assert [each["name"] for each in body["tools"]] == ["hang_up"]


def test_what_the_agent_does_not_say_is_left_to_the_provider() -> None:
    agent = Agent("a", "m", "v", "i", transcription=None)
    assert session.accept_body(agent, held=False) == {
        "model": "m",
        "type": "realtime",
        "instructions": "i",
        "audio": {
            "input": {
                "turn_detection": {
                    "type": "server_vad",
                    "create_response": True,
                    "interrupt_response": True,
                }
            },
            "output": {"voice": "v"},
        },
    }
