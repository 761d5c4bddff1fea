"""The turn machine's state table, as data."""

from __future__ import annotations

from typing import get_args

from controller.sansio.commands import DialectCommand
from controller.sansio.events import ChannelLost
from controller.sansio.realtime import Phase
from controller.sansio.realtime.state import Input
from controller.sansio.realtime.table import TABLE, diagram, transitions


def test_every_phase_has_its_rows_and_takes_every_wish_of_the_call() -> None:
    assert set(TABLE) == set(Phase)
    for rows in TABLE.values():
        assert set(rows) <= set(get_args(Input))
        assert set(get_args(DialectCommand)) <= set(rows)


def test_the_socket_can_be_lost_in_any_phase_that_has_one() -> None:
    for phase in set(Phase) - {Phase.DETACHED}:
        assert TABLE[phase][ChannelLost].to == {Phase.DETACHED}


def test_the_picture_shows_every_move_once() -> None:
    picture = diagram()
    assert picture.startswith("stateDiagram-v2\n    [*] --> DETACHED\n")
    for phase, to, causes in transitions():
        line = f"    {phase.name} --> {to.name}: {causes}\n"
        assert picture.count(line) == (to is not Phase.DETACHED)
    assert "IDLE --> REQUESTED: a request waits" in picture
    assert "from any phase, ChannelLost" in picture
