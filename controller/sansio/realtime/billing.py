"""What was billed: the tokens of responses and transcriptions, and what is left of the limits.

Any field may be absent or null, and then counts as none. What the provider does not split by
modality is counted where it costs most, and flagged as an estimate: input as audio, and cached
tokens as text first, because the discount on text is the smaller one.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from controller.sansio.events import TokensLeft, Usage, UsageReported
from controller.sansio.realtime.codec import BAD_INPUT, FinishedResponse, Frozen, LimitsUpdated
from controller.sansio.realtime.state import Turn, TurnState, TurnTerms
from controller.sansio.value import replace

LITTLE = 0.5
"""Below this share of the limit every change is reported."""
STEP = 0.05
"""A smaller change is not reported before that: every response of every call brings one."""

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=10**12)] | None


class _CachedDetails(Frozen, frozen=True):
    text_tokens: _Count = None
    audio_tokens: _Count = None
    image_tokens: _Count = None


class _InputDetails(Frozen, frozen=True):
    text_tokens: _Count = None
    audio_tokens: _Count = None
    image_tokens: _Count = None
    cached_tokens: _Count = None
    cached_tokens_details: _CachedDetails | None = None


class _OutputDetails(Frozen, frozen=True):
    text_tokens: _Count = None
    audio_tokens: _Count = None


class _Tokens(Frozen, frozen=True):
    input_tokens: _Count = None
    output_tokens: _Count = None
    input_token_details: _InputDetails | None = None
    output_token_details: _OutputDetails | None = None


_TOKENS = msgspec.json.Decoder(_Tokens | None)


def of_response(response: FinishedResponse) -> UsageReported:
    """Return the tokens of a response, whatever became of it: cancelled ones are billed too."""
    try:
        tokens = _TOKENS.decode(response.usage)
    except BAD_INPUT:
        tokens = None
    if tokens is None:
        # Nothing is known of it; only one that failed may well have cost nothing.
        return UsageReported(Usage(responses=1), is_estimate=response.status != "failed")
    given = tokens.input_token_details or _InputDetails()
    text, audio, guessed = _input(tokens, given)
    cached_text, cached_audio, also_guessed = _cached(given, text, audio)
    taken = tokens.output_token_details
    if taken is None:
        taken = _OutputDetails(audio_tokens=tokens.output_tokens)
        guessed = guessed or bool(tokens.output_tokens)
    usage = Usage(
        responses=1,
        input_text=text,
        input_audio=audio,
        cached_text=cached_text,
        cached_audio=cached_audio,
        output_text=taken.text_tokens or 0,
        output_audio=taken.audio_tokens or 0,
    )
    return UsageReported(usage, is_estimate=guessed or also_guessed)


def _input(tokens: _Tokens, given: _InputDetails) -> tuple[int, int, bool]:
    """Return text, audio, and whether that is a guess. Images are counted as text."""
    if given.text_tokens is None and given.audio_tokens is None and given.image_tokens is None:
        return 0, tokens.input_tokens or 0, bool(tokens.input_tokens)
    return (given.text_tokens or 0) + (given.image_tokens or 0), given.audio_tokens or 0, False


def _cached(given: _InputDetails, text: int, audio: int) -> tuple[int, int, bool]:
    """Return cached text, cached audio, and whether that is a guess."""
    split = given.cached_tokens_details
    if split is not None and not (
        split.text_tokens is None and split.audio_tokens is None and split.image_tokens is None
    ):
        return (split.text_tokens or 0) + (split.image_tokens or 0), split.audio_tokens or 0, False
    whole = given.cached_tokens or 0
    of_text = min(whole, text)
    return of_text, min(whole - of_text, audio), whole > 0


class _Transcription(Frozen, frozen=True):
    type: str = ""
    input_tokens: _Count = None
    output_tokens: _Count = None
    seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] | None = None


_TRANSCRIPTION = msgspec.json.Decoder(_Transcription | None)


def of_transcription(usage: msgspec.Raw) -> UsageReported | None:
    """Return what the transcription of a caller's turn cost, None where it is not said.

    It is billed apart from the responses: by tokens, or by time (`type` says which).
    """
    try:
        read = _TRANSCRIPTION.decode(usage)
    except BAD_INPUT:
        return None
    if read is None:
        return None
    if read.type == "duration":
        return UsageReported(Usage(transcribed_seconds=read.seconds or 0.0))
    return UsageReported(
        Usage(transcribed_input=read.input_tokens or 0, transcribed_output=read.output_tokens or 0)
    )


class _Limit(Frozen, frozen=True):
    name: str | None = None
    limit: float | str | None = None
    remaining: float | str | None = None
    reset_seconds: float | str | None = None


_LIMITS = msgspec.json.Decoder(tuple[msgspec.Raw, ...] | None)
_LIMIT = msgspec.json.Decoder(_Limit)


def tokens_left(event: LimitsUpdated) -> TokensLeft | None:
    """Return how much of the token limit is left; None where that cannot be told.

    The other entry, `requests`, is documented and not seen in practice (agents-js #1022).
    """
    try:
        raws = _LIMITS.decode(event.rate_limits) or ()
    except BAD_INPUT:
        return None
    for raw in raws:
        try:
            entry = _LIMIT.decode(raw)
        except BAD_INPUT:
            continue
        limit, remaining = _figure(entry.limit), _figure(entry.remaining)
        if entry.name == "tokens" and limit and remaining is not None:
            fraction = min(1.0, remaining / limit)
            return TokensLeft(fraction, _figure(entry.reset_seconds) or 0.0)
    return None


def limits_updated(_terms: TurnTerms, turns: TurnState, event: LimitsUpdated, now: float) -> Turn:
    """Report what is left where it is little, or not what was reported last."""
    left = tokens_left(event)
    if left is None:
        return turns, ()
    turns = replace(turns, tokens_reset_at=now + left.reset)
    if left.fraction >= LITTLE and abs(left.fraction - turns.tokens_left) < STEP:
        return turns, ()
    return replace(turns, tokens_left=left.fraction), (left,)


def _figure(value: float | str | None) -> float | None:
    """Return a number that is not negative, None where there is none."""
    try:
        figure = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return figure if 0.0 <= figure < float("inf") else None
