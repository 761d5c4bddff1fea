"""Reloads of the whole service while calls come, talk and end; in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import os
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
from controller.errors import ControlError
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


# --- what an operator sees ---------------------------------------------------------------------


async def notes(home: Any) -> set[str]:
    status, ready = await home.get("/readyz")
    assert (status, ready["ready"]) == (200, True)
    return set(ready["notes"])


async def test_a_reload_that_fails_is_seen_until_one_succeeds(house: Any, tmp_path: Path) -> None:
    write(tmp_path, 1)
    home = await house()
    (tmp_path / "agents" / "frontdesk.md").write_text("+++\nvoice = 1\n+++\n")
    done = await home.control.reload()

    assert done["result"] == "failed"
    assert any("agents/frontdesk.md:2: voice" in each for each in done["problems"])
    assert "reload_failed" in await notes(home)
    _, text = await home.get("/metrics")
    assert 'controller_reloads_total{result="failed"} 1.0' in text
    assert 'controller_alarms_total{kind="reload_failed"} 1.0' in text
    assert f'controller_generation_info{{hash="{done["hash"]}"}} 1.0' in text

    write(tmp_path, 2)
    done = await home.control.reload()
    assert (done["result"], "reload_failed" in await notes(home)) == ("activated", False)
    assert done["changed"] == [
        "agent frontdesk", "rules", "tool acme", "tool late", "tool words",
    ]  # fmt: skip
    _, text = await home.get("/metrics")
    assert f'controller_generation_info{{hash="{done["hash"]}"}} 1.0' in text
    assert text.count("controller_generation_info{") == 1


async def test_an_operator_goes_back_and_it_is_written_down_who(house: Any, tmp_path: Path) -> None:
    write(tmp_path, 1)
    home = await house()
    (first,) = await home.control.generations()
    assert (first["by"], first["state"], first["changed"]) == ("start", "current", [])
    assert first["since"] == home.clock.starts_at
    write(tmp_path, 2)
    second = await home.control.reload()

    done = await home.control.activate(first["hash"][:5])

    assert (done["result"], done["hash"]) == ("activated", first["hash"])
    found = await home.control.generations()
    assert [(each["hash"], each["state"], each["by"]) for each in found] == [
        (first["hash"], "current", f"operator uid {os.getuid()}"),
        (second["hash"], "old", f"operator uid {os.getuid()}"),
    ]
    with pytest.raises(ControlError, match="no generation that is kept begins with 'nothing'"):
        await home.control.activate("nothing")
    with pytest.raises(ControlError, match="no generation that is kept begins with 'a/b'"):
        await home.control.activate("a/b")


async def test_a_generation_whose_calls_fail_is_given_up_and_stays_out(
    house: Any, tmp_path: Path
) -> None:
    write(tmp_path, 1)
    home = await house()
    write(tmp_path, 2)
    bad = await home.control.reload()
    for _ in range(3):
        call = await home.openai.place_call(faults=["accept_400_always"])
        await call.ended
        await asyncio.sleep(5)

    assert "generation_unhealthy" in await notes(home)
    states = {each["hash"]: each["state"] for each in await home.control.generations()}
    assert states.pop(bad["hash"]) == "unhealthy"
    assert list(states.values()) == ["current"]
    assert (await home.control.reload())["result"] == "unhealthy"

    await home.control.activate(bad["hash"])
    assert "generation_unhealthy" not in await notes(home)


async def test_what_changes_in_the_files_is_taken_over_where_that_is_wanted(
    house: Any, tmp_path: Path
) -> None:
    write(tmp_path, 1)
    with (tmp_path / "controller.toml").open("a") as file:
        file.write("\n[reload]\nwatch = true\ninterval = 2.0\n")
    home = await house()
    await asyncio.sleep(60)
    assert len(await home.control.generations()) == 1

    path = tmp_path / "agents" / "frontdesk.md"
    path.write_text(AGENT.format(version=2))
    await asyncio.sleep(2.5)  # seen once; it may be half of what is coming
    path.write_text(AGENT.format(version=33))
    await asyncio.sleep(2.0)  # seen again, and it was not the same
    assert len(await home.control.generations()) == 1
    await asyncio.sleep(2.0)

    newest, _ = await home.control.generations()
    assert (newest["by"], newest["changed"]) == ("file", ["agent frontdesk"])
    path.write_text("broken")
    await asyncio.sleep(6)
    assert "reload_failed" in await notes(home)
    _, text = await home.get("/metrics")
    assert 'controller_reloads_total{result="failed"} 1.0' in text  # and not at every look


async def test_a_trunk_is_unverified_until_the_generation_says_otherwise(
    house: Any, tmp_path: Path
) -> None:
    write(tmp_path, 1)
    home = await house()
    assert "trunk_unverified" in await notes(home)
    with (tmp_path / "controller.toml").open("a") as file:
        file.write("\n[trunk]\nverified_at = 2026-11-20\n")
    done = await home.control.reload()

    assert (done["result"], done["changed"]) == ("activated", ["trunk"])
    assert "trunk_unverified" not in await notes(home)


# --- under load --------------------------------------------------------------------------------


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
