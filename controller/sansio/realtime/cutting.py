"""Cutting a response off: what is said makes way for something that cannot wait.

A cancel that is sent before `response.created` is lost (livekit/agents#6244): it is remembered, and
sent by id when the response begins. What was to be played is thrown away after the cancel, by
`output_audio_buffer.clear`.
"""

from __future__ import annotations

from controller.sansio.commands import CutOff
from controller.sansio.realtime import frames, hearing
from controller.sansio.realtime.parts import ATTACHED, Phase
from controller.sansio.realtime.state import Out, Turn, TurnState, TurnTerms, number
from controller.sansio.value import replace


def cut_off(terms: TurnTerms, turns: TurnState, _command: CutOff, now: float) -> Turn:
    """Throw away what is asked for, generated or played. The queue goes on after it."""
    if turns.phase not in ATTACHED:
        return turns, ()  # what was said goes on without us, and is over by its time
    turns, over = hearing.cut_off(turns)
    if turns.phase is Phase.RESPONDING and not turns.cut_off:
        turns, sent = cancel(terms, turns, now)
        return turns, (*sent, *over)
    if turns.phase is Phase.REQUESTED and turns.current is not None:
        current = replace(turns.current, stopped=True)
        turns = replace(turns, cut_off=True, current=current)
    if not over:
        return turns, ()
    turns, cleared = clear(turns)
    return turns, (*cleared, *over)


def cancel(terms: TurnTerms, turns: TurnState, now: float) -> Turn:
    """Cancel the active response, by its id where that is known."""
    turns, event_id = number(turns)
    cancelled = frames.response_cancel(event_id, turns.current_id)
    current = None if turns.current is None else replace(turns.current, stopped=True)
    until = now + terms.pace.cancel
    turns = replace(turns, cut_off=True, current=current, phase_until=until, word_until=None)
    turns, cleared = clear(turns)
    return turns, (cancelled, *cleared)


def clear(turns: TurnState) -> Turn:
    """Throw away what is still to be played."""
    turns, event_id = number(turns)
    outs: tuple[Out, ...] = (frames.output_clear(event_id),)
    return turns, outs
