from __future__ import annotations

import pytest

from controller.sansio.agent import Target
from controller.sansio.returning import forwarded_by, numbers_of_targets


def targets(*written: tuple[str, str]) -> list[Target]:
    return [Target(name, uri, "somebody") for name, uri in written]


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+12025550123@trunk.example.net",
        "sips:12025550123@trunk.example.net;transport=tls",
        "tel:+1-202-555-0123",
        "tel:202-555-0123",
        "tel:555-0123;phone-context=+1202",
    ],
)
def test_a_target_is_known_by_its_number_however_it_is_written(uri: str) -> None:
    found = numbers_of_targets(targets(("reception", uri)), region="US")

    assert found == {"+12025550123": frozenset({"reception"})}


def test_targets_without_a_number_are_left_out() -> None:
    found = targets(("bob", "sip:bob@pbx.example.net"), ("page", "https://example.net/"))

    assert numbers_of_targets(found, region="US") == {}


def test_two_targets_may_share_a_number() -> None:
    found = targets(
        ("reception", "tel:+12025550123"),
        ("night", "sip:+12025550123@trunk.example.net"),
        ("billing", "tel:+12025550124"),
    )

    assert numbers_of_targets(found, region="US") == {
        "+12025550123": frozenset({"reception", "night"}),
        "+12025550124": frozenset({"billing"}),
    }


TARGETS = {
    "+12025550123": frozenset({"reception", "night"}),
    "+12025550124": frozenset({"billing"}),
}


@pytest.mark.parametrize(
    ("diversion", "found"),
    [
        ((), (frozenset(), 0)),
        (("+12025550100",), (frozenset(), 0)),
        (("+12025550100", "+12025550123"), (frozenset({"reception", "night"}), 1)),
        (
            ("+12025550124", "+12025550100", "+12025550123"),
            (frozenset({"reception", "night", "billing"}), 2),
        ),
    ],
)
def test_who_forwarded_a_call_and_how_often(
    diversion: tuple[str, ...], found: tuple[frozenset[str], int]
) -> None:
    assert forwarded_by(diversion, TARGETS) == found
