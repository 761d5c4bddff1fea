"""Reloads: what is built, what of it answers, what is said of the rest. Real files, no calls."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller import config
from controller.calls.generations import Generation, Generations
from controller.config import toolbox
from controller.config.toolbox import PREFIX
from controller.errors import ConfigurationError, ControlError, Problem
from controller.reloading import STOPPING, Loaded, Reloaded, Reloading
from controller.settings import load_all

CONFIG = """
[[numbers]]
number = "*"
agent = "frontdesk"
"""
AGENT = """+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
+++
You are the receptionist.
"""
TOOL = '''
from controller.tools import tool

@tool
async def opening_hours(day: str) -> str:
    """Opening hours.

    Args:
        day: the weekday.
    """
    return "from 8 to 18"
'''

CRM = """
[[http_tools]]
name = "crm"
description = "Look a customer up."
url = "https://crm.example.net/customers"
signed = false
headers = { Authorization = "Bearer ${CRM_TOKEN}" }
"""


@dataclass
class Counted:
    """Satisfies the meter."""

    reloads: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)

    def reloaded(self, result: str) -> None:
        self.reloads.append(result)

    def alarm(self, kind: str) -> None:
        self.alarms.append(kind)


async def in_place(build: Callable[[], Loaded]) -> Loaded:
    return build()


def equip(generation: config.Generation) -> Generation:
    return Generation(
        generation.hash,
        generation.agents,
        {},
        generation.rules,
        secrets=generation.secrets,
        pieces=generation.pieces,
    )


@dataclass
class Shop:
    """A folder of files, and what reloads them."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    meter: Counted = field(default_factory=Counted)
    swaps: list[str] = field(default_factory=list)
    builds: int = 0

    def load(self) -> Loaded:
        self.builds += 1
        path = self.folder / "controller.toml"
        return load_all(path, environ=self.environ, with_secrets=False)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def say(self, words: str) -> None:
        self.write("agents/frontdesk.md", AGENT + words)

    @asynccontextmanager
    async def open(
        self,
        *,
        in_thread: Callable[[Callable[[], Loaded]], Awaitable[Loaded]] | None = in_place,
        equip: Callable[[config.Generation], Generation] = equip,
        **options: Any,
    ) -> AsyncIterator[Reloading]:
        loaded = self.load()
        self.generations = Generations(equip(loaded[1]), when_gone=self._forget, **options)
        self.reloading = reloading = Reloading(
            self.generations,
            loaded=loaded,
            build=self.load,
            equip=equip,
            meter=self.meter,
            in_thread=in_thread,
            when_swapped=lambda: self.swaps.append(self.generations.current.hash),
        )
        running = asyncio.create_task(reloading.run())
        yield reloading
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    def _forget(self, name: str) -> None:
        self.reloading.forget(name)

    def modules(self) -> set[str]:
        """Return the generations whose tool modules are in the interpreter."""
        found = {each.partition(".")[0] for each in sys.modules if each.startswith(PREFIX)}
        return {each.removeprefix(PREFIX) for each in found}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    for name in ("agents", "tools"):
        (tmp_path / name).mkdir()
    made = Shop(tmp_path)
    made.write("controller.toml", CONFIG)
    made.write("tools/shop.py", TOOL)
    made.say("")
    for left in made.modules():  # by other tests of this process, perhaps with the same content
        toolbox.forget(left)
    yield made
    for left in made.modules():
        toolbox.forget(left)


async def test_what_has_changed_is_taken_over_and_named(shop: Shop) -> None:
    async with shop.open() as reloading:
        first = shop.generations.current
        shop.say("Be kind.")
        shop.write("agents/night.md", AGENT)

        done = await reloading.reload("signal")

        current = shop.generations.current
        assert done == Reloaded("activated", current.hash, ("agent frontdesk", "+agent night"))
        assert current.hash != first.hash
        assert "Be kind." in current.agents["frontdesk"].instructions
        assert shop.meter.reloads == ["activated"]
        assert shop.swaps == [current.hash]
        assert [each.by for each in reloading.generations()] == ["signal", "start"]


