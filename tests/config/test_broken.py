"""`controller check` on broken configurations: every mistake, with file, line, key and cure.

Each folder of `broken/` is one; its `expected.txt` is what the command writes to standard error.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from controller.__main__ import main

FOLDERS = sorted(path for path in (Path(__file__).parent / "broken").iterdir() if path.is_dir())


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def test_there_are_at_least_forty() -> None:
    assert len(FOLDERS) >= 40


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_mistake_is_named_with_its_place_and_its_cure(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = tmp_path / "house"
    shutil.copytree(folder, house)

    code = main(["check", "--config", str(house / "controller.toml"), "--without-secrets"])

    told = capsys.readouterr().err.replace(f"{house}/", "")
    assert code == 2
    assert told == (folder / "expected.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_expected_message_names_a_line_and_a_cure(folder: Path) -> None:
    lines = (folder / "expected.txt").read_text(encoding="utf-8").splitlines()

    assert lines
    for line in lines:
        assert re.match(r"error: [\w./-]+(:\d+){0,2}: .+; .+", line)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_line_that_is_named_holds_the_key_that_is_wrong(folder: Path) -> None:
    for line in (folder / "expected.txt").read_text(encoding="utf-8").splitlines():
        match = re.match(r"error: ([\w./-]+):(\d+): ([\w.\[\]]+): (.*)", line)
        if match is None or match[4].startswith("is missing"):
            continue
        file, number, key, _ = match.groups()
        text = (folder / file).read_text(encoding="utf-8").split("\n")[int(number) - 1]
        last = re.sub(r"\[\d+\]", "", key).rpartition(".")[2]
        assert last in text or "agents_dir" in key
