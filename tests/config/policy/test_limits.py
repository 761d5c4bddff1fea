"""`[[policy.limits]]`, from TOML to the decision: who is counted, how much, and what then."""

from __future__ import annotations

from typing import Any

import pytest

from controller.sansio.policy import Accept, Key, Limit, Measure, Period, Reject, Rules, Sliding
from tests.config.policy.house import CALLED, CALLER, POLICY, House, decide, instant, word

DEFAULTS = POLICY.replace("default_limits = false\n", "")
PRIVATE = ("Privacy", "id")
ASSERTED = ("P-Asserted-Identity", f"<sip:{CALLER}@trunk.example.net>")


def limit(keys: str, *, name: str = "some", by: str = "caller", at_most: float = 2) -> str:
    head = f'[[policy.limits]]\nname = "{name}"\nby = "{by}"\nat_most = {at_most:g}\n'
    return head + keys + "\n"


def names(rules: Rules) -> list[str]:
    return [each.name for each in rules.limits]


def only(house: House, toml: str) -> Limit:
    (found,) = house.load(toml).rules.limits
    return found


# --- the defaults --------------------------------------------------------------------------------


def test_the_defaults_hold_unless_they_are_switched_off(house: House) -> None:
    expected = ["arrivals", "withheld", "caller", "caller_10_min", "caller_day", "spend_day"]

    assert names(house.load("", policy=DEFAULTS).rules) == expected
    assert names(house.load("").rules) == []


def test_a_limit_takes_the_place_of_the_default_of_its_name(house: House) -> None:
    toml = limit("reject = 486", name="caller", at_most=5) + limit("", name="more", by="total")

    rules = house.load(toml, policy=DEFAULTS).rules

    expected = ["arrivals", "withheld", "caller", "caller_10_min", "caller_day", "spend_day"]
    assert names(rules) == [*expected, "more"]
    assert (rules.limits[2].at_most, rules.limits[2].over) == (5, Reject(486))


def test_days_are_those_of_the_policys_zone_else_of_utc(house: House) -> None:
    at = instant("2026-11-18 23:30")
    here = house.load("", policy=DEFAULTS).rules.limits[-1].within
    there = house.load("", policy='[policy]\ndefault_agent = "frontdesk"\n').rules.limits[-1].within

    assert isinstance(here, Period)
    assert isinstance(there, Period)
    assert (here.label(at), there.label(at)) == ("2026-11-18", "2026-11-19")


def test_a_number_that_many_share_is_not_limited_as_one_caller(house: House) -> None:
    policy = DEFAULTS + f'shared_numbers = ["{CALLER}", "+44*"]\n'
    toml = limit('exempt = ["+12025550143"]', name="caller") + limit("", name="all", by="number")

    found = house.load(toml, policy=policy)

    for caller in (CALLER, "+12025550143", "+442079460000"):
        decision = decide(found, caller=caller)
        assert isinstance(decision, Accept)
        counted = {share.key.limit for share in decision.shares}
        assert "caller" not in counted
        assert {"arrivals", "all"} <= counted
    decision = decide(found, caller="+12025550144")
    assert isinstance(decision, Accept)
    assert Key("caller", "+12025550144") in {share.key for share in decision.shares}


# --- one limit -----------------------------------------------------------------------------------

COUNTED: list[tuple[str, str, dict[str, Any], Key | None]] = [
    # by, further keys, call, the count that it takes of
    ("total", "", {}, Key("some")),
    ("number", "", {}, Key("some", CALLED)),
    ("number", f'only = ["{CALLED}"]', {}, Key("some", CALLED)),
    ("number", 'only = ["+12025550101"]', {}, None),
    ("agent", "", {}, Key("some", "frontdesk")),
    ("agent", 'only = ["nightdesk"]', {}, None),
    ("agent", 'only = ["frontdesk"]', {}, Key("some", "frontdesk")),
    ("caller", "", {}, Key("some", CALLER)),
    ("caller", f'only = ["{CALLER}"]', {}, Key("some", CALLER)),
    ("caller", 'only = ["+12025550143"]', {}, None),
    ("caller", "", {"caller": None}, None),
    ("caller", 'exempt = ["+1202*"]', {}, None),
    ("total", f'exempt = ["{CALLER}"]', {}, None),
    ("withheld", "", {"headers": [PRIVATE]}, Key("some")),
    ("withheld", "", {"caller": None}, Key("some")),
    ("withheld", "", {}, None),
    ("untrusted", "", {}, Key("some")),
    ("untrusted", "", {"headers": [ASSERTED]}, None),
]


