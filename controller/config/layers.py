"""Where the value of a setting comes from: four layers, the first that has it wins.

1. the command line, 2. the environment, 3. credential files, 4. `controller.toml`.

Each layer is a nested dictionary; beside the values goes the memory of who gave them, because an
error in a value is cured where it was written.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from controller.config.document import Document, decode, dotted
from controller.config.problems import did_you_mean, field_at, problems_of
from controller.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from controller.config.document import KeyPath

SomeSettings = TypeVar("SomeSettings", bound=BaseSettings)

PREFIX: Final = "CONTROLLER_"
"""Of the variables that may hold any setting; `__` stands between section and key."""

COMMAND_LINE: Final = "command line"

_NOT_SETTINGS: Final = frozenset({"CONTROLLER_CONFIG"})
_MAX_CREDENTIAL_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class Layers:
    """The values given so far; what is added first has precedence."""

    values: dict[str, Any] = field(default_factory=dict, repr=False)
    """Secrets are among them."""
    document: Document = field(default_factory=lambda: Document(""), repr=False)
    givers: dict[KeyPath, str] = field(default_factory=dict)
    """Who gave the values that are not of the document: a variable, a file, the command line."""

    def add(self, path: KeyPath, value: Any, giver: str) -> None:
        """Add one value, or a table, of a layer above the document."""
        if isinstance(value, dict):
            for key, each in value.items():
                self.add((*path, key), each, giver)
        else:
            _fill(self.values, path, value)
            self.givers.setdefault(path, giver)

    def add_document(self, document: Document) -> None:
        """Add `controller.toml`, the last layer."""
        for key, value in document.values.items():
            _fill(self.values, (key,), value)
        self.document = document

    def add_environment(
        self,
        environ: Mapping[str, str],
        model: type[BaseSettings],
        *,
        variables: Mapping[str, KeyPath],
        secrets: Mapping[str, KeyPath],
    ) -> list[Problem]:
        """Add the environment, then the credential files.

        Args:
            environ: The environment.
            model: The settings.
            variables: Variables with names of their own.
            secrets: Those of them that may come as files.

        Returns:
            What cannot be read.
        """
        values, problems = read_environment(environ, model)
        values += [
            (path, environ[name], name) for name, path in variables.items() if environ.get(name)
        ]
        if folder := environ.get("CREDENTIALS_DIRECTORY"):
            files, unreadable = read_credentials(Path(folder), secrets)
            values += files
            problems += unreadable
        for path, value, giver in values:
            self.add(path, value, giver)
        return problems

    def settings(
        self,
        model: type[SomeSettings],
        *,
        hidden: Callable[[KeyPath], bool],
        stand_in: Mapping[str, Any],
    ) -> tuple[SomeSettings, list[tuple[KeyPath, Problem]]]:
        """Validate the values.

        Args:
            model: The settings.
            hidden: Tells the paths whose values no message shows.
            stand_in: By table, or by a list of a section's (`policy.rules`): what stands instead of
                an entry that is wrong, where leaving it out would make other mistakes appear that
                nobody made, or hide some.

        Returns:
            The settings, with defaults where something is wrong, and what is wrong.
        """
        # pydantic-settings takes its own options as arguments that begin with an underscore, so a
        # key of the operator's must not get there: unknown ones are sorted out before.
        unknown: list[tuple[KeyPath, Problem]] = [
            ((key,), Problem(self.where((key,)), dotted((key,)), "unknown key", cure))
            for key in self.values
            if key not in model.model_fields
            for cure in [did_you_mean(key, model.model_fields)]
        ]
        values = {k: copy.deepcopy(v) for k, v in self.values.items() if k in model.model_fields}
        try:
            return model(**values), unknown
        except ValidationError as error:
            problems = problems_of(error, model=model, raw=values, where=self.where, secret=hidden)
        for path, _ in problems:
            _leave_out(values, path, stand_in)
        try:
            found = model(**values)
        except ValidationError:  # a table that needs what was wrong in it goes as a whole
            found = model(
                **{k: v for k, v in values.items() if k not in {p[0] for p, _ in problems}}
            )
        return found, [*unknown, *problems]

    def where(self, path: KeyPath) -> str:
        """Name who gave a value: variable, credential file, `controller.toml:12`."""
        for length in range(len(path), 0, -1):
            if giver := self.givers.get(path[:length]):
                return giver
        if path not in self.document.lines:  # a table that was made of variables
            for given, giver in self.givers.items():
                if given[: len(path)] == path:
                    return giver
        return self.document.where(path)


def _fill(target: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Put a value where none is yet; tables are joined key by key."""
    *parents, last = (str(part) for part in path)
    for key in parents:
        inner = target.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # a layer above gave something else instead of the table
        target = inner
    if not isinstance(value, dict):
        target.setdefault(last, value)
        return
    if isinstance(inner := target.setdefault(last, {}), dict):
        for key, each in value.items():
            _fill(inner, (key,), each)


