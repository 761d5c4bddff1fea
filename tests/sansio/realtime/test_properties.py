"""Any sequence of inputs keeps the invariants of the turn machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase as Step
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.agent import Agent
from controller.sansio.realtime import Phase, Turns
from controller.sansio.realtime.asking import MARKS_LIMIT, QUEUE_LIMIT
from controller.sansio.realtime.codec import ResponseDone, ServerError, SessionCreated
from controller.sansio.realtime.state import FINISHED_LIMIT, KEPT_LIMIT
from controller.sansio.realtime.table import TABLE
from tests.sansio.driving import AGENT, START, function_call, message, only, response, sent, server

RESPONSES = ["r1", "r2", "r3", "r4"]
STATUSES = ["completed", "cancelled", "failed", "incomplete", "in_progress"]
CODES = [
    "conversation_already_has_active_response",
    "response_cancel_not_active",
    "session_expired",
    "rate_limit_exceeded",
    None,
]

OTHER = replace(AGENT, name="billing", instructions="You know invoices.", tools=())

_mcp_items = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["mcp_list_tools", "mcp_approval_request", "mcp_call"]),
        "id": st.sampled_from(["m1", "m2", "m3", None]),
        "server_label": st.sampled_from(["crm", None]),
        "name": st.just("find"),
    },
    optional={"output": st.just("found"), "error": st.just({"type": "http_error"})},
)
_outputs = st.lists(
    st.one_of(
        _mcp_items,
        st.builds(message, st.text(max_size=40)),
        st.builds(function_call, st.sampled_from(["t1", "t2", "t3"])),
    ),
    max_size=3,
)


PHASES = (Step.explicit, Step.reuse, Step.generate, Step.shrink)
"""Explaining a failure takes longer than finding it."""


class AnySequenceOfInputs(RuleBasedStateMachine):
    now = START

    @initialize(held=st.booleans())
    def begins(self, *, held: bool) -> None:
        self.turns = Turns(AGENT, now=self.now, held=held)
        self.said: set[str] = set()
        self.heard: set[str] = set()
        self.marks: list[str | None] = [None]
        self.event_ids: list[str] = []
        self.outputs = 0
        self.posted: list[str] = []
        self.ours_held = False
        self.stopped: set[str] = set()
        self.floor = False
        self.agent = AGENT
        self.attaches()

    def receive(self, given: Any) -> tuple[Any, ...]:
        before = self.turns.value
        if isinstance(given, cmd.Become):
            outs = self.turns.become(self.agent, now=self.now)
        else:
            outs = self.turns.receive(given, now=self.now)
        after = self.turns.value
        row = TABLE[before.phase].get(type(given))
        allowed = {before.phase} | (row.to if row else set())
        if Phase.IDLE in allowed:
            allowed.add(Phase.REQUESTED)  # the pump
        assert after.phase in allowed
        assert after.now >= before.now
        self.check_one_response_at_a_time(given, before.phase, outs)
        self.check_outputs(given, outs)
        self.check_floor(outs)
        if before.phase is Phase.DETACHED:
            assert sent(outs) == []  # nobody would read it
        self.event_ids += [each["event_id"] for each in sent(outs)]
        self.heard |= {each.say_id for each in only(ev.SpeechHeard, outs)}
        return outs

    def check_one_response_at_a_time(
        self, given: Any, before: Phase, outs: tuple[Any, ...]
    ) -> None:
        asked = sent(outs, "response.create")
        assert len(asked) <= 1
        if not asked:
            return
        after = self.turns.value
        assert not after.silent
        assert after.current is not None
        if after.last:
            assert after.current.priority is cmd.Priority.LAST
        if after.current.priority < cmd.Priority.OPERATOR and not after.held:
            assert after.caller_until is None or after.caller_until <= after.now
        words = asked[0]["response"].get("instructions", "").splitlines()
        assert not self.stopped.intersection(words)  # what was stopped is not said after all
        assert after.phase is Phase.REQUESTED
        assert after.current is not None
        assert after.current.marks[-1] == asked[0]["event_id"]
        if before in {Phase.REQUESTED, Phase.RESPONDING}:
            # The one before was answered by this very input, or was given up.
            assert isinstance(given, ResponseDone | ServerError | ev.DeadlineReached)
        self.marks.append(asked[0]["event_id"])

    def check_floor(self, outs: tuple[Any, ...]) -> None:
        """The floor is taken and freed by turns, and the state agrees."""
        for each in only(ev.FloorTaken | ev.FloorFree, outs):  # type: ignore[arg-type]  # a union
            assert self.floor is isinstance(each, ev.FloorFree)
            self.floor = not self.floor
        assert self.floor is self.turns.value.is_floor_taken
        if self.turns.phase in {Phase.REQUESTED, Phase.RESPONDING}:
            assert self.floor

    def check_outputs(self, given: Any, outs: tuple[Any, ...]) -> None:
        """Every output is posted once an attached session, and again only after a reattach."""
        posted = [
            each["item"]["call_id"]
            for each in sent(outs, "conversation.item.create")
            if each["item"]["type"] == "function_call_output"
        ]
        if isinstance(given, SessionCreated):
            self.posted = []
        elif isinstance(given, cmd.GiveToolOutputs):
            attached = self.turns.phase not in {Phase.DETACHED, Phase.OPENING}
            assert posted == ([each.tool_call_id for each in given.outputs] if attached else [])
        else:
            assert posted == []
        self.posted += posted
        assert len(self.posted) == len(set(self.posted))

    # --- what the call wants ---------------------------------------------------------------------

    @rule(verbatim=st.booleans(), priority=st.sampled_from(cmd.Priority))
    def say(self, *, verbatim: bool, priority: cmd.Priority) -> None:
        say_id = f"say-{len(self.said)}"
        self.said.add(say_id)
        self.receive(cmd.Say(say_id, say_id, verbatim, priority))

    @rule(number=st.integers(0, 9))
    def unsay(self, number: int) -> None:
        say_id = f"say-{number}"
        waits = any(each.say_id == say_id for each in self.turns.value.queue)
        self.receive(cmd.Unsay(say_id))
        assert say_id in self.heard or not waits
        assert all(each.say_id != say_id for each in self.turns.value.queue)

    @rule()
    def cut_off(self) -> None:
        current = self.turns.value.current
        self.receive(cmd.CutOff())
        assert all(voice.due is None for voice in self.turns.value.voices) or (
            self.turns.phase in {Phase.DETACHED, Phase.OPENING}
        )
        if current is not None and self.turns.phase in {Phase.REQUESTED, Phase.RESPONDING}:
            assert self.turns.value.cut_off
            self.stopped |= {current.say_id} - {""}

    @rule(number=st.integers(0, 5), approve=st.booleans())
    def approve(self, number: int, *, approve: bool) -> None:
        self.receive(cmd.Approve(f"a{number}", approve))

    @rule(
        instructions=st.sampled_from([None, "Whisper."]),
        tools=st.sampled_from([None, (), ("hang_up",)]),
        detection=st.sampled_from([None, {"threshold": 0.9}, {"type": "semantic_vad"}]),
    )
    def reconfigure(
        self,
        instructions: str | None,
        tools: tuple[str, ...] | None,
        detection: dict[str, Any] | None,
    ) -> None:
        self.receive(cmd.Reconfigure(instructions, tools, detection))

    @rule(agent=st.sampled_from([AGENT, OTHER]))
    def becomes(self, agent: Agent) -> None:
        self.agent = agent
        self.receive(cmd.Become(agent.name))

    @rule(count=st.integers(1, 3), respond=st.booleans())
    def give_outputs(self, count: int, *, respond: bool) -> None:
        names = [f"out-{self.outputs + number}" for number in range(count)]
        self.outputs += count
        given = tuple(ev.ToolOutput(name, "done") for name in names)
        self.receive(cmd.GiveToolOutputs(given, respond))

    @rule(
        command=st.sampled_from(
            [cmd.StopSpeaking(), cmd.HoldTurns(), cmd.ReleaseTurns(), cmd.Configure()]
        )
    )
    def command(self, command: Any) -> None:
        self.ours_held = isinstance(command, cmd.HoldTurns) or (
            self.ours_held and not isinstance(command, cmd.ReleaseTurns)
        )
        self.receive(command)
        if isinstance(command, cmd.StopSpeaking):
            self.stopped = set(self.said)

    @rule(text=st.text(max_size=5))
    def inject(self, text: str) -> None:
        self.receive(cmd.Inject(text))

    # --- the far end -----------------------------------------------------------------------------

    @rule()
    def attaches(self) -> None:
        self.receive(ev.ChannelOpened())
        self.receive(server("session.created"))

    @rule(die=st.integers(0, 4))
    def is_lost(self, die: int) -> None:
        if die == 4:
            shown = {name for _, name in self.turns.value.open_calls}
            attached = self.turns.phase is not Phase.DETACHED
            reported = only(ev.ToolCallsLost, self.receive(ev.ChannelLost()))
            assert {each for one in reported for each in one.tool_call_ids} == shown
            assert attached or not shown

    @rule(response_id=st.sampled_from(RESPONSES), data=st.data())
    def response_created(self, response_id: str, data: st.DataObject) -> None:
        mark = data.draw(st.sampled_from(self.marks[-3:]))
        created = response(response_id, "in_progress", mark=mark)
        self.receive(server("response.created", **created))

    @rule(number=st.integers(5, 9999), status=st.sampled_from(STATUSES), output=_outputs)
    @precondition(lambda self: self.turns.phase is Phase.REQUESTED)
    def ours_is_created_and_done(self, number: int, status: str, output: list[Any]) -> None:
        name, mark = f"r{number}", self.marks[-1]
        created = response(name, "in_progress", mark=mark)
        self.receive(server("response.created", **created))
        self.receive(server("response.done", **response(name, status, *output, mark=mark)))

    @rule(response_id=st.sampled_from(RESPONSES), status=st.sampled_from(STATUSES), output=_outputs)
    def response_done(self, response_id: str, status: str, output: list[Any]) -> None:
        self.receive(server("response.done", **response(response_id, status, *output)))

    @rule(response_id=st.sampled_from([None, *RESPONSES]), name=st.sampled_from(["t1", "t2"]))
    def a_response_shows_a_tool_call(self, response_id: str | None, name: str) -> None:
        item = function_call(name)
        self.receive(server("response.output_item.added", response_id=response_id, item=item))

    @rule(
        type_=st.sampled_from(["started", "stopped", "cleared"]),
        response_id=st.sampled_from([None, *RESPONSES]),
    )
    def output_audio(self, type_: str, response_id: str | None) -> None:
        self.receive(server(f"output_audio_buffer.{type_}", response_id=response_id))

    @rule(
        type_=st.sampled_from(
            [
                "session.created",
                "session.updated",
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.timeout_triggered",
                "input_audio_buffer.committed",
                "conversation.item.input_audio_transcription.failed",
            ]
        )
    )
    def session_says(self, type_: str) -> None:
        self.receive(server(type_))

    @rule(data=st.data(), code=st.sampled_from(CODES))
    def error(self, data: st.DataObject, code: str | None) -> None:
        event_id = data.draw(st.sampled_from([None, *self.event_ids[-4:]]))
        param = data.draw(st.sampled_from([None, "session.tools", "response"]))
        fault = {"code": code, "type": "x", "event_id": event_id, "param": param}
        self.receive(server("error", error=fault))

    @rule(number=st.integers(0, 20))
    def acknowledged(self, number: int) -> None:
        item = {"type": "function_call_output", "call_id": f"out-{number}"}
        self.receive(server("conversation.item.added", item=item))

    @rule(
        item_id=st.sampled_from(["m1", "m2", "m3"]),
        name=st.sampled_from(
            [
                "mcp_list_tools.completed",
                "mcp_list_tools.failed",
                "response.mcp_call.completed",
                "response.mcp_call.failed",
            ]
        ),
    )
    def a_server_says(self, item_id: str, name: str) -> None:
        self.receive(server(name, item_id=item_id))

    @rule(
        word=st.sampled_from(["added", "done"]),
        item=_mcp_items,
    )
    def an_item_of_a_server_comes(self, word: str, item: dict[str, Any]) -> None:
        self.receive(server(f"conversation.item.{word}", item=item))

    @rule(remaining=st.integers(0, 100), reset=st.floats(0, 60))
    def limits_are_updated(self, remaining: int, reset: float) -> None:
        entry = {"name": "tokens", "limit": 100, "remaining": remaining, "reset_seconds": reset}
        self.receive(server("rate_limits.updated", rate_limits=[entry]))

    @rule(response_id=st.sampled_from(RESPONSES), type_=st.sampled_from(["created", "done"]))
    def a_response_beside_the_conversation(self, response_id: str, type_: str) -> None:
        phase = self.turns.phase
        beside = {"id": f"beside-{response_id}", "conversation_id": None, "status": "completed"}
        self.receive(server(f"response.{type_}", response={**beside, "output": [message()]}))
        assert self.turns.phase is phase or phase is Phase.IDLE

    # --- time ------------------------------------------------------------------------------------

    @rule(seconds=st.floats(-2.0, 20.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.receive(ev.DeadlineReached())

    @rule()
    def the_deadline_passes(self) -> None:
        if self.turns.deadline is not None:
            self.now = max(self.now, self.turns.deadline)
            self.receive(ev.DeadlineReached())

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def the_state_is_bounded_and_survives_storage(self) -> None:
        value = self.turns.value
        words = [each for each in value.queue if each.say_id]
        assert len(words) <= QUEUE_LIMIT + 1
        assert len(value.queue) <= len(words) + 3
        assert [each.priority for each in value.queue] == sorted(
            (each.priority for each in value.queue), reverse=True
        )
        assert len(value.approvals) <= KEPT_LIMIT
        assert len(value.unwanted) <= KEPT_LIMIT
        assert len(value.server_calls) <= KEPT_LIMIT
        assert len(value.voices) <= KEPT_LIMIT
        assert len(value.notes) <= KEPT_LIMIT
        assert len(value.outputs) <= KEPT_LIMIT
        assert len(value.finished) <= FINISHED_LIMIT
        assert len(value.open_calls) <= KEPT_LIMIT
        assert {each[0] for each in value.open_calls}.isdisjoint(value.finished)
        # What is active is heard, or given up; nothing else is timed.
        assert value.word_until is None or value.phase is Phase.RESPONDING
        assert all(len(request.marks) <= MARKS_LIMIT for request in value.queue)
        assert Turns.restore(self.turns.snapshot(), AGENT, now=START).value == value

    @invariant()
    def every_client_event_has_its_own_id(self) -> None:
        assert len(self.event_ids) == len(set(self.event_ids))

    def teardown(self) -> None:
        """Time alone brings every word to its end and opens every hold but the call's own."""
        if not hasattr(self, "turns"):
            return
        if self.turns.value.silent or self.turns.value.last:
            self.command(cmd.ReleaseTurns())
        if self.turns.phase is Phase.DETACHED:
            self.receive(ev.ChannelOpened())
        if self.turns.phase is Phase.OPENING:
            self.receive(server("session.created"))
        for _ in range(200):
            if self.turns.deadline is None:
                break
            self.the_deadline_passes()
        assert self.turns.deadline is None
        assert self.turns.phase is Phase.IDLE
        assert self.said <= self.heard
        assert self.turns.value.voices == ()
        assert not self.turns.value.held or self.ours_held


AnySequenceOfInputs.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, phases=PHASES
)
# Other tests reach every line; tracing would double its time.
TestAnySequenceOfInputs = pytest.mark.no_cover(AnySequenceOfInputs.TestCase)
