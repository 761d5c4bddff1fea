"""Silence as voice activity detection hears it: how long, and what is due (operations, O10).

The clock runs while it is the caller whom everybody waits for: nobody speaks, no tool runs, no
digits are collected, the channel is there. What happens on the line sets it back to zero: the end
of the model's words, a pause of the caller's, a key, the end of a tool or of an entry, a session
that is proven anew. A prompt does not: the clock stands still while it is spoken and then goes on,
so that the times of the agent's `silence` count from the beginning of the silence, stretched by as
long as the prompts took. The clock reads a prompt's own time when that prompt is given, however
late that is; a machine that slept hangs nobody up at once.

`AllowSilence` sets it back to zero and holds it there for so many seconds, also if somebody talks
in the background meanwhile.

The provider's own idle timer (`idle_timeout_ms`) makes the model talk on a dead line: its prompts
take the place of ours, and as many of them as we would have given end the call, though not before
`UNHURRIED` seconds.
"""

from __future__ import annotations

from typing import Final

from controller.sansio.agent import Silence
from controller.sansio.commands import AllowSilence
from controller.sansio.events import (
    Absence,
    CallerPaused,
    CallerSpoke,
    DeadlineReached,
    Digit,
    DigitsEntered,
    FloorFree,
    NobodyThere,
    PromptDue,
    Ready,
    SilenceTimedOut,
    ToolFinished,
    TranscriptAdded,
)
from controller.sansio.value import Value, replace
from controller.sansio.watching.given import Given
from controller.sansio.watching.scene import Scene
from controller.sansio.watching.words import is_said_by_caller

UNHURRIED: Final = 40.0
"""Seconds of silence before which nobody is cut off, whatever is configured (O10)."""
TIMEOUTS_LIMIT: Final = 1000
"""Prompts of the provider's that are counted."""


class Quiet(Value, frozen=True):
    """A silence, and what was done about it."""

    was_heard: bool = False
    """The caller has spoken or pressed a key in this call."""
    since: float | None = None
    """Unix seconds from which the clock runs; None: it stands still."""
    counted: float = 0.0
    """Seconds on the clock when it was last started."""
    prompts: int = 0
    """Of ours, in this silence."""
    timeouts: int = 0
    """Of the provider's, without a sign of the caller between."""
    began: float | None = None
    """Unix seconds at which the clock left zero; None: it did not."""
    allowed_until: float = 0.0
    """Unix seconds before which the clock does not run."""

    @property
    def absence(self) -> Absence:
        """What this silence is."""
        return Absence.IDLE if self.was_heard else Absence.GHOST


def advance(quiet: Quiet, given: Given, before: Scene, after: Scene, now: float) -> Quiet:
    """Return the silence after something happened, and the scene changed with it."""
    quiet = _noticed(quiet, given, before, after, now)
    runs = not (after.is_busy or after.is_speaking)
    if runs and quiet.since is None:
        start = max(now, quiet.allowed_until)
        return replace(quiet, since=start, began=start if quiet.began is None else quiet.began)
    if not runs and quiet.since is not None:
        counted = quiet.counted + max(0.0, now - quiet.since)
        return replace(quiet, since=None, counted=counted)
    return quiet


def due(quiet: Quiet, silence: Silence) -> float | None:
    """Return the Unix seconds at which something is due, None while the clock stands still."""
    if quiet.since is None:
        return None
    prompts, end = _times(quiet, silence)
    if quiet.prompts < len(prompts) and not quiet.timeouts:
        end = prompts[quiet.prompts]
    at = quiet.since + max(0.0, end - quiet.counted)
    if quiet.timeouts >= max(1, len(silence.idle_prompts)) and quiet.began is not None:
        at = min(at, max(quiet.since, quiet.began + UNHURRIED))
    return at


def act(quiet: Quiet, silence: Silence, now: float) -> tuple[Quiet, PromptDue | NobodyThere]:
    """Do what is due."""
    prompts, _ = _times(quiet, silence)
    if quiet.prompts >= len(prompts) or quiet.timeouts:
        return quiet, NobodyThere(quiet.absence)
    given = quiet.prompts + 1
    quiet = replace(quiet, prompts=given, counted=prompts[given - 1], since=now)
    return quiet, PromptDue(quiet.absence, given)


def _times(quiet: Quiet, silence: Silence) -> tuple[tuple[float, ...], float]:
    if quiet.was_heard:
        return silence.idle_prompts, max(silence.idle_end, UNHURRIED)
    return silence.ghost_prompts, max(silence.ghost_end, UNHURRIED)


def _noticed(quiet: Quiet, given: Given, before: Scene, after: Scene, now: float) -> Quiet:
    match given:
        case CallerSpoke() | Digit():
            return _afresh(replace(quiet, was_heard=True, timeouts=0))
        case TranscriptAdded() if is_said_by_caller(given):
            return _transcribed(quiet)
        case Ready():
            return _afresh(replace(quiet, timeouts=0))
        case AllowSilence():
            until = max(quiet.allowed_until, now + given.seconds)
            return _afresh(replace(quiet, allowed_until=until))
        case SilenceTimedOut():
            return replace(quiet, timeouts=min(quiet.timeouts + 1, TIMEOUTS_LIMIT))
        case _:
            return _afresh(quiet) if _ends_something(given, before, after) else quiet


def _transcribed(quiet: Quiet) -> Quiet:
    """Take words of the caller's as a sign where they are the first that is known of them.

    Words come some time after the pause that they belong to, and the clock runs from that pause.
    """
    if quiet.was_heard and not quiet.prompts and not quiet.timeouts:
        return quiet
    return _afresh(replace(quiet, was_heard=True, timeouts=0))


def _ends_something(given: Given, before: Scene, after: Scene) -> bool:
    """Tell whether the caller's turn begins here."""
    match given:
        case CallerPaused() | ToolFinished():
            return True
        case FloorFree():
            return not before.is_prompting
        case DigitsEntered():
            return before.collecting != after.collecting
        case DeadlineReached():
            return before.tools != after.tools
        case _:
            return False


def _afresh(quiet: Quiet) -> Quiet:
    """Set the clock back to zero; it starts when nobody is busy."""
    return replace(quiet, since=None, counted=0.0, prompts=0, began=None)
