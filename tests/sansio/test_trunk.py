from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from controller.sansio.incoming import IncomingCall
from controller.sansio.trunk import TrunkFacts
from controller.sansio.webhook import CallOffered

MARK = ("X-Trunk-Secret", "hush")
FROM = ("From", "<sip:+12025550142@trunk.example.net>")
ASSERTED = ("P-Asserted-Identity", "<sip:+12025550143@trunk.example.net>")
VERIFIED = ("P-Asserted-Identity", "<tel:+12025550143;verstat=TN-Validation-Passed-A>")
OWN = ("X-Caller", "<tel:+12025550144>")
MARKED = TrunkFacts(mark=(("x-trunk-secret", "hush"),))


def read(trunk: TrunkFacts, *headers: tuple[str, str]) -> IncomingCall:
    return trunk.read(CallOffered("evt_1", 1, "rtc_1", headers), webhook_id="wh_1")


@pytest.mark.parametrize(
    ("keys", "headers", "trust"),
    [
        ({}, [FROM], "claimed"),
        ({}, [FROM, ASSERTED], "trunk"),
        ({}, [FROM, VERIFIED], "trunk"),
        ({"trust_verstat": True}, [FROM, VERIFIED], "attested"),
        ({"caller_headers": ("x-caller",)}, [FROM, ASSERTED, OWN], "trunk"),
    ],
)
def test_without_a_mark_what_a_trunk_would_assert_is_taken_for_the_trunks(
    keys: dict[str, Any], headers: list[tuple[str, str]], trust: str
) -> None:
    call = read(TrunkFacts(**keys), *headers)

    assert call.caller_trust == trust
    assert call.is_from_trunk is None


@pytest.mark.parametrize(
    ("headers", "trust"),
    [([FROM], "trunk"), ([FROM, ASSERTED], "trunk"), ([FROM, VERIFIED], "attested")],
)
@pytest.mark.parametrize("is_marked", [True, False])
def test_where_there_is_a_mark_only_a_call_that_carries_it_is_believed(
    headers: list[tuple[str, str]], trust: str, *, is_marked: bool
) -> None:
    trunk = TrunkFacts(mark=MARKED.mark, trust_verstat=True)

    call = read(trunk, *headers, *([MARK] if is_marked else []))

    assert call.is_from_trunk is is_marked
    assert call.caller_trust == (trust if is_marked else "claimed")
    assert call.attestation == ("A" if is_marked and VERIFIED in headers else None)


def test_a_strangers_call_keeps_what_it_claims() -> None:
    call = read(MARKED, FROM, ASSERTED, ("X-Trunk-Secret", "wrong"))

    assert call.is_from_trunk is False
    assert call.caller.e164 == "+12025550143"


def test_a_withheld_number_stays_withheld_on_the_trunk_and_off_it() -> None:
    private = ("Privacy", "id")

    assert read(MARKED, FROM, private, MARK).caller_trust == "withheld"
    assert read(MARKED, FROM, private).caller_trust == "withheld"


def test_the_trunks_own_headers_are_searched_in_their_order_before_all_others() -> None:
    trunk = TrunkFacts(
        region="US",
        caller_headers=("x-none", "x-caller"),
        called_number_headers=("x-called", "to"),
    )

    call = read(
        trunk, FROM, ASSERTED, OWN, ("To", "<tel:+12025550101>"), ("X-Called", "202-555-0100")
    )

    assert call.caller.e164 == "+12025550144"
    assert (call.called.e164, call.called.header) == ("+12025550100", "x-called")


def test_a_trunk_is_verified_from_the_day_of_its_field_test() -> None:
    assert not TrunkFacts().is_verified
    assert TrunkFacts(verified_at=date(2026, 11, 20)).is_verified


def test_the_mark_is_not_shown() -> None:
    assert "hush" not in repr(MARKED)
