"""What was billed, and what is left of the limits."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.events import (
    FaultReported,
    TokensLeft,
    TranscriptAdded,
    Usage,
    UsageReported,
)
from controller.sansio.realtime import Phase, billing, codec
from tests.sansio.driving import TurnStory, message, one, only, server, turning

SPLIT = {
    "input_token_details": {
        "text_tokens": 10,
        "audio_tokens": 20,
        "image_tokens": 5,
        "cached_tokens": 7,
        "cached_tokens_details": {"text_tokens": 2, "audio_tokens": 4, "image_tokens": 1},
    },
    "output_token_details": {"text_tokens": 5, "audio_tokens": 6},
}


def billed(usage: object, **fields: object) -> UsageReported:
    event = server("response.done", response={"id": "r1", "usage": usage, **fields})
    assert isinstance(event, codec.ResponseDone)
    return billing.of_response(event.response)


def given_tokens(**details: object) -> dict[str, object]:
    return {"input_token_details": details, "output_token_details": {}}


def test_the_tokens_of_a_response_by_modality_images_as_text() -> None:
    assert billed(SPLIT) == UsageReported(Usage(1, 15, 20, 3, 4, 5, 6))


@pytest.mark.parametrize(
    ("text", "audio", "cached", "expected"),
    [(10, 0, 7, (7, 0)), (10, 20, 15, (10, 5)), (10, 20, 90, (10, 20)), (10, 20, 0, (0, 0))],
)
def test_cached_tokens_without_a_split_are_counted_where_the_discount_is_least(
    text: int, audio: int, cached: int, expected: tuple[int, int]
) -> None:
    details = given_tokens(text_tokens=text, audio_tokens=audio, cached_tokens=cached)
    empty = given_tokens(
        text_tokens=text,
        audio_tokens=audio,
        cached_tokens=cached,
        cached_tokens_details={"text_tokens": None},
    )
    usage = Usage(1, text, audio, *expected)
    assert billed(details) == billed(empty) == UsageReported(usage, is_estimate=cached > 0)


def test_tokens_without_any_split_are_counted_as_the_dearer_ones() -> None:
    usage = billed({"input_tokens": 30, "output_tokens": 12})
    assert usage == UsageReported(
        Usage(responses=1, input_audio=30, output_audio=12), is_estimate=True
    )


def test_a_response_that_used_nothing_is_no_estimate() -> None:
    assert billed({"input_tokens": 0}) == UsageReported(Usage(responses=1))


@pytest.mark.parametrize("usage", [None, 7, {"input_tokens": -1}, {"input_tokens": "x"}, [[]]])
@pytest.mark.parametrize(("status", "is_estimate"), [("completed", True), ("failed", False)])
def test_usage_that_cannot_be_read_counts_the_response_alone(
    usage: object, status: str, *, is_estimate: bool
) -> None:
    expected = UsageReported(Usage(responses=1), is_estimate=is_estimate)
    assert billed(usage, status=status) == expected


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed", "incomplete"])
def test_a_response_is_billed_whatever_became_of_it(status: str) -> None:
    story = turning()
    story.begins("r1", ours=False)
    outs = story.finishes("r1", message(), status=status, usage=SPLIT)
    assert one(UsageReported, outs).usage.input_text == 15


def test_a_response_beside_the_conversation_is_billed_and_takes_no_floor() -> None:
    story = turning()
    story.begins("r1", ours=False)
    aside = {"id": "aside", "conversation_id": None, "status": "completed"}
    assert story.hears("response.created", response=aside) == ()
    outs = story.hears("response.done", response={**aside, "output": [message()]})
    assert [type(each) for each in outs] == [UsageReported]
    assert story.turns.value.current_id == "r1"
    assert story.turns.phase is Phase.RESPONDING


def test_our_own_response_is_in_the_conversation_whatever_else_is_said_of_it() -> None:
    story = turning()
    story.begins("r1", ours=False)
    story.finishes("r1", message(), conversation_id=None)
    assert story.turns.phase is Phase.IDLE


# --- transcription -----------------------------------------------------------------------------

COMPLETED = "conversation.item.input_audio_transcription.completed"


def transcribed(usage: object) -> list[UsageReported]:
    outs = turning().hears(COMPLETED, item_id="i1", transcript="Hello", usage=usage)
    assert only(TranscriptAdded, outs) == [TranscriptAdded("caller", "i1", "Hello")]
    return only(UsageReported, outs)


def test_a_transcription_is_billed_by_tokens() -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 3, "total_tokens": 17}
    expected = Usage(transcribed_input=14, transcribed_output=3)
    assert transcribed(usage) == [UsageReported(expected)]


def test_a_transcription_is_billed_by_time() -> None:
    expected = Usage(transcribed_seconds=4.5)
    assert transcribed({"type": "duration", "seconds": 4.5}) == [UsageReported(expected)]


@pytest.mark.parametrize("usage", [None, 7, {"type": 7}, {"type": "duration", "seconds": -1}])
def test_a_transcription_whose_usage_is_unknown_is_kept_all_the_same(usage: object) -> None:
    assert transcribed(usage) == []


def test_a_transcription_that_failed_is_put_on_record_and_the_call_goes_on() -> None:
    type_ = "conversation.item.input_audio_transcription.failed"
    outs = turning().hears(type_, item_id="i1", error={"code": "403", "message": "no access"})
    assert outs == (FaultReported("transcription_failed"),)


# --- what is left ------------------------------------------------------------------------------


def limits(remaining: object, limit: object = 100, reset: object = 2.5) -> dict[str, object]:
    return {"name": "tokens", "limit": limit, "remaining": remaining, "reset_seconds": reset}


def left(story: TurnStory, *entries: object) -> list[TokensLeft]:
    return only(TokensLeft, story.hears("rate_limits.updated", rate_limits=list(entries)))


def test_what_is_left_is_reported_where_it_has_changed_or_is_little() -> None:
    story = turning()
    requests = {"name": "requests", "limit": 10, "remaining": 0, "reset_seconds": 1}
    assert left(story, requests, limits(97)) == []
    assert left(story, limits(94)) == [TokensLeft(0.94, 2.5)]
    assert left(story, limits(90)) == []
    assert left(story, limits(88)) == [TokensLeft(0.88, 2.5)]
    assert left(story, limits(49)) == [TokensLeft(0.49, 2.5)]
    assert left(story, limits(48)) == [TokensLeft(0.48, 2.5)]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (limits("10", "100", "3"), [TokensLeft(0.1, 3.0)]),
        (limits(10, 100, None), [TokensLeft(0.1, 0.0)]),
        (limits(10, 100, "soon"), [TokensLeft(0.1, 0.0)]),
        (limits(200), []),
        (limits(10, 0), []),
        (limits(None), []),
        (limits(-5), []),
        (limits("inf", "inf"), []),
        (limits([]), []),
        (7, []),
    ],
)
def test_whatever_the_limits_look_like(entry: object, expected: list[TokensLeft]) -> None:
    assert left(turning(), entry) == expected


@pytest.mark.parametrize("entries", [None, 7, "tokens"])
def test_limits_that_are_no_list_say_nothing(entries: object) -> None:
    assert turning().hears("rate_limits.updated", rate_limits=entries) == ()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each),
    max_leaves=8,
)


@given(_json)
def test_nothing_that_is_billed_makes_it_raise(value: object) -> None:
    raw = msgspec.Raw(msgspec.json.encode(value))
    billing.of_transcription(raw)
    billing.tokens_left(codec.LimitsUpdated(raw))
    assert billing.of_response(codec.FinishedResponse("r1", usage=raw)).usage.responses == 1
