"""From generated to heard (rule 9).

`response.done` means generated. Heard is `output_audio_buffer.stopped`, once the response is done
too: playback may run dry while more is generated. Where that event never comes, time decides.
"""

from __future__ import annotations

from controller.sansio.events import (
    DeadlineReached,
    Digit,
    FaultReported,
    SpeechHeard,
    TranscriptAdded,
    VoiceHeard,
)
from controller.sansio.realtime import billing
from controller.sansio.realtime.codec import (
    AgentTranscript,
    AudioCleared,
    AudioStarted,
    AudioStopped,
    CallerTranscript,
    CallerTranscriptFailed,
    DigitReceived,
)
from controller.sansio.realtime.parts import Request, Voice
from controller.sansio.realtime.state import KEPT_LIMIT, Out, Turn, TurnState, TurnTerms
from controller.sansio.value import replace


def started(terms: TurnTerms, turns: TurnState, event: AudioStarted, now: float) -> Turn:
    """The caller begins to hear a response."""
    response_id = event.response_id or turns.current_id
    if response_id is None:
        return turns, ()
    known = _voice(turns, response_id)
    if known is None and response_id in turns.finished:
        return turns, ()  # its words count as heard already
    voice = replace(known or _new(turns, response_id), started=True, stopped=False)
    is_active = response_id == turns.current_id
    if (known is None and not is_active) or (known and known.due is not None and not known.started):
        # Nothing else will say when it is over; or it began later than was thought.
        voice = replace(voice, due=now + _longest(terms, voice))
    turns, outs = _keep(turns, voice)
    if turns.is_audible:
        return turns, outs
    return replace(turns, is_audible=True), (VoiceHeard(), *outs)


def stopped(_terms: TurnTerms, turns: TurnState, event: AudioStopped, _now: float) -> Turn:
    """Playback ran dry: heard, if the response is done; else perhaps only a pause."""
    outs: tuple[Out, ...] = ()
    for voice in _meant(turns, event.response_id):
        turns, out = _silence(turns, replace(voice, stopped=True))
        outs += out
    return turns, outs


def cleared(_terms: TurnTerms, turns: TurnState, event: AudioCleared, _now: float) -> Turn:
    """The rest was thrown away: cut off is over, too."""
    outs: tuple[Out, ...] = ()
    for voice in _meant(turns, event.response_id):
        turns, out = _silence(turns, replace(voice, stopped=True, cut_off=True))
        outs += out
    return turns, outs


def _silence(turns: TurnState, voice: Voice) -> Turn:
    if voice.due is None:
        return _keep(turns, voice)
    return _drop(turns, voice), (_over(voice, certain=not voice.cut_off),)


def _over(voice: Voice, *, certain: bool) -> SpeechHeard:
    words = None if voice.cut_off else voice.words
    return SpeechHeard(voice.say_id, certain=certain, words=words)


def generated(
    terms: TurnTerms,
    turns: TurnState,
    ids: tuple[str, str],
    *,
    characters: int | None,
    now: float,
    words: str | None = None,
) -> Turn:
    """A response with words is done.

    Args:
        terms: for its pace.
        turns: the value so far.
        ids: the response's id, and the id under which its words are waited for.
        characters: length of its words, None where unknown; sets the time after which they must
            have been heard.
        now: Unix seconds.
        words: the words themselves, None where unknown or cut off.
    """
    response_id, say_id = ids
    voice = _voice(turns, response_id) or Voice(response_id, say_id)
    voice = replace(voice, say_id=say_id, characters=characters, words=words)
    if voice.stopped:
        return _drop(turns, voice), (_over(voice, certain=not voice.cut_off),)
    return _keep(turns, replace(voice, due=now + _longest(terms, voice)))


def cut_off(turns: TurnState) -> Turn:
    """What was generated is not to be played any further: it is over now."""
    over = tuple(replace(voice, cut_off=True) for voice in turns.voices if voice.due is not None)
    for voice in over:
        turns = _drop(turns, voice)
    return turns, tuple(_over(voice, certain=False) for voice in over)


