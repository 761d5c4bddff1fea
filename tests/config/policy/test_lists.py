"""`[lists]`: numbers in files and in `controller.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.policy import lists
from controller.config.policy.numbers import ALIKE
from controller.errors import ConfigurationError
from controller.sansio.policy import NumberSet
from tests.config.policy.house import CALLER, House, decide, word

RULE = '[[policy.rules]]\nname = "blocked"\nwhen = { caller_list = "blocked" }\nreject = 603\n'
FILE = '[lists.blocked]\nfile = "lists/blocked.txt"\n'


@pytest.fixture
def blocked(house: House) -> Path:
    (house.folder / "lists").mkdir()
    return house.folder / "lists" / "blocked.txt"


def told(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        lists.read(path)
    return [str(each).replace(f"{path}", path.name) for each in caught.value.problems]


def test_a_list_is_its_file_and_its_numbers(house: House, blocked: Path) -> None:
    blocked.write_text("# spam\n+12025550166\r\n\n  +1900*  # premium rate\n")

    found = house.load(RULE + FILE + f'numbers = ["{CALLER}"]\n')

    assert found.lists == {"blocked": NumberSet.of(["+12025550166", "+1900*", CALLER])}
    callers = ("+12025550166", "+19005550100", CALLER, "+12025550143")
    assert [word(decide(found, caller=each)) for each in callers] == ["603"] * 3 + ["frontdesk"]


@pytest.mark.parametrize("content", [b"", b"# nobody yet\n", b"\xef\xbb\xbf+12025550166"])
def test_a_list_may_be_empty_or_begin_with_a_mark(
    house: House, blocked: Path, content: bytes
) -> None:
    blocked.write_bytes(content)

    assert len(house.load(RULE + FILE).lists["blocked"]) == (1 if b"+" in content else 0)


def test_a_list_that_has_not_changed_is_shared_with_older_generations(
    house: House, blocked: Path
) -> None:
    blocked.write_text("+12025550166\n")
    first = house.load(RULE + FILE).lists["blocked"]

    assert house.load(RULE + FILE + "[values]\nx = 1\n").lists["blocked"] is first

    more = house.load(RULE + FILE + f'numbers = ["{CALLER}"]\n').lists["blocked"]
    blocked.write_text("+12025550167\n")
    other = house.load(RULE + FILE).lists["blocked"]
    assert [len(each) for each in (first, more, other)] == [1, 2, 1]
    assert "+12025550167" in other
    assert "+12025550167" not in first


def test_the_end_of_the_last_line_is_no_further_line(blocked: Path) -> None:
    blocked.write_bytes(b"\n" * lists.MAX_LINES)

    assert lists.read(blocked) == set()


def test_a_list_is_found_beside_controller_toml(house: House, blocked: Path) -> None:
    blocked.write_text("")
    elsewhere = house.folder / "all.txt"
    elsewhere.write_text("+12025550166\n")

    found = house.load(RULE + FILE.replace("lists/blocked.txt", str(elsewhere)))

    assert len(found.lists["blocked"]) == 1


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("2025550166", "'xxxxxx0166' is no number in E.164 form"),
        ("+1 202 555 0166", "'+x xxx xxx 0166' is no number in E.164 form"),
        ("+120255501666", "'+xxxxxxxx1666' is no number in E.164 form"),
        ("+1202555016", "'+xxxxxx5016' is no number in E.164 form"),
        ("+02025550166", "'+xxxxxxx0166' is no number in E.164 form"),
        ("+1202555016\u0661", "'+xxxxxx5016\u0661' is no number in E.164 form"),
        ("*", "'*' is no number in E.164 form"),
        ("+*", "'+*' is no number in E.164 form"),
        ("+1202**", "'+1202**' is no number in E.164 form"),
        ("+12025550166;+12025550167", "'+xxxxxxxxxxx;+xxxxxxx0167' is no number in E.164 form"),
        ("spam " * 20, "a line of 99 characters is no number in E.164 form"),
    ],
)
def test_a_wrong_line_is_told_with_its_place_and_without_the_number(
    blocked: Path, line: str, found: str
) -> None:
    blocked.write_text(f"+12025550166\n# a comment\n{line}\n+12025550167\n")

    assert told(blocked) == [f"blocked.txt:3: {found}; {ALIKE}"]


def test_wrong_lines_of_a_list_stand_beside_the_other_mistakes(house: House, blocked: Path) -> None:
    blocked.write_text("no\n\nno\n")

    found = house.problems(RULE.replace("603", "99") + FILE)

    assert [each.partition(": ")[0] for each in found] == [
        "controller.toml:8",
        "lists/blocked.txt:1",
        "lists/blocked.txt:3",
    ]


def test_of_many_wrong_lines_the_first_are_told(blocked: Path) -> None:
    blocked.write_text("no\n" * 1000)

    found = told(blocked)

    assert len(found) == lists.MOST_TOLD + 1
    assert found[-1].startswith("blocked.txt:21: and further lines are no numbers either")


def test_a_list_is_bounded(blocked: Path) -> None:
    blocked.write_bytes(b"\n" * (lists.MAX_LINES + 1))
    assert told(blocked) == [
        "blocked.txt: has over 1,000,000 lines; use prefixes, or several lists"
    ]

    with blocked.open("wb") as file:
        file.truncate(lists.MAX_BYTES + 1)  # with a hole: nothing is written to the disk
    assert told(blocked) == [f"blocked.txt: is over 32 MiB; {ALIKE}"]


def test_a_list_that_cannot_be_read_is_told(house: House, blocked: Path) -> None:
    (problem,) = house.problems(RULE + FILE)
    assert problem == (
        "controller.toml:10: lists.blocked.file: lists/blocked.txt cannot be read (No such file or"
        " directory); must be a readable file"
    )

    blocked.write_bytes(b"+12025550166\n\xff\n")
    assert house.problems(RULE + FILE) == [
        "lists/blocked.txt:2: byte 0xff is not UTF-8; save the file as UTF-8"
    ]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[lists.blocked]\n", "controller.toml:9: lists.blocked: names no numbers; give file or"),
        (
            '[lists.blocked]\nfile = "a\\u0000b"\n',
            "controller.toml:10: lists.blocked.file: found PosixPath(",
        ),
        (
            '[lists.blocked]\nnumbers = ["1"]\n',
            "controller.toml:10: lists.blocked.numbers[0]: found '1'; must be a number like",
        ),
        (
            '[lists.blocked]\nfiles = ["a"]\n',
            'controller.toml:10: lists.blocked.files: unknown key; did you mean "file"?',
        ),
    ],
)
def test_what_is_no_list_is_told(house: House, toml: str, message: str) -> None:
    assert any(each.startswith(message) for each in house.problems(RULE + toml))


def test_a_path_with_a_nul_cannot_be_read() -> None:
    assert told(Path("a\0b"))[0].startswith("a\0b: cannot be read (embedded null byte)")


@given(
    exact=st.sets(st.integers(2_000_000_000, 9_999_999_999).map(lambda n: f"+1{n}"), max_size=20),
    prefixes=st.sets(st.integers(1, 99_999).map(lambda n: f"+{n}*"), max_size=5),
    noise=st.lists(st.sampled_from(["", "  ", "# a", " # +12"]), max_size=5),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, exact: set[str], prefixes: set[str], noise: list[str]
) -> None:
    path = tmp_path_factory.mktemp("lists") / "list.txt"
    path.write_text("\n".join([*exact, *noise, *prefixes]))

    assert lists.read(path) == exact | prefixes
