"""One response, from `response.created` to `response.done`, in the documented order of events.

Order (Realtime reference): response.created, rate_limits.updated, then for each output
response.output_item.added, conversation.item.added, the parts and deltas of the item,
response.output_item.done, conversation.item.done; at last response.done.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.simulator.faults import Point
from controller.simulator.host import pause
from controller.simulator.journal import Source
from controller.simulator.model import Speech, ToolCall, Turn
from controller.simulator.wire import (
    JsonObject,
    function_call_item,
    message_item,
    rate_limits,
    usage,
    words_of,
)

if TYPE_CHECKING:
    from controller.simulator.conversation import Conversation
    from controller.simulator.faults import Effect

_WORDS_PER_DELTA = 5
_TOKEN_LIMIT = 40_000
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
        self._host = conversation.host
        self._output: list[JsonObject] = []
        self._generated: dict[str, str] = {}
        self._open: _OpenItem | None = None

    def announce(self) -> None:
        """Send `response.created` and the rate limits that come with each response."""
        self._host.emit("response.created", response=self._response("in_progress", None))
        left = max(0, _TOKEN_LIMIT - self.conversation.tokens.used)
        self._host.emit(
            "rate_limits.updated", rate_limits=rate_limits(remaining=left, limit=_TOKEN_LIMIT)
        )

    async def run(self) -> None:
        """Generate what the model decides, and finish."""
        await pause(self._host.pace.first_word)
        effect = self._strike(at_tool_call=False)
        if effect is not None and effect.variant == "failed":
            self.finish("failed", error={"type": "server_error", "code": effect.code})
            return
        if effect is not None and effect.variant == "stuck":
            await asyncio.Event().wait()
        acts = self.conversation.model.respond(self.ask.turn)
        for act in acts:
            if isinstance(act, ToolCall):
                if await self._call_tool(act):
                    return
            elif effect is not None:
                await self._speak(Speech(" ".join(words_of(act.text)[:3])))
                self.finish("incomplete", reason=effect.code)
                return
            else:
                await self._speak(act)
        self.finish("completed")

    def stop(self, reason: str) -> None:
        """End as cancelled; `reason` is `turn_detected` or `client_cancelled`."""
        if self.task is not None:
            self.task.cancel()
        if self._open is not None:
            self._close_speech("incomplete")
        self.finish("cancelled", reason=reason)

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
        times = 2 if self._host.faults.take(Point.DONE) else 1
        for _ in range(times):
            self._host.emit("response.done", response=response)
        self.conversation.settled(self, status, self._generated)

    def _strike(self, *, at_tool_call: bool) -> Effect | None:
        planned = self._host.faults.peek(Point.RESPONSE)
        if planned is None or planned.effect.at_tool_call != at_tool_call:
            return None
        self._host.faults.take(Point.RESPONSE)
        self._host.record(Source.FAULT, planned.fault)
        return planned.effect

    async def _speak(self, speech: Speech) -> None:
        opened = _OpenItem(self._host.ids.new("item"), len(self._output))
        self._open = opened
        self._begin_speech(opened, speech.text)
        words = words_of(speech.text)
        step = _WORDS_PER_DELTA if self._host.switches.transcript_deltas else max(1, len(words))
        for first in range(0, len(words), step):
            chunk = words[first : first + step]
            delta = " ".join(chunk) if first == 0 else " " + " ".join(chunk)
            opened.words += chunk
            self._delta(opened, delta)
            await pause(len(chunk) * self._host.pace.word * self._host.pace.generation)
        self._close_speech("completed")

    def _begin_speech(self, opened: _OpenItem, text: str) -> None:
        item = message_item(opened.item_id, "", modality=self.ask.modality, status="in_progress")
        self._add_item(opened.index, item)
        part = {"type": "audio", "transcript": ""}
        if self.ask.modality == "text":
            part = {"type": "text", "text": ""}
        self._part("response.content_part.added", opened, part=part)
        if self.ask.modality == "audio":
            self._host.record(Source.MODEL, "says", {"text": text, "id": self.id})
            self.conversation.voice(self.id, opened.item_id, text)

    def _delta(self, opened: _OpenItem, delta: str) -> None:
        if self.ask.modality == "text":
            self._part("response.output_text.delta", opened, delta=delta)
            return
        self._part("response.output_audio_transcript.delta", opened, delta=delta)
        if self._host.switches.audio_deltas:
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
        self._finish_item(
            opened.index,
            message_item(opened.item_id, text, modality=self.ask.modality, status=status),
        )

    async def _call_tool(self, act: ToolCall) -> bool:
        """Call a tool; return True if the response ended with it."""
        effect = self._strike(at_tool_call=True)
        status = "completed" if effect is None else "incomplete"
        item_id, index = self._host.ids.new("item"), len(self._output)
        tool_call_id = self._host.ids.new("call")
        place = {"response_id": self.id, "item_id": item_id, "output_index": index}
        place["call_id"] = tool_call_id
        self.conversation.tool_called(tool_call_id, act)
        self._add_item(
            index, function_call_item(item_id, tool_call_id, act.name, "", status="in_progress")
        )
        emit = self._host.emit
        emit("response.function_call_arguments.delta", **place, delta=act.json)
        emit("response.function_call_arguments.done", **place, name=act.name, arguments=act.json)
        self._finish_item(
            index, function_call_item(item_id, tool_call_id, act.name, act.json, status=status)
        )
        if effect is not None:
            self.finish("cancelled", reason=effect.code)
            return True
        return False

    def _add_item(self, index: int, item: JsonObject) -> None:
        self._host.emit(
            "response.output_item.added", response_id=self.id, output_index=index, item=item
        )
        if self.ask.is_in_conversation:
            self.conversation.add_item(item)

    def _finish_item(self, index: int, item: JsonObject) -> None:
        self._output.append(item)
        self._host.emit(
            "response.output_item.done", response_id=self.id, output_index=index, item=item
        )
        if self.ask.is_in_conversation:
            self.conversation.finish_item(item)

    def _part(self, event_type: str, opened: _OpenItem, **fields: Any) -> None:
        self._host.emit(
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

    def _usage(self) -> JsonObject:
        texts = [text for text in self._generated.values() if text]
        spoken = sum(len(words_of(text)) for text in texts)
        written = sum(len(item.get("arguments", "")) // 4 for item in self._output)
        return self.conversation.tokens.count(
            spoken=spoken if self.ask.modality == "audio" else 0,
            written=written + spoken,
        )


class Tokens:
    """Counts tokens the way the bill does, from words (COST: 1 per 100 ms in, 1 per 50 ms out)."""

    __slots__ = ("_audio_in", "_seen", "_text_in", "_word", "used")

    def __init__(self, *, instructions: str, word: float) -> None:
        self._text_in = 3 + len(words_of(instructions)) * 4 // 3
        self._audio_in = 0
        self._seen = 0
        self._word = word or 0.34
        self.used = 0

    def hear(self, words: int) -> None:
        """Count words of the caller."""
        self._audio_in += round(words * self._word * 10)

    def read(self, words: int) -> None:
        """Count words that came in as text."""
        self._text_in += words * 4 // 3

    def count(self, *, spoken: int, written: int) -> JsonObject:
        """Return the usage of a response; the whole context is billed again each time."""
        audio_out, text_out = round(spoken * self._word * 20), written * 4 // 3
        result = usage(
            text_in=self._text_in,
            audio_in=self._audio_in,
            cached=min(self._seen, self._text_in),
            text_out=text_out,
            audio_out=audio_out,
        )
        self._seen = self._text_in
        self._text_in += text_out
        self._audio_in += audio_out // 2
        self.used += result["total_tokens"]
        return result
