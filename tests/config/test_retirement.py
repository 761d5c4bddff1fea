from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from controller.config.retirement import RETIREMENTS, retiring
from controller.sansio.agent import Agent

AGENT = Agent("a", "gpt-realtime-2.1", "marin", "You answer.")


def test_nobody_is_warned_of_models_that_stay() -> None:
    assert list(retiring(AGENT)) == []
    assert list(retiring(replace(AGENT, transcription=None))) == []


@pytest.mark.parametrize(
    ("model", "end"),
    [
        ("gpt-realtime", "ends on 2027-01-20"),
        ("gpt-realtime-2025-08-28", "ends on 2027-01-20"),
        ("gpt-realtime-mini-2025-12-15", "ends on 2027-01-20"),
        ("gpt-4o-realtime-preview-2024-12-17", "has ended"),
    ],
)
def test_a_model_that_is_shut_down_is_told_with_its_day(model: str, end: str) -> None:
    ((path, warning),) = retiring(replace(AGENT, model=model))

    assert path == ("model",)
    assert warning.startswith(f"{model!r} {end}; use gpt-realtime-2.1")


@pytest.mark.parametrize(
    "model",
    ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe-2025-12-15",
     "gpt-4o-transcribe-diarize"],
)  # fmt: skip
def test_a_transcription_model_likewise(model: str) -> None:
    ((path, warning),) = retiring(replace(AGENT, transcription={"model": model}))

    assert path == ("transcription", "model")
    assert warning == f"{model!r} ends on 2027-02-26; use gpt-transcribe or gpt-live-transcribe"


def test_models_that_only_begin_alike_are_not_meant() -> None:
    for model in ("gpt-realtime-2", "gpt-realtime-2.1-mini", "gpt-realtime-1.5"):
        assert list(retiring(replace(AGENT, model=model))) == []


def test_every_day_is_in_the_future_of_the_sources() -> None:
    assert all(each.on is None or each.on > date(2026, 11, 1) for each in RETIREMENTS)
