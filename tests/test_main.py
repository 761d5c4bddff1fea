from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from controller.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(__file__).parents[1] / "deploy" / "example" / "controller.toml"


def run(*argv: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controller", *argv],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENAI_API_KEY": "", "CREDENTIALS_DIRECTORY": "", **(environ or {})},
    )


def test_a_command_ends_with_its_code() -> None:
    done = run("check", "--config", str(EXAMPLE), "--without-secrets")

    assert done.returncode == 0
    assert done.stderr == ""


def test_a_wrong_configuration_is_code_2_without_a_traceback() -> None:
    done = run("check", "--config", "/nonexistent", environ={"CONTROLLER_FOO": "1"})

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr == (
        "error: /nonexistent: cannot be read (No such file or directory);"
        " name the file with --config PATH or CONTROLLER_CONFIG\n"
    )


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "controller", "check", "--without-secrets", "--config", EXAMPLE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()

    assert process.returncode == 1
    assert errors == b""


def test_an_interrupted_command_ends_as_shells_expect(tmp_path: Path) -> None:
    for name in ("agents", "tools"):
        (tmp_path / name).mkdir()
    (tmp_path / "controller.toml").touch()
    (tmp_path / "tools" / "slow.py").write_text("raise KeyboardInterrupt\n")

    assert main(["check", "--config", str(tmp_path / "controller.toml")]) == 130


def test_main_takes_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["controller", "--version"])

    assert main() == 0
