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
the model that something went wrong, in the author's words; any other exception is told as
`tool_failed` and nothing more.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import re
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args, overload

import structlog
from pydantic import ValidationError
from pydantic_core import to_json

from controller.errors import ConfigurationError, Problem
from controller.sansio.agent import BUILT_IN, ToolDeclaration
from controller.sansio.tool_output import (
    INVALID,
    MAX_OUTPUT_BYTES,
    NOT_DONE,
    UNSURE,
    bounded,
    failed,
)
from controller.signatures import Signature, mistake, read_signature

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    InThread: TypeAlias = Callable[
        [Callable[[Mapping[str, Any]], str], Mapping[str, Any]], Awaitable[str]
    ]
    """Runs a function with its argument in a thread and returns its result."""

__all__ = ["BUILT_IN", "MAX_OUTPUT_BYTES", "CallContext", "Tool", "ToolError", "tool"]

OnDuplicate: TypeAlias = Literal["run", "reuse", "refuse"]

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # OpenAI's rule for function names
_MOST_COMPLAINTS: Final = 5
_log = structlog.get_logger()


class ToolError(Exception):
    """Raised by a tool to tell the model that something went wrong, and what to do.

    The message goes to the model word by word, and may be spoken to the caller:

        raise ToolError("That day is full.", code="full", free_days=["monday", "friday"])

    becomes `{"error":"full","message":"That day is full.","free_days":["monday","friday"]}`.

    Args:
        message: a sentence for the model.
        code: a stable word that the agent's instructions can refer to; `tool_error` without one.
        details: what else helps the model; whatever a tool may return.
    """

    def __init__(self, message: str = "", *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


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
    tool_call_id: str = ""
    """The model's id of this tool call: the same when an idempotent tool runs again after a crash,
    so a key under which other systems can tell a repetition."""


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that the model may call. Made by `tool`."""

    declaration: ToolDeclaration
    """What the model is told, and the limits that the caller of `run` applies."""
    function: Callable[..., Any]
    signature: Signature = field(repr=False)
    """Validates the model's arguments."""

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
            arguments = self.signature.validate(arguments_json.strip() or "{}")
        except ValidationError as error:
            return failed("invalid_arguments", INVALID, {"problems": _complaints(error)})
        except Exception as error:  # noqa: BLE001 - a validator of the author's own
            return self._failure(error)
        if self.signature.context_argument:
            arguments[self.signature.context_argument] = context
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
            return _told(error)
        # Not the message: it may hold what the caller said, or a secret of the tool's.
        code = self.function.__code__
        frames = [(code.co_filename, code.co_firstlineno)]
        frames += [
            (frame.filename, frame.lineno or 0)
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename != __file__
        ]
        file, line = frames[-1]
        _log.error(
            "tool_failed",
            tool=self.declaration.name,
            kind=type(error).__name__,
            place=f"{Path(file).name}:{line}",
        )
        return failed("tool_failed", UNSURE)


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *,
    name: str | None = None,
    timeout: float = 8.0,
    idempotent: bool = False,
    on_duplicate: OnDuplicate = "run",
    cancel_on_hangup: bool = False,
    speak_while_waiting: bool = True,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    timeout: float = 8.0,
    idempotent: bool = False,
    on_duplicate: OnDuplicate = "run",
    cancel_on_hangup: bool = False,
    speak_while_waiting: bool = True,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a function into a tool; with or without options.

    Args:
        function: The function, where the decorator is used without parentheses.
        name: What the model calls it; the function's name by default.
        timeout: Seconds until it is given up and the model is told so.
        idempotent: It may run again for the same tool call after a crash: it changes nothing, or
            changing it twice is the same as once.
        on_duplicate: What a second call with the same arguments does, within one telephone call:
            `run` again, `reuse` the output of the first, or `refuse` and tell the model that it
            was done already.
        cancel_on_hangup: Stop it when the call ends. By default it may finish, within its timeout.
        speak_while_waiting: Let the agent say a filler while the caller waits for it.

    Raises:
        ConfigurationError: The function cannot be a tool; says where and why.
    """
    options = ToolDeclaration(
        name=name or "",
        description="",
        parameters={},
        timeout=timeout,
        idempotent=idempotent,
        on_duplicate=on_duplicate,
        cancel_on_hangup=cancel_on_hangup,
        speak_while_waiting=speak_while_waiting,
    )

    def decorate(function: Callable[..., Any]) -> Tool:
        return _make(function, named=name is not None, options=options)

    return decorate if function is None else decorate(function)


def _make(function: Callable[..., Any], *, named: bool, options: ToolDeclaration) -> Tool:
    if not inspect.isfunction(function):
        raise ConfigurationError(
            Problem("@tool", "", f"stands on a {type(function).__name__}", "must be on a function")
        )
    name = options.name if named else function.__name__
    if not _NAME.fullmatch(name):
        raise mistake(function, f"is named {name!r}", "use letters, digits, _ and -, at most 64")
    if name in BUILT_IN:
        raise mistake(function, f"{name} is built in", "give the function another name")
    _check_options(function, options)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise mistake(function, "yields", "a tool returns one value")
    signature = read_signature(function, context=CallContext)
    declaration = replace(
        options,
        name=name,
        description=signature.description,
        parameters=signature.parameters,
        timeout=float(options.timeout),
    )
    return Tool(declaration, function, signature)


def _check_options(function: Callable[..., Any], options: ToolDeclaration) -> None:
    timeout = options.timeout
    if not (timeout > 0 and math.isfinite(timeout)):
        raise mistake(function, f"timeout is {timeout!r}", "must be a number of seconds above 0")
    words = get_args(OnDuplicate)
    if options.on_duplicate not in words:
        found, allowed = repr(options.on_duplicate), " or ".join(map(repr, words))
        raise mistake(function, f"on_duplicate is {found}", f"must be {allowed}")


def _complaints(error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong with the arguments, for the model to correct."""
    return [
        {"field": ".".join(str(part) for part in details["loc"]), "problem": details["msg"]}
        for details in error.errors(include_url=False, include_input=False)[:_MOST_COMPLAINTS]
    ]


def _told(error: ToolError) -> str:
    text = str(error).encode(errors="replace").decode()
    content = {"error": error.code or "tool_error", "message": text or NOT_DONE}
    try:
        return bounded(_json(content | error.details | content))
    except (ValueError, TypeError):  # details that JSON cannot hold
        return bounded(_json(content))


def _output(value: Any) -> str:
    if isinstance(value, str):
        return bounded(value)
    return bounded(_json({"ok": True} if value is None else value))


def _json(value: Any) -> str:
    return to_json(value, inf_nan_mode="null").decode()
