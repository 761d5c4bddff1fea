"""Calls that wait for a decision, as the tests of the policy need them."""

from __future__ import annotations

from typing import Any

from controller.sansio.incoming import IncomingCall
from controller.sansio.numbers import UNPARSED, WITHHELD, Number
from controller.sansio.parties import UNREADABLE, CalledNumber
from controller.sansio.policy import Load
from controller.sansio.policy.facts import Facts, read_facts

NOW = 1_795_000_000.0
"""Wednesday 18 November 2026, 11:06:40 UTC."""
QUIET = Load(live_calls=0, admitting=True)
CALLED = "+12025550100"
CALLER = "+12025550142"


def called_by(number: str | None, *others: str) -> CalledNumber:
    return UNREADABLE if number is None else CalledNumber("read", number, "diversion", others)


def number_of(caller: str | None) -> Number:
    if caller is None:
        return UNPARSED
    return WITHHELD if caller == "withheld" else Number("e164", caller)


def offer(called: str | None = CALLED, caller: str | None = CALLER, **fields: Any) -> IncomingCall:
    """Return a call. `withheld` is a caller who asks for that, None one who cannot be read."""
    number = number_of(caller)
    defaults: dict[str, Any] = {
        "provider_id": "rtc_1",
        "event_id": "evt_1",
        "webhook_id": "wh_1",
        "created_at": int(NOW),
        "caller": number,
        "caller_shown": number,
        "caller_trust": "withheld" if caller == "withheld" else "claimed",
        "called": called_by(called),
    }
    return IncomingCall(**(defaults | fields))


def facts(called: str | None = CALLED, caller: str | None = CALLER, **fields: Any) -> Facts:
    return read_facts(offer(called, caller, **fields), {CALLED})
