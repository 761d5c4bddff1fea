"""The scripted caller: a polite person who waits for their turn, unless told otherwise."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from controller.simulator.host import pause
from controller.simulator.journal import Source
from controller.simulator.model import contains
from controller.simulator.wire import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.simulator.call import SimulatedCall

_TURN_LIMIT = 120.0
_KEY_GAP = 0.25


class Step(Protocol):
    """One thing that a caller does."""

    async def perform(self, caller: Caller) -> None:
        """Do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """The caller says something."""

    words: str
    transcript: str | None = None
    """What the transcription writes, if it mishears; None is what was said."""
    over: bool = False
    """Speak while the model speaks, instead of waiting for the turn."""
    after: float = 0.0
    """Seconds into the model's speech at which to speak over it."""

    async def perform(self, caller: Caller) -> None:
        """Speak, in turn or out of turn."""
        if self.over:
            await caller.interrupts(self.after)
        else:
            await caller.waits_for_turn()
        await caller.speaks(self.words, self.transcript)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The line makes a noise that the voice activity detection takes for speech."""

    seconds: float

    async def perform(self, caller: Caller) -> None:
        """Make the noise at once."""
        await caller.noises(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The caller does nothing for a while."""

    seconds: float

    async def perform(self, caller: Caller) -> None:
        """Let the time pass."""
        await caller.waits(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hears:
    """The caller waits until the model has said something."""

    text: str
    limit: float = 60.0

    async def perform(self, caller: Caller) -> None:
        """Wait for the words; what does not come is remembered for the verdict."""
        await caller.waits_to_hear(self.text, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses:
    """The caller presses keys."""

    keys: str
    over: bool = False
    """At once, instead of in turn."""
    gap: float = _KEY_GAP
    """Seconds between two keys."""

    async def perform(self, caller: Caller) -> None:
        """Press one key after the other."""
        if not self.over:
            await caller.waits_for_turn()
        await caller.presses(self.keys, self.gap)


@dataclass(frozen=True, slots=True, kw_only=True)
class HangsUp:
    """The caller hangs up."""

    at_once: bool = False
    """Without letting the model finish."""

    async def perform(self, caller: Caller) -> None:
        """Hang up."""
        if not self.at_once:
            await caller.waits_for_turn()
        caller.hangs_up()


class Caller:
    """Plays the steps of a script on a call that is answered."""

    def __init__(self, call: SimulatedCall, steps: Sequence[Step]) -> None:
        self._call = call
        self._steps = steps
        self._texts_answered = 0
        self._is_gone = False
        self.never_heard: list[str] = []
        """Texts that the script waited for in vain."""

    async def run(self) -> None:
        """Play every step, then stay on the line for a while; return when the caller hangs up."""
        for step in self._steps:
            await step.perform(self)
            if self._call.is_over or self._is_gone:
                return
        await self._call.wait_until(lambda: self._call.is_over, self._call.scenario.stays)

    # What steps are made of

    async def waits_for_turn(self) -> None:
        """Wait until the model has said its piece, or has been silent for too long."""
        call, patience = self._call, self._call.scenario.patience
        while not call.is_over:
            if await call.wait_until(self._is_my_turn, patience):
                await pause(call.pace.reply)
                if call.conversation.is_quiet:
                    break
            elif call.conversation.is_quiet:
                break  # patience is lost in silence only, not while the other one talks
            await call.wait_until(lambda: call.conversation.is_quiet, _TURN_LIMIT)
        self._texts_answered = len(call.heard)

    def _is_my_turn(self) -> bool:
        conversation = self._call.conversation
        return (
            conversation.is_quiet
            and not conversation.owes_answer
            and len(self._call.heard) > self._texts_answered
        )

    async def interrupts(self, after: float) -> None:
        """Wait until the model has been audible for a while."""
        call = self._call
        await call.wait_until(lambda: call.conversation.playback.is_playing, _TURN_LIMIT)
        await pause(after)

    async def speaks(self, words: str, transcript: str | None) -> None:
        """Say words, in the time that they take."""
        call = self._call
        if call.is_over:
            return
        call.record(Source.CALLER, "says", words)
        call.hearing.speech_starts()
        await pause(len(words_of(words)) * call.pace.word + call.pace.silence)
        if not call.is_over:
            self._texts_answered = len(call.heard)
            call.hearing.speech_stops(words, words if transcript is None else transcript)
        # Let the model begin, so that the next step sees whose turn it is.
        await asyncio.sleep(0)

    async def noises(self, seconds: float) -> None:
        """Be a noise on the line."""
        call = self._call
        call.record(Source.CALLER, "makes a noise")
        call.hearing.speech_starts()
        await pause(seconds + call.pace.silence)
        if not call.is_over:
            call.hearing.speech_stops("", "")

    async def waits(self, seconds: float) -> None:
        """Do nothing, but notice the end of the call."""
        await self._call.wait_until(lambda: self._call.is_over, seconds)

    async def waits_to_hear(self, text: str, limit: float) -> None:
        """Wait until a text was heard."""
        heard = await self._call.wait_until(
            lambda: any(contains(said, text) for said in self._call.heard), limit
        )
        if not heard:
            self.never_heard.append(text)

    async def presses(self, keys: str, gap: float) -> None:
        """Press keys."""
        call = self._call
        call.record(Source.CALLER, "presses", keys)
        for key in keys:
            if call.is_over:
                return
            call.hearing.press(key)
            await pause(gap)

    def hangs_up(self) -> None:
        """Leave the call."""
        self._is_gone = True
        self._call.record(Source.CALLER, "hangs up")
