from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from controller import parts
from controller.calls.clock import SystemClock, WallClock
from controller.calls.generations import Generations
from controller.calls.incident import IncidentRules
from controller.calls.registry import Registry
from controller.calls.world import AlarmLimits, World
from controller.clients.openai_line import RequestLimits
from controller.equipping import Equipping
from controller.metrics import Metrics
from controller.sansio.call import Limits
from controller.sansio.parties import CALLED_NUMBER_HEADERS
from controller.sansio.realtime import Pace
from controller.settings import Settings, load_all, load_settings
from controller.simulator import DEFAULT_SECRET
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
    http_tools = parts.http_tools(settings, tls, clock)
    answering = Equipping(world, http_tools).equip(generation)
    reception = parts.reception(settings, Generations(answering), Registry(world), world)
    await http_tools.close()
    await line.close()
    await sidebands.close()

    assert answering.trunk.region == "GB"
    headers = [name.lower() for name in answering.trunk.called_number_headers]
    assert headers == ["x-dialled", *CALLED_NUMBER_HEADERS]
    assert reception._stale_after == 12.5
    assert reception._timing.limits == parts._limits(settings)
    assert reception._timing.pace == parts._pace(settings)
    assert answering.prices == generation.prices
    assert reception._generations.current is answering
    assert answering.hash == generation.hash
    assert list(answering.toolboxes) == ["frontdesk"]


def test_the_machines_have_the_times_that_the_operator_set(make: Make) -> None:
    settings = make(
        conversation={
            "greeting_delay": 0.1,
            "greeting_hold": 1.0,
            "disclosure_hold": 2.0,
            "response_start_timeout": 3.0,
            "response_finish_timeout": 4.0,
            "follow_up_mcp": False,
            "transfer_timeout": 5.0,
            "reattach_timeout": 6.0,
            "confirm_end": True,
        }
    )
    limits, pace = parts._limits(settings), parts._pace(settings)

    assert (limits.refer, limits.reattach, limits.confirm_end) == (5.0, 6.0, True)
    assert (pace.greeting_delay, pace.hold, pace.hold_disclosure) == (0.1, 1.0, 2.0)
    assert (pace.start, pace.finish, pace.follow_up) == (3.0, 4.0, False)


def test_what_nobody_set_is_what_the_machines_say_themselves(make: Make) -> None:
    assert parts._limits(make()) == Limits()
    assert parts._pace(make()) == Pace()


def make_world(settings: Settings) -> World:
    clock, meter = SystemClock(), Metrics(CollectorRegistry())
    ledger, nobody = MemoryLedger(clock), cast("Any", None)  # no request is made
    return parts.world(
        settings,
        ledger=ledger,
        line=nobody,
        channels=nobody,
        clock=clock,
        wall=WallClock(),
        meter=meter,
    )


async def test_incidents_are_what_the_operator_says(make: Make) -> None:
    incident = {"share": 0.5, "at_least": 2, "within": 1.0, "lasts": 3.0, "reattach_rate": 4.0}
    settings = make(incident=incident)
    world = make_world(settings)

    registry = parts.registry(settings, world)

    assert registry._incidents._rules == IncidentRules(0.5, 2, 1.0, 3.0)
    assert world.gate._interval == 0.25
    assert parts.registry(make(), world)._incidents._rules == IncidentRules()


@pytest.mark.parametrize(("least", "is_low"), [(0.0, False), (0.05, False), (0.2, True)])
def test_tokens_are_too_few_when_the_operator_says_so(
    make: Make, least: float, *, is_low: bool
) -> None:
    headroom = make_world(make(policy={"min_tokens_left": least})).headroom
    headroom.note("m", 0.1, 30.0, 1000.0)

    assert headroom.is_low(1001.0) is is_low


def test_calls_are_late_when_the_operator_says_so(make: Make) -> None:
    late = {"slow_answer_limit": 0.5, "slow_first_word_limit": 6.5}

    assert make_world(make(conversation=late)).alarm_limits == AlarmLimits(
        slow_answer=0.5, slow_first_word=6.5
    )
    assert make_world(make()).alarm_limits == AlarmLimits()


def test_the_name_of_a_caller_outlives_the_process_only_with_a_key(make: Make) -> None:
    def name(**log: Any) -> str | None:
        return make_world(make(log=log)).caller_refs.of("+12025550142")

    assert name() != name()
    assert name(caller_ref_key="k" * 32) == name(caller_ref_key="k" * 32)


def test_context_is_handed_over_only_with_a_secret(make: Make) -> None:
    assert make_world(make()).handover is None

    handover = make_world(make(handover={"secret": "x" * 32, "max_bytes": 1024})).handover
    assert handover is not None
    uri = handover.uri("sip:+12025550123@trunk.example.net", {"call_id": "018f"})
    assert uri is not None
    assert "User-to-User=" in uri


SHOP = """+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
tools = ["opening_hours", "stock", "collect_digits"]

[keypad]
sensitive_tool = "pay"

[[http_tools]]
name = "stock"
description = "How many are left."
url = "https://shop.example.net/stock"

[[http_tools]]
name = "pay"
description = "Take a payment."
method = "POST"
url = "https://pay.example.net/cards"
[http_tools.parameters]
digits = { type = "string" }
+++
You sell things.
"""

TOOL = """
from controller.tools import tool

@tool
async def opening_hours() -> str:
    'When we are open.'
    return "always"
"""


async def test_an_agent_has_its_tools_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "agents" / "shop.md").write_text(SHOP)
    (tmp_path / "tools" / "shop.py").write_text(TOOL)
    (tmp_path / "controller.toml").write_text('[policy]\ndefault_agent = "shop"\n')
    settings, generation = load_all(
        tmp_path / "controller.toml",
        overrides={"http_tools": {"signing_secret": DEFAULT_SECRET}},
        environ={"OPENAI_API_KEY": "sk-test"},
        with_secrets=False,
    )
    world = make_world(settings)
    tls = ssl.create_default_context()
    http_tools = parts.http_tools(settings, tls, world.clock)

    toolbox: Any = Equipping(world, http_tools).equip(generation).toolboxes["shop"]

    await http_tools.close()
    assert set(toolbox._tools) == {"opening_hours", "stock"}
    assert toolbox._sensitive is not None
    assert toolbox._sensitive.declaration.name == "pay"
    assert len(http_tools.signing) == 1


def test_a_loop_is_refused_with_the_operators_code(make: Make) -> None:
    assert make().sources().rules.loop == 482
    assert make(policy={"loop": {"reject": 486}}).sources().rules.loop == 486
