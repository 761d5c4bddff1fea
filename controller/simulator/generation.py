"""One response, from `response.created` to `response.done`, in the documented order of events.

Order (Realtime reference): response.created, rate_limits.updated, then for each output
response.output_item.added, conversation.item.added, the parts and deltas of the item,
response.output_item.done, conversation.item.done; at last response.done.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from controller.simulator.calling import ask_approval, call_function, call_mcp
from controller.simulator.faults import Point
from controller.simulator.host import pause
from controller.simulator.journal import Source
from controller.simulator.model import Speech, ToolCall, Turn
from controller.simulator.wire import JsonObject, message_item, words_of

if TYPE_CHECKING:
    from controller.simulator.conversation import Conversation
    from controller.simulator.faults import Effect

_WORDS_PER_DELTA = 5
_CUT_AFTER = 3  # words of a response that ends in the middle
_TURNS = 5  # of one response that goes on with what MCP servers gave
_FAILURES = {
    "rate_limit_exceeded": "Rate limit reached for requests per day (RPD): Limit 1000, Used 1000.",
}
_SILENCE = "//79/Pv6" * 4  # 24 bytes of G.711 near-silence stand for an audio delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a response was asked to be."""

    turn: Turn
    metadata: JsonObject | None = None
    is_in_conversation: bool = True
    """False for `conversation: "none"`: runs beside the conversation and leaves no items in it."""
    modality: str = "audio"
    origin: str = "client"
    """`client` or `vad`."""


@dataclass(slots=True)
class _OpenItem:
    item_id: str
    index: int
    words: list[str] = field(default_factory=list)


