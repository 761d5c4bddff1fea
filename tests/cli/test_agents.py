from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.__main__ import main

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example" / "controller.toml"
AGENT = '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n{}+++\nYou answer.\n'
TARGET = '[targets.desk]\nuri = "tel:+12025550123"\ndescription = "The desk"\n'
MCP = '[[mcp]]\nlabel = "files"\nurl = "https://mcp.example.net"\n'


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    files = {
        "frontdesk": 'description = "The front desk"\ntools = ["transfer", "handoff"]\n'
        f'targets = ["desk"]\nfallback = "desk"\nagents = ["billing"]\n{MCP}',
        "billing": 'description = "Bills"\n',
        "spare": "",
    }
    for name, front in files.items():
        (tmp_path / "agents" / f"{name}.md").write_text(AGENT.format(front))
    path = tmp_path / "controller.toml"
    path.write_text(
        '[policy]\ndefault_agent = "frontdesk"\n'
        '[[numbers]]\nnumber = "+12025550100"\nagent = "frontdesk"\n'
        '[[numbers]]\nnumber = "+12025550101"\nagent = "frontdesk"\n'
        f'[[numbers]]\nnumber = "*"\nagent = "billing"\n{TARGET}'
    )
    return path


def test_agents_are_listed_with_what_leads_to_them_and_what_they_may_do(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agents", "--config", str(config)]) == 0

    assert capsys.readouterr().out == (
        "billing: Bills\n"
        "  numbers: *\n"
        "  tools:   none\n"
        "  targets: none\n"
        "frontdesk: The front desk\n"
        "  numbers: +12025550100, +12025550101, numbers that cannot be read\n"
        "  tools:   handoff, transfer, mcp:files\n"
        "  targets: desk\n"
        "  fallback: desk\n"
        "  hands over to: billing\n"
        "spare\n"
        "  numbers: none\n"
        "  tools:   none\n"
        "  targets: none\n"
    )


def test_rules_limits_and_emergencies_that_lead_to_an_agent_are_listed(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = config.read_text().replace(
        "[[numbers]]",
        '[[policy.rules]]\nname = "closed"\nwhen = {}\nagent = "spare"\n'
        '[[policy.rules]]\nname = "blocked"\nwhen = { called = "*" }\nreject = 603\n'
        '[[policy.limits]]\nname = "caller"\nby = "caller"\nat_most = 1\nagent = "spare"\n'
        '[policy.emergencies]\nrefer_to = "desk"\nagent = "spare"\n'
        '[trunk]\nheader = { X-Secret = "${TRUNK}" }\n[[numbers]]',
        1,
    )
    config.write_text(text)

    assert main(["agents", "--config", str(config)]) == 0

    assert capsys.readouterr().out.endswith(
        "spare\n"
        "  numbers: none\n"
        "  rules:   closed\n"
        "  limits:  caller\n"
        "  takes emergencies\n"
        "  tools:   none\n"
        "  targets: none\n"
    )


def test_programs_get_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "--json", "--config", str(config)]) == 0

    billing, frontdesk, spare = json.loads(capsys.readouterr().out)
    assert billing["numbers"] == ["*"]
    assert frontdesk == {
        "name": "frontdesk",
        "description": "The front desk",
        "model": "gpt-realtime-2.1",
        "voice": "marin",
        "numbers": ["+12025550100", "+12025550101"],
        "default": True,
        "rules": [],
        "limits": [],
        "emergencies": False,
        "tools": ["handoff", "transfer", "mcp:files"],
        "targets": ["desk"],
        "fallback": "desk",
        "agents": ["billing"],
    }
    assert spare["default"] is False


def test_the_example_needs_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "--config", str(EXAMPLE)]) == 0
    assert "\n  numbers: +12025550101\n" in capsys.readouterr().out


def test_a_wrong_configuration_is_told_as_check_does(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "agents" / "spare.md").write_text("no front matter")

    assert main(["agents", "--config", str(config)]) == 2
    assert "spare.md:1: has no front matter" in capsys.readouterr().err
