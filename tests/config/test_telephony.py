from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.telephony import (
    check_number,
    check_target,
    is_costly,
    is_emergency,
    leads_to_openai,
    number_of,
)


@pytest.mark.parametrize("number", ["+12025550100", "+12025550199", "+442079460000", "*"])
def test_e164_and_the_catch_all_may_be_configured(number: str) -> None:
    assert check_number(number) is None


@pytest.mark.parametrize(
    "number",
    ["", "12025550100", "2025550100", "+1202555010", "+120255501000", "+0123456789", "911", "+",
     "**", "anonymous", "sip:+12025550100@x", "+1202555O100", "\u0661\u0662", "+10000000000"],
)  # fmt: skip
def test_what_is_not_a_whole_number_is_refused(number: str) -> None:
    refusal = check_number(number)

    assert refusal is not None
    assert "+12025550100" in refusal.cure


def test_a_number_in_another_form_is_told_its_e164_form() -> None:
    refusal = check_number("+1 (202) 555-0100")

    assert refusal is not None
    assert refusal.cure == 'write it as "+12025550100"'


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+12025550123@trunk.example.net",
        "sips:+12025550123@trunk.example.net:5061;transport=tls",
        "SIP:desk@pbx.example.net",
        "sip:101@pbx.example.net",
        "sip:2025550123@192.0.2.7:5060",
        "sip:desk@[2001:db8::1]:5060",
        "sip:pbx.example.net",
        "sip:desk@pbx.example.net?Subject=a%40b",
        "tel:+12025550123",
        "tel:+1-202-555-0123;ext=7",
    ],
)
def test_addresses_of_people_may_be_targets(uri: str) -> None:
    assert check_target(uri, region="US") is None


@pytest.mark.parametrize(
    "uri",
    [
        "+12025550123", "http://example.net", "mailto:a@example.net", "urn:service:sos", "sip:", "",
        "tel:2025550123", "tel:+1202", "sip:@host", "sip:a@", "sip:a@b c", "sip:a@host\r\nX: y",
        "sip:a@host\n", "sip:a@h\0", "sip:\u0661@host", "sip:a@ho st", "sip:+1202@host",
        "sip:a@b@c", " sip:a@host",
    ],
)  # fmt: skip
def test_what_is_no_usable_address_is_refused(uri: str) -> None:
    assert check_target(uri, region="US") is not None


@pytest.mark.parametrize(
    "user",
    ["911", "112", "999", "000", "988", "933", "211", "311", "411", "511", "611", "711", "811",
     "9-1-1", "(911)", "%39%31%31", "9%311", "911;phone-context=+1", "911:secret"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["sip:{}@trunk.example.net", "sips:{}@192.0.2.7", "tel:{}"])
def test_emergency_and_service_numbers_are_no_targets(form: str, user: str) -> None:
    refusal = check_target(form.format(user), region="US")

    assert refusal is not None
    assert "emergency" in refusal.found


def test_an_emergency_number_without_a_host_is_refused_as_one() -> None:
    refusal = check_target("sip:911", region="US")

    assert refusal is not None
    assert "emergency" in refusal.found


def test_the_emergency_numbers_of_the_trunks_country_count() -> None:
    assert is_emergency("110", region="DE")
    assert not is_emergency("110", region="US")
    assert not is_emergency("\u0669\u0661\u0661", region="US")


@pytest.mark.parametrize(
    "uri",
    ["sip:proj_1@sip.api.openai.com;transport=tls", "sip:proj_1@SIP-EU.api.openai.com:5061",
     "sip:sip.api.openai.com", "sip:x@sip.api.openai.com."],
)  # fmt: skip
def test_openais_own_host_is_a_loop(uri: str) -> None:
    refusal = check_target(uri, region="US")

    assert leads_to_openai(uri)
    assert refusal is not None


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("sip:+12025550100@x", "+12025550100"),
        ("sip:2025550100@x", "+12025550100"),
        ("sip:12025550100;npdi@x", "+12025550100"),
        ("tel:+1-202-555-0100", "+12025550100"),
        ("sip:%2B12025550100@x", "+12025550100"),
        ("sip:desk@x", None),
        ("sip:101@x", None),
    ],
)
def test_the_number_in_an_address_is_found_in_any_form(uri: str, number: str | None) -> None:
    assert number_of(uri, region="US") == number


@pytest.mark.parametrize(
    ("uri", "region"),
    [
        ("tel:+19002345678", "US"),
        ("sip:+19002345678@trunk.example.net", "US"),
        ("sip:9002345678@trunk.example.net", "US"),
        ("sip:%2B1900-234-5678@trunk.example.net", "US"),
        ("tel:+449098790123", "US"),  # premium rate
        ("tel:+448431234567", "US"),  # shared cost
        ("sip:09001123456@trunk.example.net", "DE"),
    ],
)
def test_numbers_that_cost_extra_must_be_asked_for(uri: str, region: str) -> None:
    refusal = check_target(uri, region=region)

    assert refusal is not None
    assert "premium rate" in refusal.found
    assert check_target(uri, region=region, allow_premium=True) is None


@pytest.mark.parametrize("user", ["+18002345678", "+12025550123", "101", "desk", ""])
def test_numbers_that_cost_nothing_extra_need_not_be(user: str) -> None:
    assert not is_costly(user, region="US")


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("sip:desk@pbx.example.net", True),
        ("sip:desk@PBX.example.net:5061;transport=tls", True),
        ("sips:pbx.example.net", True),
        ("sip:desk@pbx.example.net.", True),
        ("sip:desk@[2001:DB8::1]:5060", True),
        ("tel:+12025550123", True),
        ("sip:desk@pbx.example.com", False),
        ("sip:desk@x.pbx.example.net", False),
        ("sip:pbx.example.net@evil.example.com", False),
        ("sip:desk@evil.example.com;transport=pbx.example.net", False),
    ],
)
def test_hosts_can_be_limited_to_those_of_the_house(uri: str, *, allowed: bool) -> None:
    hosts = {"pbx.example.net", "[2001:db8::1]"}

    refusal = check_target(uri, region="US", hosts=hosts)

    assert (refusal is None) is allowed
    assert refusal is None or "is no allowed host" in refusal.found


@pytest.mark.parametrize(
    "detour", [";maddr=192.0.2.9", ";MADDR=x", "?Route=%3Csip:x%3E", "?a=b&route=x"]
)
def test_an_allowed_host_is_not_gone_round(detour: str) -> None:
    uri = f"sip:desk@pbx.example.net{detour}"

    refusal = check_target(uri, region="US", hosts={"pbx.example.net"})

    assert refusal is not None
    assert "by way of another host" in refusal.found
    assert check_target(uri, region="US") is None


def test_with_no_host_allowed_telephone_addresses_are_left() -> None:
    refusal = check_target("sip:desk@pbx.example.net", region="US", hosts=())

    assert refusal is not None
    assert refusal.cure == "[policy] allowed_transfer_hosts: none is"
    assert check_target("tel:+12025550123", region="US", hosts=()) is None


@given(st.text(max_size=40) | st.text("sipte:+@;?%0123456789.-[]", max_size=30))
def test_any_text_gets_an_answer(text: str) -> None:
    for uri in (text, f"sip:{text}", f"sip:{text}@host", f"tel:{text}"):
        refusal = check_target(uri, region="US")
        number_of(uri, region="US")
        if refusal is None:
            assert uri.isascii()
            assert uri.isprintable()
    check_number(text)
