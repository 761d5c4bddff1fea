"""What the author of a tool imports: `tool`, `CallContext`, `ToolError`.

A tool is a plain Python function, sync or async. Its type hints and its docstring become the
function that the model sees:

    from typing import Annotated, Literal
    from pydantic import Field
    from controller.tools import CallContext, ToolError, tool

    @tool(timeout=5, idempotent=True)
    async def table_free(
        day: Literal["friday", "saturday"],
        guests: Annotated[int, Field(ge=1, le=8)] = 2,
        *,
        context: CallContext,
    ) -> dict[str, object]:
        '''Look whether a table is free.

        :param day: the day.
        :param guests: how many people will come.
        '''

The model's arguments are validated strictly before the function is called. What it returns is what
the model reads: a text as it is, anything else as JSON, None as `{"ok": true}`. `ToolError` tells
the model that something went wrong, in the author's words; any other exception is told as "the tool
failed" and nothing more.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import re
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_type_hints, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from controller.errors import ConfigurationError, Problem
from controller.sansio.agent import ToolDeclaration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    InThread: TypeAlias = Callable[
        [Callable[[Mapping[str, Any]], str], Mapping[str, Any]], Awaitable[str]
    ]
    """Runs a function with its argument in a thread and returns its result."""

__all__ = ["CallContext", "Tool", "ToolError", "tool"]

BUILT_IN: Final = frozenset({"hang_up", "transfer"})
"""Names that an agent file may use without a Python function; a function may not have them."""

MAX_OUTPUT_BYTES: Final = 16 * 1024
"""Of UTF-8. The model pays for every token of an output, again in each later response."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # OpenAI's rule for function names
_MOST_COMPLAINTS: Final = 5
_FIELD: Final = (
    "argument_"  # keeps an argument named `json` or `copy` apart from pydantic's methods
)
_VARIADIC: Final[dict[Any, str]] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}

_logger = logging.getLogger(__name__)


