"""What holds for every policy and every call."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.sansio.hours import Calendar, Hours, Override
from controller.sansio.incoming import read_incoming
from controller.sansio.policy import (
    Accept,
    Emergencies,
    Ignore,
    Limit,
    Load,
    NumberSet,
    Period,
    Reject,
    Rule,
    Rules,
    Sliding,
    admit,
    explain,
)
from controller.sansio.policy.conditions import (
    All,
    Attested,
    Called,
    CallerCountry,
    CallerIn,
    CallerTrusted,
    CallerWithheld,
    Condition,
    FromHost,
    FromTrunk,
    HasPriority,
    HeaderContains,
    HeaderIs,
    HeaderPresent,
    MediaSecurity,
    Not,
    OpenAt,
)
from controller.sansio.policy.facts import read_facts
from controller.sansio.webhook import CallOffered
from controller.store.counts import Counts
from tests.sansio.policy.offers import NOW, offer

pytestmark = pytest.mark.no_cover  # other tests reach every line; tracing triples its time

BERLIN = ZoneInfo("Europe/Berlin")
NUMBERS = [f"+120255501{index:02d}" for index in range(6)]

numbers = st.sampled_from(NUMBERS)
number_sets = st.lists(numbers | st.sampled_from(["*", "+1202*", "+44*"]), max_size=3).map(
    NumberSet.of
)
text = st.text(st.characters(exclude_categories=()), max_size=12)
names = st.sampled_from(["x-a", "x-b", "priority", "user-to-user"])
calendars = st.builds(
    Calendar,
    st.builds(Hours, st.just(BERLIN), st.just(((0, 480, 1020), (6, 0, 1560)))),
    days=st.sampled_from([{}, {(0, 12, 25): ()}, {(0, 2, 29): ((0, 1440),)}]),
    overrides=st.lists(
        st.builds(Override, st.booleans(), st.floats(0, 2e9), st.floats(0, 2e9)), max_size=2
    ).map(tuple),
)
plain: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Called, number_sets),
    st.builds(CallerIn, number_sets),
    st.builds(CallerCountry, st.frozensets(st.sampled_from(["US", "CA", "GB"]))),
    st.just(CallerWithheld()),
    st.builds(CallerTrusted, st.frozensets(st.sampled_from(["attested", "trunk", "claimed"]))),
    st.builds(HeaderIs, names, text),
    st.builds(HeaderContains, names, text),
    st.builds(HeaderPresent, names),
    st.builds(MediaSecurity, st.frozensets(st.sampled_from(["rtp", "srtp"]))),
    st.builds(Attested, st.frozensets(st.sampled_from(["A", "B"]))),
    st.builds(HasPriority, st.frozensets(st.sampled_from(["emergency", "urgent"]))),
    st.builds(FromHost, st.frozensets(st.sampled_from(["a.example", "b.example"]))),
    st.builds(OpenAt, calendars),
    st.just(FromTrunk()),
)
several = st.builds(All, st.lists(plain, max_size=2).map(tuple))
conditions: st.SearchStrategy[Condition] = plain | several | st.builds(Not, plain | several)
codes = st.integers(400, 699)
agents = st.sampled_from(["frontdesk", "sales", "overflow"])
outcomes = st.one_of(st.builds(Accept, agents), st.builds(Reject, codes), st.builds(Ignore))
rule_lists = st.lists(
    st.builds(Rule, st.just(""), st.lists(conditions, max_size=3).map(tuple), outcomes),
    max_size=6,
).map(lambda rules: tuple(replace(rule, name=f"r{n}") for n, rule in enumerate(rules)))
withins = st.sampled_from([None, Sliding(1), Sliding(600), Period("day", BERLIN)])
limits = st.builds(
    lambda by, at_most, within, over, deposit: Limit(
        name="", by=by, at_most=at_most, within=within, over=over, deposit=deposit,
        measure="usd" if isinstance(within, Period) else "calls",
    ),
    st.sampled_from(["total", "number", "agent", "caller", "withheld", "untrusted"]),
    st.integers(0, 3),
    withins,
    st.builds(Reject, codes) | st.builds(Accept, agents),
    st.sampled_from([0.0, 1.0]),
)  # fmt: skip
limit_lists = st.lists(limits, max_size=4).map(
    lambda found: tuple(replace(limit, name=f"l{n}") for n, limit in enumerate(found))
)
policies = st.builds(
    Rules,
    st.dictionaries(numbers | st.just("*"), agents, max_size=3),
    default_agent=st.none() | agents,
    unknown_number=st.just("ignore") | codes,
    max_concurrent_calls=st.integers(0, 3),
    ordered=rule_lists,
    limits=limit_lists,
    emergencies=st.none()
    | st.builds(Emergencies, st.lists(conditions, max_size=2).map(tuple), st.just("human")),
)
calls = st.builds(
    offer,
    st.none() | numbers,
    st.none() | st.just("withheld") | numbers,
    x_headers=st.lists(st.tuples(st.sampled_from(["x-a", "x-b"]), text), max_size=3).map(tuple),
    priority=st.none() | st.sampled_from(["emergency", "urgent"]),
    media_security=st.none() | st.sampled_from(["rtp", "srtp"]),
    from_host=st.none() | st.just("a.example"),
    attestation=st.none() | st.sampled_from(["A", "C"]),
    is_from_trunk=st.none() | st.booleans(),
)
loads = st.builds(
    Load,
    st.integers(0, 4),
    admitting=st.booleans(),
    tokens_low=st.booleans(),
    returns=st.integers(0, 3),
)
instants = st.floats(0, 4e9)


@settings(max_examples=200)
@given(call=calls, rules=policies, load=loads, now=instants)
def test_every_call_gets_a_decision_with_its_rule_and_why(
    call: Any, rules: Rules, load: Load, now: float
) -> None:
    decision = admit(call, rules, load, now)

    assert decision == admit(call, rules, load, now)
    assert decision.rule
    assert decision.why
    assert "5550" not in decision.why
    assert (decision.alarm is not None) >= (call.called.e164 is None)
    if not load.admitting:
        assert not isinstance(decision, Accept)


@settings(max_examples=200)
@given(call=calls, rules=policies, load=loads, now=instants)
def test_explaining_tells_the_decision_that_is_made(
    call: Any, rules: Rules, load: Load, now: float
) -> None:
    found = explain(call, rules, load, now)

    assert found.decision == admit(call, rules, load, now)
    assert [each.name for each in found.tried] == [
        rule.name for rule in rules.ordered[: len(found.tried)]
    ]
    assert [each.matches for each in found.tried[:-1]] == [False] * (len(found.tried) - 1)
    # What the rules alone decide: as long as nothing else has a say.
    alone = replace(rules, emergencies=None, limits=(), max_concurrent_calls=9)
    decided = admit(call, alone, Load(0, admitting=True), now)
    matching = [each.name for each in found.tried if each.matches]
    by_rule = decided.rule in {rule.name for rule in rules.ordered}
    assert matching == ([decided.rule] if by_rule else [])


@given(
    pairs=st.lists(st.tuples(text | names, text), max_size=6).map(tuple),
    media=st.none() | text,
    rules=policies,
    now=st.floats(),
)
def test_nothing_that_a_caller_sends_and_no_clock_makes_admission_raise(
    pairs: tuple[tuple[str, str], ...], media: str | None, rules: Rules, now: float
) -> None:
    offered = CallOffered("evt_1", 0, "rtc_1", pairs, media)
    call = read_incoming(offered, webhook_id="wh_1", region="US")

    assert admit(call, rules, Load(0, admitting=True), now).rule


@given(call=calls, rules=policies, load=loads, seed=st.integers())
def test_the_order_of_rules_that_do_not_match_never_changes_a_decision(
    call: Any, rules: Rules, load: Load, seed: int
) -> None:
    facts = read_facts(call, rules.numbers)
    matching = [rule for rule in rules.ordered if rule.first_unmet(facts, NOW) is None]
    others = [rule for rule in rules.ordered if rule not in matching]
    dice = random.Random(seed)
    dice.shuffle(others)
    mixed = list(matching)
    for rule in others:
        mixed.insert(dice.randint(0, len(mixed)), rule)

    assert admit(call, replace(rules, ordered=tuple(mixed)), load, NOW) == admit(
        call, rules, load, NOW
    )


@given(
    called=numbers,
    then=st.lists(outcomes, min_size=len(NUMBERS), max_size=len(NUMBERS)),
    order=st.permutations(range(len(NUMBERS))),
)
def test_the_order_of_rules_about_different_numbers_never_changes_a_decision(
    called: str, then: list[Any], order: list[int]
) -> None:
    rules = [
        Rule(number, (Called(NumberSet.of([number])),), decision)
        for number, decision in zip(NUMBERS, then, strict=True)
    ]
    in_order = Rules({}, ordered=tuple(rules))
    shuffled = Rules({}, ordered=tuple(rules[index] for index in order))
    load = Load(0, admitting=True)

    assert admit(offer(called), in_order, load, NOW) == admit(offer(called), shuffled, load, NOW)


class Desk:
    """What the shell does: decide, reserve, and decide again with what was full."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.counts = Counts()
        self.live: dict[str, Accept] = {}

    def take(self, call_id: str, call: Any, now: float) -> None:
        load, turns = Load(0, admitting=True), 0
        decision = admit(call, self.rules, load, now)
        while isinstance(decision, Accept):
            full = self.counts.take(call_id, decision.shares, now)
            if full is None:
                self.live[call_id] = decision
                return
            assert full.key not in load.full
            load = replace(load, full=load.full | {full.key})
            decision = admit(call, self.rules, load, now)
            turns += 1
            assert turns < 50
        assert isinstance(decision, Reject)

    def end(self, call_id: str) -> None:
        if self.live.pop(call_id, None) is not None:
            self.counts.settle(call_id, {"usd": 1.0})


