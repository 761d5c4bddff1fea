"""Whether anybody is there (operations, O10).

Theory of operation. Three questions are kept apart: who is busy, so that nobody need be asked
(`scene`); how long nothing is heard (`quiet`); whether what is heard is a human (`doubt`). They
are answered from the same events, and what they find has one place here: the call's machine is
told at most one thing at a time, and after `NobodyThere` nothing more until the caller gives a
sign.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from controller.sansio.agent import Agent
from controller.sansio.commands import AllowSilence, CollectDigits
from controller.sansio.events import (
    Absence,
    CallerPaused,
    CallerSpoke,
    ChannelLost,
    DeadlineReached,
    Digit,
    DigitsEntered,
    FaultReported,
    FloorFree,
    FloorTaken,
    NobodyThere,
    PromptDue,
    Ready,
    SilenceTimedOut,
    ToolFinished,
    ToolsCalled,
    TranscriptAdded,
)
from controller.sansio.value import Value, replace
from controller.sansio.watching import doubt as doubts
from controller.sansio.watching import quiet as quiets
from controller.sansio.watching.doubt import Doubt, Run
from controller.sansio.watching.given import Given
from controller.sansio.watching.quiet import Quiet
from controller.sansio.watching.scene import Scene, follow
from controller.sansio.watching.words import is_said_by_caller

_Found: TypeAlias = tuple[PromptDue | NobodyThere, ...]


class SilenceState(Value, frozen=True):
    """What is known of the caller's presence."""

    now: float
    scene: Scene = Scene()
    quiet: Quiet = Quiet()
    doubt: Doubt = Doubt()
    is_over: bool = False
    """`NobodyThere` was said, and the caller gave no sign since."""


class Silence:
    """Says when the caller is to be asked, and when nobody is there. No I/O; never raises."""

    __slots__ = ("_agent", "value")

    uses: ClassVar[frozenset[type]] = frozenset(
        {
            AllowSilence,
            CallerPaused,
            CallerSpoke,
            ChannelLost,
            CollectDigits,
            DeadlineReached,
            Digit,
            DigitsEntered,
            FaultReported,
            FloorFree,
            FloorTaken,
            PromptDue,
            Ready,
            SilenceTimedOut,
            ToolFinished,
            ToolsCalled,
            TranscriptAdded,
        }
    )
    """What its three rooms use; half of a call's events are of other kinds."""

    def __init__(self, agent: Agent, *, now: float) -> None:
        self._agent = agent
        self.value = SilenceState(now=now)

    @property
    def deadline(self) -> float | None:
        """Unix seconds; None while somebody is busy, and when it is over."""
        state = self.value
        if state.is_over:
            return None
        instants = (state.scene.deadline, self._quiet_due, self._doubt_due)
        return min([each for each in instants if each is not None], default=None)

    @property
    def _quiet_due(self) -> float | None:
        state = self.value
        if state.is_over or state.doubt.asked is Absence.IDLE:
            return None  # it was asked already whether anybody is there
        return quiets.due(state.quiet, self._agent.silence)

    @property
    def _doubt_due(self) -> float | None:
        state = self.value
        if state.is_over or state.scene.is_busy:
            return None
        if state.doubt.asked is None and state.quiet.prompts:
            return None  # the caller is being asked already
        return doubts.due(state.doubt, self._agent.silence)

    def become(self, agent: Agent) -> None:
        """Go on with another agent's times; what was counted stays."""
        self._agent = agent
        if agent.transcription is None:
            self.value = replace(self.value, doubt=doubts.untranscribed(self.value.doubt))

    def receive(self, given: Given, *, now: float) -> _Found:
        """Take what happened; return whether somebody is to be asked, or nobody is there."""
        now = max(now, self.value.now)
        self.value = _take(self._agent, self.value, given, now)
        match given:
            case TranscriptAdded() if is_said_by_caller(given) and self._is_transcribed:
                doubt, found = doubts.judge(self.value.doubt, self._agent.silence)
                return self._say(replace(self.value, doubt=doubt), found)
            case DeadlineReached() | SilenceTimedOut():
                return self._tick(now)
            case _:
                return ()

    def _tick(self, now: float) -> _Found:
        """Do the one thing that is due, the silence before the doubt."""
        state, silence = self.value, self._agent.silence
        at = self._quiet_due
        if at is not None and at <= now:
            quiet, said = quiets.act(state.quiet, silence, now)
            return self._say(replace(state, quiet=quiet), (said,))
        at = self._doubt_due
        if at is not None and at <= now:
            number = state.quiet.prompts + 1
            doubt, found = doubts.act(state.doubt, silence, state.scene, number=number, now=now)
            return self._say(replace(state, doubt=doubt), found)
        return ()

    def _say(self, state: SilenceState, found: _Found) -> _Found:
        is_over = state.is_over or any(isinstance(each, NobodyThere) for each in found)
        self.value = replace(state, is_over=is_over)
        return found

    @property
    def _is_transcribed(self) -> bool:
        return self._agent.transcription is not None

    def stored(self) -> SilenceState:
        """Return the state as a snapshot may hold it: without a word of the caller's."""
        state = self.value
        return replace(state, doubt=replace(state.doubt, run=Run()))

    def restore(self, stored: SilenceState) -> None:
        """Go on from what `stored` returned, not earlier than now."""
        self.value = replace(stored, now=max(stored.now, self.value.now))


def _take(agent: Agent, state: SilenceState, given: Given, now: float) -> SilenceState:
    before = state.scene
    after = follow(before, given, agent, now)
    is_over = state.is_over and not _is_sign(given)
    doubt = state.doubt
    if state.is_over and not is_over:
        doubt = doubts.settled(doubt, now)
    is_transcribed = agent.transcription is not None
    return replace(
        state,
        now=now,
        scene=after,
        quiet=quiets.advance(state.quiet, given, before, after, now),
        doubt=doubts.advance(doubt, given, before, is_transcribed=is_transcribed, now=now),
        is_over=is_over,
    )


def _is_sign(given: Given) -> bool:
    match given:
        case CallerSpoke() | Digit() | Ready():
            return True
        case TranscriptAdded():
            return is_said_by_caller(given)
        case _:
            return False
