"""Whatever line, sockets, ledger and tools do, and whenever: a call ends once and leaves nothing.

The ports here are dice. They keep the promises of `controller.calls.ports` and no other: they
answer late, out of order, or with what nobody hoped for.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import looptime
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from controller.calls.beginning import Opening, Preparation, Timing
from controller.calls.generations import Generation
from controller.calls.lookups import Lookups
from controller.calls.ports import Claim, TakeRequest, no_record
from controller.calls.record import CallRecord
from controller.calls.registry import Registry
from controller.calls.runner import CallRunner
from controller.calls.world import World
from controller.errors import ChannelClosed, ChannelRefused, Fenced
from controller.sansio.agent import ToolDeclaration
from controller.sansio.call import Limits
from controller.sansio.commands import Outcome
from controller.sansio.conversation import Conversation
from controller.sansio.events import (
    Admitted,
    Answered,
    AnswerFailed,
    AnswerResult,
    HangUpFailed,
    LineEnded,
    Refused,
    RejectSettled,
    ToolCall,
    ToolOutput,
    TransferFailed,
    TransferUnproven,
)
from controller.sansio.incoming import read_incoming
from controller.sansio.lookup import Lookup
from controller.sansio.policy import Accept, Limit, Load, Reject, Rules
from controller.sansio.templating import Prompts, read
from controller.sansio.webhook import CallOffered
from controller.store.memory import MemoryLedger
from tests.calls.house import FRONTDESK, Gauges, LoopClock
from tests.calls.ledgers import WatchedLedger

LONGEST = 60.0
"""Seconds that the agent talks at most."""
END = 400.0
"""Seconds after which every call is over, whatever happens: all limits together are less."""


class Dice:
    """What the ports do, and what they saw."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.open: set[int] = set()
        self.most_open = 0
        self.ran: Counter[str] = Counter()
        self.asked_at: list[float] = []

    async def wait(self, *seconds: float) -> None:
        await asyncio.sleep(self.random.choice(seconds))


class DiceLine:
    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    async def _result(self, *results: Any) -> Any:
        self._dice.asked_at.append(asyncio.get_running_loop().time())
        await self._dice.wait(0, 0.05, 3, 8, 11.99, 12, 12.01, 20)
        return self._dice.random.choice(results)

    async def answer(
        self, provider_id: str, session: Mapping[str, Any], *, keep: TakeRequest = no_record
    ) -> Answered | AnswerFailed:
        failures = [AnswerFailed(result, 400) for result in AnswerResult]
        result: Answered | AnswerFailed = await self._result(*[Answered()] * 8, *failures)
        return result

    async def reject(
        self, provider_id: str, status_code: int, *, keep: TakeRequest = no_record
    ) -> RejectSettled:
        result: RejectSettled = await self._result(
            RejectSettled(certain=True), RejectSettled(certain=False)
        )
        return result

    async def transfer(
        self, provider_id: str, target_uri: str, *, keep: TakeRequest = no_record
    ) -> TransferUnproven | TransferFailed:
        result: TransferUnproven | TransferFailed = await self._result(
            TransferUnproven(), TransferFailed(403), TransferFailed()
        )
        return result

    async def hang_up(
        self, provider_id: str, *, keep: TakeRequest = no_record
    ) -> LineEnded | HangUpFailed:
        result: LineEnded | HangUpFailed = await self._result(LineEnded(), HangUpFailed())
        return result


