from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.__main__ import main
from controller.cli.calls import _table

CALL = {
    "call_id": "0197-1",
    "provider_id": "rtc_1",
    "sip_call_id": "abc@trunk.example.net",
    "state": "ACTIVE",
    "agent": "frontdesk",
    "caller": "…0101",
    "called": None,
    "received_at": 1000.0,
    "answered_at": None,
}


@contextmanager
def answering(path: Path, answer: dict[str, Any]) -> Iterator[None]:
    """Answer one request on a Unix socket, in a thread: the command has a loop of its own."""
    body = json.dumps(answer).encode()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_a_live_call_is_one_line_under_its_heading() -> None:
    heading, line = list(_table([CALL], 1012.4))
    assert heading.split() == [
        "call_id", "state", "agent", "caller", "called", "age", "sip_call_id",
    ]  # fmt: skip
    assert line.split() == [
        "0197-1", "ACTIVE", "frontdesk", "…0101", "-", "12", "abc@trunk.example.net",
    ]  # fmt: skip
    assert heading.index("state") == line.index("ACTIVE")


def test_an_age_is_never_negative_and_may_be_unknown() -> None:
    rows = list(_table([CALL | {"received_at": 2000.0}, CALL | {"received_at": None}], 1000.0))
    assert [row.split()[5] for row in rows[1:]] == ["0", "0"]


def test_nothing_unprintable_reaches_the_terminal() -> None:
    _, line = list(_table([CALL | {"sip_call_id": "\x1b[31mred"}], 1000.0))
    assert "\x1b" not in line
    assert line.endswith("?")


def test_live_calls_are_printed_as_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "controller.toml").write_text("")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with answering(tmp_path / "control.sock", {"calls": [CALL]}):
        assert main(["calls", "live", "--config", str(tmp_path / "controller.toml")]) == 0

    output, _ = capsys.readouterr()
    assert "0197-1" in output.splitlines()[1]


def test_a_hang_up_says_that_it_has_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "controller.toml").write_text("")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with answering(tmp_path / "control.sock", {"state": "running", "live_calls": 1}):
        arguments = ["calls", "hangup", "0197-1", "--config", str(tmp_path / "controller.toml")]
        assert main(arguments) == 0

    assert capsys.readouterr().out == "hanging up 0197-1\n"
