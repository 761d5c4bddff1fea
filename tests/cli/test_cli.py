from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

import controller
from controller import cli
from controller.__main__ import main


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return dict(action.choices)


def test_a_chosen_command_is_the_only_one_whose_module_is_needed() -> None:
    assert list(subcommands(cli.build_parser("check"))) == ["check"]


def test_every_command_has_a_help_text_and_something_to_run() -> None:
    parser = cli.build_parser()
    overview = parser.format_help()

    assert "check" in subcommands(parser)
    for name, command in subcommands(parser).items():
        assert name in overview
        assert command.description, name


def test_the_help_names_the_environment_and_the_exit_codes() -> None:
    text = cli.build_parser().format_help()

    for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "OPENAI_BASE_URL", "CONTROLLER_CONFIG"):
        assert name in text
    assert "exit codes: 0 fine, 1 failure, 2 wrong usage" in text


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"controller {controller.__version__}\n"


@pytest.mark.parametrize("argv", [[], ["no-such-command"], ["check", "--no-such-option"]])
def test_wrong_usage_is_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "usage: controller" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--help"], ["check", "--help"]])
def test_help_needs_none_of_the_libraries(argv: list[str]) -> None:
    heavy = ["aiohttp", "openai", "phonenumbers", "pydantic", "structlog"]
    code = (
        f"import sys; from controller.__main__ import main; main({argv});"
        f"print(sorted(sys.modules.keys() & set({heavy!r})))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