def _leave_out(values: dict[str, Any], path: KeyPath, stand_in: Mapping[str, Any]) -> None:
    """Remove what is wrong: the key of a section, or all that is not a section."""
    head, *rest = (str(part) for part in path)
    section = values.get(head)
    if _replace_entry(section, path, stand_in):
        return
    if not rest or not isinstance(section, dict):
        values.pop(head, None)
    elif head in stand_in:
        section[rest[0]] = stand_in[head]
    else:
        section.pop(rest[0], None)


def _replace_entry(section: Any, path: KeyPath, stand_in: Mapping[str, Any]) -> bool:
    """Put a stand-in in the place of one entry of a section's list, so that the others are read."""
    match path:
        case (str(head), str(key), int(index), *_) if (name := f"{head}.{key}") in stand_in:
            section[key][index] = stand_in[name]
            return True
        case _:
            return False


def read_environment(
    environ: Mapping[str, str], model: type[BaseSettings]
) -> tuple[list[tuple[KeyPath, Any, str]], list[Problem]]:
    """Read every `CONTROLLER_…` variable.

    Returns:
        Path, value and variable of each, and what is wrong with the others.
    """
    values: list[tuple[KeyPath, Any, str]] = []
    problems: list[Problem] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in _NOT_SETTINGS:
            continue
        source = EnvSettingsSource(
            model, case_sensitive=False, env_prefix=PREFIX.lower(), env_nested_delimiter="__"
        )
        source.env_vars = {name.lower(): environ[name]}
        try:
            nested = source()
        except SettingsError:
            problems.append(Problem(name, "", "is not JSON", "a list or a table is given as JSON"))
            continue
        if nested:
            path, value = _innermost(nested, name.count("__") + 1)
            values.append((path, _typed(value, path, model), name))
        else:
            cure = did_you_mean(name, variables(model))
            problems.append(Problem(name, "", "is no variable of ours", cure))
    return values, problems


def variables(model: type[BaseSettings]) -> list[str]:
    """Return the names of all variables of the settings, down to section and key."""
    names = []
    for section, info in model.model_fields.items():
        fields = getattr(info.annotation, "model_fields", {})
        names += [f"{PREFIX}{section}__{key}".upper() for key in fields]
        names += [] if fields else [f"{PREFIX}{section}".upper()]
    return names


def read_credentials(
    folder: Path, secrets: Mapping[str, KeyPath]
) -> tuple[list[tuple[KeyPath, str, str]], list[Problem]]:
    """Read secrets from files that are named like the variables in lower case.

    systemd's `LoadCredential=` puts them there; files that are not ours are left alone.
    """
    values: list[tuple[KeyPath, str, str]] = []
    problems: list[Problem] = []
    for variable, path in secrets.items():
        file = folder / variable.lower()
        try:
            with file.open("rb") as stream:
                text = decode(stream.read(_MAX_CREDENTIAL_BYTES), str(file))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            problems.append(
                Problem(str(file), "", f"cannot be read ({reason})", "must be a readable file")
            )
        except ConfigurationError as error:
            problems += error.problems
        else:
            values.append((path, text.rstrip("\r\n"), str(file)))
    return values, problems


def _innermost(nested: dict[str, Any], depth: int) -> tuple[KeyPath, Any]:
    """Return path and value of the one variable that a nested dictionary was made from."""
    path: KeyPath = ()
    value: Any = nested
    while len(path) < depth and isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        path = (*path, key)
    return path, value


def _typed(value: Any, path: KeyPath, model: type[BaseSettings]) -> Any:
    """Read a variable's text as its field's type; where that fails, validation will say so."""
    info = field_at(model, path)
    if info is None or not isinstance(value, str):
        return value
    kind: Any = info.annotation
    try:
        return TypeAdapter(kind).validate_python(value, strict=False)
    except ValidationError:
        return value
