"""The loudspeaker at the caller's ear: what was generated is heard later, word by word.

OpenAI reports it on WebRTC and SIP by `output_audio_buffer.started`, `.stopped` (drained) and
`.cleared` (barge-in, or the client asked). One response plays after the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.simulator.faults import Point
from controller.simulator.journal import Source
from controller.simulator.wire import words_of

if TYPE_CHECKING:
    from controller.simulator.host import Host


@dataclass(slots=True)
class _Voice:
    """The audio of one response."""

    response_id: str
    texts: dict[str, str] = field(default_factory=dict)  # by item
    is_complete: bool = False

    @property
    def words(self) -> list[str]:
        return [word for text in self.texts.values() for word in words_of(text)]


@dataclass(frozen=True, slots=True)
class CutOff:
    """Where playback was when it was cleared."""

    item_id: str
    audio_end_ms: int


class Playback:
    """Plays what the model says, at the pace of speech."""

    __slots__ = ("_host", "_started_at", "_timer", "_waiting", "heard")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiting: list[_Voice] = []
        self._started_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.heard: list[str] = []
        """What the caller heard, one text a response; cut where it was cut."""

    @property
    def is_playing(self) -> bool:
        """Whether the caller hears the model, or will as soon as words are generated."""
        return bool(self._waiting)

    @property
    def spoken_so_far(self) -> float:
        """Seconds since the current response became audible."""
        return asyncio.get_running_loop().time() - self._started_at if self._waiting else 0.0

    def add(self, response_id: str, item_id: str, text: str) -> None:
        """Play `text` for a response, after what is playing."""
        if not self._waiting or self._waiting[-1].response_id != response_id:
            self._waiting.append(_Voice(response_id))
            if len(self._waiting) == 1:
                self._start()
        self._waiting[-1].texts[item_id] = text

    def complete(self, response_id: str, texts: dict[str, str]) -> None:
        """Say that a response generates no more, and which words of each item it generated."""
        for voice in self._waiting:
            if voice.response_id == response_id:
                voice.is_complete = True
                voice.texts |= {item: texts[item] for item in voice.texts if item in texts}
        self._arm()

    def clear(self) -> CutOff | None:
        """Stop at once and forget what waits; return where it stopped, or None if it was quiet."""
        if not self._waiting:
            return None
        voice = self._waiting[0]
        words_heard = self._words_heard(voice)
        self._waiting.clear()
        self._disarm()
        self._host.emit("output_audio_buffer.cleared", response_id=voice.response_id)
        self._listened(voice.response_id, " ".join(voice.words[:words_heard]), cut=True)
        last_item = next(reversed(voice.texts), "")
        return CutOff(last_item, round(words_heard * self._host.pace.word * 1000))

    def close(self) -> None:
        """Forget everything, in silence: the call is over."""
        if self._waiting:
            voice = self._waiting[0]
            self._listened(
                voice.response_id, " ".join(voice.words[: self._words_heard(voice)]), cut=True
            )
        self._waiting.clear()
        self._disarm()

    def _words_heard(self, voice: _Voice) -> int:
        word = self._host.pace.word
        played = int(self.spoken_so_far / word) if word else len(voice.words)
        return min(played, len(voice.words))

    def _start(self) -> None:
        self._started_at = asyncio.get_running_loop().time()
        self._host.emit("output_audio_buffer.started", response_id=self._waiting[0].response_id)
        self._host.ring()

    def _arm(self) -> None:
        self._disarm()
        if not self._waiting or not self._waiting[0].is_complete:
            return
        length = len(self._waiting[0].words) * self._host.pace.word
        left = length - self.spoken_so_far
        if left <= 0:
            self._drained()
        else:
            self._timer = asyncio.get_running_loop().call_later(left, self._drained)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drained(self) -> None:
        voice = self._waiting.pop(0)
        self._listened(voice.response_id, " ".join(voice.words), cut=False)
        fault = self._host.faults.take(Point.PLAYBACK)
        if fault is not None:
            self._host.record(Source.FAULT, fault.fault)
        else:
            self._host.emit("output_audio_buffer.stopped", response_id=voice.response_id)
        if self._waiting:
            self._start()
            self._arm()
        self._host.ring()

    def _listened(self, response_id: str, text: str, *, cut: bool) -> None:
        self.heard.append(text)
        self._host.record(
            Source.MODEL, "was cut off" if cut else "was heard", {"text": text, "id": response_id}
        )
        self._host.ring()
