"""The caller's keys: menu keys, and digits that make an entry (rule 11).

Theory of operation. The model does not hear keys. A key of the agent's menu that is pressed while
no entry runs is reported at once; any other begins an entry that nobody asked for. `CollectDigits`
begins one that was asked for, and takes over the keys of the former kind: people type ahead of the
words that ask them to. While an entry runs no key is a menu key. Each entry ends once, with
`DigitsEntered`:

- by its terminator, which is no part of it;
- by its length;
- by a pause after a digit;
- with nothing, if no first digit comes. The time for that runs from the end of the words that ask:
  it starts anew whenever the floor becomes free, and the model cannot put it off for longer than
  `FIRST_DIGIT_LIMIT`.

`*` drops what was entered so far, unless it is the terminator (facts, section 4). As the first key
of an entry that nobody asked for, `*` and the terminator are keys like the others: there is nothing
to drop or to end.

Keys that are pressed while the channel is lost are lost too. What was entered before it could then
be a number that the caller never typed, so an entry that was asked for begins again, and another is
dropped. A snapshot holds no digit of any entry for the same reason: a restart loses the channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, TypeAlias

from controller.sansio.agent import Agent
from controller.sansio.commands import CollectDigits
from controller.sansio.events import (
    Answered,
    ChannelLost,
    DeadlineReached,
    Digit,
    DigitsEntered,
    EntryEnd,
    Event,
    FloorFree,
    FloorTaken,
    MenuKeyPressed,
    Ready,
)
from controller.sansio.value import Value
from controller.sansio.value import replace as replace_value
from controller.sansio.watching.given import Given

KEYS: Final = frozenset("0123456789*#ABCD")
"""Of RFC 4733 §3.2."""
CLEAR: Final = "*"
LONGEST_ENTRY: Final = 64
"""Keys of one entry, whoever asks for them."""
FIRST_DIGIT_LIMIT: Final = 120.0
"""Seconds from `CollectDigits` within which the first digit must come, whatever is said."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Keys that the caller presses one after the other."""

    request_id: str | None
    """None: nobody asked for it."""
    max_digits: int
    terminator: str
    first_digit_timeout: float
    inter_digit_timeout: float
    latest: float
    """Unix seconds by which the first digit must have come."""
    due: float
    """Unix seconds by which the next digit must have come."""
    digits: str = field(default="", repr=False)


class KeypadState(Value, frozen=True):
    """What the keypad knows."""

    now: float
    is_answered: bool = False
    """Keys before the answer are not meant for us."""
    is_floor_taken: bool = False
    is_away: bool = False
    """The channel is lost."""
    entry: Entry | None = None


_Step: TypeAlias = tuple[KeypadState, tuple[Event, ...]]


class Keypad:
    """Reports menu keys and entries. No I/O, no clock; never raises, shows no digit."""

    __slots__ = ("_agent", "value")

    uses: ClassVar[frozenset[type]] = frozenset(
        {
            Answered,
            ChannelLost,
            CollectDigits,
            DeadlineReached,
            Digit,
            FloorFree,
            FloorTaken,
            Ready,
        }
    )

    def __init__(self, agent: Agent, *, now: float) -> None:
        self._agent = agent
        self.value = KeypadState(now=now)

    @property
    def deadline(self) -> float | None:
        """Unix seconds; None while no entry runs."""
        return None if self.value.entry is None else self.value.entry.due

    def become(self, agent: Agent) -> None:
        """Go on with another agent's menu. An entry that runs keeps its own terms."""
        self._agent = agent

    def receive(self, given: Given, *, now: float) -> tuple[Event, ...]:
        """Take what happened; return the menu key or the entries that are complete by it."""
        now = max(now, self.value.now)
        self.value, found = _step(self._agent, replace_value(self.value, now=now), given)
        return found

    def stored(self) -> KeypadState:
        """Return the state as a snapshot may hold it: without a digit."""
        return replace_value(self.value, entry=_begun_again(self.value))

    def restore(self, stored: KeypadState) -> None:
        """Go on from what `stored` returned, not earlier than now."""
        self.value = replace_value(stored, now=max(stored.now, self.value.now))


