"""One number, one spelling; and what is not a number stays none."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import LocalProtocolError
from controller.sansio.numbers import (
    UNPARSED,
    WITHHELD,
    Number,
    NumberKind,
    last_four,
    normalise,
)


@pytest.mark.parametrize(
    "text",
    [
        "+12025550100",
        "12025550100",
        "2025550100",
        "(202) 555-0100",
        "+1-202-555-0100",
        "+1.202.555.0100",
        "1 202\u00a0555 0100",
        "01112025550100",
    ],
)
def test_every_spelling_of_a_number_is_the_same_number(text: str) -> None:
    assert normalise(text, region="US") == Number("e164", "+12025550100")


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("011442079460000", "US", "+442079460000"),
        ("00442079460000", "DE", "+442079460000"),
        ("02079460000", "GB", "+442079460000"),
        ("442079460000", "GB", "+442079460000"),
        ("+442079460000", "US", "+442079460000"),
        ("+390669812345", "US", "+390669812345"),
        ("7378742833", "US", "+17378742833"),
        ("17378742833", "US", "+17378742833"),
        ("+19995550100", "US", "+19995550100"),
    ],
)
def test_region_says_how_digits_without_a_plus_are_read(text: str, region: str, e164: str) -> None:
    assert normalise(text, region=region) == Number("e164", e164)


@pytest.mark.parametrize(
    ("text", "context", "e164"),
    [
        ("2025550100", "+1", "+12025550100"),
        ("5550100", "+1202", "+12025550100"),
        ("5550100", "+1-202", "+12025550100"),
        ("2079460000", "+44", "+442079460000"),
        ("+12025550100", "+44", "+12025550100"),
        ("12025550100", "+1", "+12025550100"),
        ("011442079460000", "+1", "+442079460000"),
        ("2025550100", "example.net", "+12025550100"),
        ("2025550100", "+", "+12025550100"),
    ],
)
def test_global_phone_context_goes_before_local_digits(text: str, context: str, e164: str) -> None:
    assert normalise(text, region="US", context=context) == Number("e164", e164)


@pytest.mark.parametrize(
    "text",
    [
        "anonymous",
        "Anonymous",
        "RESTRICTED",
        "Unavailable",
        "private",
        "unknown",
        "+266696687",
        "266696687",
        "+7378742833",
        "+86282452253",
        "86282452253",
        "0",
        "0000000000",
        "+00000000",
        "+10000000000",
        "10000000000",
        "000-000-0000",
    ],
)
def test_withheld_number_is_withheld_and_not_unparsed(text: str) -> None:
    assert normalise(text, region="US") is WITHHELD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "alice",
        "proj_68505551234567890",
        "proj_abc",
        "1800FLOWERS",
        "2025550100x5",
        "5550100",
        "911",
        "+1911",
        "988",
        "442071838750",
        "*672025550100",
        "2025550100#",
        "++12025550100",
        "+1202555010012345",
        "1" * 21,
        "1" * 5000,
        "+999123456789",
        "٢٠٢٥٥٥٠١٠٠",
        "2025550100\n",
        "2025550100;ext=5",
        "\ud800",
    ],
)
def test_what_is_no_number_is_unparsed(text: str) -> None:
    assert normalise(text, region="US") is UNPARSED


def test_unknown_region_reads_international_numbers_only() -> None:
    assert normalise("+12025550100", region="ZZ") == Number("e164", "+12025550100")
    assert normalise("2025550100", region="ZZ") is UNPARSED


def test_number_longer_than_e164_allows_is_unparsed_though_its_country_has_such() -> None:
    digits = "+49" + "1" * 14
    assert phonenumbers.is_possible_number(phonenumbers.parse(digits))

    assert normalise(digits, region="US") is UNPARSED


def test_repr_shows_the_last_four_digits_only() -> None:
    assert repr(Number("e164", "+12025550142")) == "Number(e164 …0142)"
    assert repr(WITHHELD) == "Number(withheld)"
    assert last_four("+12025550142") == "…0142"


@pytest.mark.parametrize(
    ("kind", "e164"), [("e164", None), ("withheld", "+12025550142"), ("unparsed", "+12025550142")]
)
def test_number_cannot_contradict_itself(kind: NumberKind, e164: str | None) -> None:
    with pytest.raises(LocalProtocolError) as misuse:
        Number(kind, e164)

    assert "0142" not in str(misuse.value)


any_text = st.text(st.characters(exclude_categories=[]), max_size=30)
digits = st.from_regex(r"\A\+?[0-9 .()-]{0,24}\Z")


@given(
    text=any_text | digits,
    region=st.sampled_from(["US", "GB", "DE", "IT", "ZZ", "", "x"]),
    context=any_text | digits,
)
def test_any_text_gives_one_of_three_and_e164_stays_itself(
    text: str, region: str, context: str
) -> None:
    number = normalise(text, region=region, context=context)

    if number.e164 is None:
        assert number in {WITHHELD, UNPARSED}
    else:
        assert number.e164[1:].isdigit()
        assert len(number.e164) <= 16
        assert normalise(number.e164, region="US") == number


@given(
    st.integers(200_000_0000, 999_999_9999).map(str),
    st.sampled_from(["", "1", "+1", "0111"]),
    st.data(),
)
def test_separators_never_change_the_number(
    national: str, prefix: str, data: st.DataObject
) -> None:
    spelled = "".join(
        digit + data.draw(st.sampled_from(["", "-", ".", " ", "(", ")"])) for digit in national
    )

    assert normalise(prefix + spelled, region="US") == Number("e164", f"+1{national}")
