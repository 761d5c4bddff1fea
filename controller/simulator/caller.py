"""The scripted caller: a polite person who waits for their turn, unless told otherwise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from controller.simulator.host import pause
from controller.simulator.journal import Source
from controller.simulator.model import contains
from controller.simulator.wire import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.simulator.call import SimulatedCall
    from controller.simulator.steps import Step

_TURN_LIMIT = 120.0


class Caller:
    """Plays the steps of a script on a call that is answered."""

    def __init__(self, call: SimulatedCall, steps: Sequence[Step]) -> None:
        self._call = call
        self._steps = steps
        self._texts_answered = 0
        self._is_gone = False
        self.never_heard: list[str] = []
        """Texts that the script waited for in vain."""
        self.never_came: list[str] = []
        """Tools and referrals that the script waited for in vain."""

    async def run(self) -> None:
        """Play every step, then stay on the line for a while; return when the caller hangs up."""
        for step in self._steps:
            await step.perform(self)
            if self._call.is_over or self._is_gone:
                return
        await self._call.wait_until(lambda: self._call.is_over, self._call.scenario.stays)

    # What steps are made of

    async def waits_for_turn(self, *, minds_tools: bool = True) -> None:
        """Wait until the model has said its piece, or has been silent for too long.

        Args:
            minds_tools: False for who was asked for keys: the tool that takes them runs, and the
                model will say nothing until they came.
        """
        call, patience = self._call, self._call.scenario.patience
        while not call.is_over:
            if await call.wait_until(lambda: self._is_my_turn(minds_tools=minds_tools), patience):
                await pause(call.pace.reply)
                if call.conversation.is_quiet:
                    break
            elif call.conversation.is_quiet:
                break  # patience is lost in silence only, not while the other one talks
            await call.wait_until(lambda: call.conversation.is_quiet, _TURN_LIMIT)
        self._texts_answered = len(call.heard)

    def _is_my_turn(self, *, minds_tools: bool) -> bool:
        conversation = self._call.conversation
        owes = conversation.owes_answer if minds_tools else conversation.owes_word
        return conversation.is_quiet and not owes and len(self._call.heard) > self._texts_answered

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

    async def sounds(
        self, what: str, seconds: float, rhythm: tuple[float, float], transcript: str | None
    ) -> None:
        """Be a sound that comes in bursts, without ever waiting for a turn.

        Args:
            what: its name, for the journal.
            seconds: how long, all bursts together.
            rhythm: seconds of a burst, and between two.
            transcript: what is made of each burst; None: nothing comes.
        """
        call, (burst, gap) = self._call, rhythm
        call.record(Source.CALLER, "plays", what.replace("_", " "))
        ends_at = asyncio.get_running_loop().time() + seconds
        while not call.is_over and asyncio.get_running_loop().time() < ends_at:
            call.hearing.speech_starts()
            await self.waits(burst)
            if not call.is_over:
                call.hearing.speech_stops(transcript or "", transcript)
                await self.waits(gap)
        self._texts_answered = len(call.heard)

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

    async def awaits(self, what: str, limit: float) -> None:
        """Wait until the model has called a tool, or the service has referred the caller."""
        call = self._call
        happened = await call.wait_until(
            lambda: what in call.tools_called or (what == "refer" and bool(call.referred_to)), limit
        )
        if not happened:
            self.never_came.append(what)

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
