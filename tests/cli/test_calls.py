from __future__ import annotations

import io
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.__main__ import main
from controller.cli.calls import _COLUMNS, _row, _table

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
    "cost_usd": 0.03125,
}

LEFT = {
    "message_id": "0197-2",
    "call_id": "0197-1",
    "received_at": 1_800_000_000.0,
    "urgency": "urgent",
    "name": "Eve\x1b[31m",
    "number": "+12025550142",
    "reason": "A tooth\nhurts.",
}


def table(calls: list[dict[str, Any]], now: float) -> list[str]:
    return list(_table([_COLUMNS, *(_row(call, now) for call in calls)]))


@contextmanager
def answering(
    path: Path, answer: dict[str, Any], *, status: int = 200
) -> Iterator[list[tuple[str, Any]]]:
    """Answer one request on a Unix socket, in a thread: the command has a loop of its own."""
    body = json.dumps(answer).encode()
    asked: list[tuple[str, Any]] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            head, _, content = connection.recv(65536).partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            while length and len(content) < int(length[1]):
                content += connection.recv(65536)
            asked.append((head.decode().partition(" HTTP")[0], json.loads(content or b"null")))
            length_line = b"Content-Length: %d" % len(body)
            connection.sendall(b"HTTP/1.1 %d X\r\n%b\r\n\r\n%b" % (status, length_line, body))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        thread.join()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of a configuration, which has the control socket in it."""
    (tmp_path / "controller.toml").write_text("")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    return tmp_path


def run(home: Path, *arguments: str) -> int:
    return main(["calls", *arguments, "--config", str(home / "controller.toml")])


def test_a_live_call_is_one_line_under_its_heading() -> None:
    heading, line = table([CALL], 1012.4)
    assert heading.split() == [
        "call_id", "state", "agent", "caller", "called", "age", "cost_usd", "sip_call_id",
    ]  # fmt: skip
    assert line.split() == [
        "0197-1", "ACTIVE", "frontdesk", "…0101", "-", "12", "0.0312", "abc@trunk.example.net",
    ]  # fmt: skip
    assert heading.index("state") == line.index("ACTIVE")


def test_an_age_is_never_negative_and_may_be_unknown() -> None:
    rows = table([CALL | {"received_at": 2000.0}, CALL | {"received_at": None}], 1000.0)
    assert [row.split()[5] for row in rows[1:]] == ["0", "0"]


def test_nothing_unprintable_reaches_the_terminal() -> None:
    _, line = list(table([CALL | {"sip_call_id": "\x1b[31mred"}], 1000.0))
    assert "\x1b" not in line
    assert line.endswith("?")


def test_live_calls_are_printed_as_a_table(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(home / "control.sock", {"calls": [CALL]}):
        assert run(home, "live") == 0

    assert "0197-1" in capsys.readouterr().out.splitlines()[1]


def test_live_calls_are_printed_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(home / "control.sock", {"calls": [CALL]}):
        assert run(home, "live", "--json") == 0

    assert json.loads(capsys.readouterr().out) == [CALL]


@pytest.mark.parametrize(
    ("part", "answer", "said"),
    [("live", {"calls": []}, "no live calls\n"), ("messages", {"messages": []}, "no messages\n")],
)
def test_nothing_to_list_is_said(
    home: Path, capsys: pytest.CaptureFixture[str], part: str, answer: Any, said: str
) -> None:
    with answering(home / "control.sock", answer):
        assert run(home, part) == 0

    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("arguments", "asked", "said"),
    [
        (["hangup", "a/b"], ("POST /calls/a%2Fb/hangup", None), "hanging up a/b\n"),
        (
            ["say", "0197-1", "Ask for the name."],
            ("POST /calls/0197-1/say", {"text": "Ask for the name.", "verbatim": False}),
            "saying it in 0197-1\n",
        ),
        (
            ["say", "--verbatim", "0197-1", "Wait."],
            ("POST /calls/0197-1/say", {"text": "Wait.", "verbatim": True}),
            "saying it in 0197-1\n",
        ),
        (
            ["inject", "0197-1", "A regular."],
            ("POST /calls/0197-1/inject", {"text": "A regular."}),
            "told the model of 0197-1\n",
        ),
        (
            ["transfer", "0197-1", "reception"],
            ("POST /calls/0197-1/transfer", {"target": "reception"}),
            "transferring 0197-1 to reception\n",
        ),
    ],
    ids=["hangup", "say", "say verbatim", "inject", "transfer"],
)
def test_what_an_operator_does_is_asked_for_and_said(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    asked: tuple[str, Any],
    said: str,
) -> None:
    answer = {"state": "running", "live_calls": 1}
    with answering(home / "control.sock", answer, status=202) as requests:
        assert run(home, *arguments) == 0

    assert requests == [asked]
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("verb", ["say", "inject"])
def test_a_text_may_come_from_standard_input(
    home: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Grüß Gott,\nwie geht es?\n"))
    with answering(home / "control.sock", {}, status=202) as requests:
        assert run(home, verb, "0197-1", "-") == 0

    assert requests[0][1]["text"] == "Grüß Gott,\nwie geht es?"


def test_a_refusal_is_one_clear_message_and_a_failure(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = {"error": "the agent has no such target; its targets: reception"}
    with answering(home / "control.sock", refusal, status=422):
        assert run(home, "transfer", "0197-1", "nobody") == 1

    assert "its targets: reception" in capsys.readouterr().err


def test_messages_are_printed_whole_and_cannot_move_the_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(home / "control.sock", {"messages": [LEFT]}) as requests:
        assert run(home, "messages", "--limit", "5") == 0

    assert requests == [("GET /messages?limit=5", None)]
    _, line = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in re.split(r" {2,}", line)]
    assert cells == [
        "2027-01-15T08:00:00Z", "urgent", "+12025550142", "?", "0197-1", "A tooth hurts.",
    ]  # fmt: skip


def test_messages_are_printed_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(home / "control.sock", {"messages": [LEFT]}):
        assert run(home, "messages", "--json") == 0

    assert json.loads(capsys.readouterr().out) == [LEFT]


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_that_is_none_is_wrong_usage(
    home: Path, capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    assert run(home, "messages", "--limit", limit) == 2
    assert capsys.readouterr().err.endswith("argument --limit: must be 1 to 1000\n")


@pytest.mark.parametrize("part", ["live", "say", "inject", "transfer", "hangup", "messages"])
def test_every_part_explains_itself(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", part, "--help"]) == 0
    assert "--config" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["say", "inject"])
@pytest.mark.parametrize("text", ["", "  ", "-"])
def test_nothing_to_say_is_told_before_the_service_is_asked(
    verb: str,
    text: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert run(home, verb, "0197-1", text) == 1
    assert capsys.readouterr().err == "error: TEXT is empty; nothing was sent\n"
