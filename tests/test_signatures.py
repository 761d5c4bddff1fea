from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from controller.errors import ConfigurationError
from controller.signatures import read_signature


class Place:
    """Stands for what a caller does not give."""


def find(copy: Annotated[int, Field(ge=1)], *, here: Place, json: str = "x") -> None:
    """Find it.

    Args:
        copy: which.
        here: not for others.
    """


def test_the_context_is_kept_out_of_the_schema() -> None:
    signature = read_signature(find, context=Place)

    assert signature.context_argument == "here"
    assert signature.description == "Find it."
    assert signature.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["copy"],
        "properties": {
            "copy": {"type": "integer", "minimum": 1, "description": "which."},
            "json": {"type": "string", "default": "x"},
        },
    }


def test_arguments_come_back_by_their_names_with_defaults() -> None:
    signature = read_signature(find, context=Place)

    assert signature.validate('{"copy": 2}') == {"copy": 2, "json": "x"}


@pytest.mark.parametrize("arguments", ["{}", '{"copy": "2"}', '{"copy": 0}', '{"copy": 1, "x": 1}'])
def test_arguments_that_do_not_fit_are_refused(arguments: str) -> None:
    with pytest.raises(ValidationError):
        read_signature(find, context=Place).validate(arguments)


def restructured(a: int, b: list[str]) -> None:
    """Do it.

    :param a: first.
    :param b: second.
    """


def numpy(a: int, b: list[str]) -> None:
    """Do it.

    Parameters
    ----------
    a
        first.
    b
        second.
    """


@pytest.mark.parametrize("function", [restructured, numpy])
def test_docstrings_of_other_styles_are_read_too(function: Any) -> None:
    properties = read_signature(function, context=Place).parameters["properties"]

    assert [each["description"] for each in properties.values()] == ["first.", "second."]


def test_a_mistake_names_the_place_of_the_function() -> None:
    def undocumented(a: int) -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        read_signature(undocumented, context=Place)

    (problem,) = caught.value.problems
    assert problem.where == f"{__file__}:{undocumented.__code__.co_firstlineno}"
    assert problem.key == "undocumented"
