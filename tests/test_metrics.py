from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry

from controller.calls.ports import Meter
from controller.metrics import MAX_LABELS, Metrics, probe_loop_lag


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def test_it_is_a_meter(metrics: Metrics) -> None:
    _: Meter = metrics


def test_everything_reported_is_shown(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.delivery("accepted")
    metrics.delivery("accepted")
    metrics.delivery_age(1.0)
    metrics.acknowledged(0.001)
    metrics.answer_sent(0.002)
    metrics.answered(0.5)
    metrics.live_calls(7)
    metrics.outcome("we_hung_up")
    metrics.reattached()
    metrics.tool_ran("opening_hours", "ok", 0.1)
    metrics.looked_up("late", 2.5)
    metrics.request("accept", "200", 0.2)
    metrics.ignored_frames("not_json", 3)
    metrics.alarm("accept_denied")
    metrics.loop_lag(0.004)
    metrics.incident(is_on=True)
    metrics.tokens_left(0.25)
    metrics.spent(0.5)
    metrics.spent(0.25)
    metrics.one_way_audio()
    metrics.clock_skew(-2.5)
    metrics.generation("abc")
    metrics.generation("def")
    metrics.reloaded("unchanged")
    metrics.spend_ratio("spend_day", 0.4)
    metrics.spend_ratio("spend_day", 0.8)

    shown = {
        ("controller_deliveries_total", ("result", "accepted")): 2,
        ("controller_delivery_age_seconds_count",): 1,
        ("controller_acknowledge_seconds_sum",): 0.001,
        ("controller_answer_sent_seconds_sum",): 0.002,
        ("controller_session_created_seconds_sum",): 0.5,
        ("controller_live_calls",): 7,
        ("controller_calls_total", ("outcome", "we_hung_up")): 1,
        ("controller_reattaches_total",): 1,
        ("controller_tool_seconds_sum", ("tool", "opening_hours"), ("result", "ok")): 0.1,
        ("controller_lookup_seconds_sum", ("result", "late")): 2.5,
        ("controller_request_seconds_count", ("verb", "accept"), ("status", "200")): 1,
        ("controller_ignored_frames_total", ("reason", "not_json")): 3,
        ("controller_alarms_total", ("kind", "accept_denied")): 1,
        ("controller_event_loop_lag_seconds_sum",): 0.004,
        ("controller_incident",): 1,
        ("controller_tokens_left_ratio",): 0.25,
        ("controller_cost_usd_total",): 0.75,
        ("controller_one_way_audio_total",): 1,
        ("controller_clock_skew_seconds",): -2.5,
        ("controller_generation_info", ("hash", "abc")): None,
        ("controller_generation_info", ("hash", "def")): 1,
        ("controller_reloads_total", ("result", "unchanged")): 1,
        ("controller_spend_ratio", ("limit", "spend_day")): 0.8,
    }
    for (name, *labels), value in shown.items():
        assert registry.get_sample_value(str(name), dict(labels)) == value  # type: ignore[arg-type]  # pairs


def test_a_tool_name_that_the_model_made_up_cannot_fill_the_memory(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    for number in range(MAX_LABELS + 50):
        metrics.tool_ran(f"tool_{number}", "ok", 0.1)

    other = {"tool": "other", "result": "other"}
    assert registry.get_sample_value("controller_tool_seconds_count", other) == 50


def test_a_label_that_is_no_word_is_not_shown(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    metrics.delivery("call +1 202 555 0100")
    assert registry.get_sample_value("controller_deliveries_total", {"result": "other"}) == 1


def test_two_services_in_one_process_do_not_mix(metrics: Metrics) -> None:
    other = CollectorRegistry()
    Metrics(other)
    metrics.live_calls(3)
    assert other.get_sample_value("controller_live_calls") == 0


@pytest.mark.looptime
async def test_an_idle_loop_has_no_lag() -> None:
    lags: list[float] = []
    probe = asyncio.create_task(probe_loop_lag(lags.append, interval=1.0))
    await asyncio.sleep(10.5)
    probe.cancel()
    assert len(lags) == 10
    assert max(lags) < 0.001


async def test_a_blocked_loop_is_late() -> None:
    lags: list[float] = []
    seen = asyncio.Event()

    def note(seconds: float) -> None:
        lags.append(seconds)
        seen.set()

    probe = asyncio.create_task(probe_loop_lag(note, interval=0.001))
    await asyncio.sleep(0)
    time.sleep(0.02)  # noqa: ASYNC251  # what it measures is a loop that is blocked
    await seen.wait()
    probe.cancel()
    assert lags[0] > 0.01
