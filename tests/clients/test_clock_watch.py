from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller.clients.clock_watch import REPEAT_INTERVAL, ClockWatch
from tests.clients.conftest import RecordingMeter

NOW = 1_800_000_000.5


def told(watch: ClockWatch, *ahead: float, at: float = NOW) -> list[Any]:
    with capture_logs() as entries:
        for seconds in ahead:
            ours = at + seconds
            watch.note(formatdate(at, usegmt=True), ours, ours)
    return [(entry["event"], entry["log_level"], entry["seconds"]) for entry in entries]


@pytest.mark.parametrize("ahead", [2.0, -2.0, 400.0])
def test_a_clock_that_is_two_seconds_off_is_told_once_an_hour(ahead: float) -> None:
    watch = ClockWatch(RecordingMeter())

    assert told(watch, ahead, ahead) == [("clock_skew", "warning", ahead)]
    assert told(watch, ahead, at=NOW + REPEAT_INTERVAL - 1) == []
    assert told(watch, ahead, at=NOW + REPEAT_INTERVAL) != []


def test_a_clock_that_is_nearly_right_is_measured_and_not_told() -> None:
    meter = RecordingMeter()

    assert told(ClockWatch(meter), 1.9, -1.9) == []
    assert meter.skews == pytest.approx([1.9, -1.9])


def test_an_answer_without_a_date_says_nothing() -> None:
    meter = RecordingMeter()
    ClockWatch(meter).note(None, NOW, NOW)
    assert meter.skews == []
