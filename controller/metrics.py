"""What is counted and timed, in Prometheus' terms. No call id and no telephone number among it.

Every service has a registry of its own, so that two in one process (a test has two) do not mix.
Labels come from small sets; where a set is not ours (a tool's name is the model's word), it is
bounded, and what comes too late is counted as `other`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

MAX_LABELS: Final = 100
"""Different label values of one metric."""

OTHER: Final = "other"
"""Label of everything above `MAX_LABELS`, and of what is no word."""

LAG_INTERVAL: Final = 0.25
"""Seconds between two probes of the event loop."""

_QUICK: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.25, 1.0)
"""Seconds: of what we do ourselves."""
_REMOTE: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
"""Seconds: of what others do, up to the limits that we set them."""
_AGE: Final = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 300.0, 3600.0)
"""Seconds: from a call's offer to its delivery. `created_at` is in whole seconds."""

_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_Child = TypeVar("_Child", Counter, Histogram, Gauge)


class _Children:
    """Bounded labelled children of one metric, looked up once each."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], object] = {}

    def of(self, metric: _Child, *labels: str) -> _Child:
        child = self._known.get(labels)
        if child is None:
            is_full = len(self._known) >= MAX_LABELS
            words = tuple(label if _WORD.fullmatch(label) else OTHER for label in labels)
            child = metric.labels(*((OTHER,) * len(words) if is_full else words))
            if not is_full:
                self._known[labels] = child
        assert isinstance(child, type(metric))  # noqa: S101  # one _Children serves one metric
        return child


class Metrics:
    """Satisfies `Meter`.

    Args:
        registry: what `/metrics` shows.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        self._deliveries = Counter(
            "controller_deliveries", "Webhook deliveries by result", ["result"], registry=registry
        )
        self._outcomes = Counter(
            "controller_calls", "Calls that ended, by outcome", ["outcome"], registry=registry
        )
        self._reattached = Counter(
            "controller_reattaches", "Sidebands lost and attached again", registry=registry
        )
        self._ignored = Counter(
            "controller_ignored_frames",
            "Sideband frames that were not understood",
            ["reason"],
            registry=registry,
        )
        self._alarms = Counter(
            "controller_alarms", "What an operator must look at", ["kind"], registry=registry
        )
        self._live = Gauge("controller_live_calls", "Calls driven now", registry=registry)
        self._one_way = Counter(
            "controller_one_way_audio",
            "Calls whose caller was neither heard nor pressed a key",
            registry=registry,
        )
        self._cost = Counter("controller_cost_usd", "What calls have cost", registry=registry)
        self._incident = Gauge(
            "controller_incident", "1 while many sidebands are lost at once", registry=registry
        )
        self._tokens = Gauge(
            "controller_tokens_left_ratio", "Of the provider's token limit", registry=registry
        )
        self._tokens.set(1.0)
        self._generation = Gauge(
            "controller_generation_info", "What answers new calls", ["hash"], registry=registry
        )
        self._reloads = Counter(
            "controller_reloads", "Reloads by what became of them", ["result"], registry=registry
        )
        self._spending = Gauge(
            "controller_spend_ratio", "Spent of a limit of money", ["limit"], registry=registry
        )
        self._skew = Gauge(
            "controller_clock_skew_seconds", "Our clock less the provider's", registry=registry
        )
        self._add_times(registry)
        self._children = {
            metric: _Children()
            for metric in (
                self._deliveries,
                self._outcomes,
                self._ignored,
                self._alarms,
                self._tools,
                self._lookups,
                self._requests,
                self._reloads,
                self._spending,
            )
        }

    def _add_times(self, registry: CollectorRegistry) -> None:
        def times(
            name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
        ) -> Histogram:
            return Histogram(
                f"controller_{name}_seconds", text, labels, buckets=buckets, registry=registry
            )

        self._age = times("delivery_age", "Event created to delivery received", _AGE)
        self._acknowledged = times("acknowledge", "Delivery received to 200", _QUICK)
        self._answer_sent = times("answer_sent", "Delivery received to accept sent", _QUICK)
        self._answered = times("session_created", "Accept to session.created", _REMOTE)
        self._tools = times("tool", "Tool runs", _REMOTE, ("tool", "result"))
        self._lookups = times("lookup", "Look-ups before the answer", _REMOTE, ("result",))
        self._requests = times("request", "Requests to the line", _REMOTE, ("verb", "status"))
        self._lag = times("event_loop_lag", "How late the event loop runs", _QUICK)

    def delivery(self, result: str) -> None:
        """Count a webhook delivery by what became of it."""
        self._child(self._deliveries, result).inc()

    def delivery_age(self, seconds: float) -> None:
        """Observe `created_at` to receipt."""
        self._age.observe(seconds)

    def acknowledged(self, seconds: float) -> None:
        """Observe receipt to 200."""
        self._acknowledged.observe(seconds)

    def answer_sent(self, seconds: float) -> None:
        """Observe receipt to the accept request."""
        self._answer_sent.observe(seconds)

    def answered(self, seconds: float) -> None:
        """Observe accept to `session.created`."""
        self._answered.observe(seconds)

    def live_calls(self, count: int) -> None:
        """Set how many calls this process drives now."""
        self._live.set(count)

    def outcome(self, outcome: str) -> None:
        """Count a call by how it ended."""
        self._child(self._outcomes, outcome).inc()

    def reattached(self) -> None:
        """Count a sideband that was lost and is back."""
        self._reattached.inc()

    def tool_ran(self, tool: str, result: str, seconds: float) -> None:
        """Count and time a tool by its result."""
        self._child(self._tools, tool, result).observe(seconds)

    def looked_up(self, result: str, seconds: float) -> None:
        """Count and time a look-up by its result."""
        self._child(self._lookups, result).observe(seconds)

    def request(self, verb: str, status: str, seconds: float) -> None:
        """Count and time a request to the line."""
        self._child(self._requests, verb, status).observe(seconds)

    def ignored_frames(self, reason: str, count: int) -> None:
        """Count sideband frames that were not understood."""
        self._child(self._ignored, reason).inc(count)

    def alarm(self, kind: str) -> None:
        """Count something that an operator must look at."""
        self._child(self._alarms, kind).inc()

    def incident(self, *, is_on: bool) -> None:
        """Set whether many sidebands were lost at once, a moment ago."""
        self._incident.set(is_on)

    def tokens_left(self, fraction: float) -> None:
        """Set what is left of the provider's token limit, as the last call heard it."""
        self._tokens.set(fraction)

    def spent(self, usd: float) -> None:
        """Add what a call has cost."""
        self._cost.inc(max(0.0, usd))

    def generation(self, name: str) -> None:
        """Set which generation answers new calls, by its hash."""
        self._generation.clear()
        self._generation.labels(name).set(1)

    def reloaded(self, result: str) -> None:
        """Count a reload by what became of it."""
        self._child(self._reloads, result).inc()

    def spend_ratio(self, limit: str, ratio: float) -> None:
        """Set what is spent of a limit of money, in its period."""
        self._child(self._spending, limit).set(ratio)

    def clock_skew(self, seconds: float) -> None:
        """Set by how much our clock is ahead of the provider's, as the last answer showed it."""
        self._skew.set(seconds)

    def one_way_audio(self) -> None:
        """Count a call that was heard by its caller and did not hear them."""
        self._one_way.inc()

    def loop_lag(self, seconds: float) -> None:
        """Observe how late the event loop ran a timer."""
        self._lag.observe(seconds)

    def _child(self, metric: _Child, *labels: str) -> _Child:
        return self._children[metric].of(metric, *labels)


async def probe_loop_lag(
    observe: Callable[[float], None], *, interval: float = LAG_INTERVAL
) -> None:
    """Observe how late the event loop runs, until cancelled.

    Args:
        observe: takes seconds.
        interval: seconds between two probes.
    """
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + interval
        await asyncio.sleep(interval)
        observe(max(0.0, loop.time() - due))
