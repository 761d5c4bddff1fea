"""What the commands print; how they ask is tested with a running service in `test_run`."""

from __future__ import annotations

import pytest

from controller.__main__ import main
from controller.cli.generations import _row, _said

FOUND = {
    "hash": "81975d17de64ce23",
    "since": 1_800_000_000.0,
    "by": "file",
    "live_calls": 2,
    "state": "good",
    "is_good": True,
    "changed": ["agent frontdesk", "+tool crm"],
}


def test_a_generation_is_one_line() -> None:
    assert _row(FOUND) == (
        "81975d17de64ce23", "good", "2", "2027-01-15T08:00:00Z", "file",
        "agent frontdesk, +tool crm",
    )  # fmt: skip
    assert _row(FOUND | {"changed": []})[-1] == "-"


@pytest.mark.parametrize(
    ("result", "changed", "sentence"),
    [
        ("activated", ["rules"], "generation abc answers new calls; changed: rules"),
        ("activated", [], "generation abc answers new calls"),
        ("unchanged", [], "nothing has changed; generation abc answers new calls"),
    ],
)
def test_what_came_of_it_is_one_sentence(result: str, changed: list[str], sentence: str) -> None:
    assert _said({"result": result, "hash": "abc", "changed": changed}) == sentence


@pytest.mark.parametrize("prefix", ["", ".", "81975d…"])
def test_what_can_begin_no_hash_is_wrong_usage(
    prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generations", "activate", prefix]) == 2
    assert "must be the beginning of a hash, such as 81975d" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["generations"], ["generations", "activate"]])
def test_what_is_missing_is_wrong_usage(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    assert "required" in capsys.readouterr().err
