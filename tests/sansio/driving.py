"""What drives the machines in tests: an agent, a clock of its own, and a far end's words.

Nothing here decides anything: it writes events and frames, and keeps what came back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from controller.sansio.agent import Agent, Target, ToolDeclaration
from controller.sansio.call import Call, State, TargetTerms, Terms
from controller.sansio.commands import CallCommand, SendFrame, ShellCommand
from controller.sansio.conversation import Conversation
from controller.sansio.events import (
    Admitted,
    Answered,
    ChannelOpened,
    DeadlineReached,
    Event,
    Ready,
    Speech,
    ToolCall,
    ToolsCalled,
)
from controller.sansio.realtime import Turns, codec
from controller.sansio.realtime.state import Input, Out

T = TypeVar("T")

START = 1_000_000.0
RECEPTION = "sip:+12025550123@trunk.example.net"
TARGETS = (
    Target("reception", RECEPTION, "The front desk"),
    Target("doctor", "tel:+12025550124", "The doctor on duty"),
)
AGENT = Agent(
    name="frontdesk",
    model="gpt-realtime-2.1",
    voice="marin",
    instructions="You are the receptionist of Acme Dental.",
    greeting="Thank the caller for calling.",
    tools=(ToolDeclaration("opening_hours", "Opening hours", {"type": "object"}),),
    built_in=frozenset({"hang_up", "transfer"}),
    targets=TARGETS,
    offered=("reception", "doctor"),
    turn_detection={"type": "server_vad", "threshold": 0.6},
)
SILENT_AGENT = replace(AGENT, greeting=None)
TERMS = Terms(
    greeting="Greet.",
    built_in=frozenset({"hang_up", "transfer"}),
    targets=tuple(TargetTerms(target.name, target.uri) for target in TARGETS),
    offered=frozenset({"reception", "doctor"}),
)


def only(kind: type[T], found: Iterable[object]) -> list[T]:
    """Return what is of one kind, in order."""
    return [each for each in found if isinstance(each, kind)]


def one(kind: type[T], found: Iterable[object]) -> T:
    """Return the one thing of a kind."""
    (each,) = only(kind, found)
    return each


def tool(tool_call_id: str, name: str = "opening_hours", arguments: str = "{}") -> ToolCall:
    return ToolCall(tool_call_id, name, arguments)


def called(*calls: ToolCall, say_id: str = "r1", speech: Speech = Speech.UNHEARD) -> ToolsCalled:
    return ToolsCalled(say_id, speech, calls)


TO_RECEPTION = tool("t-transfer", "transfer", '{"target": "reception"}')
HANG_UP = tool("t-hang-up", "hang_up")


@dataclass
class CallStory:
    """A call's machine and a clock that goes on only when the story says so."""

    call: Call
    now: float = START
    commands: list[CallCommand] = field(default_factory=list)

    def receive(self, event: Event, *, after: float = 0.0) -> tuple[CallCommand, ...]:
        self.now += after
        commands = self.call.receive(event, now=self.now)
        self.commands += commands
        return commands

    def wait(self) -> tuple[CallCommand, ...]:
        """Let time pass to the machine's deadline."""
        assert self.call.deadline is not None
        self.now = max(self.now, self.call.deadline)
        return self.receive(DeadlineReached())

    def is_in(self, state: State) -> bool:
        """Tell where the call stands; asked anew each time."""
        return self.call.state is state

    def receive_at_step(self) -> tuple[CallCommand, ...]:
        """Let time pass to the end of the step, whatever the channel waits for meanwhile."""
        assert self.call.value.step_at is not None
        self.now = self.call.value.step_at
        return self.receive(DeadlineReached())

    def wait_until(self, state: State, *, steps: int = 50) -> tuple[CallCommand, ...]:
        """Let deadlines alone bring the call to a state; return all that was asked for."""
        commands: tuple[CallCommand, ...] = ()
        for _ in range(steps):
            if self.call.state is state:
                return commands
            commands += self.wait()
        raise AssertionError(f"{self.call.state} after {steps} deadlines")


def ringing(terms: Terms = TERMS) -> CallStory:
    return CallStory(Call(terms, now=START))


def accepting(terms: Terms = TERMS) -> CallStory:
    story = ringing(terms)
    story.receive(Admitted())
    return story


def attaching(terms: Terms = TERMS) -> CallStory:
    story = accepting(terms)
    story.receive(Answered())
    return story


def active(terms: Terms = TERMS) -> CallStory:
    story = attaching(terms)
    story.receive(ChannelOpened())
    story.receive(Ready())
    return story


# --- the far end -------------------------------------------------------------------------------


def frame(type_: str, **fields: Any) -> str:
    """Return a server event as the far end writes it."""
    return json.dumps({"type": type_, "event_id": "event_x", **fields})


def server(type_: str, **fields: Any) -> codec.ServerEvent:
    """Return a server event as the machine reads it."""
    event = codec.decode(frame(type_, **fields))
    assert not isinstance(event, codec.Skipped), event
    return event


def message(text: str = "Good day.") -> dict[str, Any]:
    """Return an output item with spoken words."""
    content = [{"type": "output_audio", "transcript": text}]
    return {"type": "message", "status": "completed", "role": "assistant", "content": content}


def function_call(
    tool_call_id: str, name: str = "opening_hours", arguments: str = "{}", **more: Any
) -> dict[str, Any]:
    """Return an output item that asks for a tool."""
    return {
        "type": "function_call",
        "status": "completed",
        "call_id": tool_call_id,
        "name": name,
        "arguments": arguments,
        **more,
    }


