"""What is billed, and what is left."""

from __future__ import annotations

import pytest

from controller.simulator.tokens import Tokens, transcription_usage


def test_rate_limits_tell_what_the_last_response_left() -> None:
    tokens = Tokens(instructions="Be kind.", word=0.34)
    (before,) = tokens.limits()
    used = tokens.count(spoken=10, written=10)["total_tokens"]
    (after,) = tokens.limits()

    assert before["remaining"] == before["limit"]
    assert after["remaining"] == after["limit"] - used
    assert tokens.limits(left=0.05)[0]["remaining"] == after["limit"] * 0.05


def test_scenario_says_how_much_is_left() -> None:
    (limits,) = Tokens(instructions="", word=0.34, left=0.1).limits()

    assert limits["remaining"] == limits["limit"] * 0.1


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("gpt-transcribe", {"type": "duration", "seconds": 0.68}),
        ("whisper-1", {"type": "duration", "seconds": 0.68}),
        (
            "gpt-4o-transcribe",
            {
                "type": "tokens",
                "total_tokens": 9,
                "input_tokens": 7,
                "output_tokens": 2,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 7},
            },
        ),
    ],
)
def test_transcription_is_billed_by_tokens_or_by_time(model: str, usage: object) -> None:
    assert transcription_usage(model, "Hello there", word=0.34) == usage
