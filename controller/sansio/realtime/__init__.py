"""The dialect of OpenAI's Realtime API, sans I/O.

Theory of operation. `codec` reads server events (`reading` what stands inside them, `billing` what
they cost), `frames` writes client events, `session` makes the session config and `declaring` its
tools. Between them stands the turn machine (`machine.Turns`), driven by `table.TABLE`:

- `asking` queues what is to be said, by priority, and asks for one response at a time: when the
  call has followed what an input means to it (`Turns.settle`), and not before;
- `speaking` tells whose response begins and what became of it, `cutting` cuts it off, `failing`
  tries it again, apologises, and gives up; `showing` sees whether it lives, and what tools it
  calls; `hearing` follows its words to the caller's ear;
- `holding` keeps the caller's speech from cutting off the first and the last words, and ours from
  cutting off the caller's;
- `attaching` proves a session and restores one that was lost, `configuring` changes it while it
  goes on, `posting` puts outputs, approvals and notes into it, `serving` follows MCP servers.

Towards the call it speaks no Realtime: `Say` comes in, `SpeechHeard` goes out.

What it owes the call: every `Say` is followed by one or more `SpeechHeard` of its `say_id`, by
timer if by nothing else, unless the call itself has silenced it; a hold fails open, and so does
waiting for the caller; a response of which nothing is heard is given up; no response that begins
while the call has it silent goes on; `FloorTaken` and `FloorFree` take turns; at most one response
that we asked for is unanswered at any time; no frame without a socket; `ModelFailed` once for each
row of failures.
"""

from controller.sansio.realtime.machine import Turns
from controller.sansio.realtime.parts import Phase
from controller.sansio.realtime.state import Pace, TurnState

__all__ = ["Pace", "Phase", "TurnState", "Turns"]