async def test_what_has_not_changed_changes_nothing_and_says_so(shop: Shop) -> None:
    async with shop.open() as reloading:
        first = shop.generations.current
        with capture_logs() as log:
            done = await reloading.reload("file")

        assert done == Reloaded("unchanged", first.hash)
        assert shop.generations.current is first
        assert shop.swaps == []
        assert [(each["event"], each["by"]) for each in log] == [("generation_unchanged", "file")]
        assert shop.modules() == {first.hash}


async def test_what_has_mistakes_changes_nothing_and_each_is_named_once(shop: Shop) -> None:
    async with shop.open() as reloading:
        first = shop.generations.current
        shop.write("controller.toml", CONFIG.replace("frontdesk", "nobody") + "[trunk]\nx = 1\n")
        with capture_logs() as log:
            done = await reloading.reload("signal")
            again = await reloading.reload("file")

        assert done.result == again.result == "failed"
        assert done.hash == first.hash
        assert any("nobody" in each for each in done.problems)
        assert len(done.problems) == 2
        assert shop.generations.current is first
        assert reloading.has_failed
        assert shop.meter.alarms == ["reload_failed", "reload_failed"]
        told = [each["event"] for each in log]
        assert told == ["reload_problem", "reload_problem", "alarm", "alarm"]
        assert shop.modules() == {first.hash}

        shop.write("controller.toml", CONFIG)
        assert (await reloading.reload("signal")).result == "unchanged"
        assert not reloading.has_failed


async def test_a_mistake_that_is_met_again_after_a_success_is_told_again(shop: Shop) -> None:
    async with shop.open() as reloading:
        with capture_logs() as log:
            for text in ("nobody", "frontdesk", "nobody"):
                shop.write("controller.toml", CONFIG.replace("frontdesk", text))
                await reloading.reload("signal")

        assert [each["event"] for each in log].count("reload_problem") == 2


async def test_the_same_content_again_is_the_generation_that_is_kept_of_it(shop: Shop) -> None:
    async with shop.open() as reloading:
        first = shop.generations.current
        shop.say("Be kind.")
        await reloading.reload("signal")
        shop.say("")

        done = await reloading.reload("signal")

        assert done == Reloaded("activated", first.hash, ("agent frontdesk",))
        assert shop.generations.current is first
        assert len(reloading.generations()) == 2


async def test_a_secret_with_another_value_reaches_new_calls(shop: Shop) -> None:
    shop.environ["CRM_TOKEN"] = "old"
    front = 'disclosure = false\ntools = ["crm"]\n' + CRM
    shop.write("agents/frontdesk.md", AGENT.replace("disclosure = false\n", front))
    async with shop.open() as reloading:
        first = shop.generations.current
        shop.environ["CRM_TOKEN"] = "new"

        done = await reloading.reload("signal")

        assert done == Reloaded("activated", first.hash, ("secrets",))
        assert first.secrets == {"CRM_TOKEN": "old"}
        assert shop.generations.current.secrets == {"CRM_TOKEN": "new"}


async def test_what_cannot_change_while_it_runs_is_named_until_it_is_as_it_was(shop: Shop) -> None:
    async with shop.open() as reloading:
        shop.write("controller.toml", CONFIG + "[server]\nport = 8099\n[log]\nlevel = 'debug'\n")
        done = await reloading.reload("signal")

        assert done.result == "unchanged"
        assert done.warnings == (
            "server.port differs; it takes effect at a restart",
            "log.level differs; it takes effect at a restart",
        )

        shop.say("Be kind.")
        with capture_logs() as log:
            done = await reloading.reload("signal")
        told = [each["warning"] for each in log if each["event"] == "configuration"]
        assert list(done.warnings) == told
        assert len(told) == 2


