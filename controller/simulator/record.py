"""What can be asked about a call while it runs and afterwards."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from controller.simulator.journal import Source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from controller.simulator.caller import Caller
    from controller.simulator.conversation import Conversation
    from controller.simulator.ending import Ending
    from controller.simulator.journal import Entry, Journal
    from controller.simulator.scenario import Scenario
    from controller.simulator.webhooks import Answer
    from controller.simulator.wire import JsonObject


class CallRecord:
    """The questions. `SimulatedCall` answers them; what it sent and received is in the journal."""

    def __init__(self, call_id: str, scenario: Scenario, journal: Journal) -> None:
        self.call_id = call_id
        self.scenario = scenario
        self.outcome: Ending | None = None
        self.accept_body: JsonObject | None = None
        self.referred_to: list[str] = []
        self.caller: Caller | None = None
        self.following: CallRecord | None = None
        """The call that followed this one, if the scenario has one."""
        self._journal = journal
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._conversation: Conversation | None = None

    @property
    def ended(self) -> Awaitable[Ending]:
        """Await it for the ending; giving up waiting does no harm."""
        return asyncio.shield(self._ended)

    @property
    def entries(self) -> list[Entry]:
        """Everything that the journal holds about the call."""
        return self._journal.of(self.call_id)

    @property
    def client_events(self) -> list[JsonObject]:
        """Events that the service sent over its sidebands."""
        return self._bodies(Source.CLIENT)

    @property
    def server_events(self) -> list[JsonObject]:
        """Events that were sent to attached sidebands."""
        return self._bodies(Source.SERVER)

    @property
    def requests(self) -> list[tuple[str, Any]]:
        """REST requests about the call: verb and body."""
        return [(one.name, one.body) for one in self._of(Source.REQUEST)]

    @property
    def answers(self) -> list[Answer]:
        """What the service answered to the deliveries."""
        return self._bodies(Source.ANSWER)

    @property
    def heard(self) -> list[str]:
        """What the caller heard from the model, one text a response."""
        return self._conversation.playback.heard if self._conversation else []

    @property
    def tools_called(self) -> list[str]:
        """Names of the tools that the model called, in order."""
        return [act.name for act in self._conversation.tools_called] if self._conversation else []

    @property
    def tool_outputs(self) -> list[tuple[str, str]]:
        """Name and output for each output that the service posted, repetitions included."""
        given = [one.body for one in self._of(Source.MODEL) if one.name == "is given"]
        return [(body["tool"], body["output"]) for body in given]

    @property
    def notes(self) -> list[str]:
        """What was tolerated and deserves a look."""
        return [one.name for one in self._of(Source.NOTE)]

    @property
    def was_accepted(self) -> bool:
        """Whether an accept took effect."""
        return self.accept_body is not None

    @property
    def session(self) -> JsonObject | None:
        """The session as it is now; None before accept."""
        return self._conversation.session if self._conversation else None

    @property
    def http_requests(self) -> list[tuple[str, Any]]:
        """Requests of the service's HTTP tools: name of the web service, and what was sent."""
        return [(one.name, one.body) for one in self._of(Source.HTTP)]

    @property
    def mcp_calls(self) -> Mapping[str, int]:
        """How often each tool of an MCP server was run."""
        return self._conversation.mcp.called if self._conversation else {}

    def verdict(self, outcomes: Mapping[str, str] | None = None) -> list[str]:
        """Return what the scenario expected and did not get; empty if all held.

        Args:
            outcomes: what the service says became of each call, by `call_id`; None, where nobody
                asked it.
        """
        found = self.scenario.expect.check(self, outcomes)
        if self.following is None and self.scenario.then:
            found.append("the call that follows was not placed")
        for number, call in enumerate(self.followers, 2):
            found += [f"call {number}: {one}" for one in call.scenario.expect.check(call, outcomes)]
        return found

    @property
    def followers(self) -> list[CallRecord]:
        """The calls that followed this one, in order."""
        return [] if self.following is None else [self.following, *self.following.followers]

    def _of(self, source: Source) -> list[Entry]:
        return self._journal.of(self.call_id, source)

    def _bodies(self, source: Source) -> list[Any]:
        return [one.body for one in self._of(source)]
