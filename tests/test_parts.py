from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller import parts
from controller.calls.clock import SystemClock
from controller.calls.registry import Registry
from controller.calls.world import World
from controller.clients.openai_line import RequestLimits
from controller.metrics import Metrics
from controller.sansio.parties import CALLED_NUMBER_HEADERS
from controller.settings import Settings, load_all, load_settings
from controller.store.memory import MemoryLedger

AGENT = """+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
+++
You are the receptionist.
"""

Make = Callable[..., Settings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "controller.toml").write_text("")

    def make(**sections: Any) -> Settings:
        return load_settings(
            tmp_path / "controller.toml",
            overrides=sections,
            environ={"OPENAI_API_KEY": "sk-test"},
            with_secrets=False,
        )

    return make


@pytest.mark.parametrize(
    ("openai", "request_limit"),
    [({}, 12.0), ({"reject_timeout": 20.0}, 24.0), ({"accept_timeout": 1.0}, 12.0)],
)
def test_the_machines_wait_longer_than_the_slowest_request(
    make: Make, openai: dict[str, Any], request_limit: float
) -> None:
    limits = parts._limits(make(openai=openai))
    assert limits.request == request_limit
    assert (limits.attach, limits.session) == (8.0, 5.0)


def test_the_machines_wait_for_a_session_as_long_as_the_operator_wants(make: Make) -> None:
    settings = make(openai={"attach_timeout": 2.5, "session_created_timeout": 3.5})
    limits = parts._limits(settings)
    assert (limits.attach, limits.session) == (2.5, 3.5)


@pytest.mark.parametrize(
    ("openai", "limits"),
    [
        ({}, RequestLimits(accept=8.0, reject=3.0, refer=8.0, hang_up=5.0)),  # rule 3
        (
            {
                "accept_timeout": 1.5,
                "reject_timeout": 2.5,
                "refer_timeout": 3.5,
                "hangup_timeout": 4.5,
            },
            RequestLimits(accept=1.5, reject=2.5, refer=3.5, hang_up=4.5),
        ),
    ],
)
async def test_each_verb_has_the_limit_that_the_operator_set(
    make: Make, openai: dict[str, Any], limits: RequestLimits
) -> None:
    meter = Metrics(CollectorRegistry())
    line = parts.line(make(openai=openai), ssl.create_default_context(), meter)
    await line.close()
    assert line._limits == limits


async def test_a_sideband_has_the_limits_that_the_operator_set(make: Make) -> None:
    settings = make(openai={"heartbeat_interval": 7.5, "max_frame_bytes": 70_000})
    sidebands = parts.sidebands(settings, ssl.create_default_context())
    await sidebands.close()
    limits = sidebands._limits
    assert (limits.heartbeat, limits.max_frame_bytes) == (7.5, 70_000)


async def test_deliveries_are_read_and_judged_as_the_operator_wants(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "frontdesk.md").write_text(AGENT)
    (tmp_path / "controller.toml").write_text('[policy]\ndefault_agent = "frontdesk"\n')
    settings, generation = load_all(
        tmp_path / "controller.toml",
        overrides={
            "trunk": {"default_region": "GB", "called_number_headers": ["X-Dialled"]},
            "webhook": {"stale_limit": 12.5},
            "openai": {"attach_timeout": 2.5},
        },
        environ={"OPENAI_API_KEY": "sk-test"},
        with_secrets=False,
    )
    clock, meter, tls = SystemClock(), Metrics(CollectorRegistry()), ssl.create_default_context()
    line, sidebands = parts.line(settings, tls, meter), parts.sidebands(settings, tls)
    world = World(MemoryLedger(clock), line, sidebands, clock, meter)
    reception = parts.reception(settings, generation, Registry(world), world)
    await line.close()
    await sidebands.close()

    assert reception._trunk.region == "GB"
    headers = [name.lower() for name in reception._trunk.called_number_headers]
    assert headers == ["x-dialled", *CALLED_NUMBER_HEADERS]
    assert reception._stale_after == 12.5
    assert reception._limits == parts._limits(settings)
    assert reception._generation.hash == generation.hash
    assert list(reception._generation.toolboxes) == ["frontdesk"]