def frames(random: Random) -> str | bytes:
    """Return something that a far end may say."""
    number = random.randrange(4)
    response = {"id": f"resp_{number}", "status": random.choice(["completed", "failed"])}
    name = random.choice(["opening_hours", "hang_up", "transfer", "unknown"])
    item = {
        "type": "function_call",
        "call_id": f"call_{number}",
        "name": name,
        "arguments": random.choice(['{"target": "reception"}', "{}", "]"]),
        "status": "completed",
    }
    output = random.choice([[], [item], [item, item | {"call_id": f"call_{number + 4}"}]])
    event: Any = random.choice(
        [
            {"type": "session.created", "session": {}},
            {"type": "session.created", "session": {}},
            {"type": "session.updated", "session": {}},
            {"type": "response.created", "response": {"id": f"resp_{number}"}},
            {"type": "response.done", "response": response | {"output": output}},
            {"type": "output_audio_buffer.started", "response_id": f"resp_{number}"},
            {"type": "output_audio_buffer.stopped", "response_id": f"resp_{number}"},
            {"type": "input_audio_buffer.speech_started", "item_id": "item_1"},
            {"type": "input_audio_buffer.committed", "item_id": "item_1"},
            {"type": "error", "error": {"code": "session_expired"}},
            {"type": "unheard_of"},
            [],
        ]
    )
    text = json.dumps(event)
    choices: list[str | bytes] = [text, text.encode(), b"\xff"]
    return random.choice(choices)


class DiceChannel:
    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._is_fresh = True
        dice.open.add(id(self))
        dice.most_open = max(dice.most_open, len(dice.open))

    async def receive(self) -> str | bytes:
        dice = self._dice
        if self._is_fresh and dice.random.random() < 0.8:
            self._is_fresh = False
            return '{"type": "session.created", "session": {}}'
        await dice.wait(0, 0.1, 1, 4)
        if id(self) not in dice.open or dice.random.random() < 0.05:
            raise ChannelClosed(dice.random.choice([None, 1000, 1001, 1006]))
        return frames(dice.random)

    async def send(self, frame: str) -> None:
        await self._dice.wait(0, 0, 0, 5)
        if id(self) not in self._dice.open or self._dice.random.random() < 0.05:
            raise ChannelClosed(None)

    async def close(self) -> None:
        self._dice.open.discard(id(self))
        await self._dice.wait(0, 1)


class DiceChannels:
    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    async def open(self, provider_id: str) -> DiceChannel:
        await self._dice.wait(0, 0.1, 5, 6, 7)
        if self._dice.random.random() < 0.3:
            raise ChannelRefused(self._dice.random.choice([404, 404, 500, None]))
        return DiceChannel(self._dice)


class DiceToolbox:
    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    async def run(self, call: ToolCall, context: Any, **_more: Any) -> ToolOutput:
        self._dice.ran[call.tool_call_id] += 1
        await self._dice.wait(0, 1, 8)
        return ToolOutput(call.tool_call_id, "done")

    def ends_with_call(self, name: str) -> bool:
        return self._dice.random.random() < 0.5


class DiceSearch:
    """Answers look-ups."""

    declaration = ToolDeclaration("find", "", {})

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    async def run(self, arguments_json: str, context: Any, **_more: Any) -> str:
        await self._dice.wait(0, 0.5, 0.999, 1, 1.001, 3, 29, 30, 90)
        if self._dice.random.random() < 0.1:
            raise ValueError
        answers = ["{}", "]", '{"facts": {"name": "Ann"}}', '{"agent": "vip"}', '{"agent": "x"}']
        return self._dice.random.choice(answers)


def looked_up(record: CallRecord, world: World, dice: Dice) -> CallRunner:
    """Return a call that is looked up first, which may give it to an agent without room."""
    agents = {
        each.name: replace(each, instructions="{{ lookup.name }}", max_duration=LONGEST)
        for each in (FRONTDESK, replace(FRONTDESK, name="vip"))
    }
    texts = Prompts(instructions=read("Serve {{ lookup.name }}.")[0])
    at_most = dice.random.choice([0, 1])
    full = Limit(
        name="vips", by="agent", at_most=at_most, only=frozenset({"vip"}), over=Reject(480)
    )
    lookup = Lookup(tool="find", facts={"name": "unknown"}, agents=("vip",))
    generation = Generation(
        hash="abc",
        agents=agents,
        toolboxes=dict.fromkeys(agents, DiceToolbox(dice)),
        rules=Rules({}, limits=(full,)),
        prompts=dict.fromkeys(agents, texts),
        facts=lookup.facts,
        lookup=Lookups(lookup, DiceSearch(dice), clock=world.clock, meter=world.meter),
    )
    assert generation.lookup is not None
    opening = Opening(record, generation, world, timing=Timing(Limits()))
    decision = Accept(FRONTDESK.name, "number")
    load = Load(live_calls=0, admitting=True)
    return CallRunner(
        record,
        opening.begin(decision).conversation,
        world,
        toolboxes=generation.toolboxes,
        agents=opening.agents,
        preparation=Preparation(opening, decision, generation.lookup, load=lambda: load),
    )


