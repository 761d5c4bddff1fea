"""Any sequence of events keeps the invariants of the call's machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from hypothesis import Phase as Step
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.call import Call, Limits, State, Terms
from controller.sansio.call.state import TERMINAL, Closing
from controller.sansio.call.table import TABLE
from tests.sansio.driving import RECEPTION, START, TERMS, only

IDS = [f"t{number}" for number in range(12)]
SAYS = ["greeting", "disclosure", "r1", "r2", "last-1", "last-2", "apology-1"]

_tool_calls = st.builds(
    ev.ToolCall,
    st.sampled_from(IDS),
    st.sampled_from(["opening_hours", "hang_up", "transfer", "unknown"]),
    st.sampled_from(
        ['{"target": "reception"}', '{"target": "doctor"}', '{"target": 7}', "[]", "{", "[" * 9999]
    ),
)
EVENTS: dict[type, st.SearchStrategy[Any]] = {
    ev.Refused: st.builds(ev.Refused, st.sampled_from([404, 486, 603])),
    ev.AnswerFailed: st.builds(ev.AnswerFailed, st.sampled_from(ev.AnswerResult)),
    ev.RejectSettled: st.builds(ev.RejectSettled, st.booleans()),
    ev.TransferFailed: st.builds(ev.TransferFailed, st.sampled_from([None, 400, 404, 500])),
    ev.AttachFailed: st.builds(ev.AttachFailed, st.booleans()),
    ev.ChannelLost: st.builds(ev.ChannelLost, st.sampled_from([None, 1000, 1001, 1006])),
    ev.SpeechHeard: st.builds(ev.SpeechHeard, st.sampled_from(SAYS), st.booleans()),
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
}


def events_of(kinds: list[type]) -> st.SearchStrategy[Any]:
    return st.sampled_from(kinds).flatmap(lambda kind: EVENTS.get(kind, st.builds(kind)))


FINAL = (ev.OwnershipLost, ev.LineEnded, ev.HangUpRequested, ev.Refused, ev.TransferDone)
"""What cuts a history short: rare, so that long ones are tried."""
ALL_EVENTS = events_of(list(get_args(ev.Event)))
TERMS_OF_ALL_KINDS = st.sampled_from(
    [
        TERMS,
        replace(TERMS, disclosure="This call is answered by a machine."),
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
        self.check_referral(event, commands)
        self.commands += commands

    def check_referral(self, event: ev.Event, commands: tuple[cmd.CallCommand, ...]) -> None:
        """No second REFER for 35 s after the first was relayed, or may have been (rule 10)."""
        closing = self.call.value.ending
        hanging_up = {Closing.HANGING_UP, Closing.RETRYING}
        if closing is not None and closing.step in hanging_up:
            assert not only(cmd.OpenChannel, commands)
        for transfer in only(cmd.TransferCall, commands):
            assert self.referred_at is None or self.now >= self.referred_at + 35.0
            assert transfer.uri in {RECEPTION, "tel:+12025550123", "tel:+12025550124"}
        if isinstance(event, ev.TransferUnproven | ev.DeadlineReached) and (
            closing is not None and closing.step is Closing.REFERRED
        ):
            self.referred_at = self.referred_at or self.now
        if closing is None:
            self.referred_at = None
        else:
            # Nobody speaks once the referral is on its way (rule 10), nor during a hang-up.
            silent = closing.step in {Closing.REFERRING, Closing.REFERRED, Closing.HANGING_UP}
            assert not (silent and only(cmd.Say, commands))

    @rule(event=ALL_EVENTS, is_final=st.integers(0, 19).map(lambda die: die == 19))
    def something_happens(self, event: ev.Event, *, is_final: bool) -> None:
        if is_final or not isinstance(event, FINAL):
            self.receive(event)

    @rule(data=st.data())
    def something_expected_happens(self, data: st.DataObject) -> None:
        kinds = [kind for kind in TABLE[self.call.state] if kind not in FINAL]
        if kinds:
            self.receive(data.draw(events_of(kinds)))

    @rule()
    def the_deadline_passes(self) -> None:
        if self.call.deadline is not None:
            self.now = max(self.now, self.call.deadline)
            self.receive(ev.DeadlineReached())

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
        for _ in range(60):
            if self.call.is_over:
                break
            self.the_deadline_passes()
        assert self.call.is_over
        self.one_outcome_is_reported_unless_released()


AnySequenceOfEvents.TestCase.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, phases=PHASES
)
TestAnySequenceOfEvents = AnySequenceOfEvents.TestCase
