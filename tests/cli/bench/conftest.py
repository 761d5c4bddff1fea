from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from controller.cli.bench.measure import Reading
from controller.cli.bench.plan import System, Transport

Make: TypeAlias = Callable[..., Reading]


@pytest.fixture
def reading() -> Make:
    """Make readings that differ from an ordinary one in what a test names."""

    def make(**changes: Any) -> Reading:
        spans = {
            "webhook_to_200": [1.0, 2.0],
            "webhook_to_accept": [2.0, 3.0],
            "sideband_open": [1.0, 1.5],
            "webhook_to_greeting": [5.0, 6.0],
            "tool_output": [0.5, 1.0],
        }
        spans |= changes.pop("spans", {})
        fields: dict[str, Any] = {
            "system": System.OURS,
            "transport": Transport.PLAIN,
            "rate": 50.0,
            "held": 100,
            "round": 0,
            "placed": 100,
            "greeted": 100,
            "cpu_ms": 4.0,
            "memory_kib": 30.0,
            "idle_mib": 60.0,
            "lag": {0.001: 99, 0.02: 1},
            "crowd_lag": [0.1, 0.2],
        }
        return Reading(**fields | changes, spans=spans)

    return make