def _step(agent: Agent, state: KeypadState, given: Given) -> _Step:
    match given:
        case Digit() if state.is_answered and given.digit in KEYS:
            return _pressed(agent, state, given.digit)
        case CollectDigits():
            return _collect(state, given)
        case DeadlineReached() if state.entry is not None and state.entry.due <= state.now:
            end = EntryEnd.PAUSE if state.entry.digits else EntryEnd.NOTHING
            return _finish(state, state.entry, end)
        case Answered():
            return replace_value(state, is_answered=True), ()
        case Ready():
            state = replace_value(state, is_answered=True, is_away=False, is_floor_taken=False)
        case ChannelLost():
            entry, found = _begun_again(state), _told(state)
            state = replace_value(state, is_away=True, is_floor_taken=False, entry=entry)
            return _wait_for_first(state), found
        case FloorTaken() | FloorFree():
            state = replace_value(state, is_floor_taken=isinstance(given, FloorTaken))
        case _:
            return state, ()
    return _wait_for_first(state), ()


def _pressed(agent: Agent, state: KeypadState, key: str) -> _Step:
    if state.entry is not None:
        return _enter(state, state.entry, key)
    if any(each.key == key for each in agent.keypad.menu):
        return state, (MenuKeyPressed(key),)
    terms = agent.keypad
    entry = Entry(
        request_id=None,
        max_digits=LONGEST_ENTRY,
        terminator=terms.terminator,
        first_digit_timeout=terms.first_digit_timeout,
        inter_digit_timeout=terms.inter_digit_timeout,
        latest=state.now,
        due=state.now + terms.inter_digit_timeout,
        digits=key,
    )
    return replace_value(state, entry=entry), ()


def _enter(state: KeypadState, entry: Entry, key: str) -> _Step:
    if key == entry.terminator:
        return _finish(state, entry, EntryEnd.TERMINATOR)
    if key == CLEAR:
        return _wait_for_first(replace_value(state, entry=_begun_again(state))), ()
    entry = replace(
        entry, digits=entry.digits + key, due=state.now + max(0.0, entry.inter_digit_timeout)
    )
    if len(entry.digits) >= entry.max_digits:
        return _finish(state, entry, EntryEnd.LENGTH)
    return replace_value(state, entry=entry), ()


def _collect(state: KeypadState, asked: CollectDigits) -> _Step:
    """Begin an entry; end the one that was asked for before, or take over what nobody asked for."""
    former = state.entry
    found: tuple[Event, ...] = ()
    if former is not None and former.request_id is not None:
        end = EntryEnd.PAUSE if former.digits else EntryEnd.NOTHING
        state, found = _finish(state, former, end)
        former = None
    latest = state.now + FIRST_DIGIT_LIMIT
    entry = Entry(
        request_id=asked.request_id,
        max_digits=min(max(asked.max_digits, 1), LONGEST_ENTRY),
        terminator=asked.terminator,
        first_digit_timeout=asked.first_digit_timeout,
        inter_digit_timeout=asked.inter_digit_timeout,
        latest=latest,
        due=latest,
    )
    state = _wait_for_first(replace_value(state, entry=entry))
    for key in former.digits if former is not None else "":
        if state.entry is None:
            break  # complete; what was typed after it belongs to nothing
        state, more = _enter(state, state.entry, key)
        found += more
    return state, found


def _finish(state: KeypadState, entry: Entry, end: EntryEnd) -> _Step:
    return (
        replace_value(state, entry=None),
        (DigitsEntered(entry.request_id, entry.digits, end),),
    )


def _begun_again(state: KeypadState) -> Entry | None:
    """Return the entry without its digits, if somebody asked for it."""
    entry = state.entry
    if entry is None or entry.request_id is None:
        return None
    latest = state.now + FIRST_DIGIT_LIMIT
    return replace(entry, digits="", latest=latest, due=latest)


def _told(state: KeypadState) -> tuple[Event, ...]:
    """Report keys that nobody asked for as they are: nobody can tell what is pressed meanwhile."""
    entry = state.entry
    if entry is None or entry.request_id is not None:
        return ()
    return (DigitsEntered(None, entry.digits, EntryEnd.PAUSE),)


def _wait_for_first(state: KeypadState) -> KeypadState:
    """Start or stop the first-digit time of an entry without a digit."""
    entry = state.entry
    if entry is None or entry.digits:
        return state
    due = entry.latest
    if not (state.is_floor_taken or state.is_away):
        due = min(due, state.now + max(0.0, entry.first_digit_timeout))
    return replace_value(state, entry=replace(entry, due=due))
