"""Writes the reference of settings and agent files from the models that read them."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel, SecretStr

from controller.config.front_matter import (
    BudgetSection,
    FillerSection,
    FrontMatter,
    McpEntry,
    SilenceSection,
)
from controller.config.http_tools import HttpToolEntry
from controller.config.keypad import KeypadSection
from controller.config.policy.calendars import OverrideEntry
from controller.config.policy.conditions import WhenSection
from controller.config.policy.emergencies import EmergenciesSection
from controller.config.policy.limits import LimitSection
from controller.config.policy.rules import RuleSection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

_HEAD: Final = """\
<!-- Written from the code by `make draw`: edit the docstrings in controller/config. -->
# Settings

Each value is looked for in four places, and the first that has it wins:

1. the command line (`--host`, `--port`);
2. the environment;
3. for secrets, the files `openai_api_key` and `openai_webhook_secret` in `$CREDENTIALS_DIRECTORY`;
4. `controller.toml`.

Everything is read once, at start.
Unknown keys and variables stop the start.
[`controller check`](commands.md#controller-check) names every mistake.
Seconds are numbers with or without a fraction.

## Secrets

Where a key says so, `${NAME}` stands for a secret that is not in the file.
It is looked for in the environment, then in the file `name`, in lower case, in
`$CREDENTIALS_DIRECTORY`. The service does not start without it.
`OPENAI_API_KEY` and `OPENAI_WEBHOOK_SECRET` cannot be named: they are for OpenAI alone.

## Environment

| variable | setting |
|---|---|
| `OPENAI_API_KEY` | `[openai] api_key` |
| `OPENAI_WEBHOOK_SECRET` | `[openai] webhook_secret` |
| `OPENAI_BASE_URL` | `[openai] base_url` |
| `CONTROLLER_CONFIG` | path of `controller.toml`; `--config` overrides it |
| `CONTROLLER_SERVER__PORT` | `[server] port`, and all others in the same way |
| `CONTROLLER_AGENTS_DIR` | `agents_dir` |
| `CONTROLLER_NUMBERS` | `[[numbers]]`; lists and tables are given as JSON |

## controller.toml

[`deploy/example/controller.toml`](../../deploy/example/controller.toml) is one to begin with.
"""

_AGENTS: Final = """
## Agent files

`agents/NAME.md`: these keys as TOML between two lines of `+++`, then the instructions.
[`frontdesk.md`](../../deploy/example/agents/frontdesk.md) is one to begin with.
"""


_AGENT_TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "[[http_tools]]": HttpToolEntry,
    "[[mcp]]": McpEntry,
    "[filler]": FillerSection,
    "[silence]": SilenceSection,
    "[keypad]": KeypadSection,
    "[budget]": BudgetSection,
}
"""Tables of agent files that have keys of their own to explain."""


_INNER: Final[Mapping[str, type[BaseModel]]] = {
    "policy.rules": RuleSection,
    "policy.rules.when": WhenSection,
    "policy.limits": LimitSection,
    "policy.emergencies": EmergenciesSection,
    "calendars.NAME.overrides": OverrideEntry,
}
"""Tables within tables that have keys of their own to explain."""


_FREE: Final = frozenset({"values"})
"""Tables of `controller.toml` whose keys are the operator's own."""


def render(settings: type[BaseModel]) -> str:
    """Return the page, as Markdown."""
    lines = [_HEAD, "Before the first table:", "", *_table(_scalars(settings))]
    for name, info in settings.model_fields.items():
        if name in _FREE:
            lines += ["", f"### [{name}]", "", _sentence(info.description or "")]
        for section in _sections(info.annotation):
            lines += _chapter(_heading(name, info.annotation), section)
    lines += [_AGENTS, *_table(FrontMatter.model_fields)]
    for heading, section in _AGENT_TABLES.items():
        lines += ["", f"### {heading} of an agent", "", inspect.getdoc(section) or "", ""]
        lines += _table(section.model_fields)
    return "\n".join(lines) + "\n"


def _chapter(heading: str, section: type[BaseModel]) -> Iterator[str]:
    """Yield a table of keys, and those of the tables within it that have many."""
    yield from ("", f"### {heading}", "", inspect.getdoc(section) or "", "")
    yield from _table(section.model_fields)
    name = heading.strip("[]")
    for key, info in section.model_fields.items():
        inner = _INNER.get(f"{name}.{key}")
        if inner is not None:
            is_list = isinstance(info.default, tuple)
            yield from _chapter(f"[[{name}.{key}]]" if is_list else f"[{name}.{key}]", inner)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)


def _scalars(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {
        name: info
        for name, info in model.model_fields.items()
        if name not in _FREE and not list(_sections(info.annotation))
    }


def _heading(name: str, annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{name}]"
    if type(None) in get_args(annotation):
        return f"[{name}]"  # a table that may be left out
    return f"[{name}.NAME]" if str in get_args(annotation) else f"[[{name}]]"


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for name, info in fields.items():
        key = info.alias or name
        yield f"| `{key}` | {_default(info)} | {_sentence(info.description or '')} |"


def _sentence(text: str) -> str:
    """Return a field's documentation as a table has it; messages quote some in mid-sentence."""
    text = " ".join(text.split()).replace("|", "\\|")
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    if isinstance(info.default, tuple(_AGENT_TABLES.values())):
        return ""  # its keys have their defaults in a table of their own
    value = _plain(info.get_default(call_default_factory=True, validated_data={}))
    if isinstance(value, dict) and value:
        pairs = ", ".join(f"{key} = {json.dumps(each)}" for key, each in value.items())
        return f"`{{ {pairs} }}`"
    text = json.dumps(value)
    return "" if text in {"null", '""', "[]", "{}"} else f"`{text}`"


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
