from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from controller.config import toolbox
from controller.errors import ConfigurationError
from controller.tools import CallContext, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT = CallContext(call_id="call")
GENERATION = "0123456789abcdef"


def tool_text(name: str, value: str = "'done'") -> str:
    return (
        "from controller.tools import tool\n\n"
        f'@tool\ndef {name}() -> str:\n    """Do it."""\n    return {value}\n'
    )


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder.joinpath(*name.split("__in__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def load(folder: Path, generation: str = GENERATION) -> dict[str, Tool]:
    return toolbox.import_tools(toolbox.read_tool_files(folder), generation)


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    before = set(sys.modules)
    finders = list(sys.meta_path)
    yield
    assert sys.meta_path == finders
    for name in set(sys.modules) - before:
        if name.startswith(toolbox.PREFIX):
            del sys.modules[name]


async def test_each_function_of_each_file_becomes_a_tool(tmp_path: Path) -> None:
    write(tmp_path, one=tool_text("first"), two=tool_text("second", "'2'"))

    tools = load(tmp_path)

    assert set(tools) == {"first", "second"}
    assert await tools["second"].run("{}", CONTEXT) == "2"


async def test_modules_import_each_other_relatively(tmp_path: Path) -> None:
    write(
        tmp_path,
        acme="from . import _store\nfrom .shop.prices import PRICE\n"
        + tool_text("price", "PRICE + _store.X"),
        _store="X = '!'",
        shop__in__prices="from .._store import X\nPRICE = '90' + X",
    )

    assert await load(tmp_path)["price"].run("", CONTEXT) == "90!!"


def test_a_package_may_have_its_init_files(tmp_path: Path) -> None:
    write(tmp_path, __init__=tool_text("top"), sub__in____init__=tool_text("lower"))

    assert set(load(tmp_path)) == {"top", "lower"}


async def test_two_generations_live_side_by_side(tmp_path: Path) -> None:
    old = load(write(tmp_path, acme=tool_text("say", "'old'")), "a" * 16)
    new = load(write(tmp_path, acme=tool_text("say", "'new'")), "b" * 16)

    assert await old["say"].run("", CONTEXT) == "old"
    assert await new["say"].run("", CONTEXT) == "new"


def test_the_same_generation_is_imported_once(tmp_path: Path) -> None:
    write(tmp_path, acme=tool_text("say"))

    assert load(tmp_path)["say"] is load(tmp_path)["say"]
    assert toolbox.is_imported(GENERATION)


def test_a_tool_that_is_imported_elsewhere_is_still_one(tmp_path: Path) -> None:
    write(tmp_path, acme=tool_text("say"), other="from .acme import say")

    assert set(load(tmp_path)) == {"say"}


def test_no_bytecode_is_left_beside_the_files(tmp_path: Path) -> None:
    load(write(tmp_path, acme=tool_text("say")))

    assert [path.name for path in tmp_path.iterdir()] == ["acme.py"]


def test_files_that_python_cannot_import_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, acme=tool_text("say"))
    (tmp_path / "acme copy.py").write_text("syntax error here")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.py").write_text("syntax error here")

    assert set(load(tmp_path)) == {"say"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1\nx = y", "bad.py:2: NameError: name 'y' is not defined; correct the file"),
        ("x = 1\ndef", "bad.py:2: SyntaxError: invalid syntax; correct the file"),
        (
            "import no_such_module",
            "bad.py:1: ModuleNotFoundError: No module named 'no_such_module'; correct the name, or",
        ),
        ("import sys\nsys.exit(3)", "bad.py:2: SystemExit: 3; correct the file"),
        ("def f():\n  raise OSError('a\\nb')\nf()", "bad.py:2: OSError: a b; correct the file"),
        ("x = '\\x00\x00'", "bad.py"),
        ("# -*- coding: none -*-", "bad.py"),
        (
            "from controller.tools import tool\n@tool\ndef f(x): 'Do.'",
            "bad.py:2: f: x has no type hint; write one, such as `str`",
        ),
    ],
)
def test_a_failing_import_names_file_and_line_and_leaves_nothing_behind(
    tmp_path: Path, text: str, problem: str
) -> None:
    write(tmp_path, good=tool_text("say"), bad=text)

    (found,) = problems_of(tmp_path)

    assert found.startswith(problem)
    assert not [name for name in sys.modules if GENERATION in name]


@pytest.mark.parametrize(
    "raised", ["KeyboardInterrupt", "GeneratorExit", "asyncio.CancelledError", "SystemExit(3)"]
)
def test_nothing_that_a_module_raises_in_a_reload_s_thread_leaves_it(
    tmp_path: Path, raised: str
) -> None:
    write(tmp_path, bad=f"import asyncio\nraise {raised}\n")

    with ThreadPoolExecutor(1) as thread:
        (problem,) = thread.submit(problems_of, tmp_path).result()

    assert problem.startswith("bad.py:2: ")
    assert not toolbox.is_imported(GENERATION)


def test_ctrl_c_during_a_long_import_at_the_start_is_heard(tmp_path: Path) -> None:
    write(tmp_path, slow="raise KeyboardInterrupt\n")

    with pytest.raises(KeyboardInterrupt):
        load(tmp_path)


def test_every_failing_module_is_named(tmp_path: Path) -> None:
    write(tmp_path, one="x = y", two="import one_two_three", three="from .one import x")

    assert len(problems_of(tmp_path)) == 2


def test_two_tools_of_one_name_are_both_named(tmp_path: Path) -> None:
    write(tmp_path, one=tool_text("say"), two=tool_text("say"))

    (found,) = problems_of(tmp_path)

    assert (
        found == f"two.py:3: say: is also at {tmp_path}/one.py:3; give each tool a name of its own"
    )


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "acme.py").mkdir()

    with pytest.raises(ConfigurationError, match=r"acme.py: cannot be read"):
        load(tmp_path)


def test_forgotten_modules_are_gone(tmp_path: Path) -> None:
    load(write(tmp_path, acme=tool_text("say")))

    toolbox.forget(GENERATION)

    assert not toolbox.is_imported(GENERATION)


def test_modules_are_forgotten_while_another_thread_imports_something(tmp_path: Path) -> None:
    class Busy(str):
        """A name at which the interpreter turns to another thread."""

        __slots__ = ()

        def partition(self, sep: str, /) -> tuple[str, str, str]:
            sys.modules.setdefault("imported_meanwhile", sys)
            return super().partition(sep)

    load(write(tmp_path, one=tool_text("first")))
    sys.modules[Busy("busy")] = sys
    try:
        toolbox.forget(GENERATION)
    finally:
        del sys.modules["busy"]
        sys.modules.pop("imported_meanwhile", None)

    assert not toolbox.is_imported(GENERATION)
