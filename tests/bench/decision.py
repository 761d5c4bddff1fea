"""How long one decision takes, with a large policy: `python tests/bench/decision.py`.

The policy is that of issue 4: 1,000 called numbers, 100 rules, caller lists of 100,000 entries, and
the default limits. Every call has another caller, so that nothing is found in a cache. Prints a
table: median and 99th percentile in microseconds, for reading the facts and deciding.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from controller.sansio.hours import Calendar, Hours
from controller.sansio.incoming import IncomingCall
from controller.sansio.numbers import Number
from controller.sansio.parties import CalledNumber
from controller.sansio.policy import (
    Accept,
    Limit,
    Load,
    NumberSet,
    Period,
    Reject,
    Rule,
    Rules,
    admit,
    default_limits,
)
from controller.sansio.policy.conditions import (
    Called,
    CallerCountry,
    CallerIn,
    Condition,
    HeaderIs,
    Not,
    OpenAt,
)

NUMBERS = 1_000
RULES = 100
LISTED = 100_000
CALLS = 5_000
NOW = 1_795_000_000.0
"""Before opening time, in November 2026."""
ZONE = ZoneInfo("America/New_York")
OFFICE = Calendar(
    Hours(
        ZONE,
        tuple((day, start, end) for day in range(5) for start, end in ((480, 720), (780, 1020))),
    ),
    days={(0, 12, 25): (), (0, 1, 1): (), (2026, 11, 26): ()},
)

Kinds = Sequence[Callable[[int], tuple[Condition, ...]]]


def number(index: int) -> str:
    """Return a number for a benchmark: of area code 202, which is never dialled here."""
    return f"+1202{index:07d}"


def blocked(dice: random.Random) -> NumberSet:
    """Return a list of callers, a hundredth of them prefixes."""
    exact = {number(each) for each in dice.sample(range(5_000_000, 9_999_999), LISTED * 99 // 100)}
    prefixes = {f"+44{each:05d}*" for each in range(LISTED // 100)}
    return NumberSet.of(exact | prefixes)


def policy(kinds: Kinds) -> Rules:
    """Return a policy of which no rule matches: the longest way."""
    rules = tuple(
        Rule(f"rule{index}", kinds[index % len(kinds)](index), Reject(603))
        for index in range(RULES)
    )
    limits = (
        *default_limits(ZONE),
        Limit(
            name="minutes", by="number", at_most=1e9, measure="minutes",
            within=Period("month", ZONE), over=Accept("overflow"),
        ),
    )  # fmt: skip
    return Rules(
        {number(index): "frontdesk" for index in range(NUMBERS)},
        max_concurrent_calls=1_000,
        ordered=rules,
        limits=limits,
    )


def mixed(dice: random.Random) -> Kinds:
    """Return what an operator writes: mostly numbers and lists, some headers, few of the rest."""
    lists = [blocked(dice) for _ in range(3)]
    return [
        *(lambda n: (Called(NumberSet.of([number(n + 2_000)])),) for _ in range(8)),
        *(lambda n: (CallerIn(lists[n % 3], "blocked"),) for _ in range(6)),
        lambda n: (Called(NumberSet.of([f"+1303{n:03d}*"])), Not(OpenAt(OFFICE))),
        lambda n: (HeaderIs("x-trunk-secret", f"not this one {n}"),),
        lambda n: (CallerCountry(frozenset({"RU", "JM"})),),
        lambda n: (CallerIn(lists[n % 3]), OpenAt(OFFICE)),
        lambda _: (OpenAt(OFFICE), Called(NumberSet.of(["+4930*"]))),
        lambda n: (Not(HeaderIs("x-trunk-secret", "right")), CallerIn(lists[n % 3])),
    ]


def call(index: int) -> IncomingCall:
    """Return a call of a caller who has not called before."""
    caller = Number("e164", number(1_000_000 + index))
    return IncomingCall(
        provider_id="rtc_1",
        event_id="evt_1",
        webhook_id="wh_1",
        created_at=int(NOW),
        caller=caller,
        caller_shown=caller,
        caller_trust="trunk",
        called=CalledNumber("read", number(index % NUMBERS), "diversion"),
        x_headers=(("x-trunk-secret", "right"), ("x-tenant", "acme")),
        media_security="srtp",
    )


def measure(rules: Rules, calls: Sequence[IncomingCall]) -> list[float]:
    """Return seconds, one for each call, in order of length."""
    load = Load(live_calls=5, admitting=True)
    times = []
    gc.disable()
    for each in calls:
        start = time.perf_counter()
        decision = admit(each, rules, load, NOW)
        times.append(time.perf_counter() - start)
        assert isinstance(decision, Accept)
    gc.enable()
    return sorted(times)


def main() -> None:
    """Measure and print."""
    dice = random.Random(1)
    kinds = mixed(dice)
    policies = {
        "numbers only": Rules({number(index): "a" for index in range(NUMBERS)}),
        "100 rules on called numbers": policy(kinds[:1]),
        "100 rules on lists of 100,000 callers": policy(kinds[8:9]),
        "100 rules of all kinds": policy(kinds),
        "100 rules on opening hours": policy([lambda _: (OpenAt(OFFICE),)]),
    }
    calls = [call(index) for index in range(CALLS)]
    write = sys.stdout.write
    write(f"Python {sys.version.split()[0]}, {CALLS} calls each, µs a decision\n")
    write(f"{'policy':<40} {'median':>8} {'p99':>8}\n")
    for name, rules in policies.items():
        times = measure(rules, calls)
        p99 = times[len(times) * 99 // 100]
        write(f"{name:<40} {statistics.median(times) * 1e6:>8.1f} {p99 * 1e6:>8.1f}\n")


if __name__ == "__main__":
    main()
