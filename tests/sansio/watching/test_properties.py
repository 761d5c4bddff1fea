"""Any sequence of events, commands and time keeps the invariants of the watchers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import Phase as Step
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.sansio import commands as cmd
from controller.sansio import events as ev
from controller.sansio.agent import Agent, Budget, Keypad, MenuEntry, Silence
from controller.sansio.usage import Prices
from controller.sansio.value import replace as replace_value
from controller.sansio.watching import Watchers
from controller.sansio.watching.keypad import LONGEST_ENTRY
from controller.sansio.watching.scene import TOOLS_LIMIT
from controller.sansio.watching.words import COMPARED
from tests.sansio.watching.driving import START, WATCHED_AGENT

IDS = [f"t{number}" for number in range(5)]
EVENTS: dict[type, st.SearchStrategy[Any]] = {
    ev.Digit: st.builds(ev.Digit, st.sampled_from("0123456789*#AX")),
    ev.TranscriptAdded: st.builds(
        ev.TranscriptAdded,
        st.sampled_from(["caller", "agent"]),
        st.just("i"),
        st.sampled_from(["Hello?", "Hello!", "...", "I need an appointment.", "x" * 500]),
    ),
    ev.ToolsCalled: st.builds(
        ev.ToolsCalled,
        st.just("r1"),
        st.sampled_from(ev.Speech),
        st.lists(
            st.builds(
                ev.ToolCall,
                st.sampled_from(IDS),
                st.sampled_from(["opening_hours", "take_message", "wait_for_caller", "unknown"]),
                st.just("{}"),
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
    ),
    ev.ToolFinished: st.builds(
        ev.ToolFinished, st.builds(ev.ToolOutput, st.sampled_from(IDS), st.just("done"))
    ),
    ev.UsageReported: st.builds(
        ev.UsageReported,
        st.builds(ev.Usage, responses=st.just(1), output_audio=st.integers(0, 3)),
        st.booleans(),
    ),
    ev.FaultReported: st.builds(
        ev.FaultReported, st.sampled_from(["transcription_failed", "server_error"])
    ),
    ev.ChannelLost: st.just(ev.ChannelLost()),
}
OURS = {
    ev.PromptDue,
    ev.NobodyThere,
    ev.MenuKeyPressed,
    ev.DigitsEntered,
    ev.SpendReported,
    ev.BudgetWarned,
    ev.BudgetSpent,
    ev.DeadlineReached,
}
"""What the watchers say themselves, or time does."""
OFTEN = [
    ev.FloorTaken,
    ev.FloorFree,
    ev.CallerSpoke,
    ev.CallerPaused,
    ev.TranscriptAdded,
    ev.Digit,
    ev.ToolsCalled,
    ev.ToolFinished,
    ev.UsageReported,
    ev.SilenceTimedOut,
]
MEANT = {
    *OFTEN,
    ev.Answered,
    ev.Ready,
    ev.ChannelLost,
    ev.FaultReported,
}
OTHERS = [kind for kind in get_args(ev.Event) if kind not in OURS | MEANT]
"""What means nothing to a watcher: a look at it must not hurt."""
PRICES = Prices(output_audio=1_000_000.0)
AGENTS: list[Agent] = [
    WATCHED_AGENT,
    replace(
        WATCHED_AGENT,
        budget=Budget(usd=10.0),
        keypad=Keypad(menu=(MenuEntry("0", "repeat"), MenuEntry("*", "hang_up"))),
        silence=Silence((5.0,), 6.0, (30.0, 20.0), 7.0, repeats=1, ringing_out=50.0),
    ),
    replace(
        WATCHED_AGENT,
        transcription=None,
        keypad=Keypad(terminator="", sensitive_tool="opening_hours"),
        silence=Silence((), 41.0, (), 41.0, ringing_out=60.0),
    ),
]


def _made(kind: type) -> st.SearchStrategy[Any]:
    return EVENTS.get(kind, st.builds(kind))


class AnySequence(RuleBasedStateMachine):
    watchers: Watchers
    now = START

    @initialize(agent=st.sampled_from(AGENTS), answered=st.booleans())
    def begins(self, agent: Agent, *, answered: bool) -> None:
        self.agent = agent
        self.watchers = Watchers(agent, now=self.now, prices=PRICES)
        self.collected: list[str] = []
        self.entered: list[str] = []
        self.usd = 0.0
        self.prompts: Counter[ev.Absence] = Counter()
        if answered:
            self.shows(ev.Answered())
            self.shows(ev.Ready())

    def shows(self, given: Any) -> list[ev.Event]:
        """Show something, and then all that is found, as the conversation does."""
        waiting = [given]
        found: list[ev.Event] = []
        for each in waiting:
            self.means_nothing_to_those_who_are_not_shown_it(each)
            new = self.watchers.receive(each, now=self.now)
            waiting += new
            found += new
        for event in found:
            self.check(event)
        return found

    def means_nothing_to_those_who_are_not_shown_it(self, given: Any) -> None:
        silence, keypad = self.watchers.silence, self.watchers.keypad
        if type(given) not in silence.uses:
            known = silence.value
            assert not silence.receive(given, now=self.now)
            assert silence.value == replace_value(known, now=self.now)
            silence.value = known
        if type(given) not in keypad.uses:
            keys = keypad.value
            assert not keypad.receive(given, now=self.now)
            assert keypad.value == replace_value(keys, now=self.now)
            keypad.value = keys

    def check(self, found: ev.Event) -> None:
        assert type(found) in OURS
        match found:
            case ev.DigitsEntered():
                assert len(found.digits) <= LONGEST_ENTRY
                if found.request_id is not None:
                    self.entered.append(found.request_id)
            case ev.SpendReported():
                assert found.usd >= self.usd
                self.usd = found.usd
            case ev.PromptDue():
                silence = self.agent.silence
                most = {
                    ev.Absence.GHOST: len(silence.ghost_prompts),
                    ev.Absence.IDLE: max(1, len(silence.idle_prompts)),  # one is of `ringing_out`
                    ev.Absence.NO_HUMAN: 1,
                }
                assert 1 <= found.number <= most[found.absence]
                self.prompts[found.absence] += 1
            case _:
                pass

    @rule(given=st.sampled_from(OFTEN).flatmap(_made))
    def something_happens(self, given: Any) -> None:
        self.shows(given)

    @rule(given=st.sampled_from([ev.Answered(), ev.Ready(), ev.ChannelLost(), ev.Ready()]))
    def the_line_changes(self, given: Any) -> None:
        self.shows(given)

    @rule(given=EVENTS[ev.FaultReported] | st.sampled_from(OTHERS).flatmap(_made))
    def something_else_happens(self, given: Any) -> None:
        before = self.watchers.deadline
        found = self.shows(given)
        assert not found
        if not isinstance(given, ev.FaultReported):
            assert self.watchers.deadline == before

    @rule(
        max_digits=st.integers(-1, 6),
        terminator=st.sampled_from(["#", "*", ""]),
        seconds=st.floats(0, 200),
        sensitive=st.booleans(),
    )
    def digits_are_asked_for(
        self, *, max_digits: int, terminator: str, seconds: float, sensitive: bool
    ) -> None:
        request_id = f"c{len(self.collected)}"
        self.collected.append(request_id)
        self.shows(
            cmd.CollectDigits(request_id, max_digits, terminator, seconds, seconds / 2, sensitive)
        )

    @rule(seconds=st.floats(0, 200))
    def silence_is_allowed(self, *, seconds: float) -> None:
        self.shows(cmd.AllowSilence(seconds))

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, *, seconds: float) -> None:
        self.now += seconds
        if self.watchers.deadline is not None and self.watchers.deadline <= self.now:
            self.shows(ev.DeadlineReached())

    @rule()
    def the_deadline_comes(self) -> None:
        before = self.watchers.deadline
        if before is None:
            return
        self.now = max(self.now, before)
        found = self.shows(ev.DeadlineReached())
        after = self.watchers.deadline
        # Prompts that are not in order fall on one instant; each of them is said once.
        assert found or after is None or after > self.now

    @rule()
    def nothing_happens_any_more(self) -> None:
        """Deadlines alone ask at most as often as is configured, and give up once."""
        self.prompts.clear()
        found: list[ev.Event] = []
        for _ in range(100):
            if self.watchers.deadline is None:
                break
            self.now = max(self.now, self.watchers.deadline)
            found += self.shows(ev.DeadlineReached())
        assert self.watchers.deadline is None
        assert self.entered == self.collected
        assert sum(isinstance(each, ev.NobodyThere) for each in found) <= 1
        silence = self.watchers.silence.value
        most = max(len(self.agent.silence.ghost_prompts), len(self.agent.silence.idle_prompts))
        # An end of a tool or of an entry begins the silence anew, and one more is of `ringing_out`.
        if not (silence.scene.is_away or silence.scene.is_floor_taken):
            assert self.prompts[ev.Absence.GHOST] + self.prompts[ev.Absence.IDLE] <= 2 * most + 1
        assert self.prompts[ev.Absence.NO_HUMAN] <= 1

    @rule(agent=st.sampled_from(AGENTS))
    def another_agent_takes_over(self, agent: Agent) -> None:
        self.agent = agent
        self.watchers.become(agent)

    @rule(asleep=st.floats(0, 100))
    def the_process_is_restarted(self, *, asleep: float) -> None:
        snapshot = self.watchers.snapshot()
        same = Watchers.restore(snapshot, self.agent, now=self.now, prices=PRICES)
        assert (
            same.snapshot()
            == Watchers.restore(same.snapshot(), self.agent, now=self.now, prices=PRICES).snapshot()
        )
        self.now += asleep
        self.watchers = Watchers.restore(snapshot, self.agent, now=self.now, prices=PRICES)
        self.shows(ev.ChannelLost())

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        silence = self.watchers.silence.value
        assert len(silence.scene.tools) <= TOOLS_LIMIT
        assert len(silence.doubt.run.words) <= COMPARED

    @invariant()
    def each_entry_ends_once(self) -> None:
        entry = self.watchers.keypad.value.entry
        open_ids = [] if entry is None or entry.request_id is None else [entry.request_id]
        assert self.entered + open_ids == self.collected


AnySequence.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    phases=(Step.explicit, Step.reuse, Step.generate, Step.shrink),
)
# Other tests reach every line; tracing would double its time.
TestAnySequence = pytest.mark.no_cover(AnySequence.TestCase)
