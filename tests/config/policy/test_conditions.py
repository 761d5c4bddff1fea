"""Each key of `when`, from TOML to the decision."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from controller.config.policy.conditions import ConditionsSection, WhenSection
from controller.sansio.parties import CallerTrust
from tests.config.policy.house import CALLER, House, decide, word

RULE = '[[policy.rules]]\nname = "rule"\nreject = 603\nwhen = {}\n'
LISTS = (
    f'[lists.known]\nnumbers = ["{CALLER}", "+4930*"]\n'
    '[calendars.office]\nhours = ["mon-fri 08:00-17:00"]\n'
)
ASSERTED = ("P-Asserted-Identity", f"<sip:{CALLER}@trunk.example.net>")
VERIFIED = ("P-Asserted-Identity", f"<tel:{CALLER};verstat=TN-Validation-Passed-B>")
PRIVATE = ("Privacy", "id")
KEY = ("X-Key", "hush")
TENANT = ("X-Tenant", "The Acme Company")

TABLE: list[tuple[str, dict[str, Any], bool]] = [
    # key, call, holds
    ("{}", {}, True),
    ('{ called = ["+12025550100"] }', {}, True),
    ('{ called = "+12025550100" }', {}, True),
    ('{ called = ["+12025550101"] }', {}, False),
    ('{ called = ["+1202555*"] }', {}, True),
    ('{ called = ["+44*", "+1303*"] }', {}, False),
    ('{ called = ["*"] }', {}, True),
    ('{ called = ["*"] }', {"called": None}, False),
    ('{ called = ["+1202555*"] }', {"called": "+12025550199"}, True),  # names it: not ours even so
    ("{}", {"called": None}, True),  # the default agent would take it
    ('{ caller = ["+12025550142"] }', {}, True),
    ('{ caller = "+1202*" }', {}, True),
    ('{ caller = ["+12025550143"] }', {}, False),
    ('{ caller = ["+1202*"] }', {"caller": None}, False),
    ('{ caller = ["+1202*"] }', {"headers": [PRIVATE]}, True),  # a number that is only not shown
    ('{ caller_list = "known" }', {}, True),
    ('{ caller_list = "known" }', {"caller": "+493012345678"}, True),
    ('{ caller_list = "known" }', {"caller": "+12025550143"}, False),
    ('{ caller_country = "US" }', {}, True),
    ('{ caller_country = ["GB", "DE"] }', {"caller": "+493012345678"}, True),
    ('{ caller_country = ["CA"] }', {}, False),
    ('{ caller_country = ["US"] }', {"caller": None}, False),
    ("{ caller_withheld = true }", {"headers": [PRIVATE]}, True),
    ("{ caller_withheld = true }", {"caller": "anonymous"}, True),
    ("{ caller_withheld = true }", {}, False),
    ("{ caller_withheld = false }", {}, True),
    ("{ caller_withheld = false }", {"headers": [PRIVATE]}, False),
    ('{ caller_trust = "claimed" }', {}, True),
    ('{ caller_trust = ["trunk", "attested"] }', {"headers": [ASSERTED]}, True),
    ('{ caller_trust = ["attested"] }', {"headers": [VERIFIED]}, False),  # trust_verstat is off
    ('{ caller_trust = "withheld" }', {"headers": [PRIVATE]}, True),
    ('{ header = { X-Key = "hush" } }', {"headers": [KEY]}, True),
    ('{ header = { x-key = "hush" } }', {"headers": [("x-KEY", "hush")]}, True),
    ('{ header = { X-Key = "${SECRET}" } }', {"headers": [("X-Key", "from outside")]}, True),
    ('{ header = { X-Key = "a ${SECRET}" } }', {"headers": [("X-Key", "a from outside")]}, True),
    ('{ header = { X-Key = "${SECRET}" } }', {"headers": [("X-Key", "${SECRET}")]}, False),
    ('{ header = { X-Key = "hush" } }', {"headers": [("X-Key", "HUSH")]}, False),
    ('{ header = { X-Key = "hush" } }', {}, False),
    ('{ header = { X-Key = "hush", X-B = "b" } }', {"headers": [KEY, ("X-B", "b")]}, True),
    ('{ header = { X-Key = "hush", X-B = "b" } }', {"headers": [KEY]}, False),
    ('{ header = { Priority = "urgent" } }', {"headers": [("Priority", "urgent")]}, True),
    ('{ header_contains = { X-Tenant = "acme" } }', {"headers": [TENANT]}, True),
    ('{ header_contains = { X-Tenant = "acme" } }', {"headers": [("X-Tenant", "b")]}, False),
    ('{ header_present = ["X-Tenant"] }', {"headers": [TENANT]}, True),
    ('{ header_present = "User-to-User" }', {"headers": [("User-to-User", "00")]}, True),
    ('{ header_present = ["X-Tenant", "X-Key"] }', {"headers": [TENANT]}, False),
    ('{ trunk_host = "TRUNK.example.net" }', {}, True),
    ('{ trunk_host = ["a.example", "b.example"] }', {}, False),
    ('{ attestation = ["A", "B"] }', {"headers": [VERIFIED]}, True),
    ('{ attestation = "A" }', {"headers": [VERIFIED]}, False),
    ('{ attestation = "A" }', {}, False),
    ('{ priority = "Urgent" }', {"headers": [("Priority", "urgent")]}, True),
    ('{ priority = ["urgent"] }', {}, False),
    ('{ media_security = "srtp" }', {"offered": {"sip_media_security": "srtp"}}, True),
    ('{ media_security = ["srtp"] }', {"offered": {"sip_media_security": "rtp"}}, False),
    ('{ open = "office" }', {}, True),
    ('{ open = "office" }', {"at": "2026-11-21 10:00"}, False),
    ('{ closed = "office" }', {"at": "2026-11-21 10:00"}, True),
    ('{ closed = "office" }', {}, False),
    ('{ caller_list = "known", open = "office" }', {}, True),
    ('{ caller_list = "known", open = "office" }', {"at": "2026-11-18 17:00"}, False),
    ('{ unless = { caller_list = "known" } }', {}, False),
    ('{ unless = { caller_list = "known" } }', {"caller": "+12025550143"}, True),
    ('{ unless = { caller_list = "known", closed = "office" } }', {}, True),  # all of them
    ('{ caller = "+1*", unless = { caller_withheld = true } }', {}, True),
    ('{ caller = "+1*", unless = { caller_withheld = true } }', {"headers": [PRIVATE]}, False),
]


def told(house: House, when: str, call: dict[str, Any]) -> str:
    toml = RULE.replace("{}", when) + LISTS
    found = house.load(toml, SECRET="from outside")
    call = dict(call)
    return word(decide(found, *call.pop("headers", ()), **call))


@pytest.mark.parametrize(("when", "call", "holds"), TABLE)
def test_a_rule_decides_when_all_that_it_asks_holds(
    house: House, when: str, call: dict[str, Any], *, holds: bool
) -> None:
    assert told(house, when, call) == ("603" if holds else "frontdesk")


@pytest.mark.parametrize("key", WhenSection.model_fields)
def test_the_table_has_every_key_both_ways(key: str) -> None:
    answers = {holds for when, _, holds in TABLE if f"{key} =" in when}

    assert answers == {True, False}


@pytest.mark.parametrize("trust", get_args(CallerTrust))
def test_every_trust_can_be_asked_for(house: House, trust: str) -> None:
    toml = RULE.replace("{}", f'{{ caller_trust = "{trust}" }}')

    assert house.load(toml).rules.ordered[0].name == "rule"


def test_no_condition_shows_what_it_wants(house: House) -> None:
    toml = RULE.replace(
        "{}", '{ header = { X-Key = "${SECRET}" }, header_contains = { X-Tenant = "plain" } }'
    )

    found = house.load(toml, SECRET="from outside")

    for text in (repr(found), repr(found.rules), str(found.rules.ordered[0].decision.why)):
        assert "from outside" not in text
        assert "plain" not in text
    assert found.secrets == {"SECRET": "from outside"}


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{ called = [] }", "when.called: found []; must not be empty"),
        ('{ called = ["+1202x*"] }', "when.called[0]: found '+1202x*'; must be a number like"),
        ('{ called = ["2025550100"] }', "when.called[0]: found '2025550100'; must be a number"),
        ('{ caller = ["*"] }', "when.caller[0]: found '*'; must be a number like"),
        ("{ caller = 12025550100 }", "when.caller: found 12025550100; must be a list"),
        ('{ caller_list = "knwon" }', "when.caller_list: no list is named 'knwon'; did you mean"),
        ('{ caller_country = "us" }', "when.caller_country[0]: found 'us'; must be a country's"),
        ('{ caller_trust = "sure" }', "when.caller_trust[0]: found 'sure'; must be 'attested'"),
        ('{ caller_withheld = "no" }', "when.caller_withheld: found 'no'; must be true or false"),
        ('{ header = { Via = "x" } }', "when.header.Via: is not usable; must begin with X-"),
        ('{ header = { X-A = "" } }', "when.header.X-A: is not usable; must not be empty"),
        ("{ header = {} }", "when.header: is not usable; must not be empty"),
        ('{ header = { X-A = "${a}" } }', "when.header.X-A: holds ${ and no name; must be like"),
        (
            '{ header_contains = { X-A = "${A}" } }',
            "when.header_contains.X-A: is no place for a secret; ask with header",
        ),
        ('{ header_present = ["To"] }', "when.header_present[0]: found 'To'; must begin with X-"),
        ('{ attestation = "D" }', "when.attestation[0]: found 'D'; must be 'A', 'B' or 'C'"),
        ('{ open = "offise" }', "when.open: no calendar is named 'offise'; did you mean"),
        ('{ closed = "x" }', "when.closed: no calendar is named 'x'; there is office"),
        ("{ unless = {} }", "when.unless: asks nothing; give a key, or leave it out"),
        ('{ caler = "+1*" }', 'when.caler: unknown key; did you mean "caller"?'),
        ('{ unless = { opened = "x" } }', 'when.unless.opened: unknown key; did you mean "open"?'),
        ("{ unless = { unless = {} } }", "when.unless.unless: unknown key; there is attestation"),
    ],
)
def test_what_cannot_be_asked_is_told(house: House, when: str, message: str) -> None:
    (problem,) = house.problems(RULE.replace("{}", when) + LISTS)

    assert problem.startswith(f"controller.toml:8: policy.rules[0].{message}")


def test_our_own_secrets_are_never_compared_with_what_strangers_send(house: House) -> None:
    toml = RULE.replace("{}", '{ header = { X-Key = "${OPENAI_API_KEY}" } }')

    (problem,) = house.problems(toml, OPENAI_API_KEY="sk-1")

    assert "OPENAI_API_KEY is never sent to anybody else" in problem


def test_every_key_says_what_it_asks() -> None:
    for section in (ConditionsSection, WhenSection):
        assert all(info.description for info in section.model_fields.values())
