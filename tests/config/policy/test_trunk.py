"""`[trunk]` and `[policy.emergencies]`: from TOML to the decision."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from controller.config.policy.trunk import known_as
from controller.errors import ConfigurationError
from controller.sansio.policy import Accept, Key
from controller.settings import load_all
from tests.config.policy.house import CALLER, POLICY, House, decide, word

HEADER = '[trunk]\nheader = { X-Trunk-Secret = "${TRUNK}", X-Second = "two" }\n'
SECRETS = {"TRUNK": "a secret of the trunk's"}
MARK = (("X-Trunk-Secret", SECRETS["TRUNK"]), ("X-Second", "two"))
ASSERTED = ("P-Asserted-Identity", "<sip:+12025550143@trunk.example.net>")
TRUSTED = '[[policy.rules]]\nname = "t"\nwhen = { caller_trust = "trunk" }\nagent = "overflow"\n'


@pytest.mark.parametrize(
    ("untrusted", "headers", "becomes"),
    [
        ("", MARK, "overflow"),
        ("", (*MARK, ASSERTED), "overflow"),
        ("", MARK[:1], "403"),
        ("", MARK[1:], "403"),
        ("", (("X-Trunk-Secret", "wrong"), MARK[1]), "403"),
        ("", (), "403"),
        ("untrusted = { reject = 603 }", (), "603"),
        ('untrusted = "answer"', MARK, "overflow"),
        ('untrusted = "answer"', (), "frontdesk"),
        ('untrusted = "answer"', (ASSERTED,), "frontdesk"),  # a stranger's claim
    ],
)
def test_a_call_of_the_trunk_is_known_by_all_of_its_headers(
    house: House, untrusted: str, headers: tuple[tuple[str, str], ...], becomes: str
) -> None:
    found = house.load(TRUSTED + HEADER + untrusted + "\n", **SECRETS)

    decision = decide(found, *headers)

    assert word(decision) == becomes
    if becomes.isdigit():
        assert decision.rule == "untrusted_trunk"
        assert decision.why == "the call lacks the trunk's secret header"


def test_without_a_header_nobody_is_turned_away(house: House) -> None:
    assert word(decide(house.load("[trunk]\n"))) == "frontdesk"


def test_a_call_that_is_not_ours_is_not_refused_for_its_trunk(house: House) -> None:
    ignoring = POLICY + 'unknown_number = "ignore"\n'
    found = house.load(HEADER, policy=ignoring, **SECRETS)

    assert word(decide(found, called="+12025550199")) == "ignored"


def test_what_was_measured_decides_how_a_call_is_read(house: House) -> None:
    found = house.load(
        '[trunk]\ndefault_region = "DE"\ntrust_verstat = true\ncaller_headers = ["X-Caller"]\n'
        'called_number_headers = ["X-Called"]\n'
        'verified_at = 2026-11-20\nadvance_codes = [503]\nring_time = 20\nrefer_form = "sip"\n'
        'refer_host = "Trunk.example.NET"\nrefer_seconds = 3\n'
    )

    trunk = found.trunk
    assert (trunk.region, trunk.trust_verstat, trunk.caller_headers) == ("DE", True, ("X-Caller",))
    assert trunk.called_number_headers[:2] == ("X-Called", "diversion")
    assert (trunk.verified_at, trunk.is_verified) == (date(2026, 11, 20), True)
    assert (trunk.advance_codes, trunk.ring_time, trunk.refer_seconds) == ((503,), 20.0, 3.0)
    assert (trunk.refer_form, trunk.refer_host) == ("sip", "trunk.example.net")
    assert known_as(trunk) == [
        "verified on 2026-11-20",
        "next route after 503",
        "rings 20 s",
        "new leg rings 3 s after REFER",
    ]
    verified = ("X-Caller", "<tel:+12025550144;verstat=TN-Validation-Passed>")
    assert word(decide(found, verified, ("X-Called", CALLER))) == "404"


def test_an_unmeasured_trunk_says_so(house: House) -> None:
    assert known_as(house.load("").trunk) == ["unverified"]
    assert known_as(house.load(HEADER, **SECRETS).trunk) == [
        "unverified",
        "known by x-trunk-secret, x-second",
    ]


@pytest.mark.parametrize(("trunk", "count"), [("", 1), ("[trunk]\nverified_at = 2026-11-20\n", 0)])
def test_nobody_for_unreadable_numbers_is_no_mistake_once_the_trunk_is_verified(
    house: House, trunk: str, count: int
) -> None:
    policy = POLICY.replace('default_agent = "frontdesk"\n', "")

    warnings = house.warnings(trunk, policy=policy)

    assert len([each for each in warnings if "default_agent" in each]) == count


@pytest.mark.parametrize(
    ("keys", "line", "message"),
    [
        ('untrusted = "answer"', 6, "untrusted: says what becomes of calls without header, and"),
        ('untrusted = "ignore"', 6, "untrusted: found 'ignore'; must be { reject = 403 }"),
        ("untrusted = { reject = 200 }", 6, "untrusted.reject: found 200; must be a SIP code"),
        ('header = { "X Y" = "a" }', 6, 'header."X Y": is not usable; String should match'),
        ('header = { X-A = "" }', 6, "header.X-A: is not usable; must not be empty"),
        ("header = { X-A = 12345 }", 6, "header.X-A: is not usable; must be text in quotes"),
        ('header = { X-A = "${a}" }', 6, "header.X-A: holds ${ and no name; must be like"),
        ('verified_at = "today"', 6, "verified_at: found 'today'; must be a day"),
        ("verified_at = 2026-11-20T10:00:00", 6, "verified_at: found 2026-11-20T10:00:00; must"),
        ("advance_codes = [200]", 6, "advance_codes[0]: found 200; must be a SIP code from 400"),
        ('refer_form = "h323"', 6, "refer_form: found 'h323'; must be 'sip' or 'tel'"),
        ('refer_host = "a b"', 6, "refer_host: found 'a b'; must be a host without port"),
        ("ring_time = 0", 6, "ring_time: found 0; must be more than 0"),
        ('default_region = "us"', 6, "default_region: found 'us'; must be a country's two"),
        ('headers = { X-A = "a" }', 6, 'headers: unknown key; did you mean "header"?'),
    ],
)
def test_what_was_never_measured_is_told(house: House, keys: str, line: int, message: str) -> None:
    (problem,) = house.problems(f"[trunk]\n{keys}\n")

    assert problem.startswith(f"controller.toml:{line}: trunk.{message}")


def test_a_secret_that_is_not_set_is_asked_for_where_calls_are_answered(house: House) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_all(house.write(HEADER), environ={})
    assert (
        f"{house.folder}/controller.toml:6: trunk.header.X-Trunk-Secret: TRUNK is not set"
        in str(caught.value)
    )

    found = house.load(HEADER)
    assert word(decide(found, ("X-Trunk-Secret", "${TRUNK}"), MARK[1])) == "frontdesk"
    assert house.warnings(HEADER) == []


@pytest.mark.parametrize(
    ("header", "secret", "warning"),
    [
        ('{ X-A = "${TRUNK}" }', "sixteen letters.", None),
        ('{ X-A = "${TRUNK}" }', "short", "the trunk's secret can be guessed; give it at least 16"),
        ('{ X-A = "written down here" }', "", "the trunk's secret stands in the file; name it as"),
    ],
)
def test_a_weak_secret_is_warned_of(
    house: House, header: str, secret: str, warning: str | None
) -> None:
    found = house.warnings(f"[trunk]\nheader = {header}\n", TRUNK=secret)

    if warning is None:
        assert found == []
    else:
        (only,) = found
        assert only.startswith(f"controller.toml:6: trunk.header.X-A: {warning}")


def test_a_secret_that_somebody_wrote_into_the_file_is_shown_nowhere(house: House) -> None:
    asked = "{ header = { X-Tenant = 'swordfish' } }"
    rule = f'[[policy.rules]]\nname = "tenant"\nwhen = {asked}\nreject = 603\n'
    path = house.write(rule + '[trunk]\nheader = { X-Trunk-Secret = "swordfish" }\n')

    loaded = load_all(path, environ={}, with_secrets=False)

    assert "swordfish" not in repr(loaded)
    assert not any("swordfish" in each for each in loaded[1].warnings)


# --- what does not fit the trunk -----------------------------------------------------------------

VERIFIED = "[trunk]\nverified_at = 2026-11-20\n"


@pytest.mark.parametrize(
    ("trunk", "policy", "warnings"),
    [
        (VERIFIED, "", []),
        ("[trunk]\nadvance_codes = [480]\n", "", []),  # nobody has verified it
        (VERIFIED + "advance_codes = [503]\n", "", []),
        (
            VERIFIED + "advance_codes = [480]\n", "",
            ["1: policy.busy: rejects with 503 (and policy.draining): {} 503, only after 480"],
        ),
        (
            VERIFIED + "advance_codes = []\n", "draining = { reject = 480 }\n",
            [
                "5: policy.draining: rejects with 480: {} 480, only after no code",
                "1: policy.busy: rejects with 503: {} 503, only after no code",
            ],
        ),
    ],
)  # fmt: skip
def test_a_full_house_that_the_trunk_takes_for_the_last_word_is_warned_of(
    house: House, trunk: str, policy: str, warnings: list[str]
) -> None:
    told = "the trunk tries no other route after"

    assert house.warnings(trunk, policy=POLICY + policy) == [
        f"controller.toml:{each.format(told)}" for each in warnings
    ]


def test_limits_of_all_calls_are_held_against_the_trunk_too(house: House) -> None:
    limits = (
        '[[policy.limits]]\nname = "a"\nby = "total"\nat_most = 1\nreject = 486\n'
        '[[policy.limits]]\nname = "b"\nby = "caller"\nat_most = 1\nreject = 480\n'
        '[[policy.limits]]\nname = "c"\nby = "total"\nat_most = 1\nagent = "overflow"\n'
    )

    (only,) = house.warnings(limits + VERIFIED + "advance_codes = [503]\n")

    assert only.startswith("controller.toml:5: policy.limits[0]: rejects with 486: the trunk tries")


@pytest.mark.parametrize(
    ("keys", "warning"),
    [
        ('refer_form = "sip"', None),
        ('refer_form = "tel"', "the trunk takes tel: in Refer-To, and the target is sip:"),
        ('refer_host = "trunk.example.net"', None),
        ('refer_host = "sbc.example.net"', "the trunk wants the host sbc.example.net in Refer-To"),
    ],
)
def test_a_target_that_the_trunk_would_not_take_is_warned_of(
    house: House, keys: str, warning: str | None
) -> None:
    found = house.warnings(f"[trunk]\n{keys}\n")

    expected = f"controller.toml:14: targets.reception.uri: {warning}"
    assert found == ([] if warning is None else [expected])


def test_a_telephone_number_has_no_host(house: House) -> None:
    tel = '[targets.mobile]\nuri = "tel:+12025550125"\ndescription = "A mobile"\n'

    assert house.warnings(tel + '[trunk]\nrefer_host = "trunk.example.net"\n') == []


# --- emergencies ---------------------------------------------------------------------------------

EMERGENCIES = '[policy.emergencies]\nrefer_to = "reception"\n'
BLOCKED = '[[policy.rules]]\nname = "closed"\nwhen = {}\nreject = 603\n'


@pytest.mark.parametrize(
    ("keys", "headers", "becomes"),
    [
        ("", (*MARK, ("Priority", "emergency")), "frontdesk, then reception"),
        ("", (*MARK, ("Priority", "psap-callback")), "frontdesk, then reception"),
        ('agent = "nightdesk"', (*MARK, ("Priority", "Emergency")), "nightdesk, then reception"),
        ("", (*MARK, ("Priority", "urgent")), "603"),
        ("", MARK, "603"),
        ("", (("Priority", "emergency"),), "603"),  # a stranger's
    ],
)
def test_what_the_trunk_marks_as_an_emergency_reaches_a_human(
    house: House, keys: str, headers: tuple[tuple[str, str], ...], becomes: str
) -> None:
    toml = BLOCKED + EMERGENCIES + keys + "\n" + HEADER + 'untrusted = "answer"\n'

    assert word(decide(house.load(toml, **SECRETS), *headers)) == becomes


def test_an_emergency_passes_full_limits_with_words_of_its_own(house: House) -> None:
    found = house.load(EMERGENCIES + 'say = "Hold on."\n' + HEADER, **SECRETS)
    full: dict[str, Any] = {"full": frozenset({Key("full")}), "live_calls": 10}

    decision = decide(found, *MARK, ("Priority", "emergency"), **full)

    assert isinstance(decision, Accept)
    assert (decision.rule, decision.say, decision.shares) == ("emergency", "Hold on.", ())


@pytest.mark.parametrize(
    ("toml", "place", "message"),
    [
        (
            EMERGENCIES, "5: policy.emergencies",
            "can mark no call: no trunk is trusted; give the trunk's secret in [trunk] header",
        ),
        (
            EMERGENCIES.replace("reception", "recepton") + HEADER,
            "6: policy.emergencies.refer_to",
            "no target is named 'recepton'; did you mean \"reception\"?",
        ),
        (
            EMERGENCIES + 'agent = "nigthdesk"\n' + HEADER, "7: policy.emergencies.agent",
            "no agent is named 'nigthdesk'; did you mean \"nightdesk\"?",
        ),
        (
            "[policy.emergencies]\n" + HEADER, "5: policy.emergencies.refer_to",
            "is missing; must be given: name of the target to whom they are sent",
        ),
    ],
)  # fmt: skip
def test_emergencies_that_reach_nobody_are_told(
    house: House, toml: str, place: str, message: str
) -> None:
    assert house.problems(toml) == [f"controller.toml:{place}: {message}"]


def test_an_emergency_is_never_sent_to_an_emergency_number(house: House) -> None:
    target = '[targets.police]\nuri = "tel:911"\ndescription = "No"\n'

    found = house.problems(EMERGENCIES.replace("reception", "police") + HEADER + target)

    assert [each for each in found if "is an emergency or service number" in each] == found
