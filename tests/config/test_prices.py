from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from controller.config.document import dotted
from controller.config.prices import SHIPPED, Price, price_list, unpriced
from controller.sansio.agent import Agent
from controller.sansio.usage import Prices, Usage, cost, prices_at

AGENT = Agent("a", "gpt-realtime-2.1", "marin", "You answer.")
NOW = datetime(2026, 11, 22, tzinfo=UTC).timestamp()


def test_every_shipped_model_has_a_price_at_any_time() -> None:
    entries = price_list((), factor=1.0)

    for model, prices in SHIPPED.items():
        assert prices_at(entries, model, None, 0.0) == prices


def test_the_models_of_a_call_are_priced_together() -> None:
    prices = prices_at(price_list((), factor=1.0), "gpt-realtime-2.1", "gpt-transcribe", NOW)

    assert prices is not None
    usage = Usage(
        input_text=1_000_000, cached_text=500_000, output_audio=500_000, transcribed_seconds=600
    )
    assert cost(usage, prices) == pytest.approx(0.5 * 4.0 + 0.5 * 0.4 + 0.5 * 64.0 + 0.045)


def test_a_line_of_the_operators_goes_before_the_shipped_price_from_its_day_on() -> None:
    line = Price.model_validate(
        {
            "model": "gpt-realtime-2.1",
            "since": "2026-11-01",
            "text": {"input": 1, "output": 2.0},
            "audio": {"input": 3.0, "cached": 0.5, "output": 4.0},
        }
    )
    entries = price_list((line,), factor=1.0)
    before = datetime(2026, 10, 31, 23, 59, tzinfo=UTC).timestamp()

    assert prices_at(entries, "gpt-realtime-2.1", None, before) == SHIPPED["gpt-realtime-2.1"]
    found = prices_at(entries, "gpt-realtime-2.1", None, NOW)
    assert found == Prices(
        input_text=1.0, cached_text=1.0, output_text=2.0,
        input_audio=3.0, cached_audio=0.5, output_audio=4.0,
        transcription_input=3.0, transcription_output=2.0,
    )  # fmt: skip


def test_a_line_without_a_day_replaces_the_shipped_price() -> None:
    entries = price_list((Price(model="gpt-transcribe", per_minute=0.01),), factor=1.0)

    found = prices_at(entries, "gpt-transcribe", None, NOW)

    assert found is not None
    assert found.transcription_minute == 0.01


def test_transcription_by_tokens_of_text_alone_is_priced() -> None:
    line = Price.model_validate({"model": "t", "text": {"input": 2.0, "output": 8.0}})

    found = prices_at(price_list((line,), factor=1.0), "gpt-realtime", "t", NOW)

    assert found is not None
    assert (found.transcription_input, found.transcription_output) == (2.0, 8.0)


def test_the_factor_is_on_everything() -> None:
    for entry in price_list((Price(model="m", per_minute=1.0),), factor=1.1):
        assert entry.prices.factor == 1.1


@pytest.mark.parametrize("since", [date(2026, 1, 1), "2026-01-01"])
def test_a_day_is_one_of_toml_or_of_a_variable(since: Any) -> None:
    assert Price(model="m", since=since, per_minute=1.0).since == date(2026, 1, 1)


@pytest.mark.parametrize(
    "line",
    [
        {"model": "m"},
        {"model": "m", "per_minute": -1.0},
        {"model": "m", "per_minute": float("nan")},
        {"model": "m", "per_minute": 1.0, "since": "soon"},
        {"model": "m", "per_minute": 1.0, "since": 2026},
        {"model": "m", "per_minute": 1.0, "since": datetime(2026, 1, 1, tzinfo=UTC)},
        {"model": "m", "text": {"input": 1.0}},
        {"model": "m", "text": {"input": 1.0, "output": 1.0, "cache": 1.0}},
        {"model": " ", "per_minute": 1.0},
    ],
)
def test_what_is_no_price_is_refused(line: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate(line)


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        ({}, []),
        ({"model": "gpt-realtime-2.1-2026-05-01"}, []),
        ({"model": "gpt-realtime-9"}, []),  # of the family gpt-realtime
        ({"model": "parrot"}, ["model: 'parrot' has no price"]),
        ({"transcription": None}, []),
        ({"transcription": {"model": "scribe"}}, ["transcription.model: 'scribe' has no price"]),
    ],
)
def test_a_model_whose_calls_are_not_counted_is_worth_a_warning(
    change: dict[str, Any], warnings: list[str]
) -> None:
    found = list(unpriced(replace(AGENT, **change), price_list((), factor=1.0)))

    told = [f"{dotted(path)}: {sentence.partition(';')[0]}" for path, sentence in found]
    assert told == warnings