@pytest.mark.parametrize(("by", "keys", "call", "key"), COUNTED)
def test_a_limit_is_about_some_calls_and_leaves_the_others(
    house: House, by: str, keys: str, call: dict[str, Any], key: Key | None
) -> None:
    found = house.load(limit(keys, by=by))
    call = dict(call)
    headers = call.pop("headers", ())

    decision = decide(found, *headers, **call)
    full = decide(found, *headers, **call, full=frozenset({key} if key else ()))

    assert isinstance(decision, Accept)
    keys_taken = [share.key for share in decision.shares if share.key.limit == "some"]
    assert keys_taken == ([] if key is None else [key])
    refused = "503" if by == "total" else "480"
    assert word(full) == ("frontdesk" if key is None else refused)
    if key is not None:
        assert full.rule == "some"


@pytest.mark.parametrize(
    ("keys", "becomes"),
    [
        ("reject = 486", "486"),
        ('agent = "overflow"', "overflow"),
        ('agent = "overflow"\nrefer_to = "reception"', "overflow, then reception"),
        ("", "480"),
    ],
)
def test_a_full_limit_does_what_it_says(house: House, keys: str, becomes: str) -> None:
    found = house.load(limit(keys))

    decision = decide(found, full=frozenset({Key("some", CALLER)}))

    assert word(decision) == becomes
    assert decision.rule == "some"
    assert decision.why == "at most 2 calls at once of one caller is reached"


def test_the_words_of_a_limit_are_those_of_the_call(house: House) -> None:
    decision = decide(
        house.load(limit('agent = "overflow"\nsay = "All lines are busy."')),
        full=frozenset({Key("some", CALLER)}),
    )

    assert isinstance(decision, Accept)
    assert decision.say == "All lines are busy."


@pytest.mark.parametrize(
    ("within", "seconds"),
    [("1s", 1), ("10min", 600), ("10 min", 600), ("1h", 3600), ("24h", 86_400), ("168h", 604_800)],
)
def test_calls_are_counted_in_so_many_seconds(house: House, within: str, seconds: float) -> None:
    assert only(house, limit(f'within = "{within}"')).within == Sliding(seconds)


@pytest.mark.parametrize("measure", ["calls", "minutes", "usd"])
@pytest.mark.parametrize("within", ["day", "month"])
def test_all_measures_are_counted_by_the_calendar(
    house: House, measure: Measure, within: str
) -> None:
    found = only(house, limit(f'within = "{within}"\nmeasure = "{measure}"'))

    assert isinstance(found.within, Period)
    assert (found.within.each, found.measure) == (within, measure)


def test_money_has_a_deposit_and_marks(house: House) -> None:
    keys = 'within = "day"\nmeasure = "usd"\ndeposit = 0.5\n'

    assert only(house, limit(keys)).deposit == 0.5
    assert only(house, limit(keys)).warn_at == (0.5, 0.8)
    assert only(house, limit(keys + "warn_at = [0.9, 0.25, 0.9]")).warn_at == (0.25, 0.9)


@pytest.mark.parametrize(
    ("keys", "line", "message"),
    [
        ('within = "2d"', 9, "within: found '2d'; must be like \"10min\""),
        ('within = "169h"', 9, "within: found '169h'; must be like"),
        ('within = "0s"', 9, "within: found '0s'; must be like"),
        ('measure = "usd"', 9, "measure: usd are counted by the calendar; give within"),
        (
            'measure = "usd"\nwithin = "1h"',
            10,
            "within: usd are counted by the calendar; give within",
        ),
        ('measure = "minuts"', 9, "measure: found 'minuts'; must be 'calls', 'minutes' or 'usd'"),
        ("deposit = 1.0", 9, "deposit: is of no use; calls are counted as one each"),
        (
            'measure = "usd"\nwithin = "day"\ndeposit = 3',
            11,
            "deposit: is more than at_most; no call could begin",
        ),
        ("warn_at = [0.5]", 9, "warn_at: is of no use; alarms are raised where measure is"),
        (
            'measure = "usd"\nwithin = "day"\nwarn_at = [1.5]',
            11,
            "warn_at[0]: found 1.5; must be less than 1",
        ),
        ('only = ["+12025550143", "1"]', 9, "only[1]: found '1'; must be a whole number, like"),
        ("only = []", 9, "only: found []; must not be empty"),
        ('exempt = ["*"]', 9, "exempt[0]: found '*'; must be a number like"),
        ("ignore = true", 9, "ignore: unknown key; "),
        ('say = "Busy."', 9, "say: there is no agent; name the agent who answers"),
        ('refer_to = "reception"', 9, "refer_to: there is no agent; name the agent who answers"),
        ('agent = "overflo"', 9, "agent: no agent is named 'overflo'; did you mean \"overflow\"?"),
        (
            'agent = "overflow"\nrefer_to = "desk"',
            10,
            "refer_to: no target is named 'desk'; there is reception",
        ),
        (
            'agent = "overflow"\nreject = 480',
            10,
            "reject: stands beside agent; must be one of them",
        ),
        ("reject = 200", 9, "reject: found 200; must be a SIP code from 400 to 699"),
    ],
)
def test_what_cannot_be_counted_is_told(house: House, keys: str, line: int, message: str) -> None:
    (problem,) = house.problems(limit(keys))

    assert problem.startswith(f"controller.toml:{line}: policy.limits[0].{message}")


