from __future__ import annotations

import pytest

from controller.sansio.value import Value, replace


class Point(Value, frozen=True):
    x: int
    y: int = 0


def test_a_value_is_changed_by_a_copy_alone() -> None:
    point = Point(1)

    assert replace(point, y=2) == Point(1, 2)
    assert point == Point(1, 0)
    with pytest.raises(AttributeError):
        point.x = 3  # type: ignore[misc]


def test_a_field_that_does_not_exist_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        replace(Point(1), z=1)
