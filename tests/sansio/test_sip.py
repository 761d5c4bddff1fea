"""Headers and addresses as the field writes them, and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio import sip
from controller.sansio.sip import (
    NameAddress,
    SipHeaders,
    SipUri,
    canonical_name,
    parse_address,
    parse_addresses,
    parse_uri,
)

NUMBER = "+12025550100"


def address(value: str) -> NameAddress:
    parsed = parse_address(value)
    assert parsed is not None
    return parsed


def users(header: str, *values: str) -> list[str]:
    headers = SipHeaders.read([(header, value) for value in values])
    return [found.uri.user for found in headers.addresses(header)]


# URIs


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:+12025550100@example.net", SipUri("sip", NUMBER, "example.net")),
        ("SIPS:+12025550100@Example.NET:5061", SipUri("sips", NUMBER, "example.net")),
        ("tel:+12025550100", SipUri("tel", NUMBER, "")),
        ("  TEL : +12025550100 ", SipUri("tel", NUMBER, "")),
        ("tel:+1-202-555-0100", SipUri("tel", "+1-202-555-0100", "")),
        ("sip:example.net", SipUri("sip", "", "example.net")),
        ("sip:example.net:5060;lr", SipUri("sip", "", "example.net", (("lr", ""),))),
        ("sip:@example.net", SipUri("sip", "", "example.net")),
        ("sip:a@[2001:DB8::1]:5060;lr", SipUri("sip", "a", "2001:db8::1", (("lr", ""),))),
        ("sip:a@[2001:db8::1", SipUri("sip", "a", "2001:db8::1")),
        ("sip:a:secret@example.net", SipUri("sip", "a", "example.net")),
        ("sip:%2B12025550100@example.net", SipUri("sip", NUMBER, "example.net")),
        ("sip:a%40b@example.net", SipUri("sip", "a@b", "example.net")),
        ("sip:a%0d%0aX: b@example.net", SipUri("sip", "a X", "example.net")),
        ("sip:%ff%@example.net", SipUri("sip", "\ufffd%", "example.net")),
        ("sip:a@example.net?Reason=SIP%3Bcause%3D302", SipUri("sip", "a", "example.net")),
        ("+12025550100", SipUri("", NUMBER, "")),
        ("Anonymous", SipUri("", "Anonymous", "")),
        ("a@b", SipUri("", "a", "b")),
    ],
)
def test_uri_is_taken_apart(text: str, uri: SipUri) -> None:
    assert parse_uri(text) == uri


@pytest.mark.parametrize(
    "text", ["", "  ", "sip:", "tel: ", "mailto:a@b", "urn:service:sos", "http://example.net"]
)
def test_text_without_a_number_bearing_uri_is_none(text: str) -> None:
    assert parse_uri(text) is None


def test_parameters_are_read_inside_the_user_part_and_after_the_host() -> None:
    uri = parse_uri(
        "sip:+12025550100;NPDI;rn=+12025550199;verstat=TN-Validation-Passed:pw"
        "@example.net;User=phone;x=%61;=lost;;x=again"
    )

    assert uri is not None
    assert uri.user == NUMBER
    assert uri.host == "example.net"
    assert uri.parameters[0] == ("npdi", "")
    assert uri.parameter("rn") == "+12025550199"
    assert uri.parameter("user") == "phone"
    assert uri.parameter("x") == "a"
    assert uri.parameter("isup-oli") is None
    assert "" not in dict(uri.parameters)


def test_parameters_of_a_tel_uri_are_its_own() -> None:
    found = address("<tel:5550100;phone-context=+1202;isub=1>;tag=2")

    assert found.uri.user == "5550100"
    assert found.uri.parameter("phone-context") == "+1202"
    assert found.parameters == (("tag", "2"),)


# Addresses


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("<sip:+12025550100@x>;tag=1", ""),
        ("sip:+12025550100@x;tag=1", ""),
        ("Bob <sip:+12025550100@x>", "Bob"),
        ("Bob<sip:+12025550100@x>", "Bob"),
        ('"Bob" <sip:+12025550100@x>', "Bob"),
        ('"Bob" sip:+12025550100@x', "Bob"),
        ('"Smith, Bob; the <2nd>" <sip:+12025550100@x>', "Smith, Bob; the <2nd>"),
        (r'"Bob \"B\" \\ Smith" <sip:+12025550100@x>', r'Bob "B" \ Smith'),
        ("Smith, Bob <sip:+12025550100@x>", "Smith, Bob"),
        ("a < b <sip:+12025550100@x>", "a < b"),
        ('"Bob <sip:+12025550100@x>', '"Bob'),
        (r'"Bob\" <sip:+12025550100@x>', "Bob\\"),
        ('"" <sip:+12025550100@x', ""),
        ("\r\n Bob\r\n\t<sip:+12025550100@x>", "Bob"),
        ("日本 <tel:+12025550100>", "日本"),
        ("< SIP :+12025550100@x>", ""),
        ("Bob <+12025550100>", "Bob"),
        ("+12025550100", ""),
        ("+12025550100;verstat=x", ""),
    ],
)
def test_number_and_name_are_found(value: str, name: str) -> None:
    found = address(value)

    assert found.uri.user == NUMBER
    assert found.display_name == name


@pytest.mark.parametrize(
    "value", ["", "   ", '"Bob"', "Bob <>", "<", ";tag=1", '"', "<mailto:a@b>", "urn:x:y"]
)
def test_value_without_a_uri_is_no_address(value: str) -> None:
    assert parse_address(value) is None


@pytest.mark.parametrize(
    "value",
    [
        '"<sip:+12025550199@y>" <sip:+12025550100@x>',
        '"sip:+12025550199@y" <sip:+12025550100@x>',
        r'"\"<sip:+12025550199@y>" <sip:+12025550100@x>',
        '"<sip:+12025550199@y>, " <sip:+12025550100@x>',
        '<sip:+12025550100@x>;note="<sip:+12025550199@y>"',
        '"tel:+12025550199" sip:+12025550100@x',
    ],
)
def test_what_stands_in_quotation_marks_is_never_the_address(value: str) -> None:
    assert address(value).uri.user == NUMBER
    assert [found.uri.user for found in parse_addresses(value)] == [NUMBER]


def test_parameters_of_the_header_are_unquoted_and_named_in_lower_case() -> None:
    found = address('<sip:a@x;transport=tls>;Reason="user;busy \\"now\\"";privacy=OFF;screen')

    assert found.parameters == (("reason", 'user;busy "now"'), ("privacy", "OFF"), ("screen", ""))
    assert found.uri.parameters == (("transport", "tls"),)


def test_parameter_is_found_inside_the_uri_first_and_in_the_header_else() -> None:
    found = address("<sip:a;verstat=inner@x>;verstat=outer;tag=1")

    assert found.parameter("verstat") == "inner"
    assert found.parameter("tag") == "1"
    assert found.parameter("reason") is None


def test_parameters_have_an_end() -> None:
    found = address("<sip:a@x>" + ";p=1" * 100)

    assert len(found.parameters) == sip.MAX_ENTRIES


def test_repr_shows_neither_number_nor_name() -> None:
    shown = repr(address('"Bob" <sip:+12025550100;rn=+12025550101@x>;tag=+12025550102'))

    assert "555" not in shown
    assert "Bob" not in shown


# Lists


@pytest.mark.parametrize(
    "value",
    [
        "<tel:1>,<tel:2>,<tel:3>",
        "tel:1, tel:2, tel:3",
        "1, 2, 3",
        '"a, b" <tel:1>;x="1,2", Smith, John <tel:2>,, <tel:3>,',
        "<tel:1>;tag=a, <tel:2;p=1,2>, <tel:3>, nobody",
        ", ,<tel:1>,<tel:2>, mailto:x, <mailto:y>, <tel:3>",
    ],
)
def test_list_is_cut_at_commas_outside_quotes_and_brackets(value: str) -> None:
    found = [entry.uri.user for entry in parse_addresses(value) if entry.uri.user.isdigit()]

    assert found == ["1", "2", "3"]


def test_comma_in_an_unquoted_name_does_not_cut_it() -> None:
    first, second = parse_addresses("Smith, John <tel:1>, Doe, Jane <tel:2>")

    assert (first.display_name, second.display_name) == ("Smith, John", "Doe, Jane")


def test_comma_inside_angle_brackets_starts_no_address() -> None:
    found = parse_addresses("<tel:1;p=a,tel:9>;q, <tel:2>")

    assert [entry.uri.user for entry in found] == ["1", "2"]


def test_list_goes_on_over_repeats_in_order() -> None:
    assert users("Diversion", "<tel:1>, <tel:2>", "<tel:3>") == ["1", "2", "3"]


def test_header_that_holds_one_address_is_no_list() -> None:
    assert users("From", "Smith, tel:1, John <tel:2>", "<tel:3>") == ["2"]
    assert users("t", "Doe, Jane <tel:1>") == ["1"]
    assert users("To", "nobody <>") == []


def test_lists_and_repeats_have_an_end() -> None:
    assert len(parse_addresses("tel:1," * 100)) == sip.MAX_ENTRIES
    assert users("Diversion", *["tel:1"] * 20) == ["1"] * sip.MAX_REPEATS
    assert len(users("Diversion", *["tel:1," * 30] * 2)) == sip.MAX_ENTRIES


# Headers


def test_names_are_found_in_any_case_and_compact_form() -> None:
    headers = SipHeaders.read([("f", "1"), ("FROM", "2"), (" From ", "3"), ("X-f", "4")])

    assert headers.all("From") == headers.all("F") == ("1", "2", "3")
    assert headers.first("from") == "1"
    assert headers.first("to") is None
    assert headers.names() == ("from", "x-f")


@pytest.mark.parametrize(
    ("compact", "long"), [("i", "call-id"), ("T", "to"), ("m", "contact"), ("x", "session-expires")]
)
def test_compact_forms_stand_for_long_names(compact: str, long: str) -> None:
    assert canonical_name(compact) == long


def test_folded_value_becomes_one_line() -> None:
    headers = SipHeaders.read([("Subject", "  a\r\n\t b\x00\x1f c\u2028d\ud800 ")])

    assert headers.first("subject") == "a  b  c d"


@pytest.mark.parametrize("name", ["", " ", "a b", "from:", "é", "a\nb", "x" * 65])
def test_name_that_is_no_token_is_left_out(name: str) -> None:
    assert SipHeaders.read([(name, "x")]).entries == ()


def test_over_long_value_is_left_out_and_never_cut() -> None:
    padding = "x" * (sip.MAX_VALUE - len(NUMBER) - 4)
    longest = f"{padding}tel:{NUMBER}"

    assert SipHeaders.read([("A-B", longest)]).entries == (("a-b", longest),)
    assert SipHeaders.read([("A-B", longest + "1")]).entries == ()
    too_long = "tel:" + "1" * sip.MAX_VALUE
    assert parse_uri(too_long) is None
    assert parse_address(too_long) is None
    assert parse_addresses(too_long) == ()


def test_headers_have_an_end() -> None:
    headers = SipHeaders.read([("a", str(count)) for count in range(sip.MAX_HEADERS + 1)])

    assert len(headers.entries) == sip.MAX_HEADERS


def test_repr_of_headers_shows_no_value() -> None:
    assert "555" not in repr(SipHeaders.read([("From", NUMBER)]))


# Whatever comes

structure = st.lists(
    st.sampled_from([*'"\\<>,;=@:?%[] aé\ud800\x00'])
    | st.sampled_from(["sip:", "tel:", "+12025550100", "\r\n ", "%00", "%2B"]),
    max_size=40,
).map("".join)
any_text = structure | st.text(st.characters(exclude_categories=[]), max_size=80)
any_name = st.sampled_from(["From", "to", "Diversion", "P-Asserted-Identity", "x-y"]) | any_text


@pytest.mark.no_cover
@given(st.lists(st.tuples(any_name, any_text), max_size=8))
def test_any_list_of_any_strings_gives_addresses_of_printable_text(
    pairs: list[tuple[str, str]],
) -> None:
    headers = SipHeaders.read(pairs)

    for name, _ in pairs:
        assert len(headers.addresses(name)) <= len(headers.all(name)) * sip.MAX_ENTRIES
        for found in headers.addresses(name):
            (found.display_name + found.uri.user).encode()
            assert not any(char in found.uri.user for char in "\r\n\x00")
            assert found.uri.scheme in {"", "sip", "sips", "tel"}


@given(any_text)
def test_any_value_is_read_as_part_of_a_list_without_harm_to_what_is_before(junk: str) -> None:
    first = parse_addresses(f"<tel:{NUMBER}>, {junk}")[0]

    assert first.uri.user == NUMBER


@given(
    name=st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20),
    user=st.from_regex(r"\A[+a-z0-9_.-]{1,20}\Z"),
)
def test_quoted_name_and_user_come_back_as_written(name: str, user: str) -> None:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')

    found = address(f'"{escaped}" <sip:{user}@example.net>;tag=x')

    assert (found.display_name, found.uri.user) == (name, user)


@pytest.mark.parametrize(
    "unit", ['"\\', '"\\"', '"', "<", ">", ",", "a,", ";", "<sip:", "%", "\\", '",', '\\"', " ,"]
)
def test_hostile_repetition_is_read_to_its_end(unit: str) -> None:
    value = (unit * sip.MAX_VALUE)[: sip.MAX_VALUE]

    assert all(found.uri.scheme in {"", "sip"} for found in parse_addresses(value))