open_policies = st.builds(
    Rules,
    st.just({"*": "frontdesk"}),
    default_agent=st.just("frontdesk"),
    max_concurrent_calls=st.integers(0, 3),
    limits=limit_lists,
)
arrivals = st.tuples(st.sampled_from("abcdefgh"), calls, st.booleans(), st.sampled_from([0.0, 0.6]))


@settings(max_examples=150)
@given(rules=open_policies, steps=st.lists(arrivals, max_size=15))
def test_limits_are_never_exceeded_under_any_arrivals_and_endings(
    rules: Rules, steps: list[tuple[str, Any, bool, float]]
) -> None:
    desk, now = Desk(rules), NOW
    for call_id, call, ends, wait in steps:
        now += wait
        if ends or call_id in desk.live:
            desk.end(call_id)
            continue
        desk.take(call_id, call, now)
        shares = [share for accept in desk.live.values() for share in accept.shares]
        for share in shares:
            if share.measure == "calls":
                assert desk.counts.used(share) <= share.at_most
            if share.seconds is None and share.period is None:
                held = sum(1 for each in shares if each.key == share.key)
                assert desk.counts.used(share) == held
    for call_id in list(desk.live):
        desk.end(call_id)
    assert desk.counts._places == {}


@pytest.mark.parametrize("now", [float("nan"), float("inf"), float("-inf"), -1e300, 1e300, 0.0])
def test_a_clock_that_tells_no_time_ends_no_call(now: float) -> None:
    always = Calendar(Hours(BERLIN, tuple((day, 0, 1440) for day in range(7))))
    limit = Limit(name="day", by="total", at_most=1, within=Period("day", BERLIN), over=Reject(480))
    rules = Rules(
        {"*": "a"}, ordered=(Rule("open", (OpenAt(always),), Accept("b")),), limits=(limit,)
    )

    decision = admit(offer(), rules, Load(0, admitting=True), now)

    assert isinstance(decision, Accept)
    assert decision.agent_name == "b"
