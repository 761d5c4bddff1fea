"""What turns are made of. Instants are Unix seconds; field names are stored."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from controller.sansio.commands import Priority
from controller.sansio.events import ToolOutput
from controller.sansio.value import Value


class Phase(StrEnum):
    """Who has the floor."""

    DETACHED = "detached"
    """There is no socket."""
    OPENING = "opening"
    """The socket is open; `session.created` has not come."""
    CONFIGURING = "configuring"
    """A change of the session config is on its way; nothing is said under half a config."""
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
    SERVER = "server"
    """A tool of an MCP server has answered, or may now be used."""


TAKEN_UP = frozenset({Ask.CALLER, Ask.SERVER})
"""Any other response will do for these: it sees all that the conversation holds."""


class Request(Value, frozen=True):
    """One response that we want."""

    ask: Ask
    say_id: str = ""
    text: str | None = None
    """Added to the agent's instructions as they are when it is asked for."""
    priority: Priority = Priority.TURN
    tries: int = 0
    marks: tuple[str, ...] = ()
    """`event_id` of each try: a response that comes late is still ours."""
    seen_by: str | None = None
    """Of tool outputs: the response that began when the far end had acknowledged all of them."""
    tells: bool = False
    """Also for a note to the model. Nobody acknowledges those: no other response will do."""
    stopped: bool = False
    """Sent before `StopSpeaking` or `CutOff`: not to be sent again."""
    is_fallback: bool = False
    """The line of apology, in place of a request that failed; it bears that one's marks."""


class Voice(Value, frozen=True):
    """The words of one response, on their way to the caller's ear."""

    response_id: str
    say_id: str
    words: str | None = None
    """As the model generated them, None where that is not known."""
    characters: int | None = None
    """Length of the words, None where unknown."""
    started: bool = False
    stopped: bool = False
    """Everything generated so far was heard; more may come until the response is done."""
    cut_off: bool = False
    """The rest was thrown away."""
    due: float | None = None
    """The response is done; by this instant its words must have been heard."""


class Setup(Value, frozen=True):
    """What the session has instead of the agent's own; None: the agent's own."""

    instructions: str | None = None
    tools: tuple[str, ...] | None = None
    """Names among the agent's own; the others are taken away."""
    turn_detection: dict[str, Any] | None = None


class Update(Value, frozen=True):
    """The latest `session.update`; an older one that is refused no longer matters."""

    event_id: str
    remainder: bool = False
    """It carries what the minimal answer left out."""
    changes: tuple[str, ...] = ()
    """Parts of the config that it changes, beside turn detection."""
    former: Setup | None = None
    """What holds again if it is refused."""
    lifts: bool = False
    """It gives the caller the floor; until it is taken, nobody answers by itself."""
    is_taken: bool = False
    """`session.updated` came since. It names no update and comes unasked too: a refusal may still
    follow."""
    due: float | None = None
    """When to give up waiting for an update that lifts the hold."""


class Posted(Value, frozen=True):
    """A tool output whose arrival is not acknowledged."""

    output: ToolOutput
    event_ids: tuple[str, ...] = ()
    """Of each attempt to post it."""


class Approval(Value, frozen=True):
    """Our answer to a request of an MCP server's, not acknowledged."""

    request_id: str
    approve: bool
    reason: str | None = None
    event_ids: tuple[str, ...] = ()
    """Of each attempt to post it."""


class ServerCall(Value, frozen=True):
    """A tool of an MCP server, called by OpenAI."""

    item_id: str
    server: str
    tool: str
    is_finished: bool = False
    response_id: str = ""
    """Of its response, once that is done and said nothing after the call: what the tool found is
    still to be told."""
