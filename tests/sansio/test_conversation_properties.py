"""Any frames and any events keep the invariants of both machines together."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.agent import Agent
from controller.sansio.call import State
from controller.sansio.call.state import Closing
from controller.sansio.conversation import Conversation
from tests.sansio.driving import (
    AGENT,
    SILENT_AGENT,
    START,
    active_conversation,
    frame,
    function_call,
    message,
    only,
    response,
    sent,
)

TYPES = [
    "session.created",
    "session.updated",
    "response.created",
    "response.done",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.committed",
    "input_audio_buffer.dtmf_event_received",
    "conversation.item.added",
    "conversation.item.created",
    "conversation.item.input_audio_transcription.completed",
    "response.output_audio_transcript.done",
    "error",
]

# --- frames that a far end might write ----------------------------------------------------------

_ids = st.sampled_from([None, "r1", "r2", "r3"])
_calls = st.builds(
    function_call,
    st.sampled_from(["t1", "t2", "t3", "t4", "t5"]),
    st.sampled_from(["opening_hours", "hang_up", "transfer"]),
    st.sampled_from(['{"target": "reception"}', "{}", "["]),
)
_items = st.lists(st.one_of(st.builds(message, st.text(max_size=20)), _calls), max_size=3)
_statuses = st.sampled_from(["completed", "cancelled", "failed", "incomplete"])


PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
"""Explaining a failure takes longer than finding it."""


class AnyConversation(RuleBasedStateMachine):
    now = START

    @initialize(
        agent=st.sampled_from(
            [AGENT, SILENT_AGENT, replace(AGENT, disclosure="A machine speaks.", max_duration=90)]
        ),
        is_answered=st.sampled_from([True, True, True, False]),
    )
    def rings(self, agent: Agent, *, is_answered: bool) -> None:
        self.agent = agent
        self.conversation = Conversation(agent, now=self.now)
        self.commands: list[cmd.ShellCommand] = []
        self.marks: list[str | None] = [None]
        self.is_hung_up = self.is_referred = False
        if is_answered:
            for event in (ev.Admitted(), ev.Answered(), ev.ChannelOpened()):
                self.receive(event)
            self.hears(frame("session.created"))

    def receive(self, event: ev.Event) -> None:
        was_over = self.conversation.is_over
        self.check(self.conversation.receive(event, now=self.now), was_over=was_over)

    def hears(self, text: str | bytes) -> None:
        was_over = self.conversation.is_over
        self.check(self.conversation.receive_frame(text, now=self.now), was_over=was_over)
        # No frame ends a call: only the line, the operator and time do.
        assert self.conversation.is_over == was_over

    def check(self, commands: tuple[cmd.ShellCommand, ...], *, was_over: bool) -> None:
        if was_over:
            assert commands == ()
        if only(cmd.ReportOutcome, commands):
            assert isinstance(commands[-1], cmd.ReportOutcome)
        closing = self.conversation.call.value.ending
        for each in commands:
            self.is_hung_up |= isinstance(each, cmd.HangUpCall)
            self.is_referred |= isinstance(each, cmd.TransferCall)
            asks = isinstance(each, cmd.SendFrame) and each.type == "response.create"
            if self.is_referred and closing is None:
                self.is_referred = False  # it failed, and the caller is spoken to again
            assert not (asks and (self.is_hung_up or self.is_referred))
        self.marks += [each["event_id"] for each in sent(commands, "response.create")]
        self.commands += commands

    @rule(data=st.data())
    def response_created(self, data: st.DataObject) -> None:
        name, mark = data.draw(st.sampled_from(["r1", "r2", "r3"])), self.marks[-1]
        mark = data.draw(st.sampled_from([mark, mark, None]))
        self.hears(frame("response.created", **response(name, "in_progress", mark=mark)))

    @rule(number=st.integers(4, 9999), status=_statuses, output=_items, is_ours=st.booleans())
    def response_runs(self, number: int, status: str, output: list[Any], *, is_ours: bool) -> None:
        name, mark = f"r{number}", self.marks[-1] if is_ours else None
        self.hears(frame("response.created", **response(name, "in_progress", mark=mark)))
        self.hears(frame("output_audio_buffer.started", response_id=name))
        self.hears(frame("response.done", **response(name, status, *output, mark=mark)))
        if number % 2:
            self.hears(frame("output_audio_buffer.stopped", response_id=name))

    @rule(name=st.sampled_from(["r1", "r2", "r3"]), call=st.sampled_from(["t6", "t7"]))
    def response_shows_a_call_that_gets_lost(self, name: str, call: str) -> None:
        item = function_call(call)
        self.hears(frame("response.output_item.added", response_id=name, item=item))
        shown = {each for _, each in self.conversation.turns.value.open_calls}
        self.receive(ev.ChannelLost(1006))
        if self.conversation.is_over or self.conversation.turns.value.open_calls:
            return  # nobody waits any more, or nothing was open
        answered = {each.output.tool_call_id for each in self.conversation.turns.value.outputs}
        assert shown <= answered | self.conversation.call.value.work.seen

    @rule(name=st.sampled_from(["r1", "r2", "r3"]), status=_statuses, output=_items)
    def response_done(self, name: str, status: str, output: list[Any]) -> None:
        self.hears(frame("response.done", **response(name, status, *output)))

    @rule(type_=st.sampled_from(TYPES), response_id=_ids)
    def far_end_says(self, type_: str, response_id: str | None) -> None:
        item = {"type": "function_call_output", "call_id": "t1"}
        fields = {"response_id": response_id, "item": item, "item_id": "i", "transcript": "x"}
        self.hears(frame(type_, event="5", **fields) if type_ != "error" else frame(type_))

    @rule(
        code=st.sampled_from(
            ["conversation_already_has_active_response", "session_expired", "invalid_value"]
        ),
        data=st.data(),
    )
    def error(self, code: str, data: st.DataObject) -> None:
        event_id = data.draw(st.sampled_from([None, *self.marks[-3:]]))
        self.hears(frame("error", error={"code": code, "event_id": event_id}))

    @rule(
        event=st.sampled_from(
            [
                ev.Admitted(),
                ev.Answered(),
                ev.ChannelOpened(),
                ev.ChannelLost(1006),
                ev.AttachFailed(gone=False),
                ev.TransferUnproven(),
                ev.TransferFailed(400),
                ev.HangUpFailed(),
                ev.AnswerFailed(ev.AnswerResult.REFUSED, 400),
                ev.AnswerFailed(ev.AnswerResult.UNKNOWN),
            ]
        )
    )
    def something_happens(self, event: ev.Event) -> None:
        self.receive(event)

    @rule(name=st.sampled_from(["t1", "t2", "t3", "t4", "t5"]), text=st.text())
    def tool_finishes(self, name: str, text: str) -> None:
        self.receive(ev.ToolFinished(ev.ToolOutput(name, text + "\ud800")))

    @rule(die=st.integers(0, 9))
    def the_end_comes(self, die: int) -> None:
        last: dict[int, ev.Event] = {
            7: ev.HangUpRequested(),
            8: ev.AttachFailed(gone=True),
            9: ev.LineEnded(),
        }
        if die in last:
            self.receive(last[die])

    @rule()
    def the_deadline_passes(self) -> None:
        if self.conversation.deadline is not None:
            self.now = max(self.now, self.conversation.deadline)
            self.receive(ev.DeadlineReached())

    @invariant()
    def the_deadline_is_none_exactly_when_the_call_is_over(self) -> None:
        assert (self.conversation.deadline is None) == self.conversation.is_over

    @invariant()
    def no_tool_runs_twice(self) -> None:
        run = [each.call.tool_call_id for each in only(cmd.RunTool, self.commands)]
        assert len(run) == len(set(run))

    @invariant()
    def it_survives_storage(self) -> None:
        stored = self.conversation.snapshot()
        again = Conversation.restore(stored, self.agent, now=START)
        assert again.call.value == self.conversation.call.value
        assert again.turns.value == self.conversation.turns.value

    def teardown(self) -> None:
        """Deadlines alone end every call, from whatever state."""
        if not hasattr(self, "conversation"):
            return
        for _ in range(200):
            if self.conversation.is_over:
                break
            self.the_deadline_passes()
        assert self.conversation.is_over
        outcomes = only(cmd.ReportOutcome, self.commands)
        assert len(outcomes) == (self.conversation.state is State.ENDED)


AnyConversation.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, phases=PHASES
)
# Other tests reach every line; tracing would double its time.
TestAnyConversation = pytest.mark.no_cover(AnyConversation.TestCase)


# --- frames that no far end should write --------------------------------------------------------

_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["r1", "t1", "completed", "greeting", "function_call", "message"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "response", "output", "status", "call_id", "type", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=6,
)
_objects = st.builds(
    lambda type_, fields: json.dumps({**fields, "type": type_}),
    st.one_of(st.sampled_from(TYPES), st.text(max_size=10), _json),
    st.dictionaries(
        st.sampled_from(
            [
                "response",
                "response_id",
                "item",
                "item_id",
                "error",
                "event",
                "session",
                "transcript",
            ]
        ),
        _json,
        max_size=4,
    ),
)


SPOILT = (
    "",
    "[]",
    "null",
    "[" * 100_000,
    '{"type":' * 50_000,
    '{"type": "response.done", "response": {"id": "r", "metadata": %s}}'
    % ("[" * 5000 + "]" * 5000),
    frame("response.created", response={"id": "x" * 1_000_000}),
    frame("response.done", **response("big", "completed", message("x" * 1_000_000))),
    frame("error", error={"code": "x" * 1_000_000, "event_id": "\ud800"}),
    frame("unknown.type", padding="x" * 1_000_000),
    b'{"type": "\xff\xfe"}',
    b'\xef\xbb\xbf{"type": "error"}',
    frame("response.done", response={"id": "n", "usage": {"input_token_details": [1e999]}}),
    frame("error", error={"code": "session_expired"}),
)
"""Frames that are broken in ways of their own."""


def spoil(text: str, at: int) -> list[str | bytes]:
    """Break a frame in every way that a wire might, at one place of it."""
    at %= len(text) + 1
    before, after = text[:at], text[at:]
    raw = text.encode()
    return [
        text,
        before,
        after,
        before + "\udc80" + after,
        before + "\x00" + after,
        before + '"' + after,
        before + "9" * 400 + after,
        before + "[" * 2_000 + after,
        text.replace('"', "'"),
        text.replace(":", ": null, :", 1),
        text + text,
        raw[:at] + b"\xff" + raw[at:],
        raw[:at] + b"\xed\xa0\x80" + raw[at:],
    ]


PLACES = 8
EXAMPLES = 110


@pytest.mark.no_cover  # other tests reach every line; tracing would double its time
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(st.tuples(_objects, st.integers(0, 999)), min_size=PLACES, max_size=PLACES))
def test_over_ten_thousand_frames_of_any_kind_neither_raise_nor_end_a_call(
    places: list[tuple[str, int]],
) -> None:
    frames = [each for text, at in places for each in spoil(text, at)]
    assert EXAMPLES * len(frames) > 10_000
    story = active_conversation()
    for each in (*frames, *SPOILT[places[0][1] % len(SPOILT) :][:2]):
        commands = story.conversation.receive_frame(each, now=story.now)
        assert not only(cmd.HangUpCall, commands)
        assert not only(cmd.ReportOutcome, commands)
    after = story.conversation.call.value
    assert after.state is State.ACTIVE or (
        after.ending is not None and after.ending.step is Closing.WORDS
    )


@pytest.mark.parametrize("text", SPOILT, ids=range(len(SPOILT)))
def test_no_spoilt_frame_ends_a_call(text: str | bytes) -> None:
    story = active_conversation()
    for each in (text, text):
        story.commands += story.conversation.receive_frame(each, now=story.now)
    assert story.conversation.state is State.ACTIVE


@pytest.mark.no_cover  # other tests reach every line
def test_ten_thousand_rounds_of_one_call_leave_it_small() -> None:
    story = active_conversation()
    for number in range(3_000):
        name = f"r{number}"
        story.hears("response.created", **response(name, "in_progress"))
        story.hears("output_audio_buffer.started", response_id=f"unknown-{number}")
        call = function_call(f"t{number}")
        story.hears("response.done", **response(name, "completed", message(), call))
        story.receive(ev.ToolFinished(ev.ToolOutput(f"t{number}", "open")))
    assert len(only(cmd.RunTool, story.commands)) == 1000
    assert len(story.conversation.snapshot()) < 100_000
    assert story.conversation.state is State.ACTIVE
