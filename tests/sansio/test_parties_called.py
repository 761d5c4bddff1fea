"""Which number was dialled, and through whose hands the call came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio import parties
from controller.sansio.parties import (
    CALLED_NUMBER_HEADERS,
    UNREADABLE,
    CalledNumber,
    diversion_chain,
    find_called_number,
)
from controller.sansio.sip import SipHeaders

TO_PROJECT = ("To", "<sip:proj_68505551234567890@sip.api.openai.com;transport=tls>")


def called(*pairs: tuple[str, str]) -> CalledNumber:
    return find_called_number(SipHeaders.read(pairs), region="US")


# The called number


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Diversion", "<sip:+12025550100@trunk.example.net>;reason=unconditional"),
        ("diversion", "sip:2025550100@trunk.example.net;reason=unknown"),
        ("X-Original-To", "+1 (202) 555-0100"),
        ("P-Called-Party-ID", '"Acme, Inc." <tel:+12025550100>'),
        ("History-Info", "<sip:+12025550100@x?Reason=SIP%3Bcause%3D302>;index=1"),
        ("To", "<sip:+12025550100@sip.api.openai.com>"),
        ("t", "<sip:+12025550100@sip.api.openai.com>"),
    ],
)
def test_called_number_is_read_wherever_the_trunk_writes_it(name: str, value: str) -> None:
    found = called((name, value), TO_PROJECT)

    assert (found.status, found.e164) == ("read", "+12025550100")


def test_headers_are_searched_in_their_default_order() -> None:
    pairs = [
        (name.title(), f"<sip:+1202555010{digit}@x>")
        for digit, name in enumerate(CALLED_NUMBER_HEADERS)
    ]

    while pairs:
        found = called(*reversed(pairs))

        assert found.header == pairs[0][0].lower()
        assert found.e164 is not None
        assert found.e164 in pairs.pop(0)[1]


def test_order_is_the_operators_choice_in_any_case_and_compact_form() -> None:
    headers = SipHeaders.read(
        [
            ("Diversion", "<sip:+12025550100@x>"),
            ("X-Did", "2025550101"),
            ("To", "<sip:+12025550102@x>"),
        ]
    )

    custom = find_called_number(headers, region="US", order=("X-DID", *CALLED_NUMBER_HEADERS))
    compact = find_called_number(headers, region="US", order=["T"])

    assert custom == CalledNumber("read", "+12025550101", "x-did")
    assert compact == CalledNumber("read", "+12025550102", "to")
    assert find_called_number(headers, region="US", order=[]) == UNREADABLE


def test_header_that_holds_no_number_is_passed_over() -> None:
    found = called(
        ("Diversion", "<sip:anonymous@anonymous.invalid>, <sip:5000@pbx.example.net>"),
        ("P-Called-Party-ID", "<sip:proj_68505551234567890@sip.api.openai.com>"),
        ("To", "<sip:+12025550100@x>"),
    )

    assert found == CalledNumber("read", "+12025550100", "to")


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [TO_PROJECT],
        [TO_PROJECT, ("Diversion", "")],
        [TO_PROJECT, ("Diversion", "<sip:proj_12025550100@x>")],
        [("To", "<sip:anonymous@x>")],
        [("To", "<sip:911@x>")],
    ],
)
def test_call_that_names_no_number_is_unreadable(pairs: list[tuple[str, str]]) -> None:
    assert called(*pairs) == UNREADABLE


def test_of_several_diversions_the_topmost_forwarded_last() -> None:
    found = called(
        ("Diversion", "<sip:+12025550101@x>;reason=unconditional, <tel:+12025550102>"),
        ("Diversion", "<sip:+12025550103@x>, <sip:+12025550101@x>"),
    )

    assert found == CalledNumber(
        "read", "+12025550101", "diversion", ("+12025550102", "+12025550103")
    )


def test_of_a_history_the_last_entry_with_a_number_forwarded_last() -> None:
    found = called(
        ("History-Info", "<sip:+12025550101@x>;index=1, <sip:+12025550102@x>;index=1.1"),
        ("History-Info", "<sip:proj_abc@sip.api.openai.com>;index=1.1.1"),
    )

    assert found == CalledNumber("read", "+12025550102", "history-info", ("+12025550101",))


def test_repr_of_a_called_number_shows_the_last_four_digits() -> None:
    found = CalledNumber("read", "+12025550142", "diversion", ("+12025550143",))

    assert repr(found) == "CalledNumber(read …0142 from diversion)"
    assert repr(UNREADABLE) == "CalledNumber(unreadable)"


# The chain


def test_chain_joins_both_headers_and_names_each_number_once() -> None:
    headers = SipHeaders.read(
        [
            ("History-Info", "<sip:+12025550103@x>;index=1, <sip:+12025550101@x>;index=1.1"),
            ("Diversion", "<sip:+12025550101@x>, <sip:+12025550102@x>"),
        ]
    )

    chain = diversion_chain(headers, region="US")

    assert chain == ("+12025550101", "+12025550102", "+12025550103")


def test_chain_has_an_end() -> None:
    values = ", ".join(f"<tel:+120255501{number:02}>" for number in range(30))
    headers = SipHeaders.read([("Diversion", values)])

    assert len(diversion_chain(headers, region="US")) == parties.MAX_CHAIN


# Whatever comes

any_text = st.text(st.characters(exclude_categories=[]), max_size=40)
known_users = st.sampled_from(
    ["+12025550142", "2025550143", "anonymous", "alice", "proj_1", "0000000000", "+266696687"]
)
addresses = st.builds(
    "<sip:{}@{}>{}".format, known_users, st.sampled_from(["x", "a.invalid"]), any_text
)
names = st.sampled_from(
    ["From", "P-Asserted-Identity", "Remote-Party-ID", "Privacy", "To", *CALLED_NUMBER_HEADERS]
)
invites = st.lists(st.tuples(names, addresses | any_text | st.just("id")), max_size=8)


@given(pairs=invites)
def test_any_headers_give_a_called_number_or_say_that_there_is_none(
    pairs: list[tuple[str, str]],
) -> None:
    found = called(*pairs)

    assert (found.status == "read") == (found.e164 is not None) == (found.header is not None)
    assert found.e164 not in found.others
