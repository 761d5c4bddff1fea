from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.calls.incident import REATTACH_RATE, Gate, IncidentRules, Incidents

T = 1_800_000_000.0


def lose(incidents: Incidents, count: int, *, live: int, at: float = T, prefix: str = "") -> bool:
    return sum(incidents.lost(f"{prefix}{n}", live, at) for n in range(count)) > 0


@pytest.mark.parametrize(
    ("lost", "live", "is_one"),
    [(2, 2, False), (3, 3, True), (3, 14, True), (3, 15, False), (20, 100, False), (21, 100, True)],
)
def test_more_than_a_fifth_and_at_least_three_are_an_incident(
    lost: int, live: int, *, is_one: bool
) -> None:
    incidents = Incidents()

    assert lose(incidents, lost, live=live) is is_one
    assert incidents.until(T) == (T + 120 if is_one else None)


def test_losses_that_are_further_apart_than_ten_seconds_are_none() -> None:
    incidents = Incidents()

    assert not any(incidents.lost(str(n), 5, T + 6 * n) for n in range(20))


def test_one_call_that_flaps_is_none() -> None:
    incidents = Incidents()

    assert not any(incidents.lost("same", 3, T + n / 10) for n in range(50))


def test_an_incident_begins_once_and_ends_by_itself() -> None:
    incidents = Incidents()
    assert lose(incidents, 3, live=10)

    assert not lose(incidents, 5, live=10, at=T + 1, prefix="more")
    assert incidents.until(T + 119.9) == T + 120
    assert incidents.until(T + 120) is None
    assert not lose(incidents, 2, live=10, at=T + 121, prefix="later")


def test_a_burst_after_it_is_another_one() -> None:
    incidents = Incidents()
    assert lose(incidents, 3, live=10)

    assert lose(incidents, 3, live=10, at=T + 120)
    assert incidents.until(T + 121) == T + 240


def test_the_operator_may_want_other_numbers() -> None:
    incidents = Incidents(IncidentRules(share=0.5, at_least=1, within=1.0, lasts=10.0))

    assert not incidents.lost("a", 2, T)
    assert not incidents.lost("b", 2, T + 2)
    assert incidents.lost("a", 2, T + 2.5)
    assert incidents.until(T + 3) == T + 12.5


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.floats(0, 30), st.integers(1, 60)), min_size=1, max_size=60
    )
)
def test_what_is_declared_was_many_and_what_was_not_was_few(
    losses: list[tuple[int, float, int]],
) -> None:
    incidents, now = Incidents(), T
    seen: list[tuple[float, int]] = []
    for call, pause, live in losses:
        now += pause
        seen.append((now, call))
        was_on = incidents.until(now) is not None
        many = {each for at, each in seen if now - at <= 10}
        should = not was_on and len(many) >= 3 and len(many) > 0.2 * live
        assert incidents.lost(str(call), live, now) is should


# --- the gate ------------------------------------------------------------------------------------


@pytest.mark.looptime
async def test_fifty_a_second_go_through_and_no_more() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    passed: list[float] = []

    async def go() -> None:
        await gate.pass_through()
        passed.append(loop.time())

    await asyncio.gather(*(go() for _ in range(200)))

    within = [sum(start <= at < start + 0.999 for at in passed) for start in passed]
    assert max(within) == REATTACH_RATE
    assert passed[-1] - passed[0] == pytest.approx(199 / 50)


@pytest.mark.looptime
async def test_who_comes_alone_does_not_wait() -> None:
    gate, loop = Gate(rate=1.0), asyncio.get_running_loop()
    await gate.pass_through()
    await asyncio.sleep(5)
    before = loop.time()

    await gate.pass_through()

    assert loop.time() == before


@pytest.mark.looptime
async def test_who_stops_waiting_leaves_the_queue() -> None:
    gate, loop = Gate(rate=1.0), asyncio.get_running_loop()
    await gate.pass_through()
    before = loop.time()
    impatient = [asyncio.create_task(gate.pass_through()) for _ in range(100)]
    patient = asyncio.create_task(gate.pass_through())
    await asyncio.sleep(0.5)
    for task in impatient:
        task.cancel()
    await asyncio.gather(*impatient, return_exceptions=True)

    await patient

    assert loop.time() - before == pytest.approx(1.0)
