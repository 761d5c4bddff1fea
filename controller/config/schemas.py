"""JSON Schemas of `controller.toml` and of the front matter, for editors.

They are made from the models that read the files, and say what an editor can check while somebody
types: keys, types, ranges, words. What only the whole configuration shows (names, emergency
numbers, time zones) is `controller check`'s to say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from controller.config.front_matter import FrontMatter

if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The one that pydantic writes."""

_NULL: Final = {"type": "null"}
_NOTHING: Final = (None, "", ".", "**********")
"""Defaults that stand for none, the last one for a secret's, as pydantic shows it."""


def settings_schema(settings: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of `controller.toml`.

    Args:
        settings: The model of all settings.
    """
    return _schema(settings, "controller.toml")


def agent_schema() -> dict[str, Any]:
    """Return the schema of an agent's front matter.

    An agent that extends another one, or is there to be extended, may lack what others must have.
    """
    schema = _schema(FrontMatter, "Front matter of an agent")
    required = schema.pop("required")
    schema["if"] = {
        "anyOf": [
            {"required": ["extends"]},
            {"required": ["abstract"], "properties": {"abstract": {"const": True}}},
        ]
    }
    schema["else"] = {"required": required}
    return schema


def written(schema: dict[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    return {"$schema": DIALECT, **_tidy(model.model_json_schema()), "title": title}


def _tidy(node: Any) -> Any:
    """Return a schema as an editor shows it best, and as TOML can meet it: it has no null."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":  # a name in here may be `title` or `description`
            tidy[key] = {name: _tidy(each) for name, each in value.items()}
        elif key == "description":
            tidy[key] = " ".join(value.split())  # a folded docstring is how Python has it
        elif not _is_noise(key, value):
            tidy[key] = _tidy(value)
    return _without_null(tidy)


def _is_noise(key: str, value: Any) -> bool:
    """Tell whether a keyword says nothing to an editor: defaults of tables, and those for none."""
    if key == "default":
        return isinstance(value, dict) or value in _NOTHING
    return key == "title"


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    forms = node.get("anyOf")
    if forms is None or _NULL not in forms:
        return node
    left = [form for form in forms if form != _NULL]
    if len(left) > 1:
        return {**node, "anyOf": left}
    return {**{key: value for key, value in node.items() if key != "anyOf"}, **left[0]}
