from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.demo import questions
from controller.errors import SimulatorError

EXAMPLE = Path(__file__).parents[3] / "deploy" / "example"


def test_questions_are_options_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text('# what if\n\n--to +12025550100 --at "2026-12-24 13:00"  # a half day\n')

    assert questions.read(path) == [["--to", "+12025550100", "--at", "2026-12-24 13:00"]]


def test_no_file_is_no_question(tmp_path: Path) -> None:
    assert questions.read(tmp_path / "questions.txt") == []


def test_a_quotation_mark_too_few_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text('--at "2026-12-24\n')

    with pytest.raises(SimulatorError, match=r"questions\.txt: No closing quotation"):
        questions.read(path)


async def test_the_answer_is_what_the_command_says_before_the_instructions() -> None:
    answer = await questions.ask(EXAMPLE / "controller.toml", ["--to", "+12025550102"])

    assert "\nanswered by nightdesk\n" in answer
    assert "instructions" not in answer
