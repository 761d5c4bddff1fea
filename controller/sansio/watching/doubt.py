"""Whether what is heard is a human: where voice activity detection cannot be trusted (O10).

Three things raise a doubt. Each is answered by one prompt, and by the end if it goes on:

- `wordless`: speech is heard for so long, with lulls of at most `LULL` seconds, and not one
  intelligible word. `ANSWER_TIME` seconds after the prompt: no human.
- `repeats`: more near-identical turns in a row than that, three times as many where they are as
  short as "yes". Two more: no human.
- `ringing_out`: no words, no key and no tool for so long by the clock on the wall, whatever else is
  heard: comfort noise that starts and stops speech again and again would keep a dead call alive.
  `ANSWER_TIME` seconds after the prompt: nobody.

A key, or words that differ, settle all of them. Nothing is due while somebody is busy; what has
become due meanwhile follows at once. Where the caller is not transcribed, or the transcription
fails (known problem 13), missing words prove nothing: only `ringing_out` is left, and there speech
is a sign of the caller too. `wait_for_caller` is no sign: it is what a model calls on noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from controller.sansio.agent import WAIT_FOR_CALLER, Silence
from controller.sansio.events import (
    Absence,
    CallerPaused,
    CallerSpoke,
    Digit,
    FaultReported,
    FloorFree,
    NobodyThere,
    PromptDue,
    Ready,
    ToolFinished,
    ToolsCalled,
    TranscriptAdded,
)
from controller.sansio.value import Value, replace
from controller.sansio.watching.given import Given
from controller.sansio.watching.quiet import UNHURRIED
from controller.sansio.watching.scene import Scene
from controller.sansio.watching.words import are_alike, is_said_by_caller, normalised

LULL: Final = 10.0
"""Seconds without speech after which speech is not the same any more: silence is watched there."""
ANSWER_TIME: Final = 20.0
"""Seconds after a prompt in which a human would have answered."""
SHORT: Final = 2
"""Words of a turn that people say again and again: "yes", "no, thanks"."""
SHORT_FACTOR: Final = 3
"""How many times as often such a turn may come. Not for ever: recognisers write "you" for music."""
ANSWER_TURNS: Final = 2
"""Turns after a prompt of which a human would have made one different."""
TRANSCRIPTION_FAILED: Final = "transcription_failed"


@dataclass(frozen=True, slots=True)
class Run:
    """Near-identical turns of the caller's, one after the other."""

    turns: int = 0
    asked_at: int | None = None
    """How many they were when the caller was asked."""
    words: str = field(default="", repr=False)
    """The latest, normalised. In no snapshot."""


class Doubt(Value, frozen=True):
    """What speaks against a human."""

    is_deaf: bool = False
    """The transcription failed, and nothing was transcribed since."""
    sign_at: float | None = None
    """Unix seconds of the latest sign of the caller; None: no session yet."""
    speech_at: float | None = None
    """Unix seconds at which the present speech without words began; None: there is none."""
    paused_at: float | None = None
    """Unix seconds of its latest pause."""
    run: Run = Run()
    asked: Absence | None = None
    """Why the caller was asked, by time."""
    asked_until: float | None = None
    """Unix seconds until which an answer is waited for."""


def advance(
    doubt: Doubt, given: Given, before: Scene, *, is_transcribed: bool, now: float
) -> Doubt:
    """Return the doubt after something happened.

    Args:
        doubt: of before.
        given: what happened.
        before: the scene of before.
        is_transcribed: the agent has the caller transcribed.
        now: Unix seconds.
    """
    match given:
        case Ready():
            return settled(doubt, now)
        case Digit():
            return Doubt(is_deaf=doubt.is_deaf, sign_at=now)
        case TranscriptAdded() if is_said_by_caller(given):
            speech_at = now if before.is_speaking else None
            return Doubt(sign_at=now, speech_at=speech_at, run=_next(doubt.run, given.text))
        case FaultReported() if given.code == TRANSCRIPTION_FAILED:
            return Doubt(is_deaf=True, sign_at=now)
        case ToolsCalled() if any(each.name != WAIT_FOR_CALLER for each in given.calls):
            return _sign(doubt, now)
        case ToolFinished():
            return _sign(doubt, now)
        case CallerSpoke() | CallerPaused():
            if doubt.is_deaf or not is_transcribed:
                return _sign(doubt, now)
            return _noise(doubt, given, before, now)
        case FloorFree() if before.is_prompting and doubt.asked_until is not None:
            return replace(doubt, asked_until=now + ANSWER_TIME)
        case _:
            return doubt