class Generation:
    """A response in the making. `run` makes it; `stop` ends it early."""

    def __init__(self, conversation: Conversation, ask: Ask) -> None:
        self.conversation = conversation
        self.ask = ask
        self.id = conversation.host.ids.new("resp")
        self.task: asyncio.Task[None] | None = None
        self.is_over = False
        self.host = conversation.host
        self._output: list[JsonObject] = []
        self._generated: dict[str, str] = {}
        self._open: _OpenItem | None = None
        self._whole = ""
        self._given: list[tuple[str, str]] = []

    def announce(self) -> None:
        """Send `response.created` and the rate limits that come with each response."""
        self.host.emit("response.created", response=self._response("in_progress", None))
        fault = self.host.faults.take(Point.LIMITS)
        left = None if fault is None else fault.effect.share
        self.host.emit(
            "rate_limits.updated", rate_limits=self.conversation.tokens.limits(left=left)
        )

    @property
    def next_index(self) -> int:
        """The `output_index` of the next item."""
        return len(self._output)

    async def run(self) -> None:
        """Generate what the model decides, and finish."""
        await pause(self.host.pace.first_word)
        effect = self._strike(at_tool_call=False)
        if effect is not None and effect.variant == "failed":
            self._fail(effect)
            return
        if effect is not None and effect.variant == "stuck":
            await asyncio.Event().wait()
        repeated = self.conversation.take_repeated()
        if repeated is not None:
            call_function(self, repeated[1], status="completed", tool_call_id=repeated[0])
        turn: Turn | None = await self._make_approved_calls()
        for _ in range(_TURNS):
            if turn is None or await self._take_turn(turn, effect):
                break
            turn = self._after_mcp()
        if not self.is_over:
            self.finish("completed")

    async def _take_turn(self, turn: Turn, effect: Effect | None) -> bool:
        """Do what the model decides; return True if the response ends here."""
        self._given.clear()
        for act in self.conversation.model.respond(turn):
            if isinstance(act, ToolCall):
                if await self._call_tool(act):
                    return True
            elif effect is not None:
                await self._speak(Speech(" ".join(words_of(act.text)[:_CUT_AFTER])))
                self._end_early(effect)
                return True
            else:
                self._whole = act.text
                await self._speak(act)
        return False

    def _end_early(self, effect: Effect) -> None:
        if effect.variant == "incomplete":
            self.finish("incomplete", reason=effect.code)
        else:
            self._fail(effect)

    def _fail(self, effect: Effect) -> None:
        message = _FAILURES.get(str(effect.code), "The server had an error.")
        kind = effect.code if effect.code in _FAILURES else "server_error"
        self.finish("failed", error={"type": kind, "code": effect.code, "message": message})

    async def _make_approved_calls(self) -> Turn:
        turn = self.ask.turn
        calls = self.conversation.mcp.take_approved() if self.ask.is_in_conversation else []
        for call in calls:
            turn = replace(turn, outputs=(*turn.outputs, await call_mcp(self, call)))
        return turn

    def _after_mcp(self) -> Turn | None:
        """Return the turn in which the model sees what MCP servers gave; None if it is done."""
        if not self._given or not self.host.switches.mcp_continues:
            return None
        return replace(self.ask.turn, outputs=tuple(self._given), heard=(), told=())

    def stop(self, reason: str) -> None:
        """End as cancelled; `reason` is `turn_detected` or `client_cancelled`."""
        if self.task is not None:
            self.task.cancel()
        if self._open is not None:
            self._close_speech("incomplete")
        self.finish("cancelled", reason=reason)

    def complete_now(self) -> None:
        """End as completed, with all the words at once: a cancel is on its way, too late."""
        if self.task is not None:
            self.task.cancel()
        if self._open is not None:
            self._open.words = words_of(self._whole)
            self._close_speech("completed")
        self.finish("completed")

    def finish(
        self, status: str, *, reason: str | None = None, error: JsonObject | None = None
    ) -> None:
        """Send `response.done` and let the conversation go on."""
        self.is_over = True
        details: JsonObject | None = None
        if status != "completed":
            details = {"type": status}
            details |= {"error": error} if error else {"reason": reason}
        response = self._response(status, details)
        times = 2 if self.host.faults.take(Point.DONE) else 1
        for _ in range(times):
            self.host.emit("response.done", response=response)
        self.conversation.settled(self, status, self._generated)

    def _strike(self, *, at_tool_call: bool) -> Effect | None:
        planned = self.host.faults.peek(Point.RESPONSE)
        if planned is None or planned.effect.at_tool_call != at_tool_call:
            return None
        struck = self.host.faults.take(Point.RESPONSE)
        if struck is None:
            return None
        self.host.record(Source.FAULT, struck.fault)
        return struck.effect

    async def _speak(self, speech: Speech) -> None:
        opened = _OpenItem(self.host.ids.new("item"), len(self._output))
        self._open = opened
        self._begin_speech(opened, speech.text)
        words = words_of(speech.text)
        step = _WORDS_PER_DELTA if self.host.switches.transcript_deltas else max(1, len(words))
        for first in range(0, len(words), step):
            chunk = words[first : first + step]
            delta = " ".join(chunk) if first == 0 else " " + " ".join(chunk)
            opened.words += chunk
            self._delta(opened, delta)
            await pause(len(chunk) * self.host.pace.word * self.host.pace.generation)
        self._close_speech("completed")

    def _begin_speech(self, opened: _OpenItem, text: str) -> None:
        item = message_item(opened.item_id, "", modality=self.ask.modality, status="in_progress")
        self.add_item(opened.index, item)
        part = {"type": "audio", "transcript": ""}
        if self.ask.modality == "text":
            part = {"type": "text", "text": ""}
        self._part("response.content_part.added", opened, part=part)
        if self.ask.modality == "audio":
            self.host.record(Source.MODEL, "says", {"text": text, "id": self.id})
            self.conversation.voice(self.id, opened.item_id, text)

    def _delta(self, opened: _OpenItem, delta: str) -> None:
        if self.ask.modality == "text":
            self._part("response.output_text.delta", opened, delta=delta)
            return
        self._part("response.output_audio_transcript.delta", opened, delta=delta)
        if self.host.switches.audio_deltas:
            self._part("response.output_audio.delta", opened, delta=_SILENCE)

    def _close_speech(self, status: str) -> None:
        opened, self._open = self._open, None
        assert opened is not None  # noqa: S101 - only called while an item is open
        text = " ".join(opened.words)
        self._generated[opened.item_id] = text
        if self.ask.modality == "text":
            self._part("response.output_text.done", opened, text=text)
            self._part("response.content_part.done", opened, part={"type": "text", "text": text})
        else:
            self._part("response.output_audio.done", opened)
            self._part("response.output_audio_transcript.done", opened, transcript=text)
            self._part(
                "response.content_part.done", opened, part={"type": "audio", "transcript": text}
            )
        self.finish_item(
            opened.index,
            message_item(opened.item_id, text, modality=self.ask.modality, status=status),
        )

    async def _call_tool(self, act: ToolCall) -> bool:
        """Call a tool; return True if the response ended with it."""
        mcp = self.conversation.mcp.find(act)
        if mcp is not None and self.conversation.mcp.needs_approval(mcp):
            ask_approval(self, mcp)
            return False
        if mcp is not None:
            self._given.append(await call_mcp(self, mcp))
            return False
        effect = self._strike(at_tool_call=True)
        if effect is None:
            call_function(self, act, status="completed")
        elif effect.variant == "repeated":
            tool_call_id = call_function(self, act, status="completed")
            self.conversation.repeat(tool_call_id, act)
        else:
            call_function(self, act, status="incomplete")
            self.finish("cancelled", reason=effect.code)
            return True
        return False

    def add_item(self, index: int, item: JsonObject) -> None:
        """Begin an item of the output."""
        self.host.emit(
            "response.output_item.added", response_id=self.id, output_index=index, item=item
        )
        if self.ask.is_in_conversation:
            self.conversation.items.add(item)

    def finish_item(self, index: int, item: JsonObject) -> None:
        """End an item of the output."""
        self._output.append(item)
        self.host.emit(
            "response.output_item.done", response_id=self.id, output_index=index, item=item
        )
        if self.ask.is_in_conversation:
            self.conversation.items.finish(item)

    def _part(self, event_type: str, opened: _OpenItem, **fields: Any) -> None:
        self.host.emit(
            event_type,
            response_id=self.id,
            item_id=opened.item_id,
            output_index=opened.index,
            content_index=0,
            **fields,
        )

    def _response(self, status: str, details: JsonObject | None) -> JsonObject:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": list(self._output),
            "conversation_id": self.conversation.id if self.ask.is_in_conversation else None,
            "output_modalities": [self.ask.modality],
            "metadata": self.ask.metadata,
            "usage": self._usage() if self.is_over else None,
        }

    def _usage(self) -> JsonObject | None:
        if self.host.faults.take(Point.USAGE) is not None:
            return None
        texts = [text for text in self._generated.values() if text]
        spoken = sum(len(words_of(text)) for text in texts)
        written = sum(len(item.get("arguments", "")) // 4 for item in self._output)
        return self.conversation.tokens.count(
            spoken=spoken if self.ask.modality == "audio" else 0,
            written=written + spoken,
        )
