"""Any sequence of events keeps the invariants of the call's machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import Phase as Step
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.agent import BUILT_IN, Filler, Keypad, MenuEntry
from controller.sansio.call import Call, Limits, State, TargetTerms, Terms, ToolTerms
from controller.sansio.call.state import TERMINAL, CallState, Closing
from controller.sansio.call.table import TABLE
from tests.sansio.driving import RECEPTION, START, TERMS, only

IDS = [f"t{number}" for number in range(12)]
SAYS = ["greeting", "disclosure", "r1", "r2", "last-1", "last-2", "apology-1"]
TEXT = "This call is answered by a machine."
KEYS = "0129*#"

_tool_calls = st.builds(
    ev.ToolCall,
    st.sampled_from(IDS),
    st.sampled_from(
        [
            "opening_hours",
            "hang_up",
            "transfer",
            "collect_digits",
            "wait_for_caller",
            "handoff",
            "no_transcript",
            "take_message",
            "unknown",
        ]
    ),
    st.sampled_from(
        [
            '{"target": "reception"}',
            '{"target": "doctor"}',
            '{"target": "cellar"}',
            '{"target": 7}',
            '{"purpose": "account"}',
            '{"purpose": "card", "sensitive": true}',
            '{"agent": "billing"}',
            "[]",
            "{",
            "[" * 9999,
        ]
    ),
)
_words = st.sampled_from([None, TEXT, "Something else."])
EVENTS: dict[type, st.SearchStrategy[Any]] = {
    ev.Refused: st.builds(ev.Refused, st.sampled_from([404, 486, 603])),
    ev.AnswerFailed: st.builds(ev.AnswerFailed, st.sampled_from(ev.AnswerResult)),
    ev.RejectSettled: st.builds(ev.RejectSettled, st.booleans()),
    ev.TransferFailed: st.builds(ev.TransferFailed, st.sampled_from([None, 400, 404, 500])),
    ev.AttachFailed: st.builds(ev.AttachFailed, st.booleans()),
    ev.ChannelLost: st.builds(ev.ChannelLost, st.sampled_from([None, 1000, 1001, 1006])),
    ev.SpeechHeard: st.builds(ev.SpeechHeard, st.sampled_from(SAYS), st.booleans(), _words),
    ev.ToolsCalled: st.builds(
        ev.ToolsCalled,
        st.sampled_from(SAYS),
        st.sampled_from(ev.Speech),
        st.lists(_tool_calls, min_size=1, max_size=4).map(tuple),
    ),
    ev.Digit: st.builds(ev.Digit, st.sampled_from("0123456789*#")),
    ev.UsageReported: st.builds(ev.UsageReported, st.builds(ev.Usage)),
    ev.TranscriptAdded: st.builds(ev.TranscriptAdded, st.just("caller"), st.just("i"), st.text()),
    ev.FaultReported: st.builds(ev.FaultReported, st.just("code")),
    ev.ToolFinished: st.builds(
        ev.ToolFinished, st.builds(ev.ToolOutput, st.sampled_from(IDS), st.text())
    ),
    ev.SayRequested: st.builds(ev.SayRequested, st.just("Hurry."), st.booleans()),
    ev.InjectRequested: st.just(ev.InjectRequested("A patient.")),
    ev.ReconfigureRequested: st.just(ev.ReconfigureRequested("Be brief.", ("opening_hours",))),
    ev.TransferRequested: st.builds(
        ev.TransferRequested, st.sampled_from(["reception", "doctor", "cellar", "nobody"])
    ),
    ev.PromptDue: st.builds(ev.PromptDue, st.sampled_from(ev.Absence), st.integers(1, 3)),
    ev.MenuKeyPressed: st.builds(ev.MenuKeyPressed, st.sampled_from(KEYS)),
    ev.DigitsEntered: st.builds(
        ev.DigitsEntered,
        st.none() | st.sampled_from(IDS),
        st.text("0123456789", max_size=80),
        st.sampled_from(ev.EntryEnd),
    ),
    ev.IncidentDeclared: st.builds(ev.IncidentDeclared, st.floats(START, START + 300.0)),
}


def events_of(kinds: list[type]) -> st.SearchStrategy[Any]:
    return st.sampled_from(kinds).flatmap(lambda kind: EVENTS.get(kind, st.builds(kind)))


FINAL = (ev.OwnershipLost, ev.LineEnded, ev.HangUpRequested, ev.Refused, ev.TransferDone)
"""What cuts a history short: rare, so that long ones are tried."""
ALL_EVENTS = events_of(list(get_args(ev.Event)))
TARGETS = (
    TargetTerms("reception", RECEPTION, ("doctor", "cellar")),
    TargetTerms("doctor", "tel:+12025550124", ("reception",), ((START, START + 100.0),)),
    TargetTerms("cellar", "tel:+12025550125", ("cellar", "nobody"), ((START + 60.0, START + 1e4),)),
)
MENU = (
    MenuEntry("0", "transfer", "reception"),
    MenuEntry("1", "say", "Tell the caller the address."),
    MenuEntry("2", "handoff", "billing"),
    MenuEntry("9", "repeat"),
    MenuEntry("*", "hang_up"),
    MenuEntry("#", "transfer", "cellar"),
)
EVERYTHING = Terms(
    agent="frontdesk",
    greeting="Greet.",
    built_in=BUILT_IN,
    tools=(ToolTerms("opening_hours", "reuse"), ToolTerms("unknown", "refuse")),
    filler=Filler(),
    targets=TARGETS,
    offered=frozenset({"reception", "cellar"}),
    fallback="reception",
    colleagues=frozenset({"billing"}),
    keypad=Keypad(menu=MENU, sensitive_tool="charge"),
)
TERMS_OF_ALL_KINDS = st.sampled_from(
    [
        TERMS,
        replace(TERMS, disclosure=TEXT),
        replace(TERMS, disclosure=TEXT, greeting=None, fallback="doctor", at_the_end="transfer"),
        EVERYTHING,
        replace(EVERYTHING, disclosure=TEXT, returned_from=frozenset({"reception"})),
        replace(EVERYTHING, max_duration=150.0, at_the_end="transfer", fallback="cellar"),
        replace(TERMS, greeting=None, limits=Limits(tool_calls=3)),
        Terms(),
        Terms(max_duration=20.0, greeting="Greet.", built_in=frozenset({"hang_up"})),
    ]
)


PHASES = (Step.explicit, Step.reuse, Step.generate, Step.shrink)
"""Explaining a failure takes longer than finding it."""


class AnySequenceOfEvents(RuleBasedStateMachine):
    call: Call
    now = START

    @initialize(terms=TERMS_OF_ALL_KINDS, steps=st.sampled_from([0, 1, 2, 3, 4, 4, 4, 4]))
    def rings(self, terms: Terms, steps: int) -> None:
        self.call = Call(terms, now=self.now)
        self.commands: list[cmd.CallCommand] = []
        self.referred_at: float | None = None
        self.handed_on = False
        for event in (ev.Admitted(), ev.Answered(), ev.ChannelOpened(), ev.Ready())[:steps]:
            self.receive(event)

    def receive(self, event: ev.Event) -> None:
        before = self.call.value
        commands = self.call.receive(event, now=self.now)
        after = self.call.value
        row = TABLE[before.state].get(type(event))
        allowed = {before.state} | (row.to if row else set())
        assert after.state in allowed
        assert after.now >= before.now
        if before.state in TERMINAL:
            assert commands == ()
        ended = [index for index, each in enumerate(commands) if type(each) is cmd.ReportOutcome]
        assert ended == ([len(commands) - 1] if after.state is State.ENDED and commands else [])
        self.check_referral(before, commands)
        self.check_silence(commands)
        self.check_disclosure(commands)
        self.commands += commands
        if only(cmd.Become, commands):
            self.handed_on = True
            self.call.become(replace(EVERYTHING, agent="billing", fallback=None))

    def check_referral(self, before: CallState, commands: tuple[cmd.CallCommand, ...]) -> None:
        """No second REFER for 35 s after the first was relayed, or may have been (rule 10)."""
        for transfer in only(cmd.TransferCall, commands):
            assert self.referred_at is None or self.now >= self.referred_at + 35.0
            assert transfer.uri in {*(each.uri for each in TARGETS), "tel:+12025550123"}
        closing, was = self.call.value.ending, before.ending
        is_referred = closing is not None and closing.step is Closing.REFERRED
        if is_referred and not (was is not None and was.step is Closing.REFERRED):
            self.referred_at = self.call.value.now

    def check_silence(self, commands: tuple[cmd.CallCommand, ...]) -> None:
        """Nobody speaks once a referral is on its way (rule 10), nor after the first hang-up."""
        closing = self.call.value.ending
        step = None if closing is None else closing.step
        silent = {Closing.REFERRING, Closing.REFERRED, Closing.HANGING_UP, Closing.RETRYING}
        if step in silent or only(cmd.HangUpCall, self.commands):
            assert not only(cmd.Say, commands)
        if only(cmd.HangUpCall, self.commands):
            assert not only(cmd.RunTool, commands)
            assert not only(cmd.TransferCall, commands)
            assert not only(cmd.OpenChannel, commands)

    def check_disclosure(self, commands: tuple[cmd.CallCommand, ...]) -> None:
        """Nothing is said before the disclosure but what ends the call, and what a tool needs."""
        if self.call.value.terms.disclosure is None or self.handed_on:
            return
        if only(cmd.ReportDisclosure, [*self.commands, *commands]):
            return
        for said in only(cmd.Say, commands):
            is_free = said.say_id.startswith("filler")
            assert is_free or said.priority >= cmd.Priority.DISCLOSURE

    @rule(event=ALL_EVENTS, is_final=st.integers(0, 19).map(lambda die: die == 19))
    def something_happens(self, event: ev.Event, *, is_final: bool) -> None:
        if is_final or not isinstance(event, FINAL):
            self.receive(event)

    @rule(data=st.data())
    def something_expected_happens(self, data: st.DataObject) -> None:
        kinds = [kind for kind in TABLE[self.call.state] if kind not in FINAL]
        if kinds:
            self.receive(data.draw(events_of(kinds)))

    @rule(data=st.data())
    def what_was_said_is_heard(self, data: st.DataObject) -> None:
        said = [each.say_id for each in only(cmd.Say, self.commands)][-3:]
        if said:
            say_id = data.draw(st.sampled_from(said))
            self.receive(ev.SpeechHeard(say_id, data.draw(st.booleans()), data.draw(_words)))

    @rule()
    def the_deadline_passes(self) -> None:
        """Time moves on: what is due now is done within a few steps."""
        for _ in range(12):
            if self.call.deadline is None:
                return
            self.now = max(self.now, self.call.deadline)
            self.receive(ev.DeadlineReached())
            if not self.call.value.is_due(self.now):
                return
        raise AssertionError(f"always due in {self.call.state}")

    @rule(seconds=st.floats(-5.0, 60.0))
    def time_passes_unnoticed(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_deadline_is_none_exactly_when_the_call_is_over(self) -> None:
        assert (self.call.deadline is None) == self.call.is_over
        assert self.call.is_over == (self.call.state in TERMINAL)

    @invariant()
    def one_outcome_is_reported_unless_released(self) -> None:
        outcomes = only(cmd.ReportOutcome, self.commands)
        assert len(outcomes) == (self.call.state is State.ENDED)

    @invariant()
    def no_tool_call_runs_twice_and_none_is_answered_twice(self) -> None:
        run = [each.call.tool_call_id for each in only(cmd.RunTool, self.commands)]
        assert len(run) == len(set(run))
        given = only(cmd.GiveToolOutputs, self.commands)
        within = self.call.value.work.seen
        answered = [out.tool_call_id for each in given for out in each.outputs]
        answered = [each for each in answered if each in within]
        assert len(answered) == len(set(answered))

    @invariant()
    def nothing_is_said_twice(self) -> None:
        said = [each.say_id for each in only(cmd.Say, self.commands)]
        assert len(said) == len(set(said))

    @invariant()
    def each_target_is_tried_once(self) -> None:
        tried = [(each.target, each.uri) for each in only(cmd.TransferCall, self.commands)]
        assert len(tried) == len(set(tried))
        others = {("reception", RECEPTION), ("reception", "tel:+12025550123")}
        assert len({name for name, _ in tried}) == len(tried) - (others <= set(tried))

    @invariant()
    def a_disclosure_is_reported_once(self) -> None:
        assert len(only(cmd.ReportDisclosure, self.commands)) <= 1 + self.handed_on

    @invariant()
    def every_effect_has_its_own_id(self) -> None:
        effects = (cmd.AnswerCall, cmd.RejectCall, cmd.TransferCall, cmd.HangUpCall, cmd.RunTool)
        ids = [each.effect_id for each in self.commands if isinstance(each, effects)]
        assert len(ids) == len(set(ids))

    @invariant()
    def the_state_is_bounded_and_survives_storage(self) -> None:
        value = self.call.value
        assert len(value.work.seen) <= value.terms.limits.tool_calls
        waiting = [name for batch in value.work.batches for name in batch.waiting]
        assert set(waiting) <= value.work.seen
        assert Call.restore(self.call.snapshot(), now=START).value == value

    def teardown(self) -> None:
        """Deadlines alone end every call, from whatever state."""
        if not hasattr(self, "call"):
            return
        for _ in range(400):
            if self.call.is_over:
                break
            self.the_deadline_passes()
        assert self.call.is_over
        self.one_outcome_is_reported_unless_released()


AnySequenceOfEvents.TestCase.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, phases=PHASES
)
# Other tests reach every line; tracing would double its time.
TestAnySequenceOfEvents = pytest.mark.no_cover(AnySequenceOfEvents.TestCase)
