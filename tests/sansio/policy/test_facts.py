from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio.policy.facts import Facts, is_kept, read_facts
from tests.sansio.policy.offers import CALLED, CALLER, called_by, facts, offer


def test_of_a_chain_of_diversions_the_first_number_of_ours_was_called() -> None:
    strange, ours, also_ours = "+12025550198", "+12025550100", "+12025550101"
    call = offer(called=None, caller=CALLER)

    def called(*chain: str) -> str | None:
        return read_facts(replace(call, called=called_by(*chain)), {ours, also_ours}).called

    assert called(also_ours, ours) == also_ours
    assert called(strange, ours, also_ours) == ours
    assert called(strange, "+12025550199") == strange
    assert read_facts(call, {ours}).called is None


def test_a_withheld_number_is_known_for_blocks_and_still_withheld() -> None:
    found = facts(caller=CALLER, caller_trust="withheld")

    assert (found.caller, found.is_withheld, found.is_nameless) == (CALLER, True, True)


@pytest.mark.parametrize(("caller", "is_nameless"), [(CALLER, False), (None, True)])
def test_a_caller_without_a_number_has_no_name(caller: str | None, *, is_nameless: bool) -> None:
    assert facts(caller=caller).is_nameless is is_nameless


def test_every_header_that_a_rule_may_ask_for_is_there() -> None:
    found = facts(
        x_headers=(("x-a", "1"), ("x-b", "2"), ("x-a", "3")),
        user_to_user=("uu",),
        privacy=("id",),
        priority="emergency",
    )

    assert found.headers == {
        "x-a": ("1", "3"),
        "x-b": ("2",),
        "user-to-user": ("uu",),
        "privacy": ("id",),
        "priority": ("emergency",),
    }


def test_the_rest_is_taken_as_it_was_read() -> None:
    found = facts(
        caller_trust="attested", media_security="srtp", attestation="A", from_host="a.example"
    )

    assert found == Facts(
        called=CALLED,
        called_header="diversion",
        caller=CALLER,
        trust="attested",
        media_security="srtp",
        attestation="A",
        from_host="a.example",
    )


def test_repr_shows_four_digits_and_no_header() -> None:
    told = repr(facts(x_headers=(("x-key", "secret"),)))

    assert told == "Facts(called=…0100, caller=…0142, trust=claimed)"
    assert repr(facts(called=None, caller=None)) == "Facts(called=None, caller=None, trust=claimed)"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("X-Tenant", True),
        ("x-tenant", True),
        ("User-to-User", True),
        ("PRIVACY", True),
        ("priority", True),
        ("Via", False),
        ("From", False),
        ("", False),
    ],
)
def test_a_rule_can_ask_of_headers_that_are_kept(name: str, *, kept: bool) -> None:
    assert is_kept(name) is kept


@pytest.mark.parametrize(("known", "trusted"), [(True, True), (False, False), (None, False)])
def test_where_no_trunk_can_be_told_no_call_is_of_the_trunk(
    *, known: bool | None, trusted: bool
) -> None:
    assert facts(is_from_trunk=known).is_from_trunk is trusted