def settled(doubt: Doubt, now: float) -> Doubt:
    """Return what is left of a doubt where a session is proven anew, or a sign comes after all."""
    return Doubt(is_deaf=doubt.is_deaf, sign_at=now, run=doubt.run)


def untranscribed(doubt: Doubt) -> Doubt:
    """Return the doubt of a call whose caller is not transcribed from here on."""
    return Doubt(sign_at=doubt.sign_at)


def due(doubt: Doubt, silence: Silence) -> float | None:
    """Return the Unix seconds at which something is due, None where there is no session yet."""
    if doubt.asked_until is not None or doubt.sign_at is None:
        return doubt.asked_until
    at = doubt.sign_at + max(silence.ringing_out, UNHURRIED)
    return at if doubt.speech_at is None else min(at, doubt.speech_at + silence.wordless)


def act(
    doubt: Doubt, silence: Silence, scene: Scene, *, number: int, now: float
) -> tuple[Doubt, tuple[PromptDue | NobodyThere, ...]]:
    """Do what is due; `number` is that of the next prompt of the present silence."""
    lasts = scene.is_speaking or (doubt.paused_at is not None and now - doubt.paused_at <= LULL)
    quiet_again = replace(doubt, asked=None, asked_until=None, speech_at=None, paused_at=None)
    if doubt.asked is not None:
        if doubt.asked is Absence.NO_HUMAN and not lasts:
            return quiet_again, ()
        return quiet_again, (NobodyThere(doubt.asked),)
    if doubt.speech_at is not None and doubt.speech_at + silence.wordless <= now:
        if not lasts:
            return quiet_again, ()
        asked, number = Absence.NO_HUMAN, 1
    else:
        asked = Absence.IDLE
    doubt = replace(doubt, asked=asked, asked_until=now + ANSWER_TIME)
    return doubt, (PromptDue(asked, number),)


def judge(doubt: Doubt, silence: Silence) -> tuple[Doubt, tuple[PromptDue | NobodyThere, ...]]:
    """Say what follows from a turn of the caller's that was just heard."""
    run = doubt.run
    if run.asked_at is not None:
        is_enough = run.turns == run.asked_at + ANSWER_TURNS
        return doubt, (NobodyThere(Absence.NO_HUMAN),) if is_enough else ()
    is_short = len(run.words.split()) <= SHORT
    if run.turns <= silence.repeats * (SHORT_FACTOR if is_short else 1):
        return doubt, ()
    run = Run(run.turns, run.turns, run.words)
    return replace(doubt, run=run), (PromptDue(Absence.NO_HUMAN, 1),)


def _next(run: Run, text: str) -> Run:
    words = normalised(text)
    if run.turns and are_alike(words, run.words):
        return Run(run.turns + 1, run.asked_at, words)
    return Run(1, None, words)


def _sign(doubt: Doubt, now: float) -> Doubt:
    """Keep the time of a sign; it answers the question whether anybody is there at all."""
    if doubt.asked is not Absence.IDLE:
        return replace(doubt, sign_at=now)
    return replace(doubt, sign_at=now, asked=None, asked_until=None)


def _noise(doubt: Doubt, given: CallerSpoke | CallerPaused, before: Scene, now: float) -> Doubt:
    """Follow speech of which nobody knows yet whether it has words."""
    if isinstance(given, CallerPaused):
        return replace(doubt, paused_at=now)
    lulled = doubt.paused_at is None or now - doubt.paused_at > LULL
    if doubt.speech_at is None or (lulled and not before.is_speaking):
        return replace(doubt, speech_at=now)
    return doubt
