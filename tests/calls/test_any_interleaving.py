"""Both machines against the stand-in's own far end: any interleaving keeps what we promise.

Hypothesis plays the caller, the model, the network and the operator of one call, in virtual time
and over real sockets; what reached the stand-in is the witness.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import looptime
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from structlog.testing import capture_logs

from controller.sansio.commands import Effect, RunTool
from controller.sansio.realtime import Pace
from controller.simulator import parse
from controller.simulator.faults import plan
from controller.simulator.journal import Entry, Source
from controller.store.memory import MemoryLedger
from controller.tools import tool
from tests.calls.house import build
from tests.calls.ledgers import WatchedLedger

SCENARIO: Final = """
caller = [{ waits = 400 }]
stays = 400

[[model]]
heard = "hours"
calls = { opening_hours = { day = "Monday" } }
[[model]]
heard = "both"
says = "Let me look."
calls = [{ opening_hours = { day = "Monday" } }, { look_slowly = { what = "files" } }]
[[model]]
heard = "slowly"
calls = { look_slowly = { what = "records" } }
[[model]]
heard = "reception"
says = "I will connect you."
calls = { transfer = { target = "reception" } }
[[model]]
heard = "digits"
calls = { collect_digits = { purpose = "your date of birth" } }
[[model]]
heard = "moment"
calls = "wait_for_caller"
[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"
"""

WORDS: Final = ("hours", "both", "slowly", "reception", "digits", "moment", "goodbye", "hello")
FAULTS: Final = (
    "response_failed",
    "response_conflict",
    "response_created_late",
    "response_ignored",
    "response_stuck",
    "response_done_twice",
    "response_incomplete",
    "cancel_too_late",
    "cancel_ignored",
    "tool_call_cancelled",
    "tool_call_repeated",
    "session_update_refused",
    "sideband_cut_at_tool_call",
    "attach_404",
    "attach_500",
    "playback_never_stops",
    "transcript_failed",
    "refer_500",
    "refer_ignored",
    "hangup_500",
)
BUILT_IN: Final = frozenset(
    {"hang_up", "transfer", "collect_digits", "take_message", "wait_for_caller"}
)
SETTLING: Final = 60.0
"""Seconds without any fault at the end, in which every tool call gets its output."""


class ToolLedger(WatchedLedger):
    """The ledger in memory, which remembers what tools were to run."""

    def __init__(self, ledger: MemoryLedger) -> None:
        super().__init__(ledger)
        self.tool_call_ids: list[str] = []

    async def intend(
        self, call_id: str, epoch: int, effects: Sequence[Effect], snapshot: bytes
    ) -> None:
        self.tool_call_ids += [
            each.call.tool_call_id for each in effects if isinstance(each, RunTool)
        ]
        await super().intend(call_id, epoch, effects, snapshot)


class AnyCall(RuleBasedStateMachine):
    """One call, from its ring to its end."""

    @initialize(disclosure=st.sampled_from(["", "", "This is a machine."]))
    def rings(self, disclosure: str) -> None:
        self.loop = looptime.new_event_loop(start=0.0)
        self.loop.setup_looptime(start=0.0, _enabled=True)
        asyncio.set_event_loop(self.loop)
        self.stack = contextlib.AsyncExitStack()
        self.logs = contextlib.ExitStack()
        self.ledger: ToolLedger | None = None
        log = self.logs.enter_context(capture_logs())

        @tool
        async def opening_hours(day: str) -> str:
            """Say when we are open."""
            return f"{day}: from 8 to 18"

        @tool(timeout=20, speak_while_waiting=True)
        async def look_slowly(what: str) -> str:
            """Look something up."""
            await asyncio.sleep(9)
            return what

        self.house = self.go(
            build(
                self.stack,
                ssl.create_default_context(),
                log,
                agent={
                    "built_in": BUILT_IN,
                    "disclosure": disclosure or False,
                    "max_duration": 300.0,
                },
                tools=(opening_hours, look_slowly),
                ledger=self.remember,
            )
        )
        self.call = self.go(self.house.ring(parse(SCENARIO)))
        self.go(asyncio.sleep(2.0))

    def remember(self, ledger: MemoryLedger) -> ToolLedger:
        self.ledger = ToolLedger(ledger)
        return self.ledger

    def go(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def caller_leaves(self) -> None:
        self.call.leave()
        await self.call.settled()

    def pass_time(self, seconds: float) -> None:
        self.go(asyncio.sleep(seconds))

    # --- what happens --------------------------------------------------------------------------

    @precondition(lambda self: self.is_live)
    @rule(words=st.sampled_from(WORDS), seconds=st.sampled_from([0.0, 0.3, 2.0, 6.0]))
    def the_caller_speaks(self, words: str, seconds: float) -> None:
        assert self.call.caller is not None
        self.go(self.call.caller.speaks(words, None))
        self.pass_time(seconds)

    @precondition(lambda self: self.is_live)
    @rule(seconds=st.sampled_from([0.1, 1.0]))
    def the_line_is_noisy(self, seconds: float) -> None:
        assert self.call.caller is not None
        self.go(self.call.caller.noises(seconds))

    @precondition(lambda self: self.is_live)
    @rule(keys=st.sampled_from(["1", "12#", "0", "*", "4711"]))
    def the_caller_presses_keys(self, keys: str) -> None:
        assert self.call.caller is not None
        self.go(self.call.caller.presses(keys, 0.2))

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0, 12.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(code=st.sampled_from([None, 1000, 1006, 1011]), seconds=st.sampled_from([0.0, 0.4, 3.0]))
    def the_sideband_is_cut(self, code: int | None, seconds: float) -> None:
        self.call.cut_sidebands(None if code == 1006 else code)
        self.pass_time(seconds)

    @rule(fault=st.sampled_from(FAULTS))
    def something_will_go_wrong(self, fault: str) -> None:
        self.call.faults.add(plan(fault))

    @rule(
        verb=st.sampled_from(["say", "say", "say verbatim", "inject", "transfer", "hang_up"]),
        is_meant=st.integers(0, 3),
    )
    def the_operator_intervenes(self, verb: str, is_meant: int) -> None:
        registry = self.house.registry
        for call_id in [each.call_id for each in registry.calls()]:
            match verb:
                case "say" | "say verbatim":
                    registry.say(call_id, "It is late.", verbatim=verb != "say")
                case "inject":
                    registry.inject(call_id, "The caller is a patient of ours.")
                case "transfer":
                    registry.transfer(call_id, "reception")
                case _ if not is_meant:  # most calls are to go on
                    registry.hang_up(call_id)
        self.pass_time(0.0)

    @property
    def is_live(self) -> bool:
        return hasattr(self, "call") and self.call.caller is not None and not self.call.is_over

    # --- what we promise -----------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "call"):
            return
        try:
            self.pass_time(SETTLING)
            was_live = bool(self.house.registry.calls())
            self.go(self.caller_leaves())
            assert self.go(self.house.registry.settled(300.0))
            self.check(was_live=was_live)
        finally:
            self.go(self.stack.aclose())
            self.logs.close()
            self.loop.close()
            asyncio.set_event_loop(None)

    def check(self, *, was_live: bool) -> None:
        entries = self.house.openai.journal.of(self.call.call_id)
        assert len(self.house.lines) == 1, "exactly one outcome"
        assert self.ledger is not None
        ran = Counter(self.ledger.tool_call_ids)
        assert [each for each, times in ran.items() if times > 1] == [], "no tool runs twice"
        check_one_response_at_a_time(entries)
        check_silence_after_the_end(entries)
        if was_live:
            check_every_tool_call_has_its_output(entries)


def check_one_response_at_a_time(entries: list[Entry]) -> None:
    """No second response is asked for before the first was begun, refused, lost or given up."""
    asked, asked_at = None, 0.0
    for entry in entries:
        match entry.source, entry.name:
            case Source.CLIENT, "response.create":
                is_given_up = entry.at >= asked_at + Pace().start
                assert asked is None or is_given_up, "two responses are asked for"
                asked, asked_at = entry.body["event_id"], entry.at
            case ((Source.SERVER | Source.LOST), "response.created" | "response.done"):
                asked = None  # it is ours, or another one's, and ours has to be asked for again
            case ((Source.SERVER | Source.LOST), "error"):
                if entry.body["error"].get("event_id") == asked:
                    asked = None
            case Source.CALL, "sideband closed":
                asked = None


def check_silence_after_the_end(entries: list[Entry]) -> None:
    """After the request to hang up nothing more is asked for."""
    names = [entry.name for entry in entries if entry.source in {Source.REQUEST, Source.CLIENT}]
    if "hangup" in names:
        assert "response.create" not in names[names.index("hangup") :]


def check_every_tool_call_has_its_output(entries: list[Entry]) -> None:
    """Each function call of a completed response that reached us was answered, once in the end."""
    called = [
        item["call_id"]
        for entry in entries
        if (entry.source, entry.name) == (Source.SERVER, "response.done")
        and entry.body["response"]["status"] == "completed"
        for item in entry.body["response"]["output"]
        if item["type"] == "function_call"
    ]
    answered = {
        entry.body["item"]["call_id"]
        for entry in entries
        if (entry.source, entry.name) == (Source.CLIENT, "conversation.item.create")
        and entry.body["item"]["type"] == "function_call_output"
    }
    assert [each for each in called if each not in answered] == []


AnyCall.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
TestAnyCall = AnyCall.TestCase
