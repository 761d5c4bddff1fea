"""Whatever a look-up answers, the call gets the facts that were asked for, as texts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.lookup import MAX_FACT, Found, Lookup, read_answer

LOOKUP = Lookup(
    tool="find", facts={"customer": "unknown", "balance": "0"}, agents=("billing", "vip")
)


def test_facts_and_an_agent_are_read() -> None:
    found = read_answer('{"agent": "vip", "facts": {"customer": "Ann", "balance": "12"}}', LOOKUP)

    assert found == Found({"customer": "Ann", "balance": "12"}, "vip")


@pytest.mark.parametrize(
    "answer",
    ["{}", '{"ok":true}', '{"agent": null, "facts": null}', '{"facts": {"customer": null}}'],
)
def test_what_was_not_found_is_there_by_default(answer: str) -> None:
    assert read_answer(answer, LOOKUP) == Found({"customer": "unknown", "balance": "0"})


def test_names_that_were_not_asked_for_are_left_out() -> None:
    found = read_answer('{"facts": {"customer": "Ann", "date": "now"}, "say": "hello"}', LOOKUP)

    assert found == Found({"customer": "Ann", "balance": "0"})


@pytest.mark.parametrize(
    ("value", "text"),
    [(12, "12"), (1.5, "1.5"), (True, "true"), (["a", 1], '["a",1]'), ({"a": "ä"}, '{"a":"ä"}')],
)
def test_a_value_that_is_no_text_becomes_one(value: Any, text: str) -> None:
    found = read_answer(json.dumps({"facts": {"customer": value}}), LOOKUP)

    assert found is not None
    assert found.facts["customer"] == text


def test_a_long_fact_is_cut() -> None:
    found = read_answer(json.dumps({"facts": {"customer": "x" * 10_000}}), LOOKUP)

    assert found is not None
    assert found.facts["customer"] == "x" * MAX_FACT


@pytest.mark.parametrize("name", ["frontdesk", "VIP", "x" * 10_000])
def test_an_agent_that_may_not_be_chosen_is_left_out_and_the_facts_stay(name: str) -> None:
    found = read_answer(json.dumps({"agent": name, "facts": {"customer": "Ann"}}), LOOKUP)

    assert found == Found({"customer": "Ann", "balance": "0"}, None, is_foreign=True)


def test_no_agent_is_no_foreign_one() -> None:
    assert read_answer('{"agent": ""}', LOOKUP) == Found(LOOKUP.facts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ann",
        '"Ann"',
        "[]",
        "null",
        "{",
        '{"facts": [1]}',
        '{"facts": "Ann"}',
        '{"agent": 1}',
        '{"agent": ["vip"]}',
        '{"facts": {"customer": NaN}}',
        '{"a":' * 100_000,
        '{"facts": {"customer": "Ann"}}\n[cut: this is the beginning of 99999 bytes]',
        "\ud800",
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_no_answer_is_none(text: str) -> None:
    assert read_answer(text, LOOKUP) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "agent": JSON | st.sampled_from(["vip", "frontdesk"]),
        "facts": JSON | st.dictionaries(st.sampled_from(["customer", "balance", "x"]), JSON),
    },
)


@given(st.text() | ANSWERS.map(json.dumps) | st.integers(min_value=10**400).map(str))
def test_any_text_is_read_into_texts_of_the_names_that_were_asked_for(text: str) -> None:
    found = read_answer(text, LOOKUP)

    if found is not None:
        assert set(found.facts) == set(LOOKUP.facts)
        assert all(len(value) <= MAX_FACT for value in found.facts.values())
        assert found.agent in (None, *LOOKUP.agents)


def test_what_was_found_is_not_in_its_repr() -> None:
    assert "Ann" not in repr(read_answer('{"facts": {"customer": "Ann"}}', LOOKUP))
