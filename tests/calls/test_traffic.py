from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.calls.ports import Request
from controller.calls.traffic import CLOSES_KEPT, FIRST_KEPT, LAST_KEPT, Traffic


def traffic_of(count: int) -> Traffic:
    traffic = Traffic()
    for number in range(count):
        traffic.asked(Request("attach", "404", float(number)), 100.0 + number)
    return traffic


def test_requests_are_kept_in_their_order_with_their_times() -> None:
    traffic = traffic_of(2)
    traffic.asked(Request("hangup", "200", 12.5, "req_1"), 200.0)

    assert [(each.at, each.request.verb) for each in traffic.requests] == [
        (100.0, "attach"),
        (101.0, "attach"),
        (200.0, "hangup"),
    ]


@given(st.integers(0, 3 * (FIRST_KEPT + LAST_KEPT)))
def test_of_too_many_requests_the_first_and_the_last_are_kept(count: int) -> None:
    traffic = traffic_of(count)

    kept = [int(each.request.latency_ms) for each in traffic.requests]
    numbers = list(range(count))
    last = numbers[max(FIRST_KEPT, count - LAST_KEPT) :]
    assert kept == numbers[:FIRST_KEPT] + last
    assert traffic.count == count


def test_the_last_closed_sideband_is_the_one_that_is_told() -> None:
    assert Traffic().close_code is None

    traffic = Traffic()
    traffic.closed(1006, 10.0)
    traffic.closed(1000, 20.0)
    assert traffic.close_code == 1000
    assert [(each.at, each.code) for each in traffic.closes] == [(10.0, 1006), (20.0, 1000)]


def test_a_call_that_flaps_does_not_fill_the_memory() -> None:
    traffic = Traffic()
    for number in range(10 * CLOSES_KEPT):
        traffic.closed(None, float(number))

    assert len(traffic.closes) == CLOSES_KEPT