class ToolError(Exception):
    """Raised by a tool to tell the model that something went wrong, and what to do.

    The message goes to the model word by word, and may be spoken to the caller.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """The call in which a tool runs; given to an argument that is annotated `CallContext`."""

    call_id: str
    """Our own id of the call, the one in logs and records."""
    sip_call_id: str | None = None
    """The SIP `Call-ID`, which the carrier knows; None where it was not given."""
    caller_shown: str | None = field(default=None, repr=False)
    """The caller's number, E.164; None when withheld or unreadable. A claim: it proves nobody."""
    called_number: str | None = field(default=None, repr=False)
    """The number that was dialled, E.164; None when it could not be read."""
    agent: str = ""
    """Name of the agent that answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that the model may call. Made by `tool`."""

    declaration: ToolDeclaration
    """What the model is told, and the limits that the caller of `run` applies."""
    function: Callable[..., Any]
    arguments: type[BaseModel] = field(repr=False)
    """Validates the model's arguments."""
    context_argument: str | None = None
    """The function's argument that takes the `CallContext`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as other Python code and tests do."""
        return self.function(*args, **kwargs)

    async def run(
        self, arguments_json: str, context: CallContext, *, in_thread: InThread = asyncio.to_thread
    ) -> str:
        """Validate the model's arguments, run the function, and return the output for the model.

        Every failure is an output, `{"error": …}`; only a cancellation is raised. There is no time
        limit here: whoever calls applies `declaration.timeout`. A sync function runs in a thread,
        which goes on after a time-out, since Python cannot stop it.

        Args:
            arguments_json: As the model made them: a JSON object, or nothing.
            context: The call.
            in_thread: Where a sync function runs; asyncio's default threads, which also resolve
                host names, unless the caller has others.

        Returns:
            At most `MAX_OUTPUT_BYTES`, and a note where something was cut.
        """
        try:
            # Strict here too: the author's own types within would be lenient otherwise.
            given = self.arguments.model_validate_json(arguments_json.strip() or "{}", strict=True)
        except ValidationError as error:
            return _bounded(_json({"error": "invalid arguments", "problems": _complaints(error)}))
        names = [info.alias or name for name, info in self.arguments.model_fields.items()]
        arguments = {name: getattr(given, _FIELD + name) for name in names}
        if self.context_argument:
            arguments[self.context_argument] = context
        if inspect.iscoroutinefunction(self.function):
            return await self._run_async(arguments)
        # The exception is caught within the thread: a StopIteration cannot cross into a future.
        return await in_thread(self._run_sync, arguments)

    async def _run_async(self, arguments: Mapping[str, Any]) -> str:
        try:
            return _output(await self.function(**arguments))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # it is we who are cancelled, not something that the tool waited for
            return self._failure(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a tool must not end a call
            return self._failure(error)

    def _run_sync(self, arguments: Mapping[str, Any]) -> str:
        try:
            return _output(self.function(**arguments))
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001 - likewise
            return self._failure(error)

    def _failure(self, error: BaseException) -> str:
        if isinstance(error, ToolError):
            return _bounded(_json({"error": str(error) or "the tool could not do it"}))
        # Not the message: it may hold what the caller said, or a secret of the tool's.
        code = self.function.__code__
        frames = [(code.co_filename, code.co_firstlineno)]
        frames += [
            (frame.filename, frame.lineno or 0)
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename != __file__
        ]
        file, line = frames[-1]
        name, kind = self.declaration.name, type(error).__name__
        _logger.error("tool %s failed: %s at %s:%d", name, kind, Path(file).name, line)
        return _json({"error": "the tool failed"})


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *, name: str | None = None, timeout: float = 8.0, idempotent: bool = False
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    timeout: float = 8.0,
    idempotent: bool = False,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a function into a tool; with or without options.

    Args:
        function: The function, where the decorator is used without parentheses.
        name: What the model calls it; the function's name by default.
        timeout: Seconds until it is given up and the model is told so.
        idempotent: It may run again for the same tool call after a crash: it changes nothing, or
            changing it twice is the same as once.

    Raises:
        ConfigurationError: The function cannot be a tool; says where and why.
    """

    def decorate(function: Callable[..., Any]) -> Tool:
        return _make(function, name=name, timeout=timeout, idempotent=idempotent)

    return decorate if function is None else decorate(function)


def _make(
    function: Callable[..., Any], *, name: str | None, timeout: float, idempotent: bool
) -> Tool:
    if not inspect.isfunction(function):
        raise ConfigurationError(
            Problem("@tool", "", f"stands on a {type(function).__name__}", "must be on a function")
        )
    name = function.__name__ if name is None else name
    if not _NAME.fullmatch(name):
        raise _mistake(function, f"is named {name!r}", "use letters, digits, _ and -, at most 64")
    if name in BUILT_IN:
        raise _mistake(function, f"{name} is built in", "give the function another name")
    if not (timeout > 0 and math.isfinite(timeout)):
        raise _mistake(function, f"timeout is {timeout!r}", "must be a number of seconds above 0")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise _mistake(function, "yields", "a tool returns one value")
    hints = _hints(function)
    context = next((key for key, hint in hints.items() if hint is CallContext), None)
    arguments, description = _arguments(function, hints=hints, context=context)
    return Tool(
        ToolDeclaration(
            name=name,
            description=description,
            parameters=_parameters(function, arguments),
            timeout=float(timeout),
            idempotent=idempotent,
        ),
        function,
        arguments,
        context,
    )


def _mistake(function: Callable[..., Any], found: str, cure: str) -> ConfigurationError:
    code = function.__code__
    where = f"{code.co_filename}:{code.co_firstlineno}"
    return ConfigurationError(Problem(where, function.__name__, found, cure))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise _mistake(
            function,
            f"has a type hint that cannot be read ({error})",
            "import the type outside of TYPE_CHECKING",
        ) from None
    hints.pop("return", None)
    return hints


def _arguments(
    function: Callable[..., Any], *, hints: Mapping[str, Any], context: str | None
) -> tuple[type[BaseModel], str]:
    """Return the model of the arguments, and what the docstring says of the function."""
    docstring = docstring_parser.parse(inspect.getdoc(function) or "")
    if not docstring.description:
        raise _mistake(function, "has no docstring", "the model reads it to know when to call")
    described = {entry.arg_name: entry.description or "" for entry in docstring.params}
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        text = described.pop(parameter.name, "")
        if parameter.name != context:
            _check_parameter(function, parameter, annotated=parameter.name in hints)
            fields[_FIELD + parameter.name] = (
                hints[parameter.name],
                _field(parameter, " ".join(text.split())),
            )
        elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise _mistake(function, f"takes {context} by position only", "remove the /")
    if described:
        unknown = ", ".join(sorted(described))
        raise _mistake(function, f"documents {unknown}, which it does not take", "correct the name")
    return _model(function, fields), docstring.description


def _check_parameter(
    function: Callable[..., Any], parameter: inspect.Parameter, *, annotated: bool
) -> None:
    name = parameter.name
    if stars := _VARIADIC.get(parameter.kind):
        raise _mistake(function, f"takes {stars}{name}", "name each argument, the model must know")
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise _mistake(function, f"takes {name} by position only", "remove the /")
    if not annotated:
        raise _mistake(function, f"{name} has no type hint", "write one, such as `str`")
    if isinstance(parameter.default, FieldInfo):
        raise _mistake(
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
        raise _mistake(function, f"has a type that JSON cannot hold ({reason})", "") from None
    return model


def _parameters(function: Callable[..., Any], arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of the arguments, without references and titles."""
    try:
        schema = arguments.model_json_schema()
    except PydanticUserError as error:
        reason = str(error).partition("\n")[0]
        raise _mistake(function, f"has a type without a JSON Schema ({reason})", "") from None
    definitions = schema.pop("$defs", {})
    try:
        plain: dict[str, Any] = _inlined(schema, definitions)
    except RecursionError:
        raise _mistake(
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


def _complaints(error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong with the arguments, for the model to correct."""
    return [
        {"field": ".".join(str(part) for part in details["loc"]), "problem": details["msg"]}
        for details in error.errors(include_url=False, include_input=False)[:_MOST_COMPLAINTS]
    ]


def _output(value: Any) -> str:
    if isinstance(value, str):
        return _bounded(value)
    return _bounded(_json({"ok": True} if value is None else value))


def _json(value: Any) -> str:
    return to_json(value, inf_nan_mode="null").decode()


def _bounded(text: str) -> str:
    content = text.encode(errors="replace")  # half a surrogate pair has no UTF-8
    if len(content) <= MAX_OUTPUT_BYTES:
        return content.decode()
    note = f"\n[cut: this is the beginning of {len(content)} bytes]"
    return content[: MAX_OUTPUT_BYTES - len(note)].decode(errors="ignore") + note