def abandoned(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Nobody will report these responses done: time decides when their words are over."""
    outs: tuple[Out, ...] = ()
    for voice in turns.voices:
        if voice.due is None:
            ids = (voice.response_id, voice.say_id)
            turns, out = generated(terms, turns, ids, characters=None, now=now)
            outs += out
    return turns, outs


def disowned(turns: TurnState, response_id: str | None) -> TurnState:
    """The active response is not that of the current request after all."""
    voice = None if response_id is None else _voice(turns, response_id)
    if voice is None:
        return turns
    return _swap(turns, replace(voice, say_id=voice.response_id))


def say_id_of(turns: TurnState, response_id: str) -> str:
    """Return the id under which the words of a response are waited for."""
    voice = _voice(turns, response_id)
    return response_id if voice is None else voice.say_id


def is_playing(turns: TurnState, response_id: str) -> bool:
    """Tell whether words of a response are on their way to the caller's ear."""
    return _voice(turns, response_id) is not None


def is_followed(turns: TurnState, owed: tuple[Out, ...], request: Request) -> bool:
    """Tell whether the words of a request are followed, or were just reported heard."""
    say_ids = {voice.say_id for voice in turns.voices}
    say_ids |= {out.say_id for out in owed if isinstance(out, SpeechHeard)}
    return request.say_id in say_ids


def _longest(terms: TurnTerms, voice: Voice) -> float:
    """Return the seconds after which words must have been heard."""
    pace = terms.pace
    margin, each, longest = pace.heard_margin, pace.heard_per_character, pace.heard_longest
    if voice.started:
        margin, each, longest = (
            pace.playing_margin,
            pace.playing_per_character,
            pace.playing_longest,
        )
    if voice.characters is None:
        return longest
    return min(margin + each * voice.characters / (terms.agent.speed or 1.0), longest)


def overdue(_terms: TurnTerms, turns: TurnState, _event: DeadlineReached, now: float) -> Turn:
    """Words that must have been heard by now count as heard, not for certain."""
    late = [voice for voice in turns.voices if voice.due is not None and voice.due <= now]
    for voice in late:
        turns = _drop(turns, voice)
    return turns, tuple(_over(voice, certain=False) for voice in late)


def caller_said(_terms: TurnTerms, turns: TurnState, event: CallerTranscript, _now: float) -> Turn:
    """Keep the caller's words, and what it cost to write them down."""
    said = TranscriptAdded("caller", event.item_id, event.transcript)
    billed = billing.of_transcription(event.usage)
    return turns, (said,) if billed is None else (said, billed)


def caller_unknown(
    _terms: TurnTerms, turns: TurnState, _event: CallerTranscriptFailed, _now: float
) -> Turn:
    """The model heard the caller all the same: the call goes on."""
    return turns, (FaultReported("transcription_failed"),)


def agent_said(_terms: TurnTerms, turns: TurnState, event: AgentTranscript, _now: float) -> Turn:
    """Keep the agent's words."""
    return turns, (TranscriptAdded("agent", event.item_id, event.transcript),)


def digit(_terms: TurnTerms, turns: TurnState, event: DigitReceived, _now: float) -> Turn:
    """A key; the model does not hear it (rule 11)."""
    return turns, (Digit(event.event),)


def _voice(turns: TurnState, response_id: str) -> Voice | None:
    return next((each for each in turns.voices if each.response_id == response_id), None)


def _meant(turns: TurnState, response_id: str | None) -> tuple[Voice, ...]:
    """The voices that an event speaks of; all, where it does not say."""
    if response_id is None:
        return turns.voices
    voice = _voice(turns, response_id)
    if voice is None and response_id == turns.current_id:
        voice = _new(turns, response_id)  # its beginning was not reported
    return () if voice is None else (voice,)


def _new(turns: TurnState, response_id: str) -> Voice:
    is_ours = turns.current is not None and turns.current_id == response_id
    say_id = turns.current.say_id if is_ours and turns.current is not None else ""
    return Voice(response_id, say_id or response_id)


def _swap(turns: TurnState, voice: Voice) -> TurnState:
    others = tuple(each for each in turns.voices if each.response_id != voice.response_id)
    return replace(turns, voices=(*others, voice))


def _keep(turns: TurnState, voice: Voice) -> Turn:
    """Follow one more voice; the oldest makes room, and counts as heard, not for certain."""
    turns = _swap(turns, voice)
    pushed, kept = turns.voices[:-KEPT_LIMIT], turns.voices[-KEPT_LIMIT:]
    owed = tuple(_over(each, certain=False) for each in pushed)
    return replace(turns, voices=kept), owed


def _drop(turns: TurnState, voice: Voice) -> TurnState:
    left = tuple(each for each in turns.voices if each.response_id != voice.response_id)
    return replace(turns, voices=left)
