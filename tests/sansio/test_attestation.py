from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.attestation import read_attestation
from controller.sansio.sip import SipHeaders

PAI, FROM = "P-Asserted-Identity", "From"


def tel(verstat: str) -> str:
    return f"<tel:+12025550142;verstat={verstat}>"


@pytest.mark.parametrize(
    ("pairs", "level"),
    [
        ([(PAI, tel("TN-Validation-Passed-A"))], "A"),
        ([(PAI, "<sip:+12025550142;verstat=tn-validation-passed-b@a.example;user=phone>")], "B"),
        ([(FROM, "<tel:+12025550142;verstat=TN-Verification-Passed-C>;tag=1")], "C"),
        ([("Attestation-Info", "B")], "B"),
        ([("P-Attestation-Indicator", ' "a" ')], "A"),
        ([("X-Attestation-Info", "C")], "C"),
        ([(PAI, tel("TN-Validation-Passed")), ("Attestation-Info", "A")], "A"),
        ([(FROM, tel("TN-Validation-Passed-A")), (PAI, tel("TN-Validation-Passed-C"))], "C"),
        ([(PAI, tel("TN-Validation-Failed-A"))], None),
        ([(PAI, tel("TN-Validation-Passed-D"))], None),
        ([("Attestation-Info", "AB")], None),
        ([("Identity", "eyJhbGciOi;attest=A")], None),
        ([], None),
    ],
)
def test_the_level_is_read_where_a_header_tells_it(
    pairs: list[tuple[str, str]], level: str | None
) -> None:
    assert read_attestation(SipHeaders.read(pairs)) == level


names = st.sampled_from([PAI, FROM, "Attestation-Info", "P-Attestation-Indicator"])


@given(st.lists(st.tuples(names, st.text(max_size=40)), max_size=5))
def test_whatever_the_headers_hold_it_is_a_level_or_none(pairs: list[tuple[str, str]]) -> None:
    assert read_attestation(SipHeaders.read(pairs)) in {"A", "B", "C", None}
