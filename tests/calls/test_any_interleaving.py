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
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from structlog.testing import capture_logs

from controller.sansio.commands import Effect, RunTool
from controller.sansio.events import ReconfigureRequested
from controller.simulator import parse
from controller.simulator.faults import plan
from controller.simulator.journal import Source
from controller.store.memory import MemoryLedger
from tests.calls import any_scene, promises
from tests.calls.house import build
from tests.calls.ledgers import WatchedLedger

QUESTIONS: Final = ("hours", "both", "slowly", "parcel", "money back", "message", "hello")
REQUESTS: Final = ("invoice", "teeth", "digits", "moment")
FAREWELLS: Final = ("reception", "goodbye")
KEYS: Final = ("1", "12#", "*", "4711", "9", "7", "8")
LAST_KEYS: Final = ("0", "6")
FAULTS: Final = (
    "response_failed",
    "response_failed_midway",
    "response_rate_limited",
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
    "session_update_ignored",
    "playback_never_stops",
    "transcript_failed",
    "transcript_late",
    "usage_missing",
    "tokens_low",
    "refer_500",
    "refer_400_sip",
    "refer_ignored",
    "refer_timeout_landed",
    "hangup_500",
    "hangup_timeout",
)
LOSSES: Final = (
    "sideband_cut",
    "sideband_cut_at_tool_call",
    "sideband_closed_1001",
    "sideband_lost",
    "sideband_gone",
    "attach_404",
    "attach_500",
    "attach_hangs",
    "session_created_late",
    "session_created_never",
    "malformed_frames",
)
"""What goes wrong with the sideband the next time that it is attached."""
CHANGES: Final = (
    ReconfigureRequested(instructions="Be brief."),
    ReconfigureRequested(tools=("opening_hours",)),
    ReconfigureRequested(turn_detection={"type": "semantic_vad"}),
    ReconfigureRequested(turn_detection={"silence_duration_ms": 300}),
)
FAULTS_LIMIT: Final = 3
LOSSES_LIMIT: Final = 4
OLD: Final = 40.0
"""Seconds after which a call may be ended."""
SETTLING: Final = 30.0
"""Seconds without anything new at the end, in which every tool call gets its output; not so many
that silence ends the call."""
STEADY: Final = 15.0
"""The last of them, in which the sideband must have been there."""


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

    @initialize(
        disclosure=st.sampled_from(["", "", "This is a machine."]),
        fallback=st.sampled_from([None, "reception"]),
        usd=st.sampled_from([50.0, 50.0, 0.02]),
    )
    def rings(self, disclosure: str, fallback: str | None, usd: float) -> None:
        self.loop = looptime.new_event_loop(start=0.0)
        self.loop.setup_looptime(start=0.0, _enabled=True)
        asyncio.set_event_loop(self.loop)
        self.stack = contextlib.AsyncExitStack()
        self.logs = contextlib.ExitStack()
        self.ledger: ToolLedger | None = None
        self.faults = self.losses = 0
        self.house = self.go(
            build(
                self.stack,
                ssl.create_default_context(),
                self.logs.enter_context(capture_logs()),
                agent=any_scene.frontdesk(disclosure=disclosure, fallback=fallback, usd=usd),
                colleagues=(any_scene.BILLING,),
                tools=(any_scene.opening_hours, any_scene.look_slowly),
                prices=(any_scene.PRICES,),
                ledger=self.remember,
            )
        )
        self.call = self.go(self.house.ring(parse(any_scene.SCENARIO)))
        self.go(asyncio.sleep(2.0))

    def remember(self, ledger: MemoryLedger) -> ToolLedger:
        self.ledger = ToolLedger(ledger)
        return self.ledger

    def go(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def caller_left(self) -> None:
        self.call.leave()
        await self.call.settled()

    def pass_time(self, seconds: float) -> None:
        self.go(asyncio.sleep(seconds))

    # --- what happens --------------------------------------------------------------------------

    def speak(self, words: str, seconds: float) -> None:
        assert self.call.caller is not None
        self.go(self.call.caller.speaks(words, None))
        self.pass_time(seconds)

    @precondition(lambda self: self.is_live)
    @rule(words=st.sampled_from(QUESTIONS), seconds=st.sampled_from([1.0, 3.0, 12.0]))
    def the_caller_asks(self, words: str, seconds: float) -> None:
        self.speak(words, seconds)

    @precondition(lambda self: self.is_live)
    @rule(words=st.sampled_from(QUESTIONS), seconds=st.sampled_from([0.0, 0.3, 0.6]))
    def the_caller_interrupts(self, words: str, seconds: float) -> None:
        self.speak(words, seconds)

    @precondition(lambda self: self.is_live)
    @rule(words=st.sampled_from(REQUESTS), seconds=st.sampled_from([0.5, 2.0, 6.0]))
    def the_caller_wants_something(self, words: str, seconds: float) -> None:
        self.speak(words, seconds)

    @precondition(lambda self: self.is_live)
    @rule(seconds=st.sampled_from([0.1, 1.0]))
    def the_line_is_noisy(self, seconds: float) -> None:
        assert self.call.caller is not None
        self.go(self.call.caller.noises(seconds))

    @precondition(lambda self: self.is_live)
    @rule(keys=st.sampled_from(KEYS))
    def the_caller_presses_keys(self, keys: str) -> None:
        assert self.call.caller is not None
        self.go(self.call.caller.presses(keys, 0.2))

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0, 12.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @precondition(lambda self: self.losses < LOSSES_LIMIT)
    @rule(
        code=st.sampled_from([None, 1000, 1006, 1011]),
        then=st.sampled_from(["", "", "", *LOSSES]),
        seconds=st.sampled_from([0.0, 0.4, 3.0]),
    )
    def the_sideband_is_cut(self, code: int | None, then: str, seconds: float) -> None:
        self.losses += 1
        if then:
            self.call.faults.add(plan(then))
        self.call.cut_sidebands(None if code == 1006 else code)
        self.pass_time(seconds)

    @precondition(lambda self: self.faults < FAULTS_LIMIT)
    @rule(fault=st.sampled_from(FAULTS))
    def something_will_go_wrong(self, fault: str) -> None:
        self.faults += 1
        self.call.faults.add(plan(fault))

    @rule(verb=st.sampled_from(["say", "say verbatim", "inject"]))
    def the_operator_says_something(self, verb: str) -> None:
        self.go(self.operator_says(verb))

    async def operator_says(self, verb: str) -> None:
        registry = self.house.registry
        for each in registry.calls():
            if verb == "inject":
                registry.inject(each.call_id, "The caller is a patient of ours.")
            else:
                registry.say(each.call_id, "It is late.", verbatim=verb != "say")
        await asyncio.sleep(0)

    @rule(change=st.sampled_from(CHANGES))
    def the_operator_changes_the_session(self, change: ReconfigureRequested) -> None:
        self.go(self.operator_changes(change))

    async def operator_changes(self, change: ReconfigureRequested) -> None:
        for each in self.house.registry.calls():
            self.house.registry.reconfigure(each.call_id, change)
        await asyncio.sleep(0)

    # --- what ends it, as a rule ---------------------------------------------------------------

    @precondition(lambda self: self.is_live and self.is_old)
    @rule(words=st.sampled_from(FAREWELLS), seconds=st.sampled_from([0.3, 2.0, 6.0]))
    def the_caller_wants_to_leave(self, words: str, seconds: float) -> None:
        self.speak(words, seconds)

    @precondition(lambda self: self.is_live and self.is_old)
    @rule(key=st.sampled_from(LAST_KEYS))
    def the_caller_presses_a_key_that_ends(self, key: str) -> None:
        self.the_caller_presses_keys(key)

    @precondition(lambda self: self.is_old)
    @rule(verb=st.sampled_from(["transfer", "hang up"]))
    def the_operator_ends_it(self, verb: str) -> None:
        self.go(self.operator_ends(verb))

    async def operator_ends(self, verb: str) -> None:
        registry = self.house.registry
        for each in registry.calls():
            if verb == "transfer":
                registry.transfer(each.call_id, "reception")
            else:
                registry.hang_up(each.call_id)
        await asyncio.sleep(0)

    @precondition(lambda self: self.is_live and self.is_old)
    @rule()
    def the_caller_leaves(self) -> None:
        self.go(self.caller_left())

    @property
    def is_old(self) -> bool:
        """Something has happened already: calls that end at once show little."""
        return self.loop.time() > OLD

    @property
    def is_live(self) -> bool:
        return hasattr(self, "call") and self.call.caller is not None and not self.call.is_over

    # --- what we promise -----------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "call"):
            return
        try:
            self.pass_time(SETTLING)
            has_settled = self.is_steady()
            self.go(self.caller_left())
            assert self.go(self.house.registry.settled(300.0))
            self.check(has_settled=has_settled)
        finally:
            self.go(self.stack.aclose())
            self.logs.close()
            self.loop.close()
            asyncio.set_event_loop(None)

    def is_steady(self) -> bool:
        """The call lives, and its sideband was there for a while."""
        if not self.house.registry.calls():
            return False
        entries = self.house.openai.journal.of(self.call.call_id, Source.SERVER, Source.CALL)
        names = ("sideband attached", "sideband closed", "session.created")
        last = next(entry for entry in reversed(entries) if entry.name in names)
        is_old = bool(last.at <= self.loop.time() - STEADY)
        return is_old and last.name == "session.created"

    def check(self, *, has_settled: bool) -> None:
        assert len(self.house.lines) == 1, "exactly one outcome"
        assert self.ledger is not None
        ran = Counter(self.ledger.tool_call_ids)
        assert [each for each, times in ran.items() if times > 1] == [], "no tool runs twice"
        entries = self.house.openai.journal.of(self.call.call_id)
        promises.check(entries, has_settled=has_settled)


AnyCall.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
# Other tests reach every line; tracing would double its time.
TestAnyCall = pytest.mark.no_cover(AnyCall.TestCase)
