"""What is known of the turns of one conversation, as one frozen value.

Instants are Unix seconds, durations seconds. Handlers take a value, an input and the instant, and
return the next value with what follows from it, in order: frames to send and events for the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from controller.sansio.agent import Agent
from controller.sansio.commands import DialectCommand, SendFrame
from controller.sansio.events import (
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    Event,
    ToolOutput,
)
from controller.sansio.realtime.codec import ServerEvent
from controller.sansio.value import Value, replace


class Phase(StrEnum):
    """Who has the floor."""

    DETACHED = "detached"
    """There is no socket."""
    OPENING = "opening"
    """The socket is open; `session.created` has not come."""
    CONFIGURING = "configuring"
    """The rest of the session config is on its way; nothing is said under half a config."""
    IDLE = "idle"
    """No response is active."""
    REQUESTED = "requested"
    """`response.create` is sent; `response.created` has not come."""
    RESPONDING = "responding"
    """A response is active: ours, or one that VAD started."""


ATTACHED = frozenset({Phase.CONFIGURING, Phase.IDLE, Phase.REQUESTED, Phase.RESPONDING})


class Ask(StrEnum):
    """What a response is asked for."""

    SAY = "say"
    """Words of ours."""
    TOOLS = "tools"
    """Tool outputs were posted."""
    CALLER = "caller"
    """The caller spoke while turns were held, or VAD's own response failed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds."""

    greeting_delay: float = 0.5
    """From the first `session.created` to the first words: the line needs it to open (rule 6)."""
    hold: float = 8.0
    """From `session.created`; then the caller may speak whatever became of the greeting."""
    hold_disclosure: float = 12.0
    configure: float = 2.0
    """For `session.updated` to come."""
    lift: float = 2.0
    """The same, for the update that gives the caller the floor."""
    start: float = 5.0
    """For `response.created` to come."""
    finish: float = 60.0
    """For `response.done` to come."""
    conflict: float = 15.0
    """For an active response that we know nothing of to finish."""
    retry: float = 0.5
    """Before a failed response is asked for again."""
    heard_margin: float = 2.0
    heard_per_character: float = 0.1
    heard_longest: float = 12.0
    """Playback is over that long after generation, where the far end never said that it began:
    speech takes about 0.075 s a character, and generation is faster than speech."""
    playing_margin: float = 3.0
    playing_per_character: float = 0.15
    playing_longest: float = 45.0
    """The same where playback did begin, and its end is only late: scripts with few characters to
    the second need the time."""


class Request(Value, frozen=True):
    """One response that we want."""

    ask: Ask
    say_id: str = ""
    instructions: str | None = None
    tries: int = 0
    marks: tuple[str, ...] = ()
    """`event_id` of each try: a response that comes late is still ours."""
    stopped: bool = False
    """Sent before `StopSpeaking`: not to be sent again."""


class Voice(Value, frozen=True):
    """The words of one response, on their way to the caller's ear."""

    response_id: str
    say_id: str
    characters: int | None = None
    """Length of the words, None where unknown."""
    started: bool = False
    stopped: bool = False
    """Everything generated so far was heard; more may come until the response is done."""
    cut_off: bool = False
    """The rest was thrown away."""
    due: float | None = None
    """The response is done; by this instant its words must have been heard."""


class Update(Value, frozen=True):
    """The latest `session.update`; an older one that is refused no longer matters."""

    event_id: str
    remainder: bool = False
    """It carries what the minimal answer left out."""
    lifts: bool = False
    """It gives the caller the floor; until it is taken, nobody answers by itself."""
    is_taken: bool = False
    """`session.updated` came since. It names no update and comes unasked too: a refusal may still
    follow."""
    due: float | None = None
    """When to give up waiting for an update that lifts the hold."""


class TurnState(Value, frozen=True):
    """The turns of one conversation. Field names are stored."""

    phase: Phase = Phase.DETACHED
    now: float = 0.0
    phase_until: float | None = None
    """When the phase is given up."""
    sessions: int = 0
    """How often `session.created` came; more than once: reattached."""

    held: bool = False
    """Turn detection starts and interrupts nothing."""
    hold_until: float | None = None
    """When the hold fails open; None: when `ReleaseTurns` comes."""
    silent: bool = False
    """No response is asked for until turns are released."""
    committed: bool = False
    """A turn is owed: the caller said something that nobody answers by itself."""
    deaf: bool = False
    """The far end refuses to lift the hold, or says nothing of it: we ask for the answer to each of
    the caller's turns."""
    remainder_due: bool = False
    """The answer was minimal: the rest of the config goes with the next full update."""
    plain: bool = False
    """The far end refuses numbers in turn detection."""
    update: Update | None = None

    queue: tuple[Request, ...] = ()
    speak_after: float = 0.0
    """No response is asked for before this instant."""
    current: Request | None = None
    """Ours, in REQUESTED and RESPONDING; None in RESPONDING: a response that VAD started."""
    current_id: str | None = None
    """The active response's id; None in REQUESTED, and where it is unknown."""
    confirmed: bool = False
    """The active response bears a mark of the current request: it is ours for certain."""
    echoes: bool = False
    """The far end has echoed a mark: a response without one is not ours."""
    finished: tuple[str, ...] = ()
    """The latest finished responses: a replayed `response.done` is no second one."""
    voices: tuple[Voice, ...] = ()

    notes: tuple[str, ...] = ()
    """System messages that wait for a socket."""
    outputs: tuple[ToolOutput, ...] = ()
    """Tool outputs whose arrival is not acknowledged; posted again after a reattach."""
    sent: int = 0
    """Client events so far; numbers the next one."""
    fallbacks: int = 0
    ignored: int = 0

    @property
    def deadline(self) -> float | None:
        """When `DeadlineReached` is due; None: nothing is waited for."""
        instants = [self.hold_until if self.held else None, self.phase_until]
        instants += [voice.due for voice in self.voices]
        instants.append(self.update.due if self.update is not None else None)
        if self.phase is Phase.IDLE and self.queue and not self.silent:
            instants.append(self.speak_after)
        return min((each for each in instants if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class TurnTerms:
    """What does not change during a conversation."""

    agent: Agent
    pace: Pace
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name; what an MCP server's headers need."""


Input: TypeAlias = ServerEvent | DialectCommand | ChannelOpened | ChannelLost | DeadlineReached
Out: TypeAlias = SendFrame | Event
Turn: TypeAlias = tuple[TurnState, tuple[Out, ...]]
Handler: TypeAlias = Callable[[TurnTerms, TurnState, Any, float], Turn]

KEPT_LIMIT = 64
"""Notes, outputs and voices that may wait; the oldest makes room for the newest."""
FINISHED_LIMIT = 16


def number(turns: TurnState) -> tuple[TurnState, str]:
    """Number a client event: the same history gives the same `event_id`."""
    sent = turns.sent + 1
    return replace(turns, sent=sent), f"controller_{sent}"