@pytest.mark.parametrize(
    ("by", "only", "message"),
    [
        ("number", "+12025550109", "no number of ours is '+12025550109'; did you mean"),
        ("number", "*", "found '*'; must be a whole number, like"),
        ("agent", "nobody", "no agent is named 'nobody'; there is frontdesk"),
        ("caller", "+1202*", "found '+1202*'; must be a whole number, like"),
    ],
)
def test_a_limit_about_nobody_is_told(house: House, by: str, only: str, message: str) -> None:
    (problem,) = house.problems(limit(f'only = ["{only}"]', by=by))

    assert problem.startswith(f"controller.toml:9: policy.limits[0].only[0]: {message}")


def test_where_every_number_is_taken_a_limit_may_be_about_any(house: House) -> None:
    catch_all = '[[numbers]]\nnumber = "*"\nagent = "frontdesk"\n'

    found = only(house, limit('only = ["+12025550109"]', by="number") + catch_all)

    assert found.only == frozenset({"+12025550109"})


@pytest.mark.parametrize("by", ["total", "withheld", "untrusted"])
def test_a_limit_about_all_cannot_be_about_some(house: House, by: str) -> None:
    (problem,) = house.problems(limit(f'only = ["{CALLED}"]', by=by))

    assert f"only: is of no use where calls are counted by {by}; leave it out" in problem


def test_a_part_of_a_call_is_not_counted(house: House) -> None:
    (problem,) = house.problems(limit("", at_most=2.5))

    assert problem == (
        "controller.toml:8: policy.limits[0].at_most: found 2.5; must be a whole number of calls"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("full", "'full' is a word of our own; name it otherwise"),
        ("unknown_number", "'unknown_number' is a word of our own; name it otherwise"),
        ("taken", "'taken' is taken; name it otherwise"),
        ("two words", "found 'two words'; must be a name of letters, digits, - and _"),
    ],
)
def test_a_name_says_one_thing_only(house: House, name: str, message: str) -> None:
    (problem,) = house.problems(limit("", name="taken") + limit("", name=name))

    assert problem == f"controller.toml:11: policy.limits[1].name: {message}"


def test_the_others_are_checked_beside_one_that_is_wrong(house: House) -> None:
    found = house.problems(limit("reject = 1") + limit('agent = "x"', name="other"))

    assert [each.partition(": ")[2].partition(":")[0] for each in found] == [
        "policy.limits[0].reject",
        "policy.limits[1].agent",
    ]


# --- limits that none keeps ----------------------------------------------------------------------


def desk(agent: str, to: str) -> str:
    return limit(f'only = ["{agent}"]\nagent = "{to}"', name=f"of_{agent}", by="agent")


def test_limits_that_hand_calls_round_are_warned_of_once(house: House) -> None:
    ring = desk("frontdesk", "nightdesk") + desk("nightdesk", "overflow")
    (warning,) = house.warnings(ring + desk("overflow", "frontdesk"))

    assert warning == (
        "controller.toml:17: policy.limits[2]: frontdesk -> nightdesk -> overflow -> frontdesk goes"
        " round: when all are full, no limit holds them"
    )


@pytest.mark.parametrize(
    "toml",
    [
        desk("frontdesk", "nightdesk") + desk("nightdesk", "overflow"),
        desk("frontdesk", "frontdesk") + 'say = "One moment."\nrefer_to = "reception"\n',
        desk("frontdesk", "nightdesk") + limit("", by="agent"),
    ],
)
def test_limits_that_end_somewhere_are_not_warned_of(house: House, toml: str) -> None:
    assert house.warnings(toml) == []