def response(
    response_id: str, status: str, *output: dict[str, Any], mark: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return the `response` object of `response.created` and `response.done`."""
    metadata = None if mark is None else {"controller_request": mark}
    fields = {"id": response_id, "status": status, "metadata": metadata, **more}
    return {"response": {**fields, "output": list(output)}}


def sent(found: Iterable[object], type_: str = "") -> list[dict[str, Any]]:
    """Return the bodies of the frames among commands, of one type or of all."""
    bodies = [json.loads(each.frame) for each in only(SendFrame, found)]
    return [body for body in bodies if not type_ or body["type"] == type_]


def types(found: Iterable[object]) -> list[str]:
    """Return the types of the frames among commands."""
    return [each.type for each in only(SendFrame, found)]


@dataclass
class TurnStory:
    """A turn machine, its far end, and a clock of the story's own."""

    turns: Turns
    now: float = START
    outs: list[Out] = field(default_factory=list)

    def receive(self, given: Input, *, after: float = 0.0) -> tuple[Out, ...]:
        self.now += after
        outs = self.turns.receive(given, now=self.now)
        self.outs += outs
        return outs

    def hears(self, type_: str, *, after: float = 0.0, **fields: Any) -> tuple[Out, ...]:
        """Let the far end say something."""
        return self.receive(server(type_, **fields), after=after)

    def wait(self) -> tuple[Out, ...]:
        """Let time pass to the machine's deadline."""
        assert self.turns.deadline is not None
        self.now = max(self.now, self.turns.deadline)
        return self.receive(DeadlineReached())

    @property
    def mark(self) -> str:
        """The `event_id` of the latest `response.create`."""
        return str(sent(self.outs, "response.create")[-1]["event_id"])

    def begins(self, response_id: str, *, ours: bool = True) -> tuple[Out, ...]:
        """Let a response begin: ours, or one that VAD started."""
        mark = self.mark if ours else None
        return self.hears("response.created", **response(response_id, "in_progress", mark=mark))

    def finishes(
        self, response_id: str, *output: dict[str, Any], status: str = "completed", **more: Any
    ) -> tuple[Out, ...]:
        """Let a response be done."""
        return self.hears("response.done", **response(response_id, status, *output, **more))


def turning(agent: Agent = SILENT_AGENT, *, held: bool = False) -> TurnStory:
    """A turn machine with a proven session, where nothing waits."""
    story = TurnStory(Turns(agent, now=START, held=held))
    story.receive(ChannelOpened())
    story.hears("session.created")
    story.now += 1.0
    return story


@dataclass
class ConversationStory:
    """Both machines, a far end, and a clock of the story's own."""

    conversation: Conversation
    now: float = START
    commands: list[ShellCommand] = field(default_factory=list)

    def receive(self, event: Event, *, after: float = 0.0) -> tuple[ShellCommand, ...]:
        self.now += after
        commands = self.conversation.receive(event, now=self.now)
        self.commands += commands
        return commands

    def hears(self, type_: str, *, after: float = 0.0, **fields: Any) -> tuple[ShellCommand, ...]:
        """Let the far end say something."""
        self.now += after
        commands = self.conversation.receive_frame(frame(type_, **fields), now=self.now)
        self.commands += commands
        return commands

    def wait(self) -> tuple[ShellCommand, ...]:
        """Let time pass to the conversation's deadline."""
        assert self.conversation.deadline is not None
        self.now = max(self.now, self.conversation.deadline)
        return self.receive(DeadlineReached())

    @property
    def mark(self) -> str:
        """The `event_id` of the latest `response.create`."""
        return str(sent(self.commands, "response.create")[-1]["event_id"])

    def begins(self, response_id: str, *, ours: bool = True) -> tuple[ShellCommand, ...]:
        """Let a response begin: ours, or one that VAD started."""
        mark = self.mark if ours else None
        return self.hears("response.created", **response(response_id, "in_progress", mark=mark))

    def finishes(
        self, response_id: str, *output: dict[str, Any], status: str = "completed", **more: Any
    ) -> tuple[ShellCommand, ...]:
        """Let a response be done."""
        return self.hears("response.done", **response(response_id, status, *output, **more))

    def speaks(self, response_id: str, text: str = "Good day.") -> tuple[ShellCommand, ...]:
        """Let a response of ours begin, be done and be heard."""
        return (
            *self.begins(response_id),
            *self.hears("output_audio_buffer.started", response_id=response_id),
            *self.finishes(response_id, message(text)),
            *self.hears("output_audio_buffer.stopped", response_id=response_id),
        )


def answered(agent: Agent = AGENT) -> ConversationStory:
    """A conversation whose session was just proven."""
    story = ConversationStory(Conversation(agent, now=START))
    story.receive(Admitted())
    story.receive(Answered())
    story.receive(ChannelOpened())
    story.hears("session.created")
    return story


def greeted(agent: Agent = AGENT) -> ConversationStory:
    """A conversation whose first words were heard."""
    story = answered(agent)
    story.wait()
    story.speaks("greeting-response")
    story.hears("session.updated")
    return story


def active_conversation(agent: Agent = AGENT) -> ConversationStory:
    """A conversation in which the caller has the floor."""
    return greeted(agent) if agent.greeting else answered(agent)
