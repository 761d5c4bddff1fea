"""Writes the reference of settings and agent files from the models that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel, SecretStr

from controller.config.agents import FrontMatter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_HEAD: Final = """\
<!-- Written by `controller.settings.reference()` from the code: edit that. -->
# Settings

Each value is looked for on the command line, then in the environment, then (secrets only) in the
files of `$CREDENTIALS_DIRECTORY`, then in `controller.toml`.
`[server] port` is the variable `CONTROLLER_SERVER__PORT`; lists and tables are given as JSON.
`OPENAI_API_KEY`, `OPENAI_WEBHOOK_SECRET` and `OPENAI_BASE_URL` keep these names.
Seconds are numbers with or without a fraction. Unknown keys and variables stop the start.

## controller.toml
"""

_AGENTS: Final = """
## Agent files

`agents/NAME.md`: these keys between two lines of `+++`, then the instructions.
"""


def render(settings: type[BaseModel]) -> str:
    """Return the page, as Markdown."""
    lines = [_HEAD, "Before the first table:", "", *_table(_scalars(settings))]
    for name, info in settings.model_fields.items():
        for section in _sections(info.annotation):
            lines += ["", f"### {_heading(name, info.annotation)}", "", section.__doc__ or "", ""]
            lines += _table(section.model_fields)
    lines += [_AGENTS, *_table(FrontMatter.model_fields)]
    return "\n".join(lines) + "\n"


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)


def _scalars(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {
        name: info
        for name, info in model.model_fields.items()
        if not list(_sections(info.annotation))
    }


def _heading(name: str, annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{name}]"
    return f"[{name}.NAME]" if str in get_args(annotation) else f"[[{name}]]"


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for name, info in fields.items():
        meaning = " ".join((info.description or "").split()).replace("|", "\\|")
        yield f"| `{name}` | {_default(info)} | {meaning} |"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = _plain(info.default)
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {json.dumps(each)}" for key, each in value.items())
        return f"`{{ {pairs} }}`"
    text = json.dumps(value)
    return "" if text in {"null", '""', "[]"} else f"`{text}`"


def _plain(value: Any) -> Any:
    """Return a default as it would stand in a file."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return "" if value == Path() else str(value)
        case BaseModel():
            return value.model_dump(exclude_none=True)
        case _:
            return value
