"""Imports a folder of Python tools as one package of its own.

The package's name holds the generation's hash, so that two generations live side by side while the
calls of the older one end. The modules are compiled from the bytes that were hashed: no file is
read twice, no bytecode is written beside the operator's files, and none that is stale is used.
"""

from __future__ import annotations

import importlib
import sys
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING, Any, Final

from controller.errors import ConfigurationError, Problem
from controller.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import CodeType, ModuleType

PREFIX: Final = "controller_tools_"
"""Of the packages' names; the generation's hash follows."""

_LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class ToolFiles:
    """The Python files of a folder, read once."""

    folder: Path
    modules: Mapping[str, tuple[Path, bytes]]
    """By dotted name within the package; a package's own name stands for its `__init__.py`, the
    empty name for that of the folder."""
    left_alone: tuple[Path, ...] = ()
    """Files with a name that Python cannot import, such as `my-tool.py`; no hidden ones."""


def read_tool_files(folder: Path) -> ToolFiles:
    """Read a folder of tools, and the folders in it.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    modules: dict[str, tuple[Path, bytes]] = {}
    problems = []
    left_alone = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if not all(part.isidentifier() for part in parts):
            if not any(part.startswith(".") for part in parts):
                left_alone.append(path)
            continue
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        try:
            modules[name] = (path, path.read_bytes())
        except OSError as error:
            problems.append(
                Problem(str(path), "", f"cannot be read ({error.strerror})", "must be readable")
            )
    if problems:
        raise ConfigurationError(*problems)
    return ToolFiles(folder, modules, tuple(left_alone))


def import_tools(files: ToolFiles, generation: str) -> dict[str, Tool]:
    """Import every module and return the tools by name.

    Args:
        files: What to import.
        generation: The generation's hash.

    Raises:
        ConfigurationError: A module cannot be imported, or two tools have one name. No module is
            left behind.
    """
    package = PREFIX + generation
    problems: dict[tuple[str, str], Problem] = {}
    with _findable(files, package):
        for name in sorted({"", *files.modules}):
            try:
                importlib.import_module(_full_name(package, name))
            except ConfigurationError as error:  # of the decorator
                problems |= {(each.where, each.found): each for each in error.problems}
            except BaseException as error:  # whatever the operator wrote
                if _is_ctrl_c(error):
                    raise
                problem = _problem(error, files, name)
                problems[problem.where, problem.found] = problem
    tools, doubles = _collect(
        [sys.modules.get(_full_name(package, name)) for name in files.modules]
    )
    if problems or doubles:
        forget(generation)
        raise ConfigurationError(*problems.values(), *doubles)
    return tools


def _is_ctrl_c(error: BaseException) -> bool:
    """Tell whether somebody at the terminal wants to stop: a signal comes to the main thread only.

    In a reload's thread it is the module itself that raises it, and a service must not end by it.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and isinstance(error, KeyboardInterrupt)


def is_imported(generation: str) -> bool:
    """Tell whether a generation's modules are there already."""
    return PREFIX + generation in sys.modules


def forget(generation: str) -> None:
    """Remove a generation's modules from the interpreter; functions that are in use live on."""
    package = PREFIX + generation
    # A list at one stroke: another thread may import something meanwhile.
    for name in [each for each in list(sys.modules) if each.partition(".")[0] == package]:
        del sys.modules[name]


def _full_name(package: str, name: str) -> str:
    return f"{package}.{name}" if name else package


class _Loader(SourceFileLoader):
    """Compiles from bytes at hand, without bytecode files."""

    def __init__(self, fullname: str, path: str, content: bytes) -> None:
        super().__init__(fullname, path)
        self._content = content

    def get_code(self, fullname: str) -> CodeType | None:
        return self.source_to_code(self._content, self.get_filename(fullname))


class _Finder:
    """Finds the modules of one package while they are imported."""

    def __init__(self, files: ToolFiles, package: str) -> None:
        self._files = files
        self._package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Implement `importlib.abc.MetaPathFinder`."""
        del path, target
        package, _, name = fullname.partition(".")
        if package != self._package:
            return None
        folder = self._files.folder.joinpath(*name.split(".")) if name else self._files.folder
        if name not in self._files.modules:
            if name and not any(each.startswith(f"{name}.") for each in self._files.modules):
                return None
            spec = ModuleSpec(fullname, None, is_package=True)  # a folder without __init__.py
            spec.submodule_search_locations = [str(folder)]
            return spec
        file, content = self._files.modules[name]
        return spec_from_file_location(
            fullname,
            file,
            loader=_Loader(fullname, str(file), content),
            submodule_search_locations=[str(folder)] if file.name == "__init__.py" else None,
        )


@contextmanager
def _findable(files: ToolFiles, package: str) -> Iterator[None]:
    finder: Any = _Finder(files, package)
    # Before Python's own finder, which would take the modules from the folder, bytecode and all.
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _collect(modules: Sequence[ModuleType | None]) -> tuple[dict[str, Tool], list[Problem]]:
    tools: dict[str, Tool] = {}
    problems = []
    for value in (value for module in modules if module for value in vars(module).values()):
        if not isinstance(value, Tool):
            continue
        name = value.declaration.name
        if tools.setdefault(name, value) is not value:
            first, second = (_place(each) for each in (tools[name], value))
            problems.append(
                Problem(second, name, f"is also at {first}", "give each tool a name of its own")
            )
    return tools, problems


def _place(tool: Tool) -> str:
    code = tool.function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _problem(error: BaseException, files: ToolFiles, name: str) -> Problem:
    """Say where in the operator's files an import failed, without a traceback."""
    path = files.modules[name][0] if name in files.modules else files.folder
    where = str(path)
    own = {str(each) for each, _ in files.modules.values()}
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in own:
            where = f"{frame.filename}:{frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename in own:
        where = f"{error.filename}:{error.lineno}"
    text = str(error)
    if isinstance(error, SyntaxError) and error.msg:
        text = error.msg  # without file and line, which `where` names
    reason = " ".join(text.split())[:_LONGEST_REASON]
    cure = "correct the file"
    if isinstance(error, ModuleNotFoundError):
        cure = "correct the name, or install it where the service is installed"
        if error.name in files.modules:
            cure = f"import it as `from . import {error.name}`"
    return Problem(where, "", f"{type(error).__name__}: {reason}", cure)
