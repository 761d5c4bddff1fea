from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.policy import NumberSet


@pytest.mark.parametrize(
    ("entries", "number", "is_in"),
    [
        (["+12025550100"], "+12025550100", True),
        (["+12025550100"], "+120255501001", False),
        (["+1202*"], "+12025550100", True),
        (["+1202*"], "+1202", True),
        (["+1202*"], "+1203", False),
        (["+44*", "+1202*"], "+442079460000", True),
        (["*"], "+12025550100", True),
        ([], "+12025550100", False),
    ],
)
def test_a_number_is_in_by_itself_or_by_what_it_begins_with(
    entries: list[str], number: str, *, is_in: bool
) -> None:
    assert (number in NumberSet.of(entries)) is is_in


def test_a_set_is_counted_and_shows_no_number() -> None:
    found = NumberSet.of(["+12025550100", "+12025550101", "+1303*"])

    assert len(found) == 3
    assert repr(found) == "NumberSet(2 numbers, 1 prefixes)"
    assert found == NumberSet.of(["+1303*", "+12025550101", "+12025550100"])
    assert not NumberSet.of([])
    assert NumberSet.of(["*"])


digits = st.text("0123", min_size=1, max_size=6).map("+{}".format)


@given(entries=st.lists(st.tuples(digits, st.booleans()), max_size=8), number=digits)
def test_it_is_what_asking_each_entry_would_say(
    entries: list[tuple[str, bool]], number: str
) -> None:
    written = [text + "*" if is_prefix else text for text, is_prefix in entries]
    expected = any(
        number.startswith(text) if is_prefix else number == text for text, is_prefix in entries
    )

    assert (number in NumberSet.of(written)) == expected
