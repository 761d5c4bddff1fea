"""The call's state table, as data."""

from __future__ import annotations

from typing import get_args

from controller.sansio.call import State
from controller.sansio.call.state import TERMINAL
from controller.sansio.call.table import TABLE, diagram, transitions
from controller.sansio.events import Event, LineEnded, OwnershipLost


def test_every_state_has_its_rows_and_knows_only_events() -> None:
    assert set(TABLE) == set(State)
    for rows in TABLE.values():
        assert set(rows) <= set(get_args(Event))


def test_nothing_leaves_a_terminal_state() -> None:
    for state in TERMINAL:
        assert not TABLE[state]


def test_ownership_and_the_line_can_be_lost_in_any_state() -> None:
    for state in set(State) - TERMINAL:
        assert TABLE[state][OwnershipLost].to == {State.RELEASED}
        assert State.ENDED in TABLE[state][LineEnded].to


def test_every_state_can_be_reached() -> None:
    assert {to for _, to, _ in transitions()} == set(State) - {State.PENDING}


def test_the_picture_shows_every_move_once() -> None:
    picture = diagram()
    assert picture.startswith("stateDiagram-v2\n    [*] --> PENDING\n")
    for state, to, causes in transitions():
        line = f"    {state.name} --> {to.name}: {causes}\n"
        assert picture.count(line) == (to is not State.RELEASED)
    assert "note right of RELEASED: from any state, OwnershipLost" in picture
