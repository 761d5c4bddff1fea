from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.usage import PriceEntry, Prices, Usage, cost, prices_at

REALTIME = Prices(
    input_text=4.0,
    cached_text=0.4,
    output_text=24.0,
    input_audio=32.0,
    cached_audio=0.4,
    output_audio=64.0,
)
MINI = Prices(input_text=0.6, output_text=2.4)
SPOKEN = Prices(transcription_minute=0.0045)
BY_TOKENS = Prices(transcription_input=1.25, transcription_output=5.0)
NOW = 1_000_000.0
LIST = (
    PriceEntry("gpt-realtime-2.1", 0.0, REALTIME),
    PriceEntry("gpt-realtime", 0.0, Prices(output_text=16.0)),
    PriceEntry("gpt-realtime-2.1-mini", 0.0, MINI),
    PriceEntry("gpt-transcribe", 0.0, SPOKEN),
)

_usages = st.builds(
    Usage,
    **{
        each.name: st.floats(0, 1e6)
        if each.name == "transcribed_seconds"
        else st.integers(0, 10**9)
        for each in fields(Usage)
    },
)


def _documented(usage: Usage) -> Usage:
    """Return usage in which what is cached is a part of the input."""
    return replace(
        usage,
        input_text=usage.input_text + usage.cached_text,
        input_audio=usage.input_audio + usage.cached_audio,
    )


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(input_text=1_000_000), 4.0),
        (Usage(input_text=1_000_000, cached_text=1_000_000), 0.4),
        (Usage(input_text=1_000_000, cached_text=500_000), 2.2),
        (Usage(output_text=1_000_000), 24.0),
        (Usage(input_audio=1_000_000), 32.0),
        (Usage(input_audio=1_000_000, cached_audio=750_000), 8.3),
        (Usage(output_audio=1_000_000), 64.0),
        (Usage(transcribed_seconds=90.0), 0.0),
        (Usage(responses=1000), 0.0),
    ],
)
def test_each_modality_has_its_price_and_cached_tokens_are_a_part_of_the_input(
    usage: Usage, usd: float
) -> None:
    assert cost(usage, REALTIME) == pytest.approx(usd)


def test_more_cached_tokens_than_input_give_no_money_back() -> None:
    assert cost(Usage(input_text=1, cached_text=1_000_000), REALTIME) == pytest.approx(0.4)


def test_transcription_costs_by_the_minute_or_by_tokens() -> None:
    assert cost(Usage(transcribed_seconds=90.0), SPOKEN) == pytest.approx(0.00675)
    tokens = Usage(transcribed_input=1_000_000, transcribed_output=2_000_000)
    assert cost(tokens, BY_TOKENS) == pytest.approx(11.25)


def test_the_factor_is_on_everything() -> None:
    prices = Prices(output_text=10.0, transcription_minute=1.0, factor=1.1)
    usage = Usage(output_text=1_000_000, transcribed_seconds=60.0)

    assert cost(usage, prices) == pytest.approx(12.1)


@given(_usages, _usages)
def test_the_cost_of_a_call_is_that_of_its_parts(one: Usage, other: Usage) -> None:
    one, other = _documented(one), _documented(other)

    together = cost(one + other, REALTIME)

    assert together == pytest.approx(cost(one, REALTIME) + cost(other, REALTIME))


@given(_usages, _usages)
def test_usage_is_added_field_by_field(one: Usage, other: Usage) -> None:
    both = one + other

    for each in fields(Usage):
        assert getattr(both, each.name) == getattr(one, each.name) + getattr(other, each.name)


@given(_usages)
def test_no_usage_costs_less_than_nothing(usage: Usage) -> None:
    assert cost(usage, REALTIME) >= 0.0


def test_the_prices_of_a_call_are_those_of_its_model_and_its_transcription() -> None:
    prices = prices_at(LIST, "gpt-realtime-2.1", "gpt-transcribe", NOW)

    assert prices is not None
    assert (prices.output_audio, prices.transcription_minute) == (64.0, 0.0045)
    assert not prices.is_estimate


def test_a_call_without_transcription_pays_for_none() -> None:
    assert prices_at(LIST, "gpt-realtime-2.1", None, NOW) == REALTIME


def test_a_dated_snapshot_costs_as_much_as_the_longest_name_that_is_known() -> None:
    prices = prices_at(LIST, "gpt-realtime-2.1-mini-2026-05-01", None, NOW)

    assert prices is not None
    assert (prices.output_text, prices.is_estimate) == (2.4, True)


def test_a_name_that_only_begins_alike_is_of_another_family() -> None:
    assert prices_at(LIST, "gpt-realtimes", None, NOW) is None


def test_a_snapshot_with_an_entry_of_its_own_is_no_estimate() -> None:
    snapshot = PriceEntry("gpt-realtime-2.1-2026-05-01", 0.0, MINI)

    assert prices_at((*LIST, snapshot), "gpt-realtime-2.1-2026-05-01", None, NOW) == MINI


def test_a_model_that_is_not_in_the_list_has_no_price() -> None:
    assert prices_at(LIST, "another", "gpt-transcribe", NOW) is None
    assert prices_at((), "gpt-realtime-2.1", None, NOW) is None


def test_the_latest_entry_that_has_begun_counts_whatever_the_order() -> None:
    entries = (
        PriceEntry("m", 300.0, Prices(input_text=3.0)),
        PriceEntry("m", 100.0, Prices(input_text=1.0)),
        PriceEntry("m", 200.0, Prices(input_text=2.0)),
    )

    assert prices_at(entries, "m", None, 99.0) is None
    for now, price in ((100.0, 1.0), (199.0, 1.0), (200.0, 2.0), (1000.0, 3.0)):
        prices = prices_at(entries, "m", None, now)
        assert prices is not None
        assert prices.input_text == price


def test_a_transcription_without_a_price_makes_an_estimate() -> None:
    prices = prices_at(LIST, "gpt-realtime-2.1", "another", NOW)

    assert prices is not None
    assert (prices.output_audio, prices.transcription_minute) == (64.0, 0.0)
    assert prices.is_estimate


def test_a_transcription_of_a_known_family_makes_an_estimate() -> None:
    prices = prices_at(LIST, "gpt-realtime-2.1", "gpt-transcribe-2026-05-01", NOW)

    assert prices is not None
    assert prices.transcription_minute == 0.0045
    assert prices.is_estimate


def test_an_estimate_of_the_model_stays_one_beside_a_known_transcription() -> None:
    prices = prices_at(LIST, "gpt-realtime-2.1-2026-05-01", "gpt-transcribe", NOW)

    assert prices is not None
    assert prices.transcription_minute == 0.0045
    assert prices.is_estimate
