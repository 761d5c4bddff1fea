"""The call's machine: events in, commands out; time in, deadline out."""

from __future__ import annotations

from dataclasses import replace as replace_terms

import msgspec

from controller.sansio.call import referring
from controller.sansio.call.state import TERMINAL, CallState, State
from controller.sansio.call.table import TABLE
from controller.sansio.call.terms import Terms
from controller.sansio.commands import CallCommand
from controller.sansio.events import DeadlineReached, Event
from controller.sansio.value import replace

SNAPSHOT_VERSION = 1


class Call:
    """Drives one call. Knows no vendor, does no I/O, reads no clock; nothing remote makes it raise.

    Three things drive it: what happens (`receive`), the operator (also `receive`), and time: when
    `deadline` has passed, the shell owes it a `DeadlineReached`.
    """

    __slots__ = ("value",)

    def __init__(self, terms: Terms, *, now: float) -> None:
        self.value = CallState(terms=terms, now=now, step_at=now + terms.limits.decision)

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self.value.state

    @property
    def deadline(self) -> float | None:
        """Unix seconds; None exactly when the call is over for us."""
        return self.value.deadline

    @property
    def is_over(self) -> bool:
        """Nothing will ever be asked for again."""
        return self.value.state in TERMINAL

    def receive(self, event: Event, *, now: float) -> tuple[CallCommand, ...]:
        """Take one event; return what is to be done, in order.

        Args:
            event: what happened; anything that means nothing in this state is counted and ignored,
                a `DeadlineReached` that comes before the deadline too.
            now: Unix seconds; an instant before the latest one counts as that one.
        """
        before = self.value
        now = max(now, before.now)
        row = TABLE[before.state].get(type(event))
        if row is None or (isinstance(event, DeadlineReached) and not before.is_due(now)):
            self.value = replace(before, now=now, ignored=before.ignored + 1)
            return ()
        self.value, commands = row.handle(replace(before, now=now), event, now)
        return commands

    def why_not_transfer(self, target: str, *, now: float) -> referring.Obstacle | None:
        """Say why an operator's transfer to a target cannot be followed now; None: it can.

        Asked of a call that talks. Nothing changes by asking.
        """
        return referring.obstacle(self.value, target, now)

    def become(self, terms: Terms) -> None:
        """Go on under another agent's terms; what happened so far stays.

        The call may last as long as either agent allows: a hand-off must not end it.
        """
        before = self.value.terms.max_duration
        longest = max(before, terms.max_duration)
        self.value = replace(
            self.value,
            terms=replace_terms(terms, max_duration=longest),
            is_warned=self.value.is_warned and longest == before,
        )

    def snapshot(self) -> bytes:
        """Return the whole state as JSON, for `restore`."""
        return msgspec.json.encode({"version": SNAPSHOT_VERSION, "call": self.value})

    @classmethod
    def restore(cls, snapshot: bytes, *, now: float) -> Call:
        """Take up a call where a snapshot left it.

        Args:
            snapshot: from `snapshot`, of this version.
            now: Unix seconds; deadlines that passed meanwhile are due at once.

        Raises:
            msgspec.ValidationError: it is no snapshot of this version.
        """
        stored = msgspec.json.decode(snapshot, type=_Snapshot)
        call = cls.__new__(cls)
        call.value = replace(stored.call, now=max(now, stored.call.now))
        return call


class _Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    call: CallState

    def __post_init__(self) -> None:
        if self.version != SNAPSHOT_VERSION:
            raise ValueError(f"snapshot version {self.version}, not {SNAPSHOT_VERSION}")
