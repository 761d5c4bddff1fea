from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.policy.countries import country_of


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12025550100", "US"),
        ("+12025550199", "US"),
        ("+12021000000", "US"),
        ("+14165550142", "CA"),
        ("+18765550142", "JM"),
        ("+17875550142", "PR"),
        ("+18005550142", "US"),
        ("+19995550142", "US"),
        ("+442079460000", "GB"),
        ("+441534460000", "JE"),
        ("+440000000", "GB"),
        ("+4915112345678", "DE"),
        ("+77012345678", "KZ"),
        ("+79161234567", "RU"),
        ("+390612345678", "IT"),
        ("+3906698123456", "VA"),
        ("+80012345678", "001"),
        ("+2101234567", None),
        ("+999", None),
        ("+", None),
        ("", None),
        ("anonymous", None),
        ("+1²025550100", None),
    ],
)
def test_a_number_is_of_a_country(number: str, country: str | None) -> None:
    assert country_of(number) == country


@pytest.mark.no_cover
@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_example_of_every_country_is_of_that_country(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)

    assert country_of(number) == phonenumbers.region_code_for_number(example)


@given(st.text(max_size=20) | st.text("+0123456789", max_size=20))
def test_what_is_no_number_is_of_no_country_or_of_some(number: str) -> None:
    country = country_of(number)

    assert country is None or len(country) in {2, 3}
