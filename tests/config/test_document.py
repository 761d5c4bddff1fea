from __future__ import annotations

import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.document import MAX_DOCUMENT_BYTES, Document, dotted, parse, read_text
from controller.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from controller.config.document import KeyPath

EVERY_FORM = """\
top = 1            # line 1
a.b = { c = 2, d = [3, { e = 4 }] }

[server]           # 4
port = 5
"quoted key" = 6
'literal' = 7

[[numbers]]        # 9
number = "x"
[[numbers]]        # 11
number = "y"
[numbers.hours]    # 13
from = 8
[targets."a.b"]    # 15
list = [
  "one",
  # a comment
  "two",
]
[outer.inner]      # 21
text = '''
two lines'''
after = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("a",), 2),
        (("a", "b"), 2),
        (("a", "b", "c"), 2),
        (("a", "b", "d", 1, "e"), 2),
        (("server",), 4),
        (("server", "port"), 5),
        (("server", "quoted key"), 6),
        (("server", "literal"), 7),
        (("numbers", 0), 9),
        (("numbers", 0, "number"), 10),
        (("numbers", 1), 11),
        (("numbers", 1, "number"), 12),
        (("numbers", 1, "hours"), 13),
        (("numbers", 1, "hours", "from"), 14),
        (("targets", "a.b"), 15),
        (("targets", "a.b", "list"), 16),
        (("targets", "a.b", "list", 0), 17),
        (("targets", "a.b", "list", 1), 19),
        (("outer",), 21),
        (("outer", "inner"), 21),
        (("outer", "inner", "after"), 24),
    ],
)
def test_each_key_has_its_line(path: KeyPath, line: int) -> None:
    document = parse(EVERY_FORM, "file.toml")

    assert document.where(path) == f"file.toml:{line}"


def test_the_values_are_tomllibs() -> None:
    assert parse(EVERY_FORM, "file.toml").values == tomllib.loads(EVERY_FORM)


def test_a_missing_key_is_placed_at_the_table_where_it_should_be() -> None:
    document = parse("[server]\nport = 1\n", "file.toml", first_line=10)

    assert document.where(("server", "host")) == "file.toml:10"
    assert document.where(("store", "url")) == "file.toml:1"
    assert document.where(()) == "file.toml:1"


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("a = 1\nb = ]\n", "f:6:5", "Invalid value"),
        ("a = 1\nb = [1,\n\n", "f:6", "Invalid value"),
        ("a = 1\na = 2\n", "f:6:6", "this key or table stands above already; keep one of them"),
    ],
)
def test_a_syntax_error_names_line_and_column_of_the_file(
    text: str, where: str, found: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "f", first_line=5)

    (problem,) = caught.value.problems
    assert problem.where == where
    assert problem.found == "is not TOML"
    assert found in problem.cure


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 50_000, "a = " + "1" * 5_000], ids=["deep", "long integer"]
)
def test_what_python_refuses_to_read_is_a_problem_too(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "f")

    assert caught.value.problems[0].where == "f"


def test_text_loses_its_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1")

    assert read_text(file) == "a = 1"


def test_what_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_bytes(b'a = "x"\nb = "\xe4"\n')

    with pytest.raises(ConfigurationError, match=r"file.toml:2: byte 0xe4 is not UTF-8"):
        read_text(file)


@pytest.mark.parametrize("name", ["missing.toml", ".", "with\0nul"])
def test_what_cannot_be_read_names_the_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_text(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a = 1\nx = “y”\n",
            'f:2:5: is not TOML; “ is no quotation mark here; write "straight ones"',
        ),
        (
            "x\u00a0= 1",
            "f:1:2: is not TOML; U+00A0 only looks like a space, or like nothing; delete it",
        ),
        (
            "[a]\nx = 1\n[[a]]\n",
            "f:3:4: is not TOML; this key or table stands above already; keep one of them",
        ),
        (
            "[a.b]\n[a.b]\n",
            "f:2:5: is not TOML; [a.b] stands above already; of several, each begins with [[a.b]]",
        ),
    ],
)
def test_what_comes_of_copying_and_pasting_is_told_plainly(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "f")

    (problem,) = caught.value.problems
    assert str(problem) == told


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_bytes(b"#" * (MAX_DOCUMENT_BYTES + 1))

    with pytest.raises(ConfigurationError, match="over 1 MiB"):
        read_text(file)


def test_paths_are_written_as_people_write_them() -> None:
    assert dotted(("numbers", 1, "agent")) == "numbers[1].agent"
    assert dotted(("odd key\n", "x")) == '"odd key\\n".x'
    assert dotted(()) == ""


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_a_problem(text: str) -> None:
    document = Document("f")
    with suppress(ConfigurationError):
        document = parse(text, "f")

    assert all(1 <= line <= text.count("\n") + 1 for line in document.lines.values())


_KEYS = st.text("ab-_1", min_size=1, max_size=3)


@given(st.lists(st.tuples(_KEYS, _KEYS), unique=True, max_size=6))
def test_every_key_of_every_table_is_found(pairs: list[tuple[str, str]]) -> None:
    lines = [f"[[{table}]]\n{key} = 0" for table, key in pairs]
    document = parse("\n".join(lines), "f")

    seen: dict[str, int] = {}
    for number, (table, key) in enumerate(pairs):
        index = seen[table] = seen.get(table, -1) + 1
        assert document.where((table, index, key)) == f"f:{2 * number + 2}"
