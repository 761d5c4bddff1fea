"""The conversation of a call: its items, its one active response, and whose turn it is.

It lives as long as the call, whether or not a sideband is attached; what it emits while none is
attached is lost, as it is with OpenAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.simulator.generation import Ask, Generation
from controller.simulator.items import Items
from controller.simulator.journal import Source
from controller.simulator.mcp import McpCall, McpDesk, McpServer
from controller.simulator.model import ToolCall, Turn
from controller.simulator.playback import Playback
from controller.simulator.tokens import Tokens
from controller.simulator.wire import JsonObject, RefusedError, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.simulator.host import Host
    from controller.simulator.model import Model

SPOKE_OVER = "the model speaks over the caller"
"""The note of words that began while the caller was speaking."""


class Conversation:
    """Items, turns and responses of one call.

    Args:
        host: the call.
        session: its session config, which updates change in place.
        model: what it says.
        mcp: MCP servers that OpenAI can reach.
        tokens_left: share of the project's token limit that rate limits tell of.
    """

    def __init__(
        self,
        host: Host,
        session: JsonObject,
        model: Model,
        *,
        mcp: Sequence[McpServer] = (),
        tokens_left: float | None = None,
    ) -> None:
        self.host = host
        self.session = session
        self.model = model
        self.id = host.ids.new("conv")
        self.items = Items(host)
        self.mcp = McpDesk(host, self.items, mcp)
        self.active: Generation | None = None
        self.playback = Playback(host)
        self.tokens = Tokens(
            instructions=session["instructions"], word=host.pace.word, left=tokens_left
        )
        self.tools_called: list[ToolCall] = []
        self.has_spoken = False
        self.is_closed = False
        """The call is over."""
        self.caller_is_speaking = False
        """As the voice activity detection hears it."""
        self._beside: set[Generation] = set()
        self._repeated: tuple[str, ToolCall] | None = None
        self._tool_names: dict[str, str] = {}
        self._open_tool_calls: set[str] = set()
        self._heard: list[str] = []
        self._told: list[str] = []
        self._outputs: list[tuple[str, str]] = []

    @property
    def is_quiet(self) -> bool:
        """Whether the model neither thinks nor is being heard."""
        return self.active is None and not self.playback.is_playing

    @property
    def owes_answer(self) -> bool:
        """Whether the caller or a tool said something that no response has taken up yet."""
        return self.owes_word or bool(self._open_tool_calls or self.mcp.is_awaited)

    @property
    def owes_word(self) -> bool:
        """The same, but for tools that still run."""
        return bool(self._heard or self._outputs)

    # What the next response will depend on

    def hear(self, text: str) -> None:
        """The caller said something; empty for noise."""
        self._heard.append(text)
        self.tokens.hear(len(words_of(text)))

    def tell(self, text: str) -> None:
        """The service put a text into the conversation."""
        self._told.append(text)
        self.tokens.read(len(words_of(text)))

    def check_tool_call(self, tool_call_id: str) -> None:
        """Check that a tool output belongs to a tool call.

        Raises:
            RefusedError: no tool call has this id.
        """
        if tool_call_id not in self._tool_names:
            raise RefusedError(
                f"Tool call ID '{tool_call_id}' not found in conversation.",
                code="invalid_tool_call_id",
                param="item.call_id",
            )

    def give_output(self, tool_call_id: str, output: str) -> str:
        """A tool answered; returns its name."""
        name = self._tool_names[tool_call_id]
        self._open_tool_calls.discard(tool_call_id)
        self._outputs.append((name, output))
        self.tokens.read(len(words_of(output)))
        return name

    def tool_called(self, tool_call_id: str, act: ToolCall) -> None:
        """The model calls a tool."""
        self._tool_names[tool_call_id] = act.name
        self._open_tool_calls.add(tool_call_id)
        self.tools_called.append(act)
        if act.name not in self._tools():
            self.host.record(Source.NOTE, "the model calls a tool that was not offered", act.name)
        self.host.record(
            Source.MODEL, "calls", {"tool": act.name, "arguments": act.json, "id": tool_call_id}
        )
        self.host.ring()

    def mcp_called(self, call: McpCall) -> None:
        """OpenAI calls a tool of an MCP server for the model."""
        self.tools_called.append(call.act)
        self.host.record(
            Source.MODEL, "calls", {"tool": call.act.name, "arguments": call.act.json, "id": ""}
        )
        self.host.ring()

    def answer_approval(self, request_id: str, *, approve: bool, reason: str) -> None:
        """The service decided whether a tool of an MCP server may be called."""
        name = self.mcp.decide(request_id, approve=approve)
        if not approve:
            self._outputs.append((name, f"The call was not approved. {reason}".rstrip()))

    def repeat(self, tool_call_id: str, act: ToolCall) -> None:
        """Let the next response call a tool again, under the same id."""
        self._repeated = (tool_call_id, act)

    def take_repeated(self) -> tuple[str, ToolCall] | None:
        """Return what the response that runs is to call again, once."""
        repeated, self._repeated = self._repeated, None
        return repeated

    # Responses

    def turn(self, request: JsonObject | None) -> Turn:
        """Return what a response depends on. `request` is None for a response of the VAD's."""
        wanted = request or {}
        choice = wanted.get("tool_choice") or self.session["tool_choice"]
        prompt = self.session["instructions"]
        return Turn(
            is_asked=request is not None,
            is_greeting=request is not None and not self.has_spoken and not self._outputs,
            # A response's instructions replace the session's, so that a service repeats those.
            instructions=(wanted.get("instructions") or "").removeprefix(prompt).strip(),
            prompt=prompt,
            heard=tuple(self._heard),
            told=(*self._told, *_texts_of(wanted.get("input", []))),
            outputs=tuple(self._outputs),
            tools=self._tools(wanted.get("tools")),
            tool_choice=_choice_of(choice),
        )

    def _tools(self, tools: list[JsonObject] | None = None) -> tuple[str, ...]:
        if tools is not None:
            return tuple(tool["name"] for tool in tools if "name" in tool)
        functions = tuple(tool["name"] for tool in self.session["tools"] if "name" in tool)
        return functions + self.mcp.tools

    def start(self, ask: Ask) -> Generation:
        """Start a response.

        Raises:
            RefusedError: the conversation has an active response already.
        """
        if ask.is_in_conversation and self.active is not None:
            raise RefusedError(
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        generation = Generation(self, ask)
        if ask.is_in_conversation:
            self.active = generation
            self._heard, self._told, self._outputs = [], [], []
        else:
            self._beside.add(generation)
        generation.announce()
        generation.task = self.host.spawn(generation.run(), f"response:{generation.id}")
        self.host.ring()
        return generation

    def start_by_vad(self) -> None:
        """Start a response because the caller stopped speaking.

        While another is active it is simply not made, as the reference says of `create_response`.
        """
        if self.active is None:
            self.start(Ask(turn=self.turn(None), modality=self.modality(None), origin="vad"))

    def modality(self, request: JsonObject | None) -> str:
        """Return `audio` or `text` for a response."""
        wanted = (request or {}).get("output_modalities") or self.session["output_modalities"]
        return "text" if "audio" not in wanted else "audio"

    def response(self, response_id: str | None) -> Generation | None:
        """Return the response that a cancel means: the given one, or the active one."""
        if response_id is None:
            return self.active
        running = [*self._beside, *([self.active] if self.active else [])]
        return next((one for one in running if one.id == response_id), None)

    def voice(self, response_id: str, item_id: str, text: str) -> None:
        """Let the caller hear a text."""
        self.has_spoken = True
        if self.caller_is_speaking:
            self.host.record(Source.NOTE, SPOKE_OVER)
        self.playback.add(response_id, item_id, text)

    def settled(self, generation: Generation, status: str, texts: dict[str, str]) -> None:
        """`response.done` was sent: keep what a failed response left unanswered, and go on.

        Args:
            generation: the response that is over.
            status: its final status.
            texts: the words that it generated, by item.
        """
        if generation is self.active:
            self.active = None
            if status == "failed":
                turn = generation.ask.turn
                self._heard[:0] = turn.heard
                self._told[:0] = turn.told
                self._outputs[:0] = turn.outputs
        self._beside.discard(generation)
        self.playback.complete(generation.id, texts)
        self.host.ring()

    def interrupt(self) -> None:
        """The caller speaks over the model: stop playback, truncate, cancel.

        Order as documented for SIP: cleared, truncated, then `response.done`.
        """
        self.silence()
        if self.active is not None:
            self.active.stop("turn_detected")

    def silence(self) -> None:
        """Stop playback and cut the item back to what was heard."""
        cut = self.playback.clear()
        if cut is not None and cut.item_id in self.items:
            self.host.emit(
                "conversation.item.truncated",
                item_id=cut.item_id,
                content_index=0,
                audio_end_ms=cut.audio_end_ms,
            )

    def close(self) -> None:
        """The call is over: nothing is generated or heard any more."""
        self.is_closed = True
        for generation in (*self._beside, self.active):
            if generation is not None and generation.task is not None:
                generation.task.cancel()
        self.playback.close()
        self.mcp.close()


def _choice_of(choice: str | JsonObject) -> str:
    """Return a tool choice as one word; any tool of an MCP server will do for that server."""
    return choice if isinstance(choice, str) else choice.get("name", "required")


def _texts_of(items: list[JsonObject]) -> list[str]:
    """Return the texts in the `input` of a `response.create`."""
    parts = [part for item in items for part in item.get("content", [])]
    return [part["text"] for part in parts if isinstance(part.get("text"), str)]
