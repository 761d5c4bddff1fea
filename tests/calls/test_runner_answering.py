"""From the offer to a conversation, or not: the table of accept results, over the wire."""

from __future__ import annotations

import pytest

from controller.sansio.call import Limits
from controller.simulator import EndedBy
from tests.calls.house import Open

pytestmark = pytest.mark.looptime

STAYS = "stays = 300.0"


@pytest.mark.parametrize(
    ("fault", "outcome", "verbs", "ended"),
    [
        # 400 and 422 for the minimal body as well: refused for the caller's sake
        (
            "accept_400_always",
            ("accept_failed", "answer_refused"),
            ["accept 400", "accept 400", "reject 200"],
            EndedBy.REJECTED,
        ),
        ("accept_401", ("accept_failed", "answer_denied"), ["accept 401"], EndedBy.UNANSWERED),
        ("accept_403", ("accept_failed", "answer_denied"), ["accept 403"], EndedBy.UNANSWERED),
        ("accept_404", ("caller_gone", None), ["accept 404"], EndedBy.UNANSWERED),
        ("accept_404_slow", ("caller_gone", None), ["accept 404"], EndedBy.UNANSWERED),
        ("accept_409", ("other_owner", None), ["accept 409", "hangup 404"], EndedBy.UNANSWERED),
        (
            "accept_429",
            ("rejected", "provider_capacity"),
            ["accept 429", "reject 200"],
            EndedBy.REJECTED,
        ),
        ("accept_500", ("accept_unknown", None), ["accept 500", "hangup 404"], EndedBy.UNANSWERED),
        ("accept_503", ("accept_unknown", None), ["accept 503", "hangup 404"], EndedBy.UNANSWERED),
        (
            "accept_timeout",
            ("accept_unknown", None),
            ["accept timeout", "hangup 404"],
            EndedBy.UNANSWERED,
        ),
        (
            "accept_dropped",
            ("accept_unknown", None),
            ["accept lost", "hangup 404"],
            EndedBy.UNANSWERED,
        ),
        ("accepted_dead", ("attach_failed", None), ["accept 200", "hangup 404"], EndedBy.DIED),
        (
            "attach_404_forever",
            ("attach_failed", None),
            ["accept 200", "hangup 200"],
            EndedBy.HUNG_UP,
        ),
        (
            "session_created_never",
            ("attach_failed", None),
            ["accept 200", "hangup 200"],
            EndedBy.HUNG_UP,
        ),
        ("caller_gives_up", ("caller_gone", None), ["accept 404"], EndedBy.CALLER_GAVE_UP),
        (
            "caller_gives_up_unnoticed",
            ("attach_failed", None),
            ["accept 200", "hangup 404"],
            EndedBy.CALLER_GAVE_UP,
        ),
    ],
)
async def test_an_answer_that_comes_to_nothing_ends_the_call_as_the_table_says(
    open_house: Open,
    fault: str,
    outcome: tuple[str, str | None],
    verbs: list[str],
    ended: EndedBy,
) -> None:
    house = await open_house()

    call = await house.play(STAYS, fault)

    assert house.outcomes == [outcome]
    assert house.verbs() == verbs
    assert (await call.ended).by is ended
    assert house.registry.live_count == 0


async def test_the_capacity_code_is_the_operators(open_house: Open) -> None:
    house = await open_house(rules={"busy": 486})

    call = await house.play(STAYS, "accept_429")

    assert (await call.ended).status_code == 486


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        ("accept_409_landed", "accept 409"),
        ("accept_500_landed", "accept 500"),
        ("accept_timeout_landed", "accept timeout"),
        ("accept_dropped_landed", "accept lost"),
    ],
)
async def test_an_answer_that_landed_unseen_is_found_by_attaching(
    open_house: Open, fault: str, reply: str
) -> None:
    house = await open_house()

    call = await house.play('caller = ["Goodbye.", { hangs_up = true }]', fault)

    assert house.outcomes == [("caller_hung_up", None)]
    assert house.verbs() == [reply]
    assert call.heard[0] == "Hello, how can I help you?"


async def test_a_refused_key_is_told_to_the_operator(open_house: Open) -> None:
    house = await open_house()

    await house.play(STAYS, "accept_401")

    assert house.meter.alarms == {"answer_denied": 1}
    assert [entry["kind"] for entry in house.log if entry["event"] == "alarm"] == ["answer_denied"]


async def test_a_call_that_is_refused_is_rejected_and_never_answered(open_house: Open) -> None:
    house = await open_house(rules={"unknown_number": 404})

    call = await house.play('to = "+12025550199"')

    assert house.results == ["rejected"]
    assert (await call.ended).status_code == 404
    assert house.outcomes == [("rejected", None)]
    (line,) = house.lines
    assert (line["rule"], line["reject_code"]) == ("unknown_number", 404)
    assert "agent" not in line


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("reject_404", ("rejected", None)),
        ("reject_500", ("rejected", None)),
        ("reject_timeout", ("rejected", None)),
    ],
)
async def test_a_rejection_is_repeated_until_it_is_certain(
    open_house: Open, fault: str, outcome: tuple[str, str | None]
) -> None:
    house = await open_house(rules={"unknown_number": 404})

    await house.play('to = "+12025550199"', fault)

    assert house.outcomes == [outcome]


async def test_a_config_without_time_to_decide_still_ends(open_house: Open) -> None:
    # Deadlines alone finish a call: here every request outlives the machine's patience.
    house = await open_house(limits=Limits(request=0.5, attach=1.0, session=0.5))

    await house.play(STAYS, "accept_timeout", "hangup_500_always")

    assert house.outcomes == [("cleanup_unconfirmed", "accept_unknown")]
