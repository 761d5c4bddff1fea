"""What a function's type hints and docstring say of its arguments.

Through pydantic they become two things that cannot disagree: the model that validates what arrives,
and the JSON Schema that tells others what to send.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_type_hints

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from controller.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PREFIX: Final = "argument_"
"""Of the fields: an argument may be named like one of pydantic's methods, `json` or `copy`."""

_VARIADIC: Final[dict[Any, str]] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a function from its source."""

    arguments: type[BaseModel]
    """Validates the arguments, strictly, by their names."""
    parameters: dict[str, Any]
    """Their JSON Schema, an object; without references and titles."""
    description: str
    """The docstring without its sections."""
    context_argument: str | None
    """The argument that is not the caller's to give."""

    def validate(self, arguments_json: str) -> dict[str, Any]:
        """Return the arguments for the function.

        Raises:
            pydantic.ValidationError: They do not fit.
        """
        # Strict here too: the author's own types within would be lenient otherwise.
        given = self.arguments.model_validate_json(arguments_json, strict=True)
        return {
            str(info.alias): getattr(given, field)
            for field, info in self.arguments.model_fields.items()
        }


def read_signature(function: Callable[..., Any], *, context: type) -> Signature:
    """Read a function.

    Args:
        function: Written with `def` or `async def`.
        context: The type of an argument that is left out of the schema.

    Raises:
        ConfigurationError: Something that the schema needs is missing, or cannot be in one.
    """
    hints = _hints(function)
    context_argument = next((name for name, hint in hints.items() if hint is context), None)
    arguments, description = _arguments(function, hints=hints, context=context_argument)
    return Signature(arguments, _parameters(function, arguments), description, context_argument)


def mistake(function: Callable[..., Any], found: str, cure: str) -> ConfigurationError:
    """Return the error that names the place of a function, what is wrong with it, and the cure."""
    code = function.__code__
    where = f"{code.co_filename}:{code.co_firstlineno}"
    return ConfigurationError(Problem(where, function.__name__, found, cure))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise mistake(
            function,
            f"has a type hint that cannot be read ({error})",
            "import or define the type at the top of the module, outside of TYPE_CHECKING",
        ) from None
    hints.pop("return", None)
    return hints


def _arguments(
    function: Callable[..., Any], *, hints: Mapping[str, Any], context: str | None
) -> tuple[type[BaseModel], str]:
    """Return the model of the arguments, and what the docstring says of the function."""
    docstring = docstring_parser.parse(inspect.getdoc(function) or "")
    description = (docstring.description or "").strip()
    if not description:
        raise mistake(function, "has no docstring", "the model reads it to know when to call")
    described = {entry.arg_name: entry.description or "" for entry in docstring.params}
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        text = described.pop(parameter.name, "")
        if parameter.name != context:
            _check_parameter(function, parameter, annotated=parameter.name in hints)
            fields[_PREFIX + parameter.name] = (
                hints[parameter.name],
                _field(parameter, " ".join(text.split())),
            )
        elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise mistake(function, f"takes {context} by position only", "remove the /")
    if described:
        unknown = ", ".join(sorted(described))
        raise mistake(function, f"documents {unknown}, which it does not take", "correct the name")
    return _model(function, fields), description


def _check_parameter(
    function: Callable[..., Any], parameter: inspect.Parameter, *, annotated: bool
) -> None:
    name = parameter.name
    if stars := _VARIADIC.get(parameter.kind):
        raise mistake(function, f"takes {stars}{name}", "name each argument, the model must know")
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise mistake(function, f"takes {name} by position only", "remove the /")
    if not annotated:
        raise mistake(function, f"{name} has no type hint", "write one, such as `str`")
    if isinstance(parameter.default, FieldInfo):
        raise mistake(
            function, f"{name} has Field(…) as its default", "write Annotated[type, Field(…)]"
        )


def _field(parameter: inspect.Parameter, description: str) -> Any:
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    if description:
        return Field(default, alias=parameter.name, description=description)
    return Field(default, alias=parameter.name)


def _model(function: Callable[..., Any], fields: Mapping[str, Any]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=False)
    try:
        model: type[BaseModel] = create_model(function.__name__, __config__=config, **fields)
    except (PydanticUserError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise mistake(function, f"has a type that JSON cannot hold ({reason})", "") from None
    return model


def _parameters(function: Callable[..., Any], arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of the arguments, without references and titles."""
    try:
        schema = arguments.model_json_schema()
    except PydanticUserError as error:
        reason = str(error).partition("\n")[0]
        raise mistake(function, f"has a type without a JSON Schema ({reason})", "") from None
    definitions = schema.pop("$defs", {})
    try:
        plain: dict[str, Any] = _inlined(schema, definitions)
    except RecursionError:
        raise mistake(
            function, "has a type that contains itself", "flatten it: models fill such types badly"
        ) from None
    return {"type": "object", "properties": {}, "additionalProperties": False} | plain


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Replace references by what they refer to, and drop titles, which repeat the names."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        target = definitions[reference.removeprefix("#/$defs/")]
        schema = target | {key: value for key, value in schema.items() if key != "$ref"}
        return _inlined(schema, definitions)
    plain = {}
    for key, value in schema.items():
        if key in {"default", "const", "enum", "examples"}:
            plain[key] = value  # values, not schemas
        elif key == "properties":
            plain[key] = {name: _inlined(each, definitions) for name, each in value.items()}
        elif key != "title":
            plain[key] = _inlined(value, definitions)
    return plain
