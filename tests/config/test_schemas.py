"""The JSON Schemas are those of the models, and say of files what the loader says of them."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from controller.__main__ import main
from controller.config.schemas import agent_schema, settings_schema, written
from controller.settings import Settings

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "reference" / "schemas"
SETTINGS = jsonschema_rs.validator_for(settings_schema(Settings))
AGENT = jsonschema_rs.validator_for(agent_schema())
REQUIRED: dict[str, Any] = {"model": "m", "voice": "v", "disclosure": False}


def front_matter(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8").split("+++\n")[1])


@pytest.mark.parametrize("what", ["settings", "agent"])
def test_the_files_are_those_that_the_command_writes(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "controller" if what == "settings" else what

    assert main(["check", "--schema", what]) == 0

    # `make schemas` writes them.
    text = (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    assert capsys.readouterr().out == text
    assert json.loads(text)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


LIMIT = {"name": "a", "by": "caller", "at_most": 1}


def test_the_example_meets_the_schemas() -> None:
    example = ROOT / "deploy" / "example"

    SETTINGS.validate(tomllib.loads((example / "controller.toml").read_text(encoding="utf-8")))
    for path in (example / "agents").glob("*.md"):
        AGENT.validate(front_matter(path))


@pytest.mark.parametrize(
    "more",
    [
        {"greeting": "Say hello."},
        {"greeting": {"verbatim": "Hello."}},
        {"disclosure": "A machine."},
        {"turn_detection": "semantic_vad"},
        {"turn_detection": {"type": "server_vad", "threshold": 0.5}},
        {"transcription": False},
        {"transcription": "gpt-transcribe"},
        {"transcription": {"language": "de"}},
        {"filler": False},
        {"filler": {"first": 1.0}},
        {"budget": False},
        {"budget": 5},
        {"budget": {"usd": 5.0}},
        {"keypad": {"menu": {"0": {"transfer": "reception"}, "9": "repeat"}}},
        {"include": ["house-rules.md"], "language": "de-AT"},
    ],
)
def test_what_the_loader_takes_an_editor_takes(more: dict[str, Any]) -> None:
    AGENT.validate(REQUIRED | more)


@pytest.mark.parametrize(
    "more",
    [
        {"greting": "Say hello."},
        {"speed": 9},
        {"turn_detection": "loudness"},
        {"transcription": True},
        {"budget": True},
        {"budget": -1},
        {"disclosure": True},
        {"language": "German"},
        {"include": "house-rules.md"},
        {"extends": ""},
        {"keypad": {"terminator": "A"}},
    ],
)
def test_what_the_loader_refuses_an_editor_marks(more: dict[str, Any]) -> None:
    assert not AGENT.is_valid(REQUIRED | more)


def test_keys_may_be_missing_only_where_another_file_has_them() -> None:
    assert not AGENT.is_valid({"model": "m"})
    assert not AGENT.is_valid({"model": "m", "abstract": False})
    assert AGENT.is_valid({"model": "m", "abstract": True})
    assert AGENT.is_valid({"extends": "base"})


@pytest.mark.parametrize(
    ("settings", "is_valid"),
    [
        ({}, True),
        ({"policy": {"unknown_number": "ignore", "busy": {"reject": 486}}}, True),
        ({"values": {"practice": "Acme", "floor": 3}}, True),
        ({"lookup": {"tool": "caller_of", "facts": {"customer": ""}}}, True),
        ({"policy": {"busy": {"reject": 200}}}, False),
        ({"policy": {"rules": [{"name": "a", "when": {}, "reject": 700}]}}, False),
        ({"policy": {"limits": [LIMIT | {"within": "10 min"}, LIMIT | {"within": "day"}]}}, True),
        ({"policy": {"limits": [LIMIT | {"within": "week"}]}}, False),
        ({"calendars": {"a": {"hours": ["Mon-Thu 08:00-24:00", "sat,sun  22:00-02:00"]}}}, True),
        ({"calendars": {"a": {"hours": ["thu 10-19"]}}}, False),
        ({"numbers": [{"number": "*"}]}, False),
        ({"values": {"practice": ["Acme"]}}, False),
        ({"lookup": {"timeout": 9}}, False),
        ({"server": {"port": "8080"}}, False),
        ({"targets": {"a": {"uri": "tel:+1", "description": "x", "confirm": "press 1"}}}, False),
    ],
)
def test_settings_are_judged_likewise(settings: dict[str, Any], *, is_valid: bool) -> None:
    assert SETTINGS.is_valid(settings) is is_valid


def test_no_schema_shows_a_secret_or_a_null() -> None:
    for schema in (settings_schema(Settings), agent_schema()):
        text = written(schema)
        assert "****" not in text
        assert '"default": null' not in text


def test_descriptions_are_for_reading() -> None:
    schema = agent_schema()

    assert schema["properties"]["voice"]["description"] == (
        "Voice of the model; cannot change during a call."
    )
    assert schema["properties"]["fallback"]["type"] == "string"
    assert "description" in schema["$defs"]["McpEntry"]["properties"]


def as_an_editor_sees(value: Any) -> Any:
    """Return TOML's values as JSON has them: days and times are text."""
    if isinstance(value, date):  # times too
        return value.isoformat()
    if isinstance(value, list):
        return [as_an_editor_sees(each) for each in value]
    if isinstance(value, dict):
        return {key: as_an_editor_sees(each) for key, each in value.items()}
    return value


RULE = '[[policy.rules]]\nname = "a"\nwhen = {{ {} }}\nreject = 603\n'


@pytest.mark.parametrize(
    "toml",
    [
        RULE.format('called = "+1202*", caller = ["+12025550142"], caller_list = "b"'),
        RULE.format('caller_trust = "trunk", attestation = ["A", "B"], caller_country = "US"'),
        RULE.format('header = { X-A = "${A}" }, unless = { open = "c", caller_withheld = true }'),
        '[policy.emergencies]\nrefer_to = "desk"\n',
        '[[policy.limits]]\nname = "a"\nby = "caller"\nat_most = 2\nwithin = "10min"\n',
        "[calendars.c]\nhours = []\noverrides = [{ open = true, until = 2026-11-24T14:00:00 }]\n",
        '[lists.b]\nfile = "b.txt"\nnumbers = ["+1900*"]\n',
        '[trunk]\nheader = { X-A = "${A}" }\nuntrusted = "answer"\nverified_at = 2026-11-20\n',
        "[trunk]\nuntrusted = { reject = 403 }\nadvance_codes = [480, 503]\n",
    ],
)
def test_what_the_policy_takes_an_editor_takes(toml: str) -> None:
    SETTINGS.validate(as_an_editor_sees(tomllib.loads(toml)))


@pytest.mark.parametrize(
    "toml",
    [
        RULE.format('caler = "+1202*"'),
        RULE.format('caller_trust = "sure"'),
        RULE.format("unless = { unless = {} }"),
        '[[policy.rules]]\nname = "a"\nreject = 603\n',
        '[[policy.limits]]\nname = "a"\nby = "callers"\nat_most = 2\n',
        "[calendars.c]\nhours = []\noverrides = [{ open = true }]\n",
        "[calendars.c]\n",
        '[trunk]\nuntrusted = "ignore"\n',
        "[policy.emergencies]\n",
    ],
)
def test_what_the_policy_refuses_an_editor_refuses(toml: str) -> None:
    assert not SETTINGS.is_valid(as_an_editor_sees(tomllib.loads(toml)))
