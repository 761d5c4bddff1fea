"""Usage and money: tokens by modality, and what they cost.

Prices are USD for one million tokens, by modality (OpenAI's price list); cached tokens are part of
the input and billed at a price of their own. Transcription of the caller is billed apart, by the
minute or by tokens.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response or one transcription, or of a whole call by addition.

    `cached_*` are part of `input_*` (the provider bills them at another price).
    """

    responses: int = 0
    input_text: int = 0
    input_audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    output_text: int = 0
    output_audio: int = 0
    transcribed_seconds: float = 0.0
    """Of the caller's speech, where transcription is billed by time."""
    transcribed_input: int = 0
    """Tokens, where transcription is billed by tokens."""
    transcribed_output: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Return the sum, field by field."""
        return Usage(
            self.responses + other.responses,
            self.input_text + other.input_text,
            self.input_audio + other.input_audio,
            self.cached_text + other.cached_text,
            self.cached_audio + other.cached_audio,
            self.output_text + other.output_text,
            self.output_audio + other.output_audio,
            self.transcribed_seconds + other.transcribed_seconds,
            self.transcribed_input + other.transcribed_input,
            self.transcribed_output + other.transcribed_output,
        )


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model, and the transcription beside it, cost. USD for a million tokens."""

    input_text: float = 0.0
    cached_text: float = 0.0
    output_text: float = 0.0
    input_audio: float = 0.0
    cached_audio: float = 0.0
    output_audio: float = 0.0
    transcription_minute: float = 0.0
    """USD for a minute of the caller's speech."""
    transcription_input: float = 0.0
    transcription_output: float = 0.0
    factor: float = 1.0
    """On everything, such as 1.1 for data residency."""


def cost(usage: Usage, prices: Prices) -> float:
    """Return what usage costs, in USD."""
    million = (
        max(0, usage.input_text - usage.cached_text) * prices.input_text
        + usage.cached_text * prices.cached_text
        + usage.output_text * prices.output_text
        + max(0, usage.input_audio - usage.cached_audio) * prices.input_audio
        + usage.cached_audio * prices.cached_audio
        + usage.output_audio * prices.output_audio
        + usage.transcribed_input * prices.transcription_input
        + usage.transcribed_output * prices.transcription_output
    )
    minutes = usage.transcribed_seconds / 60 * prices.transcription_minute
    return (million / 1_000_000 + minutes) * prices.factor
