"""`[[policy.rules]]`: their order, their consequences, their names."""

from __future__ import annotations

import pytest

from controller.config.policy.rules import RESERVED
from controller.sansio.policy import Accept
from tests.config.policy.house import CALLER, House, decide, word


def rule(name: str, when: str = "{}", then: str = "reject = 603") -> str:
    return f'[[policy.rules]]\nname = "{name}"\nwhen = {when}\n{then}\n'


def test_the_first_that_matches_decides(house: House) -> None:
    found = house.load(
        rule("blocked", f'{{ caller = "{CALLER}" }}')
        + rule("friends", '{ caller = "+1202*" }', 'agent = "overflow"')
        + rule("rest", "{}", 'agent = "nightdesk"')
    )

    assert [each.name for each in found.rules.ordered] == ["blocked", "friends", "rest"]
    decisions = [decide(found, caller=each) for each in (CALLER, "+12025550143", "+13035550143")]
    assert [(each.rule, word(each)) for each in decisions] == [
        ("blocked", "603"),
        ("friends", "overflow"),
        ("rest", "nightdesk"),
    ]


@pytest.mark.parametrize(
    ("then", "becomes"),
    [
        ("reject = 486", "486"),
        ("ignore = true", "ignored"),
        ('agent = "nightdesk"', "nightdesk"),
        ('agent = "nightdesk"\nrefer_to = "reception"', "nightdesk, then reception"),
    ],
)
def test_a_rule_has_one_consequence(house: House, then: str, becomes: str) -> None:
    decision = decide(house.load(rule("some", then=then)))

    assert word(decision) == becomes
    assert (decision.rule, decision.why) == ("some", "it always holds")


def test_the_words_of_a_rule_are_those_of_the_call(house: House) -> None:
    decision = decide(house.load(rule("some", then='agent = "nightdesk"\nsay = "We are closed."')))

    assert isinstance(decision, Accept)
    assert decision.say == "We are closed."


def test_a_rule_that_names_no_number_leaves_the_calls_of_others_alone(house: House) -> None:
    found = house.load(rule("blocked"))

    assert word(decide(found)) == "603"
    assert word(decide(found, called="+12025550199")) == "404"


@pytest.mark.parametrize(
    ("keys", "line", "key", "message"),
    [
        ("when = {}", 5, "", "has no consequence; give one of reject, agent, ignore = true"),
        ("when = {}\nignore = false", 8, "ignore", "says nothing; must be true, or left out"),
        (
            "when = {}\nreject = 603\nignore = true", 9, "ignore",
            "is not the only consequence; must be one of them",
        ),
        (
            'when = {}\nagent = "overflow"\nignore = true', 9, "ignore",
            "is not the only consequence; must be one of them",
        ),
        (
            'when = {}\nreject = 603\nagent = "overflow"', 8, "reject",
            "stands beside agent; must be one of them",
        ),
        (
            'when = {}\nreject = 603\nsay = "No."', 9, "say",
            "there is no agent; name the agent who answers",
        ),
        ("when = {}\nreject = 302", 8, "reject", "found 302; must be a SIP code from 400 to 699"),
        (
            'when = {}\nagent = "frontdsk"', 8, "agent",
            "no agent is named 'frontdsk'; did you mean \"frontdesk\"?",
        ),
        (
            'when = {}\nagent = "overflow"\nrefer_to = "recepton"', 9, "refer_to",
            "no target is named 'recepton'; did you mean \"reception\"?",
        ),
        ("reject = 603", 5, "when", "is missing; must be given: what must hold, all of it"),
        ("when = {}\nrejct = 603", 8, "rejct", 'unknown key; did you mean "reject"?'),
    ],
)  # fmt: skip
def test_a_rule_without_one_clear_consequence_is_told(
    house: House, keys: str, line: int, key: str, message: str
) -> None:
    found = house.problems(f'[[policy.rules]]\nname = "some"\n{keys}\n')

    place = f"policy.rules[0].{key}" if key else "policy.rules[0]"
    assert any(each.startswith(f"controller.toml:{line}: {place}: {message}") for each in found)
    assert len(found) == 1


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_rule_has_no_name_of_ours(house: House, name: str) -> None:
    (problem,) = house.problems(rule(name))

    assert problem.startswith(f"controller.toml:6: policy.rules[0].name: '{name}' is a word of our")


def test_every_word_of_the_core_is_reserved(house: House) -> None:
    found = house.load("")
    words = {
        decide(found, **call).rule
        for call in (
            {}, {"called": None}, {"called": "+12025550199"}, {"admitting": False},
            {"returns": 2}, {"tokens_low": True}, {"live_calls": 10},
        )
    }  # fmt: skip

    assert words == {
        "number", "default_agent", "unknown_number", "not_admitting", "loop", "provider_tokens",
        "full",
    }  # fmt: skip
    assert words <= RESERVED


