"""The calls' shell over its real clients, with the simulator at the far end, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from aiohttp import web

from controller.calls.generations import Generation, Generations
from controller.calls.incident import IncidentRules, Incidents
from controller.calls.ports import Channels, Handover, Ledger, Line
from controller.calls.reception import Reception
from controller.calls.registry import Registry
from controller.calls.toolbox import Toolbox
from controller.calls.world import AlarmLimits, World
from controller.clients.openai_line import OpenAILine
from controller.clients.sideband import Sidebands
from controller.sansio.agent import Agent, Silence, Target
from controller.sansio.call import Limits
from controller.sansio.policy import Rules
from controller.sansio.usage import PriceEntry
from controller.sansio.webhook import decode_secrets, verify
from controller.simulator import (
    DEFAULT_API_KEY,
    DEFAULT_SECRET,
    OpenAISimulator,
    Scenario,
    SimulatedCall,
    Switches,
    parse,
)
from controller.store.memory import MemoryLedger
from controller.tools import Tool, tool

START = 1_800_000_000.0
"""Unix seconds at which the virtual time begins."""

TARGET = "sip:+12025550123@trunk.example.net"

FRONTDESK = Agent(
    name="frontdesk",
    model="gpt-realtime-2.1",
    voice="marin",
    instructions="You are the receptionist of Acme Dental.",
    greeting="Thank the caller for calling.",
    built_in=frozenset({"hang_up", "transfer"}),
    targets=(Target("reception", TARGET, "The front desk"),),
    offered=("reception",),
)


PATIENT = Silence(
    ghost_prompts=(), ghost_end=1e6, idle_prompts=(), idle_end=1e6, wordless=1e6, ringing_out=1e6
)
"""For calls in which somebody is silent for long, and something else is looked at."""


Open: TypeAlias = "Callable[..., Awaitable[House]]"
"""Builds a house; the fixture's type."""


class LoopClock:
    """Unix time that moves with the event loop's clock."""

    def now(self) -> float:
        return START + asyncio.get_running_loop().time()


