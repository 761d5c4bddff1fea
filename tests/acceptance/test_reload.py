"""Reloads of the whole service while calls come, talk and end; in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from controller.calls.generations import MOST_KEPT
from controller.config import toolbox
from controller.config.toolbox import PREFIX
from controller.simulator import EndedBy, SimulatedCall, parse

pytestmark = pytest.mark.looptime

VERSIONS = 12
"""More than are kept, so that generations are given up and built again."""
EVERY = 0.1
"""Seconds between two reloads."""
LIVE = 100
"""Calls that live at once, once the first of them begin to end."""
PER_SECOND = 16.0
"""Calls; each lasts some eight seconds."""
LASTS = 9.0
"""Seconds for which calls come."""

CONFIG = """
[server]
port = 0

[policy]
default_agent = "frontdesk"
max_concurrent_calls = 1000
default_limits = false

[[policy.rules]]
name = "version-{version}"
when = {{ called = ["*"] }}
agent = "frontdesk"
"""

AGENT = """+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
greeting = "Thank the caller for calling."
tools = ["opening_hours"]
+++
You are the receptionist of Acme Dental, in version {version}.
"""

TOOLS = '''
import asyncio

from controller.tools import tool

from . import words

@tool
async def opening_hours(day: str) -> str:
    """Opening hours, as of version {version}.

    Args:
        day: the weekday in English.
    """
    await asyncio.sleep(0.5)
    from . import late
    return f"hours of version {version}, {{words.VERSION}}, {{late.VERSION}}"
'''
WORDS = "VERSION = {version}\n"

TALKS = """
stays = 300.0
caller = [{ waits = 1.0 }, "When are you open on Monday?", { waits = 2.0 }, { hangs_up = true }]
[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }
"""


def write(folder: Path, version: int) -> None:
    """Write a configuration all of whose parts say which version it is."""
    texts = {
        "controller.toml": CONFIG,
        "agents/frontdesk.md": AGENT,
        "tools/acme.py": TOOLS,
        "tools/words.py": WORDS,
        "tools/late.py": WORDS,
    }
    for name, text in texts.items():
        (folder / name).write_text(text.format(version=version))


def modules() -> set[str]:
    """Return the packages of tools that are in the interpreter."""
    return {each.partition(".")[0] for each in sys.modules if each.startswith(PREFIX)}


@pytest.fixture
def no_modules() -> Iterator[None]:
    """Begin without the tools that other tests of this process have left."""
    for each in modules():
        toolbox.forget(each.removeprefix(PREFIX))
    yield
    for each in modules():
        toolbox.forget(each.removeprefix(PREFIX))


@dataclass
class Seen:
    """The versions that were seen in one call, by where."""

    rule: str
    generation: str
    instructions: str
    schema: str
    outputs: list[str]


def seen_in(call: SimulatedCall, line: dict[str, Any]) -> Seen:
    body = call.accept_body
    assert body is not None
    outputs = [
        event["item"]["output"]
        for event in call.client_events
        if event["type"] == "conversation.item.create"
        and event["item"]["type"] == "function_call_output"
    ]
    (tool,) = [each for each in body["tools"] if each["name"] == "opening_hours"]
    return Seen(
        line["rule"], line["generation"], body["instructions"], tool["description"], outputs
    )


def versions(text: str) -> set[str]:
    return set(re.findall(r"\d+", text.split("version", 1)[1]))


@dataclass
class Crowd:
    """Callers who come one after the other, and an operator who reloads all the while."""

    home: Any
    folder: Path
    by_hash: dict[str, int] = field(default_factory=dict)
    """The version of each generation."""
    calls: list[SimulatedCall] = field(default_factory=list)
    reloads: int = 0
    most_live: int = 0
    most_modules: int = 0

    async def reload(self, version: int) -> None:
        write(self.folder, version)
        done = await self.home.control.reload()
        assert done["result"] == "activated", done
        assert self.by_hash.setdefault(done["hash"], version) == version
        self.reloads += 1
        self.most_modules = max(self.most_modules, len(modules()))

    async def reload_for_ever(self) -> None:
        for version in itertools.cycle(range(1, VERSIONS + 1)):
            await asyncio.sleep(EVERY)
            await self.reload(version)

    async def ring_for_ever(self) -> None:
        scenario = parse(TALKS)
        while True:
            self.calls.append(await self.home.openai.place_call(scenario))
            self.most_live = max(self.most_live, self.home.service._calls.live_count)
            await asyncio.sleep(1 / PER_SECOND)

    async def go_on(self) -> None:
        """Until the house has been full for a while, and everybody has left."""
        works = (self.reload_for_ever(), self.ring_for_ever())
        tasks = [asyncio.create_task(work) for work in works]
        await asyncio.sleep(LASTS)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in ended] == [asyncio.CancelledError] * 2, ended
        await asyncio.gather(*(call.ended for call in self.calls))
        assert await self.home.service._calls.settled(60.0)


async def test_a_reload_every_100_ms_under_load_drops_nothing_and_mixes_nothing(
    house: Any, tmp_path: Path, no_modules: None
) -> None:
    home = await house()
    crowd = Crowd(home, tmp_path)
    await crowd.reload(VERSIONS)
    with capture_logs(processors=[merge_contextvars]) as log:
        await crowd.go_on()

    lines = {line["sip_call_id"]: line for line in log if line["event"] == "call"}
    used = set()
    for call in crowd.calls:
        assert (await call.ended).by is EndedBy.CALLER_HUNG_UP
        seen = seen_in(call, dict(lines[call.sip_call_id]))
        version = crowd.by_hash[seen.generation]
        assert seen.rule == f"version-{version}"
        assert versions(seen.instructions) == versions(seen.schema) == {str(version)}
        assert [versions(each) for each in seen.outputs] == [{str(version)}]
        used.add(version)
    assert {line["outcome"] for line in lines.values()} == {"caller_hung_up"}
    assert not [line for line in log if line["event"] in {"alarm", "call_failed"}]

    assert crowd.most_live >= LIVE
    assert crowd.reloads >= 0.9 * LASTS / EVERY
    assert len(used) == VERSIONS
    # All versions have live calls at once; in the end only what can be gone back to is kept.
    assert crowd.most_modules <= VERSIONS + 1
    summaries = await home.control.generations()
    assert len(summaries) <= MOST_KEPT + 1
    assert {each["live_calls"] for each in summaries} == {0}
    assert {PREFIX + each["hash"] for each in summaries} >= modules()