def test_two_rules_of_one_name_are_told(house: House) -> None:
    (problem,) = house.problems(rule("a", '{ called = "*" }') + rule("b") + rule("a"))

    assert problem == "controller.toml:14: policy.rules[2].name: 'a' is taken; name it otherwise"


def test_a_rule_and_a_limit_may_share_a_name(house: House) -> None:
    limit = '[[policy.limits]]\nname = "withheld"\nby = "withheld"\nat_most = 1\n'

    found = house.load(rule("withheld", "{ caller_withheld = true }") + limit).rules

    assert found.ordered[0].name == found.limits[0].name == "withheld"


def test_an_abstract_agent_answers_no_rule(house: House) -> None:
    (house.folder / "agents" / "base.md").write_text("+++\nabstract = true\n+++\n")

    (problem,) = house.problems(rule("some", then='agent = "base"'))

    assert problem.endswith("agent: 'base' is abstract; name an agent that extends it")


# --- rules that never decide ---------------------------------------------------------------------

LISTED = '{ caller = "+1202*" }'
BOTH = '{ caller = "+1202*", caller_withheld = true }'


RULE = '[[policy.rules]]\nname = "r"\nwhen = {}\nagent = "nightdesk"\n'
LIMIT = '[[policy.limits]]\nname = "l"\nby = "total"\nat_most = 1\nagent = "nightdesk"\n'
MARK = '[trunk]\nheader = { X-T = "swordfish-swordfish" }\n'
EMERGENCIES = MARK + '[policy.emergencies]\nrefer_to = "reception"\n'


@pytest.mark.parametrize(
    ("table", "place"),
    [
        (RULE, "policy.rules[0]"),
        (LIMIT, "policy.limits[0]"),
        (EMERGENCIES, "policy.emergencies"),
    ],
)
def test_no_caller_hears_the_braces_of_a_template(house: House, table: str, place: str) -> None:
    (problem,) = house.problems(table + 'say = "Good day, {{ caller_name }}."\n')

    assert problem.split(": ")[1] == f"{place}.say"
    assert "no {{ name }} is filled in here" in problem


def test_a_rule_that_always_holds_leaves_nothing_to_the_numbers(house: House) -> None:
    assert house.warnings(rule("first", LISTED) + rule("last", "{}")) == [
        (
            "controller.toml:9: policy.rules[1]: rule 'last' always holds: no agent of [[numbers]]"
            " answers"
        )
    ]


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        ("{}", LISTED, "always holds"),
        ("{}", "{}", "always holds"),
        (LISTED, LISTED, "asks no more than it"),
        (LISTED, BOTH, "asks no more than it"),
        ("{}", '{ called = "+12025550100" }', "always holds"),  # a number of ours
        ('{ called = "*" }', '{ called = "*", caller = "+44*" }', "asks no more than it"),
        (LISTED, '{ unless = { called = "+44*" }, caller = "+1202*" }', "asks no more than it"),
    ],
)
def test_a_rule_that_another_one_hides_is_warned_of(
    house: House, first: str, second: str, more: str
) -> None:
    *final, warning = house.warnings(rule("first", first) + rule("second", second))[::-1]

    assert bool(final) is (first == "{}")
    assert warning == (
        "controller.toml:9: policy.rules[1]: rule 'second' never decides: 'first' before it " + more
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (BOTH, LISTED),
        (LISTED, '{ caller = "+1303*" }'),
        (LISTED, "{}"),
        ('{ open = "a" }', '{ open = "b" }'),
        ('{ open = "a" }', '{ closed = "a" }'),
        ("{}", '{ called = "+12025550199" }'),  # not ours: the first is not asked about it
        ("{}", '{ called = "+1202*" }'),
    ],
)
def test_a_rule_that_may_decide_is_not_warned_of(house: House, first: str, second: str) -> None:
    calendars = "[calendars.a]\nhours = []\n[calendars.b]\nhours = []\n"

    warnings = house.warnings(rule("first", first) + rule("second", second) + calendars)

    assert [each for each in warnings if "never decides" in each] == []


def test_where_every_number_is_ours_an_earlier_rule_hides_all(house: House) -> None:
    catch_all = '[[numbers]]\nnumber = "*"\nagent = "frontdesk"\n'
    rules = rule("first") + rule("second", '{ called = "+1202*" }')

    assert len([each for each in house.warnings(rules + catch_all) if "never" in each]) == 1


def test_a_wrong_rule_hides_nobody_elses_mistakes(house: House) -> None:
    found = house.problems(rule("a", "{ open = 3 }") + rule("b", then='agent = "x"'))

    assert [each.split(": ")[1] for each in found] == [
        "policy.rules[0].when.open",
        "policy.rules[1].agent",
    ]
