"""Who calls, in the spellings that trunks use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio import parties
from controller.sansio.numbers import UNPARSED, WITHHELD, Number
from controller.sansio.parties import (
    CALLED_NUMBER_HEADERS,
    Caller,
    identify_caller,
    privacy_values,
)
from controller.sansio.sip import SipHeaders

CALLER = Number("e164", "+12025550142")
OTHER = Number("e164", "+12025550143")
ME = "<sip:+12025550142@trunk.example.net>"
SOMEBODY = "<sip:+12025550143@trunk.example.net>"


def caller(*pairs: tuple[str, str], trust_verstat: bool = False) -> Caller:
    return identify_caller(SipHeaders.read(pairs), region="US", trust_verstat=trust_verstat)


# The caller


def test_asserted_identity_comes_before_remote_party_and_from() -> None:
    found = caller(
        ("From", f'"Bob" {SOMEBODY};tag=1'),
        ("Remote-Party-ID", SOMEBODY),
        ("P-Asserted-Identity", ME),
    )

    assert found == Caller(CALLER, CALLER, "trunk", "Bob")


def test_remote_party_comes_before_from_and_is_a_claim() -> None:
    found = caller(("From", SOMEBODY), ("Remote-Party-ID", f"{ME};party=calling;screen=yes"))

    assert (found.number, found.trust) == (CALLER, "claimed")


def test_remote_party_that_is_the_called_one_is_not_the_caller() -> None:
    found = caller(("From", ME), ("Remote-Party-ID", f"{SOMEBODY};party=called;privacy=full"))

    assert (found.number, found.shown) == (CALLER, CALLER)


def test_first_asserted_identity_that_is_a_number_is_taken() -> None:
    found = caller(
        ("From", SOMEBODY),
        ("P-Asserted-Identity", "<sip:alice@example.net>, <tel:+12025550142>"),
    )

    assert (found.number, found.trust) == (CALLER, "trunk")


@pytest.mark.parametrize(
    "value",
    [
        "<sip:+12025550142@x>;tag=1",
        "sip:+12025550142@x;tag=1",
        "<sip:2025550142@x;user=phone>",
        "<sip:12025550142@x>",
        "<sip:+12025550142;npdi;rn=+12025550199@x>",
        "<sip:2025550142;phone-context=+1@x;user=phone>",
        "<tel:5550142;phone-context=+1202>",
        "tel:5550142;phone-context=+1202",
        "<sip:+12025550142;isup-oli=62@x>",
        "<sip:+12025550142;verstat=TN-Validation-Passed@x>",
        "<sip:%2B1-202-555-0142@x>",
        "<tel:+1-202-555-0142>",
        '"+12025550199" <sip:+12025550142@x>',
        "<sip:+12025550142@[2001:db8::1]:5061;transport=tls>",
    ],
)
def test_number_is_normalised_whatever_surrounds_it(value: str) -> None:
    assert caller(("f", value)).number == CALLER


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("From", "")],
        [("From", "<sip:alice@example.net>")],
        [("From", "<sip:trunk.example.net>")],
        [("From", "<mailto:a@b>")],
        [("From", "x" * 5000)],
        [("P-Asserted-Identity", "<sip:alice@example.net>")],
    ],
)
def test_caller_without_a_number_is_unparsed_and_not_withheld(
    pairs: list[tuple[str, str]],
) -> None:
    found = caller(*pairs)

    assert (found.number, found.shown, found.trust) == (UNPARSED, UNPARSED, "claimed")


@pytest.mark.parametrize(
    "value",
    [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "<sip:+12025550142@anonymous.invalid>",
        "<sip:unavailable@unknown.invalid>",
        "<sip:Restricted@trunk.example.net>",
        "<sip:Unavailable@trunk.example.net>",
        "<sip:Anonymous@trunk.example.net>",
        "<sip:+266696687@trunk.example.net>",
        "<sip:0000000000@trunk.example.net>",
        "<tel:+00000000>",
        "Anonymous",
        f"Anonymous {ME}",
        f'"Restricted" {ME}',
        f'" private " {ME}',
    ],
)
def test_anonymous_from_withholds_and_the_asserted_number_is_never_shown(value: str) -> None:
    found = caller(("From", value), ("P-Asserted-Identity", SOMEBODY))

    assert found == Caller(OTHER, WITHHELD, "withheld", "")


def test_anonymous_caller_without_any_number_is_withheld() -> None:
    found = caller(("From", '"Anonymous" <sip:anonymous@anonymous.invalid>'))

    assert found == Caller(WITHHELD, WITHHELD, "withheld", "")


@pytest.mark.parametrize("value", ["id", "user", "HEADER", "none;id", "critical; ID", "user,id"])
def test_privacy_header_withholds(value: str) -> None:
    found = caller(("From", f'"Bob" {ME}'), ("Privacy", value), ("P-Asserted-Identity", ME))

    assert found == Caller(CALLER, WITHHELD, "withheld", "")


def test_every_privacy_header_counts() -> None:
    assert caller(("From", ME), ("Privacy", "none"), ("privacy", "id")).shown == WITHHELD


@pytest.mark.parametrize("value", ["none", "session", "history", "critical", "", "identity"])
def test_other_privacy_values_withhold_nothing(value: str) -> None:
    assert caller(("From", ME), ("Privacy", value)).shown == CALLER


@pytest.mark.parametrize("value", ["full", "URI"])
def test_private_remote_party_withholds(value: str) -> None:
    assert caller(("From", ME), ("Remote-Party-ID", f"{ME};privacy={value}")).shown == WITHHELD


def test_open_remote_party_withholds_nothing() -> None:
    assert caller(("From", ME), ("Remote-Party-ID", f"{ME};privacy=off")).shown == CALLER


def test_anonymous_asserted_identity_withholds_the_number_in_from() -> None:
    found = caller(("From", ME), ("P-Asserted-Identity", "<sip:anonymous@anonymous.invalid>"))

    assert (found.number, found.shown) == (CALLER, WITHHELD)


@pytest.mark.parametrize("name", ["Unavailable", "UNKNOWN"])
def test_name_look_up_that_found_nothing_withholds_nothing(name: str) -> None:
    assert caller(("From", f'"{name}" {ME}')).shown == CALLER


@pytest.mark.parametrize(
    "verstat",
    ["TN-Validation-Passed", "tn-validation-passed-a", "TN-Verification-Passed-A"],
)
@pytest.mark.parametrize("header", ["From", "P-Asserted-Identity"])
def test_verified_number_is_attested_where_the_trunk_is_believed(header: str, verstat: str) -> None:
    pairs = [(header, f"<sip:+12025550142;verstat={verstat}@x;user=phone>")]

    assert caller(*pairs, trust_verstat=True).trust == "attested"
    assert caller(*pairs).trust != "attested"


def test_verification_beside_another_number_attests_nothing() -> None:
    found = caller(
        ("P-Asserted-Identity", ME),
        ("From", f"{SOMEBODY};verstat=TN-Validation-Passed"),
        trust_verstat=True,
    )

    assert (found.number, found.trust) == (CALLER, "trunk")


def test_verification_of_the_same_number_in_from_attests_the_asserted_one() -> None:
    found = caller(
        ("P-Asserted-Identity", ME),
        ("From", f"{ME};verstat=TN-Validation-Passed"),
        trust_verstat=True,
    )

    assert found.trust == "attested"


@pytest.mark.parametrize(
    "verstat", ["TN-Validation-Failed", "No-TN-Validation", "TN-Validation-Passed-C", ""]
)
def test_other_verification_results_attest_nothing(verstat: str) -> None:
    assert caller(("From", f"{ME};verstat={verstat}"), trust_verstat=True).trust == "claimed"


def test_withheld_number_is_withheld_though_verified() -> None:
    found = caller(
        ("From", f"{ME};verstat=TN-Validation-Passed"), ("Privacy", "id"), trust_verstat=True
    )

    assert found.trust == "withheld"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Bob", "Bob"),
        ("  Bob   Smith ", "Bob Smith"),
        ("Bob\r\nSmith", "Bob Smith"),
        ("\u202eboB\u200b\ufeff\ue000", "boB"),
        ("日本 太郎", "日本 太郎"),
        ("x" * 63 + " yy", "x" * 63),
        ("x" * 500, "x" * parties.MAX_DISPLAY_NAME),
    ],
)
def test_display_name_is_one_short_line_without_tricks(written: str, kept: str) -> None:
    assert caller(("From", f'"{written}" {ME}')).display_name == kept


def test_repr_of_a_caller_shows_no_name_and_four_digits() -> None:
    shown = repr(caller(("From", f'"Bob" {ME}')))

    assert "Bob" not in shown
    assert "…0142" in shown
    assert "5550142" not in shown


def test_privacy_values_are_given_once_in_lower_case() -> None:
    headers = SipHeaders.read([("Privacy", "ID; critical;"), ("Privacy", "id,user")])

    assert privacy_values(headers) == ("id", "critical", "user")


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


@given(pairs=invites, trust_verstat=st.booleans())
def test_any_headers_give_a_caller_without_contradiction(
    *, pairs: list[tuple[str, str]], trust_verstat: bool
) -> None:
    found = caller(*pairs, trust_verstat=trust_verstat)

    assert (found.trust == "withheld") == (found.shown == WITHHELD)
    if found.shown != WITHHELD:
        assert found.shown == found.number
    else:
        assert not found.display_name
    assert found.trust in {"claimed", "withheld"} or found.number.kind == "e164"
    assert len(found.display_name.encode()) <= 4 * parties.MAX_DISPLAY_NAME
