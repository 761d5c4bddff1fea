from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sansio.masking import LONGEST, MASK, SHORTEST, mask_cards, mask_keys, passes_luhn

# Numbers for tests that the card schemes publish; no account has them.
CARD = "4111111111111111"


def with_check_digit(digits: str) -> str:
    (check,) = [each for each in "0123456789" if passes_luhn(digits + each)]
    return digits + check


@pytest.mark.parametrize(
    "card", [CARD, "5555555555554444", "378282246310005", "6011000990139424", "4222222222222"]
)
def test_a_card_number_is_blotted_out_and_the_words_around_it_stay(card: str) -> None:
    assert mask_cards(f"My card is {card}, yes.") == f"My card is {MASK * len(card)}, yes."


@pytest.mark.parametrize("separator", [" ", "-", ".", ",", "\u00a0", "\u2011"])
def test_groups_make_no_difference(separator: str) -> None:
    shown = mask_cards(separator.join(["4111", "1111", "1111", "1111"]))
    assert shown == separator.join([MASK * 4] * 4)


def test_digit_by_digit_makes_no_difference() -> None:
    assert mask_cards(" ".join(CARD)) == " ".join([MASK] * 16)


def test_what_follows_the_number_does_not_hide_it() -> None:
    assert mask_cards("4111 1111 1111 1111 12 27 123").startswith(f"{MASK * 4} " * 4)


def test_what_goes_before_the_number_does_not_hide_it() -> None:
    assert mask_cards("7 12345 4111-1111-1111-1111").endswith("-".join([MASK * 4] * 4))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no digits at all",
        "4111111111111112",  # its check digit is wrong
        "411111111111",  # too short
        "0" * 20,  # too long for one number, and it has no groups
        "4111  1111  1111  1111",  # two spaces: four numbers
        "+12025550100",
    ],
)
def test_anything_else_stays(text: str) -> None:
    assert mask_cards(text) == text


def test_digits_of_any_script_count() -> None:
    arabic = CARD.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert mask_cards(arabic) == MASK * 16


@given(
    st.text(alphabet="0123456789", min_size=SHORTEST - 1, max_size=LONGEST - 1),
    st.text(alphabet=st.characters(exclude_categories=["Nd"])),
    st.text(alphabet=st.characters(exclude_categories=["Nd"])),
)
def test_every_number_that_passes_is_hidden_wherever_it_stands(
    digits: str, before: str, after: str
) -> None:
    card = with_check_digit(digits)
    assert mask_cards(before + card + after) == before + MASK * len(card) + after


@given(st.text(alphabet=st.one_of(st.sampled_from("0123456789 -.,"), st.characters())))
def test_nothing_but_digits_ever_changes(text: str) -> None:
    shown = mask_cards(text)
    assert len(shown) == len(text)
    assert all(
        new == old or (new == MASK and old.isdecimal())
        for old, new in zip(text, shown, strict=True)
    )


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "keys", "shown"),
    [
        ('{"card":"4929-1234"}', "49291234", f'{{"card":"{MASK * 4}-{MASK * 4}"}}'),
        ("id 0049291234999", "49291234", f"id 00{MASK * 8}999"),
        ("PIN 12 is not 120 and not 312, but 12.", "12", f"PIN {MASK * 2} is not 120 and not 312"),
        ("1 2", "12", f"{MASK} {MASK}"),
        ("12*34", "12*34", MASK * 5),
        ("card ending 1234", "49291234", "card ending 1234"),
        ("1  2", "12", "1  2"),
        ("paid", "1", "paid"),
        ("paid 1", "", "paid 1"),
    ],
)
def test_the_keys_of_an_entry_are_blotted_out_and_no_others(
    text: str, keys: str, shown: str
) -> None:
    assert mask_keys(text, keys).startswith(shown)


@given(st.text(max_size=40), st.text("0123456789*#", min_size=4, max_size=19), st.text(max_size=40))
def test_wherever_the_keys_stand_they_are_hidden_and_the_length_stays(
    before: str, keys: str, after: str
) -> None:
    text = before + keys + after
    assert keys not in mask_keys(text, keys)
    assert len(mask_keys(text, keys)) == len(text)
