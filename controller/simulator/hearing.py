"""The model's ears: the caller's audio, the voice activity detection, the transcripts, the keys.

What the VAD does follows the session's `audio.input.turn_detection` at that instant; transcripts
exist only while `audio.input.transcription` is set (Realtime guide, "Voice activity detection").
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from controller.simulator.faults import Point
from controller.simulator.journal import Source
from controller.simulator.tokens import transcription_usage
from controller.simulator.wire import JsonObject, RefusedError, caller_item

if TYPE_CHECKING:
    from controller.simulator.conversation import Conversation


class Hearing:
    """Turns what the caller does into events of the conversation."""

    __slots__ = ("_buffered", "_conversation", "_host", "_idle_timer", "_speaking_item")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._host = conversation.host
        self._speaking_item: str | None = None
        self._buffered: list[tuple[str, str | None]] = []
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def _vad(self) -> JsonObject | None:
        detection: JsonObject | None = self._conversation.session["audio"]["input"][
            "turn_detection"
        ]
        return detection

    def speech_starts(self) -> None:
        """The caller opens their mouth, or the line makes a noise."""
        self._stop_idle_timer()
        vad = self._vad
        if vad is None:
            return
        self._speaking_item = self._host.ids.new("item")
        self._conversation.caller_is_speaking = True
        self._host.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=self._host.audio_ms,
            item_id=self._speaking_item,
        )
        if vad["interrupt_response"]:
            self._conversation.interrupt()

    def speech_stops(self, words: str, transcript: str | None) -> None:
        """The caller has been silent long enough.

        Args:
            words: what the model understands; empty for noise.
            transcript: what the transcription writes; None if nothing comes of it.
        """
        self._conversation.caller_is_speaking = False
        vad = self._vad
        if vad is None or self._speaking_item is None:
            self._buffered.append((words, transcript))
            return
        item_id, self._speaking_item = self._speaking_item, None
        self._host.emit(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=self._host.audio_ms,
            item_id=item_id,
        )
        self._commit(item_id, words, transcript)
        if vad["create_response"]:
            self._conversation.start_by_vad()

    def commit(self) -> None:
        """Commit what was said while no turn detection was on (`input_audio_buffer.commit`).

        Raises:
            RefusedError: nothing was said.
        """
        if not self._buffered:
            raise RefusedError(
                "Error committing input audio buffer: buffer too small.",
                code="input_audio_buffer_commit_empty",
            )
        for words, transcript in self._buffered:
            self._commit(self._host.ids.new("item"), words, transcript)
        self._buffered.clear()

    def clear(self) -> None:
        """Forget what was said and not committed (`input_audio_buffer.clear`)."""
        self._buffered.clear()
        self._host.emit("input_audio_buffer.cleared")

    def press(self, digit: str) -> None:
        """Report a key; the model itself does not hear it."""
        self._host.emit(
            "input_audio_buffer.dtmf_event_received",
            event=digit,
            received_at=int(self._host.wall_time),
        )

    def _commit(self, item_id: str, words: str, transcript: str | None) -> None:
        self._host.emit(
            "input_audio_buffer.committed",
            previous_item_id=self._conversation.items.last_id,
            item_id=item_id,
        )
        item = caller_item(item_id)
        self._conversation.items.add(item)
        self._conversation.items.finish(item)
        self._conversation.hear(words)
        transcription = self._conversation.session["audio"]["input"]["transcription"]
        if transcription is not None and transcript is not None:
            model = transcription.get("model", "")
            usage = transcription_usage(model, words, word=self._host.pace.word)
            self._transcribe(item_id, transcript, usage)

    def _transcribe(self, item_id: str, transcript: str, usage: JsonObject) -> None:
        fault = self._host.faults.take(Point.TRANSCRIPT)
        if fault is not None:
            self._host.record(Source.FAULT, fault.fault)
            if fault.effect.variant == "never":
                return
        has_failed = fault is not None and fault.effect.variant == "failed"
        place: dict[str, Any] = {"item_id": item_id, "content_index": 0}

        def arrive() -> None:
            if has_failed:
                code = fault.effect.code if fault is not None else None
                error = {"type": "invalid_request_error", "code": code, "message": "No access."}
                self._emit_transcript("failed", **place, error=error)
                return
            if transcript:
                self._emit_transcript("delta", **place, delta=transcript)
            self._emit_transcript("completed", **place, transcript=transcript, usage=usage)

        delay = self._host.pace.transcript + (fault.effect.seconds if fault else 0.0)
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, arrive)
        else:
            arrive()

    def _emit_transcript(self, what: str, **fields: Any) -> None:
        self._host.emit(f"conversation.item.input_audio_transcription.{what}", **fields)

    # Silence

    def start_idle_timer(self) -> None:
        """The model was heard to the end: wait for `idle_timeout_ms` (server_vad only)."""
        self._stop_idle_timer()
        milliseconds = (self._vad or {}).get("idle_timeout_ms")
        if milliseconds is not None and self._speaking_item is None:
            self._idle_timer = asyncio.get_running_loop().call_later(
                milliseconds / 1000, self._nobody_spoke, milliseconds
            )

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _nobody_spoke(self, milliseconds: int) -> None:
        item_id, now = self._host.ids.new("item"), self._host.audio_ms
        self._host.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=now - milliseconds,
            audio_end_ms=now,
            item_id=item_id,
        )
        self._commit(item_id, "", "")
        self._conversation.start_by_vad()

    def close(self) -> None:
        """The call is over."""
        self._stop_idle_timer()
