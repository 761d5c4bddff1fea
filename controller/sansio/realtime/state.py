"""What is known of the turns of one conversation, as one frozen value.

Instants are Unix seconds, durations seconds. Handlers take a value, an input and the instant, and
return the next value with what follows from it, in order: frames to send and events for the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from controller.sansio.agent import Agent
from controller.sansio.commands import DialectCommand, Priority, SendFrame
from controller.sansio.events import (
    ChannelLost,
    ChannelOpened,
    DeadlineReached,
    Event,
)
from controller.sansio.realtime.codec import ServerEvent
from controller.sansio.realtime.parts import (
    Approval,
    Phase,
    Posted,
    Request,
    ServerCall,
    Setup,
    Update,
    Voice,
)
from controller.sansio.value import Value, replace


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
    first_word: float = 10.0
    """From `response.created` to the first audio of words of ours; for any other response, to its
    first item too, for a tool call is silent. Longer silence is a lost caller."""
    working: float = 30.0
    """The same from each item of a response that nothing was heard of: a call is being written, or
    an MCP server is at work."""
    finish: float = 60.0
    """For `response.done` to come, of a response that is heard: minutes of speech are
    generated in less (4096 tokens, faster than they are played)."""
    follow_up: bool = True
    """Not a time: whether we ask for a response once an MCP server's tool has answered."""
    conflict: float = 15.0
    """For an active response that we know nothing of to finish."""
    cancel: float = 5.0
    """For `response.done` to come after we cancelled a response."""
    caller: float = 15.0
    """For the caller's speech to end; then a response is asked for all the same."""
    yielding: float = 0.25
    """For VAD's own response to begin after the caller paused, before we ask for another."""
    retry: float = 0.5
    """Before a failed response is asked for again."""
    rate_limit: float = 3.0
    """The same, where the project's rate limit was reached."""
    rate_limit_longest: float = 10.0
    """At most, where the far end has said when the limit is reset."""
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

    dirty: tuple[str, ...] = ()
    """Parts of the session config that are changed and not known to be taken."""
    setup: Setup = Setup()
    former: Setup | None = None
    """The setup that is known to be taken, while another is on its way."""

    queue: tuple[Request, ...] = ()
    """The highest priority first; first come, first served within one."""
    speak_after: float = 0.0
    """No response is asked for before this instant."""
    last: bool = False
    """The last words of the call are asked for: nothing else is, until turns are released."""
    caller_until: float | None = None
    """The caller speaks, and is let finish until then; None: is not known to speak."""
    current: Request | None = None
    """Ours, in REQUESTED and RESPONDING; None in RESPONDING: a response that VAD started."""
    current_id: str | None = None
    """The active response's id; None in REQUESTED, and where it is unknown."""
    confirmed: bool = False
    """The active response bears a mark of the current request: it is ours for certain."""
    cut_off: bool = False
    """What is asked for or active is thrown away, as soon as it has an id."""
    word_until: float | None = None
    """The active response is given up then, unless the caller hears it."""
    open_calls: tuple[tuple[str, str], ...] = ()
    """Response and tool call, shown by a response that is not done."""
    echoes: bool = False
    """The far end has echoed a mark: a response without one is not ours."""
    unwanted: tuple[str, ...] = ()
    """Marks of requests that were given up: what comes for them is cancelled."""
    finished: tuple[str, ...] = ()
    """The latest finished responses: a replayed `response.done` is no second one."""
    voices: tuple[Voice, ...] = ()
    is_audible: bool = False
    """The caller has heard the agent's voice in this call."""
    unanswered: bool = False
    """The caller's latest turn has seen no response yet."""

    notes: tuple[str, ...] = ()
    """System messages that wait for a socket."""
    outputs: tuple[Posted, ...] = ()
    """Tool outputs; posted again after a reattach."""
    approvals: tuple[Approval, ...] = ()
    """Likewise."""
    requested: tuple[str, ...] = ()
    """The latest requests for approval: they are reported once."""
    lists: tuple[tuple[str, str], ...] = ()
    """Item and label of the lists of MCP servers' tools."""
    server_calls: tuple[ServerCall, ...] = ()

    sent: int = 0
    """Client events so far; numbers the next one."""
    fallbacks: int = 0
    failures: int = 0
    """Responses in a row that failed and said nothing."""
    has_failed: bool = False
    """`ModelFailed` was reported, and no response has succeeded since."""
    tokens_left: float = 1.0
    """The fraction that was reported last."""
    tokens_reset_at: float = 0.0
    """When all of the project's tokens are there again."""
    ignored: int = 0

    @property
    def ask_at(self) -> float | None:
        """When the first of the queue may be asked for; None: not by time alone.

        The caller is not interrupted by a response that we ask for, but by what somebody decided
        to say now: an operator, a disclosure, the last words.
        """
        if self.phase is not Phase.IDLE or self.silent or not self.queue:
            return None
        first = self.queue[0]
        if self.last and first.priority < Priority.LAST:
            return None
        if self._caller_goes_first(first):
            return max(self.speak_after, self.caller_until or 0.0)
        return self.speak_after

    def _caller_goes_first(self, first: Request) -> bool:
        is_speaking = self.caller_until is not None and not self.held
        return is_speaking and first.priority < Priority.OPERATOR

    @property
    def is_floor_taken(self) -> bool:
        """A response is asked for or active, is to be tried again, or is still being played.

        What only waits to be asked for the first time does not take the floor: it may have to wait
        for the caller, for a socket, or for a release.
        """
        if self.phase is Phase.REQUESTED or self.phase is Phase.RESPONDING or self.voices:
            return True
        if self.ask_at is None or self._caller_goes_first(self.queue[0]):
            return False
        return bool(self.queue[0].marks)

    @property
    def deadline(self) -> float | None:
        """When `DeadlineReached` is due; None: nothing is waited for."""
        instants = [self.hold_until if self.held else None, self.phase_until, self.ask_at]
        instants.append(self.word_until)
        instants += [voice.due for voice in self.voices]
        instants.append(self.update.due if self.update is not None else None)
        return min([each for each in instants if each is not None], default=None)


@dataclass(frozen=True, slots=True)
class TurnTerms:
    """What does not change during a conversation, but with the agent."""

    agent: Agent
    pace: Pace
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name; what an MCP server's headers need."""


Input: TypeAlias = ServerEvent | DialectCommand | ChannelOpened | ChannelLost | DeadlineReached
Out: TypeAlias = SendFrame | Event
Turn: TypeAlias = tuple[TurnState, tuple[Out, ...]]
Handler: TypeAlias = Callable[[TurnTerms, TurnState, Any, float], Turn]

KEPT_LIMIT = 64
"""Notes, outputs, voices and calls that may wait; the oldest makes room for the newest."""
FINISHED_LIMIT = 16


def number(turns: TurnState) -> tuple[TurnState, str]:
    """Number a client event: the same history gives the same `event_id`."""
    sent = turns.sent + 1
    return replace(turns, sent=sent), f"controller_{sent}"
