from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.config.document import dotted
from controller.config.problems import Complaints, problems_of
from controller.config.targets import TransferRules, TransferTarget, resolve
from controller.sansio.agent import Target

SIP = "sip:+12025550123@trunk.example.net"


def table(uri: str = SIP, **keys: Any) -> TransferTarget:
    return TransferTarget(uri=uri, description="The desk", **keys)


def found(rules: TransferRules | None = None, **tables: TransferTarget) -> list[str]:
    complaints = Complaints(lambda _: "here")
    resolve(tables, rules or TransferRules(), complaints)
    return [str(problem) for problem in complaints.problems]


def resolved(rules: TransferRules | None = None, **tables: TransferTarget) -> dict[str, Target]:
    complaints = Complaints(dotted)
    targets = resolve(tables, rules or TransferRules(), complaints)
    assert complaints.problems == []
    return targets


def test_the_least_target_is_always_open_and_followed_by_nobody() -> None:
    assert resolved(desk=table()) == {"desk": Target("desk", SIP, "The desk")}


def test_every_key_reaches_the_target() -> None:
    rules = TransferRules(has_secret=True, time_zone="Europe/Berlin")
    desk = table(hours=["mon 08:00-17:00"], next=["night"], user_to_user=True)
    night = table(hours=["sun 20:00-24:00"], time_zone="America/New_York")

    targets = resolved(rules, desk=desk, night=night)

    assert targets["desk"].next == ("night",)
    assert targets["desk"].user_to_user
    assert targets["desk"].hours is not None
    assert str(targets["desk"].hours.zone) == "Europe/Berlin"
    assert targets["desk"].hours.weekly == ((0, 480, 1020),)
    assert targets["night"].hours is not None
    assert str(targets["night"].hours.zone) == "America/New_York"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"ring_timeout": 20},
            (
                "ring_timeout: found 20; must be left out: calls are transferred by REFER, which"
                " hands over the call and does not say when the other side rings"
            ),
        ),
        (
            {"caller_id": "called"},
            (
                "caller_id: found 'called'; must be left out: calls are transferred by REFER, which"
                " cannot choose the number that the other side sees"
            ),
        ),
        (
            {"confirm": "press 1"},
            (
                "confirm: found 'press 1'; must be left out: calls are transferred by REFER, which"
                " cannot ask whoever answers before the caller is put through"
            ),
        ),
        ({"hours": ["mo 08:00-17:00"]}, "hours[0]: found 'mo 08:00-17:00'; must be like "),
        ({"hours": []}, "hours: found []; "),
        ({"time_zone": "Berlin"}, "time_zone: found 'Berlin'; must be a time zone of the IANA"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_its_reason(
    keys: dict[str, Any], message: str
) -> None:
    raw = {"uri": SIP, "description": "The desk", **keys}
    with pytest.raises(ValidationError) as caught:
        TransferTarget.model_validate(raw)

    ((_, problem),) = problems_of(
        caught.value, model=TransferTarget, raw=raw, where=lambda _: "here"
    )

    assert str(problem).startswith(f"here: {message}")


@pytest.mark.parametrize(
    ("desk", "message"),
    [
        (table(next=["desk"]), "targets.desk.next[0]: is the target itself; name another one"),
        (table(next=["nigth"]), "no target is named 'nigth'; did you mean \"night\"?"),
        (table(next=["night", "night"]), "targets.desk.next[1]: 'night' is listed twice"),
        (table(hours=["mon 08:00-17:00"]), "targets.desk.hours: has no time zone; give time_zone"),
        (table(user_to_user=True), "targets.desk.user_to_user: there is no secret to sign with"),
        (
            table("tel:+19002345678"),
            "is a number of premium rate or shared cost; say allow_pr",
        ),
        (table("tel:+12025550100"), "is one of our own numbers"),
        (table("sip:911@x.example.net"), "is an emergency or service number"),
    ],
)
def test_what_a_target_says_must_go_together(desk: TransferTarget, message: str) -> None:
    (problem,) = found(TransferRules(own={"+12025550100"}), desk=desk, night=table())

    assert message in problem


def test_a_telephone_address_carries_no_header() -> None:
    rules = TransferRules(has_secret=True)

    (problem,) = found(rules, desk=table("tel:+12025550123", user_to_user=True))

    assert "user_to_user: a tel: address cannot carry it; must be a sip: address" in problem


def test_a_number_that_costs_extra_may_be_allowed() -> None:
    assert "desk" in resolved(desk=table("tel:+19002345678", allow_premium=True))


def test_only_allowed_hosts_are_transferred_to() -> None:
    rules = TransferRules(hosts={"trunk.example.net"})

    assert found(rules, desk=table("tel:+12025550123"), other=table(SIP)) == []
    (problem,) = found(rules, desk=table("sip:desk@pbx.example.net"))
    assert problem == (
        "here: targets.desk.uri: pbx.example.net is no allowed host;"
        " [policy] allowed_transfer_hosts: trunk.example.net"
    )


def test_a_ring_of_targets_is_told_as_one() -> None:
    problems = found(
        first=table(next=["a"]), a=table(next=["b"]), b=table(next=["c", "a"]), c=table()
    )

    assert problems == ["here: targets.a.next: a -> b -> a goes round; leave one of them out"]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), max_size=6
    )
)
def test_without_a_ring_every_chain_ends_and_with_one_it_is_found(
    chains: dict[str, list[str]],
) -> None:
    tables = {name: table(next=following) for name, following in chains.items()}

    is_ring = any("goes round" in problem for problem in found(None, **tables))

    def ends(name: str, trail: tuple[str, ...]) -> bool:
        following = [each for each in chains.get(name, []) if each != name]
        return name not in trail and all(ends(each, (*trail, name)) for each in following)

    assert is_ring is not all(ends(name, ()) for name in chains)
