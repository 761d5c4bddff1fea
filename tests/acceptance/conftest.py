"""The whole service and the stand-in for OpenAI in one process, over real sockets.

Both live in one event loop, so that tests marked `looptime` run in virtual time; the clock of both
is then the loop's.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controller.app import Service
from controller.clients.control import ControlClient
from controller.settings import load_all
from controller.simulator import DEFAULT_API_KEY, DEFAULT_SECRET, OpenAISimulator

EPOCH = 1_800_000_000.0

CONFIG = """
agents_dir = "agents"
tools_dir = "tools"

[server]
port = 0
drain_timeout = 600

[policy]
default_agent = "frontdesk"
max_concurrent_calls = 3
default_limits = false

[[numbers]]
number = "+12025550100"
agent = "frontdesk"

[targets.reception]
uri = "sip:+12025550123@trunk.example.net"
description = "The front desk"
"""

AGENT = """+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
greeting = "Thank the caller for calling Acme Dental."
tools = ["opening_hours", "wait_for_ever", "transfer", "hang_up"]
targets = ["reception"]

[silence]  # callers of these tests say nothing for minutes
ghost_prompts = []
ghost_end = 3600
idle_prompts = []
idle_end = 3600
ringing_out = 3600
+++
You are the receptionist of Acme Dental.
"""

TOOLS = '''
import asyncio

from controller.tools import tool

@tool
async def opening_hours(day: str) -> str:
    """Opening hours for a day of the week.

    Args:
        day: the weekday in English.
    """
    return "from 8 to 18"

@tool(timeout=600)
async def wait_for_ever() -> str:
    """Wait."""
    await asyncio.Event().wait()
'''


@dataclass
class LoopClock:
    """Unix time as the event loop counts it, so that it is virtual where the loop's is."""

    starts_at: float = EPOCH

    def now(self) -> float:
        return self.starts_at + asyncio.get_running_loop().time()


@dataclass
class House:
    """The service, the stand-in, and what an operator has at hand."""

    service: Service
    openai: OpenAISimulator
    http: aiohttp.ClientSession
    control: ControlClient
    clock: LoopClock
    running: asyncio.Task[None]

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.service.operator_url + path) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.text()

    def requests(self) -> list[str]:
        """Return what reached OpenAI so far, by name and in order."""
        return [entry.name for entry in self.openai.journal.entries if entry.source == "request"]


def copy_house(source: Path, folder: Path, http_url: str) -> Path:
    """Copy a configuration, with the stand-in's own address where it names the usual one."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*folder.rglob("*.md"), folder / "controller.toml"):
        path.write_text(path.read_text().replace("http://127.0.0.1:8090/http", http_url))
    return folder


async def in_place(work: Callable[[], Any]) -> Any:
    """Do on the loop what takes a thread, and with it real time, in the service."""
    return work()


Open = Callable[..., Awaitable[House]]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Open]:
    houses: list[House] = []
    (tmp_path / "agents").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "agents" / "frontdesk.md").write_text(AGENT)
    (tmp_path / "tools" / "acme.py").write_text(TOOLS)
    (tmp_path / "controller.toml").write_text(CONFIG)

    async def open_house(
        webhook: dict[str, Any] | None = None,
        *,
        source: Path | None = None,
        starts_at: float = EPOCH,
        **server: Any,
    ) -> House:
        clock = LoopClock(starts_at)
        openai = OpenAISimulator(clock=clock.now, retry_offsets=())
        await openai.start()
        folder = tmp_path
        if source is not None:
            folder = copy_house(source, tmp_path / "house", openai.http_url)
        load = partial(
            load_all,
            folder / "controller.toml",
            overrides={
                "server": {"control_socket": str(tmp_path / "control"), **server},
                "webhook": webhook or {},
            },
            environ={
                "OPENAI_API_KEY": DEFAULT_API_KEY,
                "OPENAI_WEBHOOK_SECRET": DEFAULT_SECRET,
                "OPENAI_BASE_URL": openai.base_url,
            },
        )
        settings, generation = load()
        service = Service(settings, generation, clock=clock, load=load, in_thread=in_place)
        await service.start()
        openai.webhook_url = f"{service.url}/openai/webhook"
        opened = House(
            service=service,
            openai=openai,
            http=aiohttp.ClientSession(),
            control=ControlClient(settings.server.control_socket),
            clock=clock,
            running=asyncio.create_task(service.run_until_stopped()),
        )
        houses.append(opened)
        return opened

    yield open_house
    for each in houses:
        await each.http.close()
        each.service.request_stop()
        each.service.request_stop()
        await each.running
        await each.openai.stop()
