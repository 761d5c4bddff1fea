"""Whatever order tools, keys, floor and channel take, every tool call is answered once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import Phase as Step
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.agent import BUILT_IN, Filler, Keypad
from controller.sansio.call import Call, Limits, State, ToolTerms
from controller.sansio.call.built_in import MOST_HAND_OFFS
from tests.sansio.driving import START, TERMS, active, only

SECRET = "4929123412341234"
DESK = replace(
    TERMS,
    agent="frontdesk",
    built_in=BUILT_IN,
    tools=(
        ToolTerms("look_up", "reuse"),
        ToolTerms("book", "refuse"),
        ToolTerms("quiet", speak_while_waiting=False),
    ),
    filler=Filler(),
    keypad=Keypad(sensitive_tool="charge_card"),
    colleagues=frozenset({"billing"}),
    approved=frozenset({("crm", "find")}),
    limits=Limits(tool_calls=20),
)
BILLING = replace(DESK, agent="billing", colleagues=frozenset({"frontdesk"}), filler=None)
TERMS_BY_AGENT = {"frontdesk": DESK, "billing": BILLING}

_calls = st.one_of(
    st.tuples(
        st.sampled_from(["look_up", "book", "quiet", "roll", "take_message"]),
        st.sampled_from(['{"a": 1, "b": 2}', '{"b":2,"a":1}', "{}", "{"]),
    ),
    st.tuples(
        st.just("collect_digits"),
        st.sampled_from(['{"purpose": "x"}', '{"purpose": "x", "sensitive": true}', "{}"]),
    ),
    st.tuples(
        st.just("handoff"), st.sampled_from(['{"agent": "billing"}', '{"agent": "frontdesk"}'])
    ),
    st.tuples(st.sampled_from(["wait_for_caller", "no_transcript"]), st.just("{}")),
)
_ends = st.sampled_from([("hang_up", "{}"), ("transfer", '{"target": "doctor"}')])
_rarely = st.integers(0, 14).map(lambda die: die == 14)


class AnyOrderOfWork(RuleBasedStateMachine):
    call: Call

    @initialize()
    def talks(self) -> None:
        self.call = active(DESK).call
        self.now = START
        self.ids = 0
        self.asked: list[str] = []
        self.commands: list[cmd.CallCommand] = []
        self.running: list[str] = []
        self.shared: dict[tuple[str, str, str], int] = {}
        self.collecting: cmd.CollectDigits | None = None
        self.floor_is_taken = False

    def receive(self, event: ev.Event) -> None:
        before = self.call.state
        commands = self.call.receive(event, now=self.now)
        self.commands += commands
        for run in only(cmd.RunTool, commands):
            self.runs(run)
        for wanted in only(cmd.CollectDigits, commands):
            assert self.collecting is None
            self.collecting = wanted
        for become in only(cmd.Become, commands):
            self.call.become(TERMS_BY_AGENT[become.agent])
        for say in only(cmd.Say, commands):
            if say.say_id.startswith("filler"):
                assert self.running
                assert before is State.ACTIVE
                assert not self.floor_is_taken
                assert self.collecting is None

    def runs(self, run: cmd.RunTool) -> None:
        assert run.is_sensitive == (run.call.name == "charge_card")
        self.running.append(run.call.tool_call_id)
        if run.call.name == "book":
            arguments = run.call.arguments
            meant = json.dumps(json.loads(arguments), sort_keys=True) if "}" in arguments else "{"
            key = (run.agent, run.call.name, meant)
            self.shared[key] = self.shared.get(key, 0) + 1

    @rule(wanted=st.lists(_calls, min_size=1, max_size=3), end=_ends, ends=_rarely)
    def the_model_calls_tools(
        self, wanted: list[tuple[str, str]], end: tuple[str, str], *, ends: bool
    ) -> None:
        calls = []
        for name, arguments in [*wanted, *([end] if ends else [])]:
            self.ids += 1
            calls.append(ev.ToolCall(f"t{self.ids}", name, arguments))
        if self.call.state in {State.ACTIVE, State.ENDING}:
            self.asked += [each.tool_call_id for each in calls]
        self.receive(ev.ToolsCalled(f"r{self.ids}", ev.Speech.UNHEARD, tuple(calls)))

    @rule(data=st.data())
    def the_far_end_repeats_itself(self, data: st.DataObject) -> None:
        seen = sorted(self.call.value.work.seen)
        if seen:
            again = ev.ToolCall(data.draw(st.sampled_from(seen)), "roll", "{}")
            ran = len(only(cmd.RunTool, self.commands))
            self.receive(ev.ToolsCalled("r", ev.Speech.SILENT, (again,)))
            assert len(only(cmd.RunTool, self.commands)) == ran

    @rule(data=st.data(), output=st.sampled_from(["done", '{"error": "x", "message": "y"}']))
    def a_tool_finishes(self, data: st.DataObject, output: str) -> None:
        if self.running:
            name = data.draw(st.sampled_from(self.running))
            self.running.remove(name)
            self.receive(ev.ToolFinished(ev.ToolOutput(name, output)))

    @rule(digits=st.sampled_from(["", "12", SECRET]), end=st.sampled_from(ev.EntryEnd))
    def digits_are_entered(self, digits: str, end: ev.EntryEnd) -> None:
        if self.collecting is None:
            self.receive(ev.DigitsEntered(None, "12", end))
            return
        wanted, self.collecting = self.collecting, None
        digits = digits if wanted.sensitive else digits[:2]
        self.receive(ev.DigitsEntered(wanted.request_id, digits, end))

    @rule(number=st.integers(0, 3), tool=st.sampled_from(["find", "delete"]))
    def approval_is_requested(self, number: int, tool: str) -> None:
        self.receive(ev.ApprovalRequested(f"m{number}", "crm", tool))

    @rule()
    def the_floor_changes(self) -> None:
        self.floor_is_taken = not self.floor_is_taken
        self.receive(ev.FloorTaken() if self.floor_is_taken else ev.FloorFree())

    @rule(seconds=st.floats(0.0, 8.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if self.call.deadline is not None and self.call.deadline <= self.now:
            self.receive(ev.DeadlineReached())

    @rule()
    def the_channel_is_lost_and_found(self) -> None:
        for event in (ev.ChannelLost(), ev.ChannelOpened(), ev.Ready()):
            self.receive(event)

    @rule(event=st.sampled_from([ev.TransferFailed(404), ev.TransferUnproven()]))
    def the_transfer_leads_nowhere(self, event: ev.Event) -> None:
        if self.call.value.ending is not None and self.call.value.ending.say_id is not None:
            self.receive(ev.SpeechHeard(self.call.value.ending.say_id, certain=True))
        self.receive(event)

    @invariant()
    def each_tool_call_is_run_once_and_answered_once(self) -> None:
        run = [each.call.tool_call_id for each in only(cmd.RunTool, self.commands)]
        assert len(run) == len(set(run))
        answered = self.answered()
        assert len(answered) == len(set(answered))
        assert set(answered) <= set(self.asked)

    def answered(self) -> list[str]:
        given = only(cmd.GiveToolOutputs, self.commands)
        return [each.tool_call_id for posted in given for each in posted.outputs]

    @invariant()
    def what_may_not_be_done_twice_is_done_once(self) -> None:
        assert all(count == 1 for count in self.shared.values())

    @invariant()
    def nothing_is_answered_or_handed_on_too_often(self) -> None:
        approved = [each.request_id for each in only(cmd.Approve, self.commands)]
        assert len(approved) == len(set(approved))
        assert len(only(cmd.Become, self.commands)) <= MOST_HAND_OFFS

    @invariant()
    def no_state_holds_sensitive_digits_and_every_state_can_be_stored(self) -> None:
        snapshot = self.call.snapshot()
        assert SECRET.encode() not in snapshot
        assert Call.restore(snapshot, now=START).value == self.call.value

    def teardown(self) -> None:
        """Whatever was asked for is answered once all that runs has come back."""
        if not hasattr(self, "call"):
            return
        for _ in range(2):  # the digits may have to go to a tool
            while self.running:
                self.receive(ev.ToolFinished(ev.ToolOutput(self.running.pop(), "done")))
            if self.collecting is not None:
                wanted, self.collecting = self.collecting, None
                self.receive(ev.DigitsEntered(wanted.request_id, "1", ev.EntryEnd.PAUSE))
        while self.running:
            self.receive(ev.ToolFinished(ev.ToolOutput(self.running.pop(), "done")))
        if not self.call.is_over:
            assert set(self.answered()) == set(self.asked)
            assert self.call.value.work.batches == ()
            assert self.call.value.work.counted == ()


AnyOrderOfWork.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    phases=(Step.explicit, Step.reuse, Step.generate, Step.shrink),
)
# Other tests reach every line; tracing would double its time.
TestAnyOrderOfWork = pytest.mark.no_cover(AnyOrderOfWork.TestCase)
