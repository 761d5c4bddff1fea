"""Admission: which agent takes a call, or what the caller is told instead.

The SIP address has no authentication (design, section 4, rule 14): this function is the only door.
The order of its questions is part of its meaning:

1. **Is it ours at all?** The operator's rules are asked in their order, and the first that matches
   decides; then the table of called numbers, `*`, the default agent. With `unknown_number =
   "ignore"` another controller shares the project (O3), and rejecting its call would end it. So a
   call that is not ours is ignored whatever our own state: draining or full, we have nothing to say
   about it. A rule that names no called number ("closed", "blocked") speaks of our calls only.
2. **Do we take calls?** A process that drains or is paused may have been replaced, with another
   configuration. It does not know any more which numbers exist, so its answer is 503 (try
   elsewhere) to known and unknown numbers alike, and never a definite 404.
3. **Is it an emergency?** What a trusted trunk marks so passes blocks, hours and limits, and goes
   to a human (O9). A `Priority` header alone opens nothing.
4. **Is it refused** by a rule, or is the number not one of ours? It is told so even when the house
   is full: that holds at any load, and `busy` would make a misdialled caller try again.
5. **Does it go round in circles?** A caller whom a target has sent back twice is refused: a
   third transfer would end here again (O6).
6. **Is there room** under each limit, in order? A limit that is full refuses with its own code, or
   gives the call to another agent, who is within all the other limits.
7. **Has the provider tokens left?**

Nothing is counted here. An `Accept` holds the shares that the call takes; the ledger takes them all
or none (`reserve`). Where there is no room for one, the shell decides again, with that in
`Load.full`. So refused calls are counted nowhere, and the counts are exact however many calls
arrive at once.

    facts        what may be asked of a call, read once
    conditions   the questions
    rules        what the operator configured
    limits       of what there may only be so much;  shares: what one call takes
    admission    the decision;  explaining: the decision with its reasons
"""

from __future__ import annotations

from controller.sansio.policy.admission import (
    EMERGENCY_ALARM,
    LOOP_HOPS,
    UNREADABLE_ALARM,
    Load,
    admit,
    reassign,
)
from controller.sansio.policy.decisions import Accept, Decision, Ignore, Reject
from controller.sansio.policy.explaining import Explanation, Tried, explain
from controller.sansio.policy.limits import Limit, Period, Sliding, default_limits
from controller.sansio.policy.number_sets import NumberSet
from controller.sansio.policy.rules import CATCH_ALL, FULL, Emergencies, Rule, Rules
from controller.sansio.policy.shares import ALL, WARN_AT, Key, Measure, Share, Used, crossed

__all__ = [
    "ALL",
    "CATCH_ALL",
    "EMERGENCY_ALARM",
    "FULL",
    "LOOP_HOPS",
    "UNREADABLE_ALARM",
    "WARN_AT",
    "Accept",
    "Decision",
    "Emergencies",
    "Explanation",
    "Ignore",
    "Key",
    "Limit",
    "Load",
    "Measure",
    "NumberSet",
    "Period",
    "Reject",
    "Rule",
    "Rules",
    "Share",
    "Sliding",
    "Tried",
    "Used",
    "admit",
    "crossed",
    "default_limits",
    "explain",
    "reassign",
]
