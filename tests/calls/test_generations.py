"""Which generation answers, who still needs an older one, and when a new one is given up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from controller.calls.generations import Generation, Generations, Hold, changes, verdict
from controller.calls.ports import Request
from controller.calls.record import CallRecord
from controller.sansio.agent import Agent, Target
from controller.sansio.policy import Rules

DESK = Target("reception", "sip:+12025550123@trunk.example.net", "The front desk")


def generation(name: str, **more: Any) -> Generation:
    return Generation(hash=name, agents={}, toolboxes={}, rules=Rules(numbers={}), **more)


@dataclass
class Kept:
    """Generations, and what they told."""

    generations: Generations
    alarms: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def states(self) -> dict[str, str]:
        return {each.hash: each.state for each in self.generations.summaries()}

    def take(self) -> Hold:
        with self.generations.use() as current:
            return self.generations.hold(current)


def kept_with(name: str = "a", **more: Any) -> Kept:
    alarms: list[str] = []
    current: list[str] = []
    gone: list[str] = []
    ticks = itertools.count(1000.0)
    generations = Generations(
        generation(name),
        now=lambda: next(ticks),
        alarm=alarms.append,
        when_current=current.append,
        when_gone=gone.append,
        **more,
    )
    return Kept(generations, alarms, current, gone)


def record(*requests: tuple[str, str], answered: bool = False) -> CallRecord:
    incoming: Any = None
    made = CallRecord("c", 1, incoming, None, 0.0, "", "a")
    for verb, status in requests:
        made.traffic.asked(Request(verb, status, 1.0), 0.0)
    made.answered_at = 1.0 if answered else None
    return made


SERVED = record(("accept", "200"), ("attach", "101"), answered=True)
REFUSED = record(("accept", "400"), ("accept", "400"), ("reject", "200"))
RESCUED = record(("accept", "422"), ("accept", "200"), ("attach", "101"), answered=True)
VANISHED = record(("accept", "200"), ("attach", "404"), ("attach", "404"))
ABANDONED = record(("accept", "404"))


def end(hold: Hold, how: CallRecord) -> None:
    hold.judge(how, is_over=True)
    hold.release()


# --- what a generation is ----------------------------------------------------------------------


def test_its_targets_are_all_that_there_are_and_known_by_their_numbers() -> None:
    night = Target("night", "tel:+12025550124", "The night desk")
    agent = Agent(name="frontdesk", model="m", voice="v", instructions="", targets=(DESK,))
    made = Generation("a", {"frontdesk": agent}, {}, Rules(numbers={}), targets={"night": night})

    assert made.targets == {"reception": DESK, "night": night}
    assert made.numbers_of_targets == {
        "+12025550123": frozenset({"reception"}),
        "+12025550124": frozenset({"night"}),
    }


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({}, {}, ()),
        ({"rules": "1"}, {"rules": "1"}, ()),
        ({"rules": "1"}, {"rules": "2"}, ("rules",)),
        (
            {"agent a": "1", "rules": "1"},
            {"agent b": "1", "rules": "2"},
            ("-agent a", "+agent b", "rules"),
        ),
    ],
)
def test_what_differs_between_two_is_named(
    before: Mapping[str, str], after: Mapping[str, str], names: tuple[str, ...]
) -> None:
    assert changes(before, after) == names


# --- which one answers -------------------------------------------------------------------------


def test_a_call_takes_the_one_that_is_current_when_it_comes() -> None:
    kept = kept_with()
    with kept.generations.use() as first:
        kept.generations.activate(generation("b"))
        hold = kept.generations.hold(first)  # decided before, started after

    assert first.hash == "a"
    assert kept.generations.current.hash == "b"
    assert [(each.hash, each.live_calls) for each in kept.generations.summaries()] == [
        ("b", 0), ("a", 1),
    ]  # fmt: skip
    hold.release()
    assert [each.live_calls for each in kept.generations.summaries()] == [0, 0]


def test_who_when_and_what_is_recorded_and_logged() -> None:
    kept = kept_with()
    before = generation("b", pieces={"rules": "1"}, secrets={"CRM": "old"})
    kept.generations.activate(before, by="signal")
    after = generation("c", pieces={"rules": "2"}, secrets={"CRM": "new"})
    with capture_logs() as log:
        kept.generations.activate(after, by="operator uid 1000")

    (newest, *_) = kept.generations.summaries()
    assert (newest.by, newest.since) == ("operator uid 1000", 1002.0)
    assert newest.changed == ("rules", "secrets")
    assert log == [
        {
            "event": "generation_activated",
            "log_level": "info",
            "generation": "c",
            "before": "b",
            "by": "operator uid 1000",
            "changed": ["rules", "secrets"],
        }
    ]
    assert kept.current == ["a", "b", "c"]


def test_a_content_is_found_again_unless_a_secret_has_another_value() -> None:
    kept = kept_with()
    rotated = generation("a", secrets={"CRM": "new"})
    kept.generations.activate(rotated)

    found = kept.generations.find("a", {"CRM": "new"})
    assert found is not None
    assert found.generation is rotated
    assert kept.generations.is_current(found)
    assert kept.generations.find("a", {"CRM": "other"}) is None
    assert len(kept.generations.named("a")) == 1  # the one that was current last
    assert kept.generations.named("a")[0] is found


def test_the_first_letters_of_a_hash_are_enough() -> None:
    kept = kept_with("abc1")
    kept.generations.activate(generation("abd2"))

    assert [each.generation.hash for each in kept.generations.named("abd")] == ["abd2"]
    assert len(kept.generations.named("ab")) == 2
    assert kept.generations.named("x") == []


# --- how long they are kept --------------------------------------------------------------------


def test_the_last_ones_are_kept_and_those_with_live_calls_and_the_last_good_one() -> None:
    kept = kept_with("first", most=2)
    kept.generations.activate(generation("busy"))
    hold = kept.take()
    for name in ("c", "d", "e"):
        kept.generations.activate(generation(name))

    assert set(kept.states()) == {"first", "busy", "d", "e"}
    assert kept.gone == ["c"]

    end(hold, ABANDONED)
    assert set(kept.states()) == {"first", "d", "e"}
    assert kept.gone == ["c", "busy"]


def test_the_last_good_one_goes_when_another_one_is_good() -> None:
    kept = kept_with("first", most=1)
    kept.generations.activate(generation("b"))
    end(kept.take(), SERVED)

    assert kept.gone == ["first"]
    assert kept.states() == {"b": "current"}


def test_modules_are_needed_as_long_as_any_generation_has_their_hash() -> None:
    kept = kept_with("a", most=1)
    kept.generations.activate(generation("a", secrets={"CRM": "new"}))
    end(kept.take(), SERVED)

    assert len(kept.generations.summaries()) == 1
    assert kept.gone == []
    assert kept.generations.knows("a")


def test_one_that_becomes_current_again_is_recent_again() -> None:
    kept = kept_with("a", most=2)
    old, again = generation("b"), generation("c")
    for each in (old, again, old, generation("d")):
        kept.generations.activate(each)

    assert set(kept.states()) == {"a", "b", "d"}
    assert kept.gone == ["c"]


@given(st.lists(st.one_of(st.just("call"), st.just("end"), st.sampled_from("abcdef")), max_size=60))
def test_nothing_that_a_call_needs_is_given_up_and_nothing_else_is_kept(steps: list[str]) -> None:
    kept = kept_with("first", most=3)
    made = {"first": kept.generations.current}
    live: list[tuple[str, Hold]] = []
    for step in steps:
        if step == "call":
            live.append((kept.generations.current.hash, kept.take()))
        elif step == "end" and live:
            end(live.pop(0)[1], ABANDONED)
        elif step != "end":
            found = kept.generations.find(step, {})
            kept.generations.activate(found.generation if found else generation(step))
        there = kept.states()
        assert {name for name, _ in live} <= set(there)
        assert len(there) <= 3 + len({name for name, _ in live}) + 1
        assert sum(each.live_calls for each in kept.generations.summaries()) == len(live)
    assert made["first"].hash in kept.states()  # nothing else was good


# --- health ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "served"),
    [(SERVED, True), (REFUSED, False), (RESCUED, False), (VANISHED, False), (ABANDONED, None)],
)
def test_what_a_call_shows_of_its_generation(how: CallRecord, *, served: bool | None) -> None:
    assert verdict(how, is_over=True) is served


def test_a_sideband_that_is_not_there_yet_shows_nothing_before_the_end() -> None:
    assert verdict(VANISHED, is_over=False) is None
    found = record(("attach", "404"), ("attach", "101"), answered=True)
    assert verdict(found, is_over=True) is True


def test_three_failures_in_a_row_bring_the_last_good_one_back() -> None:
    kept = kept_with()
    kept.generations.activate(generation("b"), by="signal")
    for how in (REFUSED, VANISHED):
        end(kept.take(), how)
    assert kept.generations.current.hash == "b"

    with capture_logs() as log:
        end(kept.take(), RESCUED)

    assert kept.generations.current.hash == "a"
    assert kept.states() == {"a": "current", "b": "unhealthy"}
    assert kept.alarms == ["generation_unhealthy"]
    assert kept.generations.is_unhealthy
    assert [(each["event"], each.get("by")) for each in log] == [
        ("alarm", None), ("generation_activated", "health"),
    ]  # fmt: skip
    assert (log[0]["kind"], log[0]["back_to"]) == ("generation_unhealthy", "a")


def test_a_call_that_shows_nothing_neither_counts_nor_sets_back() -> None:
    kept = kept_with()
    kept.generations.activate(generation("b"))
    for how in (REFUSED, ABANDONED, REFUSED, ABANDONED, REFUSED):
        end(kept.take(), how)

    assert kept.generations.current.hash == "a"


def test_one_call_that_was_served_makes_a_generation_good_for_ever() -> None:
    kept = kept_with()
    kept.generations.activate(generation("b"))
    for how in (REFUSED, REFUSED, SERVED, REFUSED, REFUSED):
        end(kept.take(), how)
    assert kept.alarms == []

    end(kept.take(), REFUSED)  # what broke it now is not what was loaded then

    assert kept.generations.current.hash == "b"
    assert kept.alarms == ["generation_unhealthy"]


def test_a_good_one_that_fails_is_unhealthy_until_a_call_is_served() -> None:
    kept = kept_with()
    told = [kept.generations.is_unhealthy]
    for how in (REFUSED, REFUSED, REFUSED, REFUSED, SERVED):
        end(kept.take(), how)
        told.append(kept.generations.is_unhealthy)

    assert told == [False, False, False, True, True, False]
    assert kept.alarms == ["generation_unhealthy"]  # once


def test_the_one_before_the_last_is_chosen_where_the_last_was_never_good() -> None:
    kept = kept_with("good")
    kept.generations.activate(generation("untried"))
    kept.generations.activate(generation("bad"))
    for _ in range(3):
        end(kept.take(), REFUSED)

    assert kept.generations.current.hash == "good"
    assert kept.states() == {"good": "current", "bad": "unhealthy", "untried": "old"}


def test_calls_of_older_generations_say_nothing_of_the_newest() -> None:
    kept = kept_with()
    kept.generations.activate(generation("b"))
    holds = [kept.take() for _ in range(4)]
    kept.generations.activate(generation("c"))
    for hold in holds:
        end(hold, REFUSED)

    assert kept.generations.current.hash == "c"
    assert kept.alarms == []


@pytest.mark.parametrize("order", list(itertools.permutations(("a", "b"))))
def test_the_last_good_one_is_the_last_that_was_current_whichever_was_proven_first(
    order: tuple[str, ...],
) -> None:
    kept = kept_with("first")
    holds = {}
    for name in ("a", "b", "c"):
        kept.generations.activate(generation(name))
        holds[name] = kept.take()
    for name in order:
        end(holds[name], SERVED)
    for _ in range(3):
        end(kept.take(), REFUSED)

    assert kept.generations.current.hash == "b"


def test_a_call_is_judged_once() -> None:
    kept = kept_with()
    kept.generations.activate(generation("b"))
    hold = kept.take()
    for _ in range(5):
        hold.judge(REFUSED, is_over=True)

    assert kept.generations.current.hash == "b"


def test_none_is_given_up_where_an_operator_switched_that_off() -> None:
    kept = kept_with(unhealthy_after=0)
    kept.generations.activate(generation("b"))
    for _ in range(10):
        end(kept.take(), REFUSED)

    assert kept.generations.current.hash == "b"
    assert not kept.generations.is_unhealthy


def test_an_operator_may_have_an_unhealthy_one_again_and_it_is_on_probation_again() -> None:
    kept = kept_with()
    bad = generation("b")
    kept.generations.activate(bad)
    for _ in range(3):
        end(kept.take(), REFUSED)

    kept.generations.activate(bad, by="operator uid 0")
    told = [(kept.states(), kept.generations.is_unhealthy)]
    for _ in range(3):
        end(kept.take(), REFUSED)
    told.append((kept.states(), kept.generations.is_unhealthy))

    assert told == [
        ({"b": "current", "a": "good"}, False),
        ({"a": "current", "b": "unhealthy"}, True),
    ]


def test_another_generation_ends_the_alarm_of_the_one_that_was_given_up() -> None:
    kept = kept_with()
    kept.generations.activate(generation("b"))
    for _ in range(3):
        end(kept.take(), REFUSED)
    kept.generations.activate(generation("c"))

    assert not kept.generations.is_unhealthy
    assert kept.states() == {"c": "current", "a": "good", "b": "unhealthy"}
