from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import ConfigurationError
from controller.sansio.arguments import (
    MAX_ARGUMENTS,
    MAX_COMPLAINTS,
    MAX_PROBLEM,
    Arguments,
    Complaint,
)

TABLE = {
    "properties": {
        "day": {"type": "string", "enum": ["friday", "saturday"]},
        "guests": {"type": "integer", "minimum": 1, "maximum": 8},
        "name": {"type": "string", "pattern": "^[A-Z]", "maxLength": 5},
        "dishes": {
            "type": "array",
            "items": {"type": "object", "required": ["id"], "properties": {"id": {}}},
        },
    },
    "required": ["day"],
}


def read(arguments: Any, schema: dict[str, Any] | None = None) -> Any:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Arguments(TABLE if schema is None else schema).read(text)


def complaints(arguments: Any) -> list[tuple[str, str]]:
    return [(each.field, each.problem) for each in read(arguments)]


def test_good_arguments_come_back() -> None:
    given = {"day": "friday", "guests": 8, "name": "Ann", "dishes": [{"id": 1, "hot": True}]}

    assert read(given) == given


def test_nothing_at_all_stands_for_no_arguments() -> None:
    assert read(" ", {}) == {}
    assert complaints("") == [("day", "is missing")]


@pytest.mark.parametrize(
    ("arguments", "field", "problem"),
    [
        ({"day": "monday"}, "day", 'it is not one of "friday" or "saturday"'),
        ({"day": "friday", "guests": "4"}, "guests", 'it is not of type "integer"'),
        ({"day": "friday", "guests": 0}, "guests", "it is less than the minimum of 1"),
        ({"day": "friday", "guests": 9}, "guests", "it is greater than the maximum of 8"),
        ({"day": "friday", "name": "ann"}, "name", 'it does not match "^[A-Z]"'),
        ({"day": "friday", "name": "Annabel"}, "name", "it is longer than 5 characters"),
        ({"day": "friday", "when": "now"}, "when", "there is no such argument"),
        ({"day": "friday", "dishes": [{"id": 1}, {}]}, "dishes.1.id", "is missing"),
        ([], "", 'it is not of type "object"'),
        ("{", "", "is not JSON"),
        ('{"day": NaN}', "", "is not JSON"),
        ('{"day": "\\ud800"}', "", "is not JSON"),
        ("\ud800", "", "is not JSON"),
        ('{"guests": ' + "9" * 5000 + "}", "", "is not JSON"),
        ("[" * 10_000, "", "is nested too deeply"),
        ('{"day":' * 400 + "1" + "}" * 400, "", "is nested too deeply"),
        ('"' + "x" * MAX_ARGUMENTS, "", "longer than 16384 characters"),
    ],
)
def test_each_mistake_is_named(arguments: Any, field: str, problem: str) -> None:
    assert complaints(arguments) == [(field, problem)]


def test_there_are_only_so_many_complaints() -> None:
    schema = {"required": [f"argument_{number}" for number in range(50)]}

    assert len(read({}, schema)) == MAX_COMPLAINTS


def test_a_complaint_has_an_end() -> None:
    (complaint,) = read({"a": 1}, {"properties": {"a": {"enum": ["x" * 1000]}}})

    assert len(complaint.problem) == MAX_PROBLEM


def test_a_schema_may_allow_what_it_does_not_name() -> None:
    assert read({"any": 1}, {"additionalProperties": True}) == {"any": 1}


def test_a_pattern_takes_linear_time() -> None:
    schema = {"properties": {"text": {"pattern": "^(a+)+$"}}}

    assert read({"text": "a" * 10_000 + "b"}, schema) == (
        Complaint("text", 'it does not match "^(a+)+$"'),
    )


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"properties": {"a": {"type": "text"}}}, "parameters.properties.a.type"),
        ({"pattern": "(?=look-around)"}, "parameters.pattern"),
        ({"$ref": "https://schemas.example.com/1"}, "parameters"),
        ({"$ref": "file:///etc/passwd"}, "parameters"),
        ({"const": {1}}, "parameters"),
    ],
)
def test_a_schema_that_is_none_says_where(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Arguments(schema)

    (problem,) = caught.value.problems
    assert problem.key == place
    assert problem.found.startswith("is no JSON Schema (")


SECRET = "4111111111111111"


@pytest.mark.no_cover
@given(st.recursive(st.just(SECRET), lambda inner: st.dictionaries(st.text("ab"), inner)))
def test_no_complaint_repeats_a_value(value: Any) -> None:
    for complaint in read({"day": value, "guests": value, "name": value, "dishes": value}):
        assert SECRET not in complaint.problem


@given(st.text() | st.binary().map(lambda content: content.decode("latin-1")))
def test_any_text_gives_arguments_or_complaints(text: str) -> None:
    outcome = read(text, {"additionalProperties": True})

    assert isinstance(outcome, dict) or all(isinstance(each, Complaint) for each in outcome)
