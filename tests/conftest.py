from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Python 3.11 makes an event loop for the first one who asks a thread that never had any.
# pytest-asyncio asks, to restore that loop after its own, and nobody closes it: a ResourceWarning
# in whatever test runs when it is collected. A thread that was told "none" makes none.
asyncio.set_event_loop(None)

# The suite says the same thing every time, however slow the machine is. To look for what nobody has
# thought of, run it with HYPOTHESIS_PROFILE=explore: new examples each time.
settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("suite"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

CORE = Path(__file__).parent / "sansio"


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the core's own tests: they alone are to reach every line and branch of the core.

    Only they are run under coverage by `make test`, since tracing takes half of the time of
    everything else; `make coverage` traces all.
    """
    for item in items:
        if item.path.is_relative_to(CORE) and item.get_closest_marker("no_cover") is None:
            item.add_marker("core")
