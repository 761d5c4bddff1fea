from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field
from structlog.testing import capture_logs

from controller.errors import ConfigurationError
from controller.sansio.agent import ToolDeclaration
from controller.tools import MAX_OUTPUT_BYTES, CallContext, Tool, ToolError, tool

CONTEXT = CallContext(
    call_id="call-1",
    caller_shown="+12025550101",
    called_number="+12025550100",
    agent="frontdesk",
)


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Guest(BaseModel):
    """Somebody who comes."""

    title: str
    """Not a title of the schema."""
    age: int | None = None


class Knot(BaseModel):
    """A type that contains itself."""

    inner: Optional[Knot] = None  # noqa: UP045 - both forms are in use


@dataclass
class Place:
    city: str


@tool
async def order(
    size: Size,
    guests: Annotated[list[Guest], Field(max_length=2)],
    day: date,
    kind: Literal["eat in", "take away"] = "eat in",
    note: str | None = None,
    *,
    place: Place | None = None,
    context: CallContext,
) -> dict[str, Any]:
    """Order a meal.

    It is cooked at once.

    Args:
        size: how hungry
            they are.
        guests: who comes.
        day: when.
        context: the call.
    """
    return {
        "size": size,
        "guests": guests,
        "day": day,
        "kind": kind,
        "note": note,
        "place": place,
        "call": context.call_id,
    }


async def run(made: Tool, arguments: object = "{}") -> Any:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return json.loads(await made.run(text, CONTEXT))


def test_type_hints_and_docstring_become_the_declaration() -> None:
    declaration = order.declaration

    assert declaration.name == "order"
    assert declaration.description == "Order a meal.\n\nIt is cooked at once."
    assert (declaration.timeout, declaration.idempotent) == (8.0, False)
    assert declaration.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["size", "guests", "day"],
        "properties": {
            "size": {
                "type": "string",
                "enum": ["small", "large"],
                "description": "how hungry they are.",
            },
            "guests": {
                "type": "array",
                "maxItems": 2,
                "description": "who comes.",
                "items": {
                    "type": "object",
                    "description": "Somebody who comes.",
                    "required": ["title"],
                    "properties": {
                        "title": {"type": "string"},
                        "age": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
                    },
                },
            },
            "day": {"type": "string", "format": "date", "description": "when."},
            "kind": {"type": "string", "enum": ["eat in", "take away"], "default": "eat in"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "place": {
                "anyOf": [
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["city"],
                        "properties": {"city": {"type": "string"}},
                    },
                    {"type": "null"},
                ],
                "default": None,
            },
        },
    }


async def test_arguments_arrive_as_the_types_that_were_asked_for() -> None:
    arguments = {
        "size": "large",
        "guests": [{"title": "Dr"}],
        "day": "2026-12-24",
        "place": {"city": "Washington"},
    }

    assert await run(order, arguments) == arguments | {
        "guests": [{"title": "Dr", "age": None}],
        "kind": "eat in",
        "note": None,
        "call": "call-1",
    }


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"guests": [], "day": "2026-12-24"}, "size"),
        ({"size": "huge", "guests": [], "day": "2026-12-24"}, "size"),
        ({"size": "small", "guests": [{"title": 1}], "day": "2026-12-24"}, "guests.0.title"),
        (
            {"size": "small", "guests": [{"title": "x", "age": "5"}], "day": "2026-12-24"},
            "guests.0",
        ),
        ({"size": "small", "guests": [], "day": "tomorrow"}, "day"),
        ({"size": "small", "guests": [], "day": "2026-12-24", "extra": 1}, "extra"),
        ({"size": "small", "guests": [], "day": "2026-12-24", "context": {}}, "context"),
        ("[]", ""),
        ("{", ""),
        ("nothing", ""),
    ],
)
async def test_arguments_that_do_not_fit_are_told_to_the_model_by_field(
    arguments: object, field: str
) -> None:
    output = await run(order, arguments)

    assert output["error"] == "invalid_arguments"
    assert [each for each in output["problems"] if each["field"].startswith(field)]
    assert all(each["problem"] for each in output["problems"])


async def test_wrong_arguments_are_not_repeated() -> None:
    output = await order.run(json.dumps({"size": "4111111111111111", "guests": "spoken"}), CONTEXT)

    assert "4111" not in output
    assert "spoken" not in output


async def test_a_flood_of_mistakes_is_cut_short() -> None:
    output = await run(order, {str(number): 1 for number in range(100)})

    assert len(output["problems"]) == 5


@tool
def nothing() -> None:
    """Do nothing."""


@pytest.mark.parametrize("arguments", ["", " ", "{}", " {} "])
async def test_no_arguments_may_be_written_in_any_way(arguments: str) -> None:
    assert await run(nothing, arguments) == {"ok": True}


def test_a_tool_without_arguments_has_an_empty_object() -> None:
    assert nothing.declaration.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


