"""The sidebands of one call: they come and go, and what nobody is there for is lost."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from controller.simulator.journal import Source
from controller.simulator.wire import JsonObject, RefusedError, encode

if TYPE_CHECKING:
    from controller.simulator.journal import Journal
    from controller.simulator.sideband import Sideband
    from controller.simulator.switches import Switches
    from controller.simulator.wire import Ids

_KEY = "input_audio_buffer.dtmf_event_received"


class Sidebands:
    """Sends server events to whoever is attached.

    Args:
        call_id: of the call, for the journal.
        journal: where each event is written.
        ids: makes event ids.
        switches: how many sidebands there may be, and what a new one is sent.
    """

    def __init__(self, call_id: str, journal: Journal, ids: Ids, switches: Switches) -> None:
        self._call_id = call_id
        self._journal = journal
        self._ids = ids
        self._switches = switches
        self.attached: list[Sideband] = []
        """Those that are open."""
        self._last_done: JsonObject | None = None
        self.count = 0
        """How many were attached so far."""

    def admit(self) -> None:
        """Check that one more may be attached.

        Raises:
            RefusedError: only the first is taken.
        """
        if self.attached and self._switches.sidebands == "first":
            raise RefusedError("Another connection is attached.", code="conflict", status=409)

    def add(self, sideband: Sideband, session: JsonObject | None) -> None:
        """Attach a sideband that is open, and greet it with `session.created`."""
        if self._switches.sidebands == "newest":
            self.end(1000, "Another connection was attached.")
            self.attached.clear()
        self.attached.append(sideband)
        self.count += 1
        self._journal.record(self._call_id, Source.CALL, "sideband attached", self.count)
        self.emit_to(sideband, "session.created", session=session)
        if self.count > 1 and self._switches.reattach_replays and self._last_done is not None:
            self._send(self._last_done, [sideband])

    def remove(self, sideband: Sideband, close_code: int | None) -> None:
        """Forget a sideband that is closed."""
        if sideband in self.attached:
            self.attached.remove(sideband)
        self._journal.record(self._call_id, Source.CALL, "sideband closed", close_code)

    def end(self, close_code: int | None, reason: str) -> None:
        """End those that are attached; None sends no close frame."""
        for sideband in list(self.attached):
            sideband.end(close_code, reason)

    def emit(self, event_type: str, /, **fields: Any) -> None:
        """Send an event to every sideband; it is lost if there is none."""
        event = self._event(event_type, fields)
        if event_type == "response.done":
            self._last_done = event
        if self.attached:
            self._send(event, self.attached)
        else:
            self._journal.record(self._call_id, Source.LOST, event_type, event)

    def emit_to(self, sideband: Sideband, event_type: str, /, **fields: Any) -> None:
        """Send an event to one sideband alone."""
        self._send(self._event(event_type, fields), [sideband])

    def _event(self, event_type: str, fields: JsonObject) -> JsonObject:
        if event_type == _KEY:  # the one event without an event_id
            return {"type": event_type} | fields
        return {"type": event_type, "event_id": self._ids.new("event")} | fields

    def _send(self, event: JsonObject, sidebands: list[Sideband]) -> None:
        if self._journal.is_listening:
            # Sessions are changed in place; the journal shows each event as it was sent.
            held = copy.deepcopy(event) if "session" in event else event
            self._journal.record(self._call_id, Source.SERVER, event["type"], held)
        frame = encode(event)
        calls_tool = event["type"] == "response.done" and any(
            item["type"] == "function_call" for item in event["response"]["output"]
        )
        for sideband in list(sidebands):
            sideband.send(frame, calls_tool=calls_tool)
