from __future__ import annotations

import time

from controller.calls.clock import SystemClock, WallClock


def test_the_time_is_that_of_the_system_and_does_not_go_back() -> None:
    before = time.time()
    clock = SystemClock()

    instants = [clock.now() for _ in range(100)]

    assert instants == sorted(instants)
    assert before - 1 < instants[0] < time.time() + 1


def test_the_wall_clock_is_what_others_compare_with_theirs() -> None:
    before = time.time()
    assert before <= WallClock().now() <= time.time()
