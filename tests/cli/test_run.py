"""The service as a process of its own: started, stopped and refused as an operator sees it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.__main__ import main

CONFIG = """
[server]
port = 0

[[numbers]]
number = "*"
agent = "frontdesk"
"""

AGENT = """+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
+++
You are the receptionist.
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "agents" / "frontdesk.md").write_text(AGENT)
    (tmp_path / "controller.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "RUNTIME_DIRECTORY"}
    return inherited | {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_WEBHOOK_SECRET": "whsec_c2ltdWxhdGVkLXNlY3JldC1vZi10aGUtc3RhbmQtaW4=",
        "CONTROLLER_CONFIG": str(folder / "controller.toml"),
        "XDG_RUNTIME_DIR": str(folder),
    }


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "controller", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def ready(process: subprocess.Popen[str]) -> str:
    """Wait for the one line, and return the URL in it."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on http://"), line
    assert line.endswith("; records are not kept yet\n")
    return line.split()[2].rstrip(";")


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def test_it_prints_one_line_when_ready_and_drains_when_asked(start: Start) -> None:
    port = free_port("127.0.0.2")
    process = start("run", "--host", "127.0.0.2", "--port", str(port))
    url = ready(process)
    assert url == f"http://127.0.0.2:{port}"
    with urllib.request.urlopen(f"{url}/readyz") as answer:
        assert json.load(answer)["ready"] is True

    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate()
    assert process.returncode == 0
    assert output == ""
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events == ["ready", "draining", "stopped"]


def test_ctrl_c_is_like_sigterm_and_a_warning_is_logged(start: Start, folder: Path) -> None:
    config = CONFIG.replace('"*"', '"+12025550100"')
    (folder / "controller.toml").write_text(config + '\n[log]\nformat = "console"\n')
    process = start("run")
    ready(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()

    assert process.returncode == 0
    assert "default_agent" in errors


def test_a_terminal_that_closes_costs_no_caller_the_line(start: Start) -> None:
    process = start("run", "--port", str(free_port("127.0.0.1")))
    url = ready(process)

    process.send_signal(signal.SIGHUP)
    with urllib.request.urlopen(f"{url}/readyz") as answer:
        assert json.load(answer)["ready"] is True

    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 0


def test_sighup_and_reload_take_over_what_the_files_say(
    start: Start,
    folder: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process = start("run", "--port", str(free_port("127.0.0.1")))
    ready(process)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def say(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        output, errors = capsys.readouterr()
        return code, output, errors

    def known() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(say("generations", "list", "--json")[1])
        return found

    (first,) = known()
    path = folder / "agents" / "frontdesk.md"
    path.write_text(AGENT + "Be kind.")
    process.send_signal(signal.SIGHUP)
    # Each question takes the service a moment.
    found = next(found for found in (known() for _ in range(500)) if len(found) > 1)
    assert (found[0]["by"], found[0]["changed"]) == ("signal", ["agent frontdesk"])

    path.write_text(AGENT + "Be brief.")
    code, output, errors = say("reload")
    third = known()[0]["hash"]
    changed = "changed: agent frontdesk"
    assert (code, errors) == (0, "")
    assert output == f"generation {third} answers new calls; {changed}\n"
    assert say("reload") == (0, f"nothing has changed; generation {third} answers new calls\n", "")

    path.write_text("+++\nvoice = 1\n+++\n")
    config = folder / "controller.toml"
    config.write_text(CONFIG + "[log]\nlevel = 1\n")
    code, output, errors = say("reload")
    assert (code, output) == (1, "")
    assert errors.startswith(f"error: generation {third} stays\nerror: {config}:")
    assert f"\nerror: {path}:2: voice" in errors

    path.write_text(AGENT)
    config.write_text(CONFIG + '[log]\nlevel = "debug"\n')
    code, output, _ = say("reload")
    assert output.startswith("warning: log.level differs; it takes effect at a restart\n")
    assert known()[0]["hash"] == first["hash"]  # it is the same again

    assert say("generations", "activate", third[:8])[1].startswith(f"generation {third} answers")
    heading, newest, *others = say("generations", "list")[1].splitlines()
    assert heading.split() == ["hash", "state", "live_calls", "since", "by", "changed"]
    assert newest.split()[:3] == [third, "current", "0"]
    assert newest.endswith(f"operator uid {os.getuid()}  agent frontdesk")
    assert len(others) == 2

    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert process.returncode == 0
    assert events.count("generation_activated") == 4
    assert "reload_problem" in events


def test_commands_talk_to_it(
    start: Start,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process = start("run", "--port", str(free_port("127.0.0.1")))
    ready(process)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def say(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        output, errors = capsys.readouterr()
        return code, output, errors

    assert say("calls", "live") == (0, "no live calls\n", "")
    assert say("calls", "live", "--json") == (0, "[]\n", "")
    assert say("calls", "hangup", "nobody") == (1, "", "error: no such live call\n")
    assert say("pause") == (0, "paused; live calls: 0\n", "")
    assert say("resume") == (0, "running; live calls: 0\n", "")
    assert say("drain") == (0, "draining; live calls: 0\n", "")
    assert process.wait() == 0
    code, _, errors = say("calls", "live")
    assert code == 1
    assert errors.startswith("error: no service listens on ")


def test_a_taken_port_is_one_line_and_code_1(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("run", "--port", str(port))
        output, errors = process.communicate()

    assert process.returncode == 1
    assert output == ""
    said = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    expected = f"error: {said}; see [server] host and port\n"
    assert errors == expected


def test_a_wrong_configuration_is_code_2_without_a_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "controller.toml"
    path.write_text(CONFIG.replace("frontdesk", "nobody"))

    assert main(["run", "--config", str(path), "--port", "0"]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert "nobody" in errors
    assert "Traceback" not in errors