async def test_who_asks_while_one_is_built_gets_the_result_of_one_more(shop: Shop) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(build: Callable[[], Loaded]) -> Loaded:
        loaded = build()
        begun.set()
        await go_on.wait()
        return loaded

    async with shop.open(in_thread=slowly) as reloading:
        shop.say("One.")
        first = asyncio.create_task(reloading.reload("operator uid 1"))
        await begun.wait()
        shop.say("Two.")
        others = [asyncio.create_task(reloading.reload(f"operator uid {uid}")) for uid in (2, 3)]
        reloading.ask("signal")
        await asyncio.sleep(0)
        go_on.set()

        assert (await first).result == "activated"
        second, third = await asyncio.gather(*others)

        assert second is third
        assert shop.builds == 3  # the one at the start among them
        assert "Two." in shop.generations.current.agents["frontdesk"].instructions
        by = [each.by for each in reloading.generations()]
        assert by == ["signal, operator uid 2, operator uid 3", "operator uid 1", "start"]


async def test_somebody_who_stops_waiting_stops_nobody_else(shop: Shop) -> None:
    async with shop.open() as reloading:
        shop.say("One.")
        impatient, patient = (asyncio.create_task(reloading.reload("signal")) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()

        assert (await patient).result == "activated"


@pytest.mark.looptime
async def test_a_build_that_hangs_is_given_up_and_the_next_may_succeed(shop: Shop) -> None:
    hangs = True

    async def hang(build: Callable[[], Loaded]) -> Loaded:
        if hangs:
            await asyncio.Event().wait()
        return build()

    async with shop.open(in_thread=hang) as reloading:
        shop.say("One.")
        done = await reloading.reload("signal")
        assert done.result == "failed"
        assert "not loaded within 25 s" in done.problems[0]

        hangs = False
        assert (await reloading.reload("signal")).result == "activated"


async def test_whoever_waits_for_a_reload_is_told_that_the_service_stops(shop: Shop) -> None:
    async def hang(_build: Callable[[], Loaded]) -> Loaded:
        never: asyncio.Future[Loaded] = asyncio.get_running_loop().create_future()
        return await never

    async with shop.open(in_thread=hang) as reloading:
        asked = [asyncio.create_task(reloading.reload("signal")) for _ in range(2)]
        await asyncio.sleep(0)
        asked.append(asyncio.create_task(reloading.reload("of the one that follows")))
        await asyncio.sleep(0)

        reloading.close()

        stopping = Reloaded("failed", shop.generations.current.hash, problems=(STOPPING,))
        assert await asyncio.gather(*asked) == [stopping] * 3
        assert await reloading.reload("too late") == stopping


async def test_a_mistake_of_ours_ends_neither_the_service_nor_reloads(shop: Shop) -> None:
    breaks = True

    async def break_(build: Callable[[], Loaded]) -> Loaded:
        if breaks:
            raise ZeroDivisionError
        return build()

    async with shop.open(in_thread=break_) as reloading:
        shop.say("One.")
        done = await reloading.reload("signal")
        assert done.result == "failed"
        assert "could not be loaded: ZeroDivisionError" in done.problems[0]

        breaks = False
        assert (await reloading.reload("signal")).result == "activated"


async def test_what_cannot_be_equipped_is_a_failure_that_leaves_no_module(shop: Shop) -> None:
    def refuse(generation: config.Generation) -> Generation:
        if "Broken." in generation.agents["frontdesk"].instructions:
            raise ConfigurationError(Problem("", "crm", "has no schema", "correct the agent file"))
        return equip(generation)

    async with shop.open(equip=refuse) as reloading:
        first = shop.generations.current
        shop.say("Broken.")
        done = await reloading.reload("signal")

        assert (done.result, reloading.has_failed) == ("failed", True)
        assert shop.modules() == {first.hash}


async def test_it_is_built_in_a_thread_while_the_loop_goes_on(shop: Shop) -> None:
    async with shop.open(in_thread=None) as reloading:
        shop.say("One.")
        asked = asyncio.create_task(reloading.reload("signal"))
        turns = 0
        while not asked.done():
            await asyncio.sleep(0)
            turns += 1

        assert (await asked).result == "activated"
        assert turns > 10  # a build on the loop leaves it a few


# --- what is not needed any more ---------------------------------------------------------------


async def test_modules_are_forgotten_with_the_last_call_that_needs_them(shop: Shop) -> None:
    async with shop.open(most=1) as reloading:
        first = shop.generations.current
        shop.say("One.")
        await reloading.reload("signal")
        with shop.generations.use() as current:
            hold = shop.generations.hold(current)
        shop.say("Two.")
        await reloading.reload("signal")
        newest = shop.generations.current
        assert shop.modules() == {first.hash, current.hash, newest.hash}

        shop.swaps.clear()
        hold.release()

        assert shop.modules() == {first.hash, newest.hash}  # the first is the last good one
        assert shop.swaps == [newest.hash]  # the collector has something to find


async def test_modules_are_not_forgotten_while_the_same_is_being_built_again(shop: Shop) -> None:
    begun, go_on, waits = asyncio.Event(), asyncio.Event(), False

    async def slowly(build: Callable[[], Loaded]) -> Loaded:
        loaded = build()
        if waits:
            begun.set()
            await go_on.wait()
        return loaded

    async with shop.open(most=1, in_thread=slowly) as reloading:
        shop.say("One.")
        await reloading.reload("signal")
        with shop.generations.use() as one:
            hold = shop.generations.hold(one)
        shop.say("Two.")
        await reloading.reload("signal")

        waits = True
        shop.say("One.")
        asked = asyncio.create_task(reloading.reload("signal"))
        await begun.wait()
        hold.release()  # nobody needs it; but it has just been imported from what is there
        assert one.hash in shop.modules()
        go_on.set()

        assert (await asked).hash == one.hash
        assert one.hash in shop.modules()


# --- operators and health ----------------------------------------------------------------------


async def fail_calls(shop: Shop, generations: Generations) -> None:
    """Have the current generation be given up."""
    kept = generations.named(generations.current.hash)[0]
    for _ in range(3):
        generations.note(kept, served=False)


async def test_what_was_given_up_is_not_taken_over_again(shop: Shop) -> None:
    async with shop.open() as reloading:
        first = shop.generations.current
        shop.say("Broken.")
        bad = await reloading.reload("signal")
        await fail_calls(shop, shop.generations)
        assert shop.generations.current is first

        done = await reloading.reload("signal")

        assert (done.result, done.hash) == ("unhealthy", first.hash)
        assert f"controller generations activate {bad.hash}" in done.problems[0]
        assert shop.generations.current is first
        assert shop.meter.reloads == ["activated", "unhealthy"]

        assert reloading.activate(bad.hash[:6], "operator uid 7").result == "activated"
        assert shop.generations.current.hash == bad.hash
        assert reloading.generations()[0].by == "operator uid 7"


async def test_the_one_that_answers_already_is_activated_by_nothing(shop: Shop) -> None:
    async with shop.open() as reloading:
        current = shop.generations.current.hash

        assert reloading.activate(current, "operator") == Reloaded("unchanged", current)
        assert [each.by for each in reloading.generations()] == ["start"]


async def test_which_one_is_meant_must_be_clear(shop: Shop) -> None:
    async with shop.open() as reloading:
        shop.say("One.")
        await reloading.reload("signal")
        with pytest.raises(ControlError, match=r"^2 generations begin with ''"):
            reloading.activate("", "operator")
        with pytest.raises(ControlError, match=r"^no generation that is kept begins with 'xyz'"):
            reloading.activate("xyz", "operator")