def a_call(world: World, dice: Dice, *, refused: bool) -> CallRunner:
    headers = (("From", "<sip:+12025550101@trunk.example.net>"),)
    agent = replace(FRONTDESK, max_duration=LONGEST)
    record = CallRecord(
        call_id="018f",
        epoch=1,
        incoming=read_incoming(
            CallOffered("evt_1", 1, "rtc_1", headers), webhook_id="wh_1", region="US"
        ),
        agent=None if refused else agent,
        received_at=world.clock.now(),
        rule="number",
        generation="abc",
    )
    if not refused and dice.random.random() < 0.5:
        return looked_up(record, world, dice)
    conversation = Conversation(agent, now=world.clock.now())
    toolboxes = {agent.name: DiceToolbox(dice)}
    return CallRunner(record, conversation, world, toolboxes=toolboxes, agents={agent.name: agent})


STEPS = ["intend answer", "settle answer", "intend tool", "settle tool", "intend hang_up"]


async def live(dice: Dice, meter: Gauges, *, fenced: bool) -> float:
    """Live one call, and return when its outcome came."""
    random, clock = dice.random, LoopClock()
    fails: dict[tuple[str, int], Exception] = (
        {(random.choice([*STEPS, "settle hang_up", "finish"]), 1): Fenced()} if fenced else {}
    )
    ledger = WatchedLedger(MemoryLedger(clock), seconds=random.choice([0, 0.02]), fails=fails)
    world = World(ledger, DiceLine(dice), DiceChannels(dice), clock, meter)
    registry = Registry(world)
    refused = random.random() < 0.1
    runner = a_call(world, dice, refused=refused)
    claim = ledger.inner.claim(_claim(runner.record))
    assert await claim == 1
    registry.start(runner, Refused(486) if refused else Admitted())
    if random.random() < 0.3:
        await dice.wait(0, 0.1, 0.99, 1.01, 3, 9, 30)
        registry.hang_up("018f")
    assert await registry.settled(END)
    assert (registry.live_count, registry.unsettled_count) == (0, 0)
    assert fenced or ledger.inner._counts._places == {}
    for _ in range(5):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return (
        (runner.record.ended_at or float("inf")) - clock.now() + asyncio.get_running_loop().time()
    )


def _claim(record: CallRecord) -> Claim:
    return Claim(
        call_id=record.call_id,
        line="openai_sip",
        provider_id="rtc_1",
        webhook_id="wh_1",
        sip_call_id=None,
        received_at=record.received_at,
        raw_event=b"",
    )


@given(st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_call_ends_once_and_leaves_nothing(random: Random, fenced: bool) -> None:  # noqa: FBT001 - Hypothesis calls it
    dice, meter = Dice(random), Gauges()

    with capture_logs() as log, asyncio.Runner(loop_factory=looptime.new_event_loop) as loop:
        ended_at = loop.run(live(dice, meter, fenced=fenced))

    lines = [entry for entry in log if entry["event"] == "call"]
    assert "call_failed" not in {entry["event"] for entry in log}
    assert len(lines) == sum(meter.outcomes.values())
    assert len(lines) == 1 or (fenced and lines == [])
    assert set(meter.outcomes) <= set(Outcome)
    assert dice.open == set()
    assert dice.most_open <= 1
    assert set(dice.ran.values()) <= {1}
    assert all(asked_at <= ended_at + 0.001 for asked_at in dice.asked_at)