@tool
def echo(json: str, copy: int = 1, _x: int = 0) -> Any:
    """Return what came; the names are those of pydantic's own methods."""
    return [json, copy, _x]


async def test_arguments_may_be_named_like_anything() -> None:
    assert await run(echo, {"json": "a", "copy": 2, "_x": 3}) == ["a", 2, 3]


def giving(value: Any) -> Tool:
    @tool
    async def give() -> Any:
        """Give the value."""
        return value

    return give


async def test_a_text_is_passed_through_and_anything_else_becomes_json() -> None:
    assert await giving("We are open.").run("", CONTEXT) == "We are open."
    assert await giving("\ud800").run("", CONTEXT) == "?"
    assert await run(giving({"a": (1, None)})) == {"a": [1, None]}
    assert await run(giving(float("nan"))) is None


async def test_long_outputs_are_cut_and_say_so() -> None:
    output = await giving("\u00e4" * MAX_OUTPUT_BYTES).run("", CONTEXT)

    assert len(output.encode()) <= MAX_OUTPUT_BYTES
    assert output.endswith(f"[cut: this is the beginning of {2 * MAX_OUTPUT_BYTES} bytes]")
    assert output.startswith("\u00e4")


async def test_an_output_that_just_fits_is_whole() -> None:
    text = "x" * MAX_OUTPUT_BYTES

    assert await giving(text).run("", CONTEXT) == text


FAILED = {"error": "tool_failed", "message": "What it did is not known."}


def raising(error: BaseException, *, sync: bool) -> Tool:
    if sync:

        @tool
        def failing() -> None:
            """Fail."""
            raise error
    else:

        @tool
        async def failing() -> None:
            """Fail."""
            raise error

    return failing


@pytest.mark.parametrize("sync", [True, False])
async def test_a_tool_error_is_told_in_the_authors_words(*, sync: bool) -> None:
    made = raising(ToolError("Closed on Sunday. Ask for another day."), sync=sync)

    assert await run(made) == {
        "error": "tool_error",
        "message": "Closed on Sunday. Ask for another day.",
    }
    assert await run(raising(ToolError(), sync=sync)) == {
        "error": "tool_error",
        "message": "Nothing was done.",
    }


async def test_a_tool_error_can_say_more_than_a_sentence() -> None:
    error = ToolError("That day is full.", code="full", free=["monday"], guests=Guest(title="Dr"))

    output = await raising(error, sync=False).run("", CONTEXT)

    assert output.startswith('{"error"')
    assert json.loads(output) == {
        "error": "full",
        "message": "That day is full.",
        "free": ["monday"],
        "guests": {"title": "Dr", "age": None},
    }


async def test_no_detail_takes_the_place_of_the_message() -> None:
    assert await run(raising(ToolError("No.", error="Yes."), sync=True)) == {
        "error": "tool_error",
        "message": "No.",
    }


