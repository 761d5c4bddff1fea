"""The call's machine, sans I/O.

Theory of operation. A call is one frozen value (`state.CallState`). `table.TABLE` says what each
event does in each state; the handlers stand beside each other by the part of a call's life:
`answering` (offer to answer or refusal), `attaching` (the channel to the model, lost and regained),
`opening` (disclosure and greeting), `talking` (operators and watchers), `menu` (the caller's keys),
`tooling` (what the model calls; `built_in` what is ours of it, `fillers` what is said meanwhile,
`answers` what we say to it), `lasting` (the longest duration), `referring` (transfers), `ending`
(last words, hang-up, outcome) and `closing` (which step of an end follows which).
`machine.Call` holds the value and applies the table.

The machine knows no vendor event and no "response": a dialect's turn machine translates. It asks
for `Say` and is told `SpeechHeard`; what it takes to be heard is the dialect's business.

Invariants, held by property tests: every pair of state and event is defined; `deadline` is None
exactly in ENDED and RELEASED; deadlines alone end every call; one outcome, reported last; no tool
call runs twice; each target is tried once; no word after the hang-up, no command after the end.
"""

from controller.sansio.call.machine import Call
from controller.sansio.call.referring import Obstacle
from controller.sansio.call.state import CallState, State
from controller.sansio.call.terms import Limits, TargetTerms, Terms, ToolTerms, terms_of

__all__ = [
    "Call",
    "CallState",
    "Limits",
    "Obstacle",
    "State",
    "TargetTerms",
    "Terms",
    "ToolTerms",
    "terms_of",
]
