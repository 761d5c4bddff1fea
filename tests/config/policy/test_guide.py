"""What the guide writes is a configuration, and what it prints is what the commands say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from controller.__main__ import main
from controller.settings import load_all
from tests.config.policy.house import House

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "policy.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(GUIDE.read_text()) if found == language]


@pytest.fixture
def config(house: House) -> Path:
    (house.folder / "lists").mkdir()
    (house.folder / "lists" / "blocked.txt").write_text(blocks("text")[0])
    path = house.folder / "controller.toml"
    path.write_text("".join(blocks("toml")))
    return path


def test_the_guides_tables_are_one_configuration(config: Path) -> None:
    _, found = load_all(config, environ={}, with_secrets=False)

    assert [each.name for each in found.rules.ordered] == [
        "untrusted_trunk", "blocked", "closed", "partner",
    ]  # fmt: skip
    assert found.warnings == ()


@pytest.mark.parametrize("number", [0, 1])
def test_the_guides_output_is_what_the_command_prints(
    config: Path,
    number: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TRUNK_SECRET", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    command, *expected = blocks("console")[number].splitlines()

    assert main([*shlex.split(command)[2:], "--config", str(config)]) == 0

    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line in expected] == expected


def test_the_guide_lists_the_limits_that_hold(config: Path) -> None:
    policy = '[policy]\ndefault_agent = "frontdesk"\n'
    config.write_text(policy)
    _, found = load_all(config, environ={}, with_secrets=False)

    listed = re.findall(r"^\| `(\w+)` \| (\d+)", GUIDE.read_text(), flags=re.MULTILINE)

    assert listed == [(each.name, f"{each.at_most:g}") for each in found.rules.every_limit]
