"""Counts what a call would be billed for."""

from __future__ import annotations

from controller.simulator.wire import JsonObject, rate_limits, usage, words_of

_LIMIT = 400_000
"""Tokens a minute of the simulated project."""
_WORD = 0.34  # seconds, where the pace knows no time


class Tokens:
    """Counts tokens the way the bill does, from words (COST: 1 per 100 ms in, 1 per 50 ms out)."""

    __slots__ = ("_audio_in", "_last", "_left", "_seen", "_text_in", "_word")

    def __init__(self, *, instructions: str, word: float, left: float | None = None) -> None:
        self._text_in = 3 + len(words_of(instructions)) * 4 // 3
        self._audio_in = 0
        self._seen = 0
        self._last = 0
        self._word = word or _WORD
        self._left = left

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
        self._last = result["total_tokens"]
        return result

    def limits(self, *, left: float | None = None) -> list[JsonObject]:
        """Return the rate limits as they come with a response.

        Args:
            left: share of the limit that is left; None: what the scenario says, and otherwise what
                the response before has left. The limit is filled up again every minute, and nobody
                responds as often.
        """
        share = self._left if left is None else left
        remaining = max(0, _LIMIT - self._last) if share is None else round(_LIMIT * share)
        return rate_limits(remaining=remaining, limit=_LIMIT)


def transcription_usage(model: str, words: str, *, word: float) -> JsonObject:
    """Return the usage of a transcription: tokens or seconds, as the model is billed.

    Models that are priced by the minute report a duration, the `gpt-4o` family reports tokens
    (Realtime reference, `input_audio_transcription.completed`).
    """
    count = len(words_of(words))
    if not model.startswith("gpt-4o"):
        return {"type": "duration", "seconds": round(count * (word or _WORD), 2)}
    audio, text = round(count * (word or _WORD) * 10), count * 4 // 3
    return {
        "type": "tokens",
        "total_tokens": audio + text,
        "input_tokens": audio,
        "output_tokens": text,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
    }
