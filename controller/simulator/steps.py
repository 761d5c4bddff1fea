"""What a scripted caller can do: one class for each kind of step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from controller.simulator.caller import Caller

FOREVER = 86_400.0
"""Seconds that nobody stays on the line; for calls that the service is to end."""
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
    times: int = 1
    """How often, each time in turn: another machine says the same again and again."""

    async def perform(self, caller: Caller) -> None:
        """Speak, in turn or out of turn."""
        for _ in range(self.times):
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


@dataclass(frozen=True, slots=True)
class _Sound:
    """How a sound strikes the voice activity detection: bursts, gaps, and what is transcribed."""

    burst: float
    gap: float
    transcript: str | None


SOUNDS = {
    "music": _Sound(burst=6.0, gap=1.5, transcript=""),
    "fax": _Sound(burst=2.5, gap=1.0, transcript=""),
    "comfort_noise": _Sound(burst=0.6, gap=2.0, transcript=None),
}
"""Sounds by name. The transcript of music and of a fax is empty; that of comfort noise never comes.
The lengths are ours: they are of the order that people report, nothing more is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plays:
    """Something plays on the line and is taken for speech, again and again, over whoever speaks."""

    sound: str
    """A key of `SOUNDS`."""
    seconds: float = 60.0
    transcript: str | None = None
    """What the transcription makes of each burst; None: as `SOUNDS` says."""

    async def perform(self, caller: Caller) -> None:
        """Play it."""
        sound = SOUNDS[self.sound]
        transcript = sound.transcript if self.transcript is None else self.transcript
        await caller.sounds(self.sound, self.seconds, (sound.burst, sound.gap), transcript)


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
class Awaits:
    """The caller waits until something happened that is not heard."""

    what: str
    """Name of a tool that the model calls, or `refer`."""
    limit: float = 60.0

    async def perform(self, caller: Caller) -> None:
        """Wait for it; what does not come is remembered for the verdict."""
        await caller.awaits(self.what, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses:
    """The caller presses keys."""

    keys: str
    over: bool = False
    """At once, instead of in turn."""
    after: float | None = None
    """Seconds into the model's speech; only with `over`."""
    gap: float = _KEY_GAP
    """Seconds between two keys."""

    async def perform(self, caller: Caller) -> None:
        """Press one key after the other."""
        if not self.over:
            await caller.waits_for_turn(minds_tools=False)
        elif self.after is not None:
            await caller.interrupts(self.after)
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