async def test_details_that_json_cannot_hold_are_left_out() -> None:
    error = ToolError("No.", code="no", detail=object())

    assert await run(raising(error, sync=True)) == {"error": "no", "message": "No."}


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret +12025550101"),
        StopIteration("secret"),
        SystemExit("secret"),
        asyncio.CancelledError("secret"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_any_other_failure_tells_the_model_nothing_and_the_log_where(
    error: BaseException, *, sync: bool
) -> None:
    with capture_logs() as lines:
        assert await run(raising(error, sync=sync)) == FAILED

    (line,) = lines
    assert re.fullmatch(r"test_tools\.py:\d+", line.pop("place"))
    # A coroutine may not raise StopIteration: Python makes a RuntimeError of it (PEP 479).
    is_coroutine_stopped = isinstance(error, StopIteration) and not sync
    kind = "RuntimeError" if is_coroutine_stopped else type(error).__name__
    assert line == {"event": "tool_failed", "log_level": "error", "tool": "failing", "kind": kind}


async def test_a_tool_error_of_any_text_can_be_told() -> None:
    assert await run(raising(ToolError("half a \ud83d"), sync=False)) == {
        "error": "tool_error",
        "message": "half a ?",
    }


def look_up(value: str) -> str:
    return {"known": "secret"}[value]


async def test_a_validator_that_fails_in_its_own_way_is_a_failure_of_the_tool() -> None:
    @tool
    def find(word: Annotated[str, AfterValidator(look_up)]) -> str:
        """Find it."""
        return word

    assert await run(find, {"word": "unknown"}) == FAILED
    assert await find.run('{"word": "known"}', CONTEXT) == "secret"


async def test_a_sync_tool_runs_where_it_is_told() -> None:
    places: list[str] = []

    async def here(work: Callable[..., str], *args: Any) -> str:
        places.append("here")
        return work(*args)

    assert await nothing.run("", CONTEXT, in_thread=here) == '{"ok":true}'
    assert places == ["here"]


async def test_an_output_that_json_cannot_hold_is_a_failure() -> None:
    assert await run(giving(object())) == FAILED


async def test_a_sync_tool_runs_in_a_thread() -> None:
    @tool
    def where() -> bool:
        """Tell the thread."""
        return threading.current_thread() is threading.main_thread()

    assert await run(where) is False


async def test_a_tool_that_is_cancelled_from_outside_ends_with_the_cancellation() -> None:
    started = asyncio.Event()

    @tool
    async def wait() -> None:
        """Wait for ever."""
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(wait.run("", CONTEXT))
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_options_of_the_decorator_reach_the_declaration() -> None:
    @tool(
        name="other-name",
        timeout=2,
        idempotent=True,
        on_duplicate="refuse",
        cancel_on_hangup=True,
        speak_while_waiting=False,
    )
    def function(context: CallContext) -> str:
        """Tell the call."""
        return context.agent

    assert function.declaration == ToolDeclaration(
        name="other-name",
        description="Tell the call.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
        timeout=2.0,
        idempotent=True,
        on_duplicate="refuse",
        cancel_on_hangup=True,
        speak_while_waiting=False,
    )
    assert await function.run("", CONTEXT) == "frontdesk"


def test_without_options_a_tool_runs_as_often_as_it_is_called() -> None:
    declaration = order.declaration

    assert (declaration.timeout, declaration.idempotent) == (8.0, False)
    assert declaration.on_duplicate == "run"
    assert not declaration.cancel_on_hangup
    assert declaration.speak_while_waiting


def test_a_tool_can_be_called_as_the_function_that_it_is() -> None:
    assert echo("a", copy=3) == ["a", 3, 0]


def test_the_context_does_not_show_numbers() -> None:
    assert "555" not in repr(CONTEXT)


def no_hint(a) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - that is the mistake
    """Do."""


def positional(a: int, /) -> None:
    """Do."""


def positional_context(context: CallContext, /) -> None:
    """Do."""


def stars(*a: int) -> None:
    """Do."""


def double_stars(**a: int) -> None:
    """Do."""


def no_docstring(a: int) -> None:
    pass


def field_default(a: int = Field(1, ge=0)) -> None:
    """Do."""


def wrong_docstring(a: int) -> None:
    """Do.

    Args:
        b: something else.
    """


def unknown_hint(a: Nowhere) -> None:  # type: ignore[name-defined] # noqa: F821 - likewise
    """Do."""


def not_json(a: threading.Lock) -> None:
    """Do."""


def not_schema(a: Callable[[], None]) -> None:
    """Do."""


def knotted(a: Knot) -> None:
    """Do."""


def generator() -> Any:
    """Do."""
    yield 1


async def async_generator() -> Any:
    """Do."""
    yield 1


def hang_up() -> None:
    """Do."""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_hint, "no_hint: a has no type hint; write one, such as `str`"),
        (positional, "positional: takes a by position only; remove the /"),
        (positional_context, "takes context by position only"),
        (stars, "stars: takes *a; name each argument"),
        (double_stars, "double_stars: takes **a; name each argument"),
        (no_docstring, "no_docstring: has no docstring; the model reads it"),
        (field_default, "a has Field(\u2026) as its default; write Annotated[type, Field(\u2026)]"),
        (wrong_docstring, "documents b, which it does not take; correct the name"),
        (unknown_hint, "has a type hint that cannot be read (name 'Nowhere' is not defined)"),
        (not_json, "has a type that JSON cannot hold"),
        (not_schema, "has a type without a JSON Schema"),
        (knotted, "has a type that contains itself"),
        (generator, "yields; a tool returns one value"),
        (async_generator, "yields; a tool returns one value"),
        (hang_up, "hang_up is built in; give the function another name"),
    ],
)
def test_a_mistake_is_told_where_the_function_stands(function: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        tool(function)

    (problem,) = caught.value.problems
    assert message in str(problem)
    assert problem.where == f"{__file__}:{function.__code__.co_firstlineno}"


@pytest.mark.parametrize(
    "options",
    [{"name": ""}, {"name": "two words"}, {"name": "transfer"}, {"timeout": 0}, {"timeout": -1.0},
     {"timeout": float("nan")}, {"timeout": float("inf")}, {"name": "take_message"},
     {"on_duplicate": "ignore"}],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        tool(**options)(nothing.function)


def test_only_functions_become_tools() -> None:
    with pytest.raises(ConfigurationError, match="stands on a type; must be on a function"):
        tool(int)


@given(st.text(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["size", "guests", "day", "x"]), inner, max_size=4),
    max_leaves=10,
).map(json.dumps))  # fmt: skip
async def test_whatever_the_model_sends_there_is_an_output(arguments: str) -> None:
    output = await order.run(arguments, CONTEXT)

    assert json.loads(output)
    assert len(output.encode()) <= MAX_OUTPUT_BYTES
