"""What models cost: the list that we ship, and the operator's own lines over it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, model_validator

from controller.config.problems import refusal
from controller.config.section import Day, Section, Text
from controller.sansio.usage import PriceEntry, Prices

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from controller.config.document import KeyPath
    from controller.sansio.agent import Agent

# USD for a million tokens: OpenAI's pricing page (platform.openai.com/docs/pricing), as read in
# November 2026. Prices of models that are older than that page are not kept: an operator who needs
# them writes them down, with `since`.
_NEW: Final = Prices(
    input_text=4.0, cached_text=0.4, output_text=24.0,
    input_audio=32.0, cached_audio=0.4, output_audio=64.0,
)  # fmt: skip
_FIRST: Final = Prices(
    input_text=4.0, cached_text=0.4, output_text=16.0,
    input_audio=32.0, cached_audio=0.4, output_audio=64.0,
)  # fmt: skip
_MINI: Final = Prices(
    input_text=0.6, cached_text=0.06, output_text=2.4,
    input_audio=10.0, cached_audio=0.3, output_audio=20.0,
)  # fmt: skip
SHIPPED: Final[Mapping[str, Prices]] = {
    "gpt-realtime-2.1": _NEW,
    "gpt-realtime-2": _NEW,
    "gpt-realtime-2.1-mini": _MINI,
    "gpt-realtime-1.5": _FIRST,
    "gpt-realtime": _FIRST,
    "gpt-realtime-mini": _MINI,
    "gpt-realtime-whisper": Prices(transcription_minute=0.017),
    "gpt-transcribe": Prices(transcription_minute=0.0045),
}

_Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TokenPrices(Section):
    """US dollars for a million tokens."""

    input: _Usd
    """into the model"""
    output: _Usd
    """out of the model"""
    cached: _Usd | None = None
    """Into the model, where they were there before; as `input` without it."""


class Price(Section):
    """What a model costs; it goes before the prices that this version knows.

    The latest line of a model that has begun counts. Dated snapshots cost what their model does.
    """

    model: Text
    """name of a Realtime model, or of one that transcribes"""
    since: Day | None = None
    """Day from which it costs that, in UTC; without it always."""
    text: TokenPrices | None = None
    """US dollars for a million tokens of text: `{ input = 4.0, cached = 0.4, output = 24.0 }`."""
    audio: TokenPrices | None = None
    """The same for audio."""
    per_minute: _Usd | None = None
    """US dollars for a minute of speech, of a model that transcribes."""

    @model_validator(mode="after")
    def _something(self) -> Price:
        if self.text is None and self.audio is None and self.per_minute is None:
            raise refusal("must hold text, audio or per_minute")
        return self


def price_list(lines: Iterable[Price], *, factor: float) -> tuple[PriceEntry, ...]:
    """Return the shipped prices and those of the operator, who has the last word.

    Args:
        lines: The operator's, in the order of the file.
        factor: On everything.
    """
    shipped = [(name, 0.0, prices) for name, prices in SHIPPED.items()]
    own = [(each.model, _instant(each.since), _prices(each)) for each in lines]
    return tuple(
        PriceEntry(name, since, replace(prices, factor=factor))
        for name, since, prices in (*shipped, *own)
    )


def unpriced(agent: Agent, entries: Collection[PriceEntry]) -> Iterator[tuple[KeyPath, str]]:
    """Yield key and sentence of each model of an agent whose calls are not counted in money."""
    names = {each.model for each in entries}
    models: dict[KeyPath, str] = {("model",): agent.model}
    if agent.transcription is not None:
        models["transcription", "model"] = agent.transcription["model"]
    for path, model in models.items():
        if not any(model == name or model.startswith(f"{name}-") for name in names):
            yield path, f"{model!r} has no price; give one in [[prices]], or its cost is not known"


def _instant(day: date | None) -> float:
    if day is None:
        return 0.0
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _prices(line: Price) -> Prices:
    nothing = TokenPrices(input=0.0, output=0.0)
    text, audio = line.text or nothing, line.audio or nothing
    return Prices(
        input_text=text.input,
        cached_text=text.input if text.cached is None else text.cached,
        output_text=text.output,
        input_audio=audio.input,
        cached_audio=audio.input if audio.cached is None else audio.cached,
        output_audio=audio.output,
        transcription_minute=line.per_minute or 0.0,
        # A model that transcribes is billed for audio in and text out, where not by the minute.
        transcription_input=audio.input or text.input,
        transcription_output=text.output,
    )
