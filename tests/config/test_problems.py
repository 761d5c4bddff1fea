from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.config.problems import did_you_mean, field_at, known_keys, problems_of, shown


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    size: Annotated[int, Field(ge=1)]
    """How large
    it is."""
    plain: int = 0
    needed: int = Field(default=...)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    one: Inner | None = None
    many: list[Inner] = []
    named: dict[str, Inner] = {}
    either: Inner | int = 0


def problems(raw: dict[str, Any], **options: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(raw)
    found = problems_of(
        caught.value, model=Outer, raw=raw, where=lambda path: f"f:{len(path)}", **options
    )
    return [str(problem) for _, problem in found]


def test_a_problem_names_place_key_value_and_cure() -> None:
    assert problems({"one": {"size": 0, "needed": 1}}) == [
        "f:2: one.size: found 0; must be at least 1"
    ]


def test_a_missing_key_says_what_it_is_for() -> None:
    assert problems({"many": [{}]}) == [
        "f:3: many[0].size: is missing; must be given: how large it is",
        "f:3: many[0].needed: is missing; must be given",
    ]


def test_a_table_where_several_belong_is_told_how_they_are_written() -> None:
    assert problems({"many": {"size": 1}}) == [
        "f:1: many: is one table; must be a list; begin each of its tables with [[many]]"
    ]


@pytest.mark.parametrize(
    "raw",
    [
        {"one": {"size": 1, "needed": 1, "siez": 1}},
        {"many": [{"size": 1, "needed": 1, "siez": 1}]},
        {"named": {"any name": {"size": 1, "needed": 1, "siez": 1}}},
    ],
)
def test_an_unknown_key_is_compared_with_those_of_its_table(raw: dict[str, Any]) -> None:
    (problem,) = problems(raw)

    assert problem.endswith('siez: unknown key; did you mean "size"?')


def test_of_a_union_the_form_that_was_meant_is_judged() -> None:
    assert problems({"either": {"size": 0, "needed": 1}}) == [
        "f:2: either.size: found 0; must be at least 1"
    ]
    (problem,) = problems({"either": "x"})
    assert problem.startswith("f:1: either: found 'x'; ")


def test_a_secret_value_is_not_shown() -> None:
    raw = {"one": {"size": "hunter2", "needed": 1}}

    (problem,) = problems(raw, secret=lambda path: path == ("one", "size"))

    assert problem == "f:2: one.size: is not usable; must be a whole number, without quotes"


def test_a_value_is_shown_on_one_short_line() -> None:
    assert shown("a\nb") == "'a\\nb'"
    assert len(shown("x" * 1000)) <= 61
    assert shown(int("f" * 9000, 16)) == "a very large number"


def test_what_is_known_is_listed_where_nothing_is_similar() -> None:
    assert did_you_mean("frontdsk", ["frontdesk", "night"]) == 'did you mean "frontdesk"?'
    assert did_you_mean("x", ["b", "a"]) == "there is a, b"
    assert did_you_mean("x", []) == "there is none"
    assert did_you_mean("x", [f"long{n}" for n in range(20)]).endswith(", …")


def test_fields_are_found_through_lists_and_tables() -> None:
    assert known_keys(Outer, ("named", "any")) == {"size", "plain", "needed"}
    assert field_at(Outer, ("many", 3, "plain")) is Inner.model_fields["plain"]
    assert field_at(Outer, ("many", 3, "none")) is None
