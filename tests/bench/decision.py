"""How long one decision takes, with a large policy: `python tests/bench/decision.py`.

The policy is that of issue 4: 1,000 called numbers, 100 rules, caller lists of 100,000 entries, and
the default limits. It is written as `controller.toml` with list files, and loaded as the service
loads it. Every call has another caller, so that nothing is found in a cache. Prints a table: median
and 99th percentile in microseconds, for reading the facts and deciding, and the seconds that the
loading took, all other checks of a configuration among them.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.config import Generation
from controller.sansio.incoming import IncomingCall
from controller.sansio.numbers import Number
from controller.sansio.parties import CalledNumber
from controller.sansio.policy import Accept, Load, Rules, admit
from controller.settings import load_all

NUMBERS = 1_000
RULES = 100
LISTED = 100_000
LISTS = 3
CALLS = 5_000
NOW = 1_795_000_000.0
"""Before opening time, in November 2026."""
AGENT = '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n+++\nYou answer.\n'
POLICY = """\
[policy]
default_agent = "frontdesk"
time_zone = "America/New_York"
max_concurrent_calls = 1000

[[policy.limits]]
name = "minutes"
by = "number"
at_most = 1e9
measure = "minutes"
within = "month"
agent = "overflow"

[calendars.office]
hours = ["mon-fri 08:00-12:00", "mon-fri 13:00-17:00"]
closed = ["12-25", "01-01", "2026-11-26"]
"""

Kinds = Sequence[Callable[[int], str]]


def number(index: int) -> str:
    """Return a number for a benchmark: of area code 202, which is never dialled here."""
    return f"+1202{2_000_000 + index:07d}"


MIXED: Kinds = [
    *(lambda n: f'called = ["{number(n + 2_000)}"]' for _ in range(8)),
    *(lambda n: f'caller_list = "list{n % LISTS}"' for _ in range(6)),
    lambda n: f'called = ["+1303{n:03d}*"], closed = "office"',
    lambda n: f'header = {{ X-Trunk-Secret = "not this one {n}" }}',
    lambda _: 'caller_country = ["RU", "JM"]',
    lambda n: f'caller_list = "list{n % LISTS}", open = "office"',
    lambda _: 'called = ["+4930*"], open = "office"',
    lambda n: (
        f'caller_list = "list{n % LISTS}", unless = {{ header = {{ X-Trunk-Secret = "r" }} }}'
    ),
]
"""What an operator writes: mostly numbers and lists, some headers, few of the rest."""


def write_lists(folder: Path, dice: random.Random) -> str:
    """Write lists of callers, a hundredth of them prefixes, and return their tables."""
    tables = ""
    for index in range(LISTS):
        some = dice.sample(range(4_000_000, 7_999_999), LISTED * 99 // 100)
        prefixes = [f"+44{each:05d}*" for each in range(LISTED // 100)]
        text = "\n".join([*map(number, some), *prefixes])
        (folder / f"list{index}.txt").write_text(text)
        tables += f'[lists.list{index}]\nfile = "list{index}.txt"\n'
    return tables


def load(folder: Path, kinds: Kinds, lists: str) -> Generation:
    """Load a policy of which no rule matches: the longest way."""
    rules = "".join(
        f'[[policy.rules]]\nname = "rule{index}"\nreject = 603\n'
        f"when = {{ {kinds[index % len(kinds)](index)} }}\n"
        for index in range(RULES if kinds else 0)
    )
    numbers = "".join(
        f'[[numbers]]\nnumber = "{number(index)}"\nagent = "frontdesk"\n'
        for index in range(NUMBERS)
    )
    path = folder / "controller.toml"
    path.write_text(POLICY + rules + lists + numbers)
    return load_all(path, environ={}, with_secrets=False)[1]


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
    live = Load(live_calls=5, admitting=True)
    times = []
    gc.disable()
    for each in calls:
        start = time.perf_counter()
        decision = admit(each, rules, live, NOW)
        times.append(time.perf_counter() - start)
        assert isinstance(decision, Accept)
    gc.enable()
    return sorted(times)


def main() -> None:
    """Measure and print."""
    policies: dict[str, Kinds] = {
        "numbers only": [],
        "100 rules on called numbers": MIXED[:1],
        "100 rules on lists of 100,000 callers": MIXED[8:9],
        "100 rules of all kinds": MIXED,
        "100 rules on opening hours": [lambda _: 'open = "office"'],
    }
    calls = [call(index) for index in range(CALLS)]
    write = sys.stdout.write
    write(f"Python {sys.version.split()[0]}, {CALLS} calls each, µs a decision, s to load\n")
    write(f"{'policy':<40} {'median':>8} {'p99':>8} {'load':>8}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "agents").mkdir()
        for agent in ("frontdesk", "overflow"):
            (folder / "agents" / f"{agent}.md").write_text(AGENT)
        lists = write_lists(folder, random.Random(1))
        for title, kinds in policies.items():
            start = time.perf_counter()
            rules = load(folder, kinds, lists if kinds else "").rules
            loaded = time.perf_counter() - start
            times = measure(rules, calls)
            p99 = times[len(times) * 99 // 100]
            median = statistics.median(times)
            write(f"{title:<40} {median * 1e6:>8.1f} {p99 * 1e6:>8.1f} {loaded:>8.2f}\n")


if __name__ == "__main__":
    main()
