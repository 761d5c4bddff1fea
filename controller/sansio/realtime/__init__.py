"""The dialect of OpenAI's Realtime API, sans I/O.

Theory of operation. `codec` reads server events, `frames` writes client events, `session` makes the
session config. Between them stands the turn machine (`machine.Turns`), driven by `table.TABLE`: it
keeps one response at a time (`speaking`), holds the caller's speech while the first and the last
words are spoken (`holding`), and follows generated words to the caller's ear (`hearing`). Towards
the call it speaks no Realtime: `Say` comes in, `SpeechHeard` goes out.

What it owes the call: every `Say` is followed by one or more `SpeechHeard` of its `say_id`, by
timer if by nothing else; a hold fails open; at most one response that we asked for is unanswered
at any time.
"""

from controller.sansio.realtime.machine import Turns
from controller.sansio.realtime.parts import Phase
from controller.sansio.realtime.state import Pace, TurnState

__all__ = ["Pace", "Phase", "TurnState", "Turns"]
