"""The record of everything that the stand-in sent, received and decided.

Tests ask it questions; the timeline prints it as it grows; a benchmark switches keeping off and
leaves only the observers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Source(StrEnum):
    """Who caused an entry."""

    WEBHOOK = "webhook"
    """A delivery left for the service; the name is its kind, the body its event."""
    ANSWER = "answer"
    """The service answered a delivery; the body holds `status` and `seconds`."""
    REQUEST = "request"
    """A REST request arrived; the name is its verb, the body what was sent."""
    REPLY = "reply"
    """We answered a REST request; the body holds `status` and `code`."""
    HTTP = "http"
    """A request of an HTTP tool arrived; the name is the web service's, the body what was sent."""
    CLIENT = "client"
    """A client event arrived over a sideband."""
    SERVER = "server"
    """A server event left over a sideband."""
    LOST = "lost"
    """A server event that nobody received, because no sideband was attached."""
    CALLER = "caller"
    """The scripted caller said, pressed or did something."""
    MODEL = "model"
    """The scripted model spoke or called a tool."""
    CALL = "call"
    """The call changed its phase, or a sideband came or went."""
    FAULT = "fault"
    """A fault of the scenario took effect; the name is the fault."""
    NOTE = "note"
    """Something that OpenAI tolerates and that deserves a look."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at: float
    """Seconds on the event loop's clock."""
    call_id: str
    """The call's `rtc_…` id; empty where no call is meant."""
    source: Source
    name: str
    """What happened: an event type, a verb, a phase."""
    body: Any = None
    """The JSON that went over the wire, or details of the happening."""


class Journal:
    """Collects entries in order, for all calls together and for each call alone.

    Args:
        now: the event loop's clock.
        keep: False drops entries once the observers have seen them.
    """

    def __init__(self, now: Callable[[], float], *, keep: bool = True) -> None:
        self.entries: list[Entry] = []
        self.keep = keep
        self._by_call: dict[str, list[Entry]] = {}
        self._observers: list[Callable[[Entry], None]] = []
        self._now = now

    @property
    def is_listening(self) -> bool:
        """Whether an entry would reach anybody; callers skip costly bodies otherwise."""
        return self.keep or bool(self._observers)

    def observe(self, observer: Callable[[Entry], None]) -> None:
        """Call `observer` with each new entry, at once and in order."""
        self._observers.append(observer)

    def record(self, call_id: str, source: Source, name: str, body: Any = None) -> None:
        """Add an entry."""
        if not self.is_listening:
            return
        entry = Entry(self._now(), call_id, source, name, body)
        if self.keep:
            self.entries.append(entry)
            self._by_call.setdefault(call_id, []).append(entry)
        for observer in self._observers:
            observer(entry)

    def of(self, call_id: str, *sources: Source) -> list[Entry]:
        """Return the entries of one call, from the given sources or from all."""
        entries = self._by_call.get(call_id, [])
        return [entry for entry in entries if not sources or entry.source in sources]