@dataclass
class Gauges:
    """A meter that remembers."""

    outcomes: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    tools: list[tuple[str, str, float]] = field(default_factory=list)
    lookups: list[tuple[str, float]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    live: list[int] = field(default_factory=list)
    answer_times: list[float] = field(default_factory=list)
    session_times: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    reattaches: int = 0
    incidents: list[bool] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    one_way: int = 0

    def delivery(self, result: str) -> None: ...
    def acknowledged(self, seconds: float) -> None: ...

    def delivery_age(self, seconds: float) -> None:
        self.ages.append(seconds)

    def answer_sent(self, seconds: float) -> None:
        self.answer_times.append(seconds)

    def answered(self, seconds: float) -> None:
        self.session_times.append(seconds)

    def live_calls(self, count: int) -> None:
        self.live.append(count)

    def outcome(self, outcome: str) -> None:
        self.outcomes[outcome] += 1

    def reattached(self) -> None:
        self.reattaches += 1

    def tool_ran(self, tool: str, result: str, seconds: float) -> None:
        self.tools.append((tool, result, seconds))

    def looked_up(self, result: str, seconds: float) -> None:
        self.lookups.append((result, seconds))

    def request(self, verb: str, status: str, seconds: float) -> None:
        self.requests.append((verb, status))

    def ignored_frames(self, reason: str, count: int) -> None:
        self.ignored[reason] += count

    def alarm(self, kind: str) -> None:
        self.alarms[kind] += 1

    def incident(self, *, is_on: bool) -> None:
        self.incidents.append(is_on)

    def tokens_left(self, fraction: float) -> None:
        self.tokens.append(fraction)

    def spent(self, usd: float) -> None:
        self.costs.append(usd)

    def clock_skew(self, seconds: float) -> None: ...

    def one_way_audio(self) -> None:
        self.one_way += 1


@tool
async def opening_hours(day: str) -> str:
    """Opening hours for a day of the week."""
    return f"{day}: from 8 to 18"


@dataclass
class House:
    """Everything between the webhook and the wire."""

    openai: OpenAISimulator
    world: World
    registry: Registry
    reception: Reception
    generations: Generations
    meter: Gauges
    log: list[Any]
    results: list[str]
    """What became of each delivery."""

    async def ring(self, scenario: str | Scenario = "", *faults: str) -> SimulatedCall:
        """Place a call; it rings."""
        if isinstance(scenario, str):
            scenario = parse(scenario)
        return await self.openai.place_call(scenario, faults=faults)

    async def play(self, scenario: str | Scenario = "", *faults: str) -> SimulatedCall:
        """Place a call and wait until it is over at both ends."""
        call = await self.ring(scenario, *faults)
        await call.settled()
        assert await self.registry.settled(300)
        return call

    async def quiet(self, limit: float = 120.0) -> None:
        """Wait until a delivery was taken and no call is left here."""
        await self.until(lambda: self.results)
        assert await self.registry.settled(limit)

    async def until(
        self, holds: Callable[[], object], limit: float = 120.0, every: float = 0.1
    ) -> None:
        """Wait until something holds, looking at every tenth of a (virtual) second."""
        async with asyncio.timeout(limit):
            while not holds():  # noqa: ASYNC110 - what is waited for rings no bell
                await asyncio.sleep(every)

    @property
    def states(self) -> list[str]:
        return [call.state for call in self.registry.calls()]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The canonical lines."""
        return [entry for entry in self.log if entry["event"] == "call"]

    @property
    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(line["outcome"], line.get("detail")) for line in self.lines]

    def verbs(self) -> list[str]:
        return [f"{verb} {status}" for verb, status in self.meter.requests]


async def build(  # a composition root
    stack: contextlib.AsyncExitStack,
    tls: ssl.SSLContext,
    log: list[Any],
    *,
    agent: Mapping[str, Any] | None = None,
    tools: Sequence[Tool] = (opening_hours,),
    rules: Mapping[str, Any] | None = None,
    switches: Switches | None = None,
    limits: Limits | None = None,
    ledger: Callable[[MemoryLedger], Ledger] = lambda ledger: ledger,
    line: Callable[[Line], Line] = lambda line: line,
    channels: Callable[[Channels], Channels] = lambda channels: channels,
    colleagues: Sequence[Agent] = (),
    prices: Sequence[PriceEntry] = (),
    handover: Handover | None = None,
    incidents: IncidentRules | None = None,
    alarm_limits: AlarmLimits | None = None,
) -> House:
    clock, meter = LoopClock(), Gauges()
    openai = OpenAISimulator(clock=clock.now, switches=switches, retry_offsets=(), seed=1)
    await stack.enter_async_context(openai)
    url, key = openai.base_url, DEFAULT_API_KEY
    real_line = OpenAILine(api_key=key, base_url=url, ssl_context=tls, meter=meter)
    sidebands = Sidebands(api_key=key, base_url=url, ssl_context=tls)
    stack.push_async_callback(real_line.close)
    stack.push_async_callback(sidebands.close)
    await real_line.warm()
    world = World(
        ledger(MemoryLedger(clock)),
        line(real_line),
        channels(sidebands),
        clock,
        meter,
        handover=handover,
        alarm_limits=alarm_limits or AlarmLimits(),
    )
    registry = Registry(world, incidents=Incidents(incidents))
    stack.push_async_callback(registry.close)
    answering = replace(FRONTDESK, tools=tuple(each.declaration for each in tools), **(agent or {}))
    by_name = {each.declaration.name: each for each in tools}
    generation = Generation(
        hash="abc123",
        agents={"frontdesk": answering, **{each.name: each for each in colleagues}},
        toolboxes={
            name: Toolbox(by_name, clock=clock, meter=meter)
            for name in ("frontdesk", *(each.name for each in colleagues))
        },
        rules=Rules(numbers={"+12025550100": "frontdesk"}, **(rules or {})),
        prices=prices,
    )
    generations = Generations(generation, now=clock.now, alarm=meter.alarm)
    reception = Reception(registry, world, generation=generations, limits=limits)
    results: list[str] = []
    openai.webhook_url = await _listen(stack, reception, clock, results)
    return House(openai, world, registry, reception, generations, meter, log, results)


async def _listen(
    stack: contextlib.AsyncExitStack, reception: Reception, clock: LoopClock, results: list[str]
) -> str:
    """Take deliveries as the service does: verified, and answered once they are taken."""
    secrets = decode_secrets(DEFAULT_SECRET)

    async def take(request: web.Request) -> web.Response:
        received_at, body = clock.now(), await request.read()
        signed = verify(request.headers, body, secrets=secrets, now=clock.now())
        results.append(await reception.receive(signed, body, received_at))
        return web.Response()

    app = web.Application()
    app.router.add_post("/openai/webhook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}/openai/webhook"
