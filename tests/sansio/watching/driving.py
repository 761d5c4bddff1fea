"""What drives the watchers in tests: a clock of its own, and the way back for what they find."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from controller.sansio.agent import Agent, ToolDeclaration
from controller.sansio.events import (
    Answered,
    CallerPaused,
    CallerSpoke,
    DeadlineReached,
    Event,
    FloorFree,
    FloorTaken,
    NobodyThere,
    PromptDue,
    Ready,
    TranscriptAdded,
)
from controller.sansio.usage import Prices
from controller.sansio.watching import Watchers
from controller.sansio.watching.given import Given

START = 1_000_000.0
WATCHED_AGENT = Agent(
    name="frontdesk",
    model="gpt-realtime-2.1",
    voice="marin",
    instructions="You are the receptionist of Acme Dental.",
    tools=(ToolDeclaration("opening_hours", "Opening hours", {"type": "object"}),),
)


def caller_says(text: str) -> TranscriptAdded:
    return TranscriptAdded("caller", "item", text)


@dataclass
class WatchStory:
    """Watchers, and a clock that goes on only when the story says so."""

    watchers: Watchers
    now: float = START
    found: list[tuple[float, Event]] = field(default_factory=list)
    """With the seconds since the start."""

    def receive(self, *given: Given, after: float = 0.0) -> list[Event]:
        """Show something to the watchers after a while, and what they find as well."""
        return [*self.wait(after), *self._show(*given)]

    def _show(self, *given: Given) -> list[Event]:
        waiting: deque[Given] = deque(given)
        new: list[Event] = []
        while waiting:
            found = self.watchers.receive(waiting.popleft(), now=self.now)
            waiting.extend(found)
            new.extend(found)
        self.found += [(self.now - START, each) for each in new]
        return new

    def wait(self, seconds: float) -> list[Event]:
        """Let time pass, with every deadline in it; return what was found."""
        until = self.now + seconds
        new: list[Event] = []
        for _ in range(1000):
            deadline = self.watchers.deadline
            if deadline is None or deadline > until or not seconds:
                self.now = until
                return new
            self.now = max(self.now, deadline)
            new += self._show(DeadlineReached())
        raise AssertionError("the deadline does not go on")

    def speaks(self, seconds: float = 3.0) -> list[Event]:
        """Let the model have the floor for a while."""
        return [*self.receive(FloorTaken()), *self.receive(FloorFree(), after=seconds)]

    def hears(self, text: str | None = "Good day.", *, seconds: float = 2.0) -> list[Event]:
        """Let the caller speak for a while; None: nothing is transcribed."""
        new = [*self.receive(CallerSpoke()), *self.receive(CallerPaused(), after=seconds)]
        return new + (self.receive(caller_says(text)) if text is not None else [])

    @property
    def absences(self) -> list[tuple[float, Event]]:
        """What was found about the caller's presence, and when."""
        return [each for each in self.found if isinstance(each[1], PromptDue | NobodyThere)]


def watching(agent: Agent = WATCHED_AGENT, *, prices: Prices | None = None) -> WatchStory:
    """Watchers of a call whose session was just proven, of an agent who waits for the caller."""
    story = WatchStory(Watchers(agent, now=START, prices=prices))
    story.receive(Answered())
    story.receive(Ready())
    return story
