"""Usage and money: tokens by modality, and what they cost.

Prices are USD for one million tokens, by modality (OpenAI's price list); cached tokens are part of
the input and billed at a price of their own. Transcription of the caller is billed apart, by the
minute or by tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


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
    is_estimate: bool = False
    """They are those of a model of the same family, or a part of them is not known."""


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A line of the price list: what a model costs from an instant on."""

    model: str
    """Name of a model, of a family of dated snapshots, or of a transcription model."""
    since: float
    """Unix seconds; until the next entry of the same name."""
    prices: Prices


def prices_at(
    entries: Iterable[PriceEntry], model: str, transcription_model: str | None, now: float
) -> Prices | None:
    """Return what a call costs that begins now; None where the model has no price.

    A model that is not in the list costs as much as the one with the longest name that its own
    name goes on from: `gpt-realtime-2.1-2026-05-01` as much as `gpt-realtime-2.1`. Such prices are
    an estimate, and so are those of a call whose transcription has no price.

    Args:
        entries: the price list, in any order; of one name, the latest that has begun counts.
        model: of the session. Its entry's `factor` counts for the transcription too.
        transcription_model: of the caller's speech; None where it is off.
        now: Unix seconds.
    """
    begun = {
        entry.model: entry.prices
        for entry in sorted(entries, key=lambda entry: entry.since)
        if entry.since <= now
    }
    prices = _of_family(begun, model)
    if prices is None or transcription_model is None:
        return prices
    beside = _of_family(begun, transcription_model)
    if beside is None:
        return replace(prices, is_estimate=True)
    return replace(
        prices,
        transcription_minute=beside.transcription_minute,
        transcription_input=beside.transcription_input,
        transcription_output=beside.transcription_output,
        is_estimate=prices.is_estimate or beside.is_estimate,
    )


def _of_family(begun: dict[str, Prices], model: str) -> Prices | None:
    exact = begun.get(model)
    if exact is not None:
        return exact
    families = [name for name in begun if model.startswith(f"{name}-")]
    if not families:
        return None
    return replace(begun[max(families, key=len)], is_estimate=True)


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
