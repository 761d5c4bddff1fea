from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.secret_headers import carries

WANTED = (("x-a", "one"), ("x-b", "two"))


@pytest.mark.parametrize(
    ("headers", "has_all"),
    [
        ({"x-a": ("one",), "x-b": ("two",)}, True),
        ({"x-a": ("no", "one"), "x-b": ("two", "no")}, True),
        ({"x-a": ("one",)}, False),
        ({"x-b": ("two",)}, False),
        ({"x-a": ("two",), "x-b": ("one",)}, False),
        ({"x-a": ("ONE",), "x-b": ("two",)}, False),
        ({"x-a": (), "x-b": ()}, False),
        ({}, False),
    ],
)
def test_every_header_must_have_its_value(
    headers: dict[str, tuple[str, ...]], *, has_all: bool
) -> None:
    assert carries(headers, WANTED) is has_all


anything = st.text(st.characters(exclude_categories=()), max_size=8)


@given(found=st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.lists(anything, max_size=3)))
def test_values_are_compared_as_they_are_whatever_they_hold(found: dict[str, list[str]]) -> None:
    expected = all(value in found.get(name, []) for name, value in WANTED)

    assert carries(found, WANTED) is expected
