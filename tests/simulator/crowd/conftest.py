"""The floor and a crowd in one event loop, so that virtual time works."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from controller.simulator import DEFAULT_API_KEY, DEFAULT_SECRET
from controller.simulator.crowd.callers import Callers
from controller.simulator.crowd.far_end import FarEnd

FLOOR = Path(__file__).parents[2] / "bench" / "floor.py"


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    far_end = FarEnd(api_key=DEFAULT_API_KEY)
    await far_end.start()
    yield far_end
    await far_end.stop()


@pytest.fixture
async def floor(far_end: FarEnd) -> AsyncIterator[Any]:
    spec = importlib.util.spec_from_file_location("bench_floor", FLOOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    floor = module.Floor(far_end.base_url, DEFAULT_API_KEY, DEFAULT_SECRET)
    yield floor
    await floor.close()


@pytest.fixture
async def url(floor: Any) -> AsyncIterator[str]:
    server = TestServer(floor.application())
    await server.start_server()
    yield str(server.make_url("/openai/webhook"))
    await server.close()


@pytest.fixture
async def callers(far_end: FarEnd, url: str) -> AsyncIterator[Callers]:
    callers = Callers(far_end, url, secret=DEFAULT_SECRET)
    yield callers
    await callers.close()
