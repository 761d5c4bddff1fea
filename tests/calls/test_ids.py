from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from controller.calls.ids import new_call_id

INSTANTS = st.floats(0, 2**38, allow_nan=False)


@given(INSTANTS)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_milliseconds(now: float) -> None:
    value = uuid.UUID(new_call_id(now))

    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == int(now * 1000)


@given(INSTANTS, INSTANTS)
def test_ids_sort_by_time(one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    if int(later * 1000) > int(earlier * 1000):
        assert new_call_id(earlier) < new_call_id(later)


def test_ids_of_one_instant_differ() -> None:
    assert len({new_call_id(1_800_000_000.0) for _ in range(1000)}) == 1000
