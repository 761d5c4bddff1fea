"""The operator's numbers for a provider in trouble, each proven over the whole service."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from controller.simulator import EndedBy, SimulatedCall, parse

pytestmark = pytest.mark.looptime

STAYS = "stays = 600.0\npatience = 600"


def configure(folder: Path, text: str) -> None:
    path = folder / "controller.toml"
    path.write_text(f"{path.read_text()}\n{text}")


async def live(house: Any, count: int, text: str = STAYS) -> list[SimulatedCall]:
    """Place calls and wait until they were greeted."""
    calls = [await house.openai.place_call(parse(text)) for _ in range(count)]
    for call in calls:
        assert await call.wait_until(lambda call=call: call.heard, 30.0)
    return calls


async def health(house: Any) -> tuple[list[str], list[str]]:
    _, body = await house.get("/readyz")
    return body["reasons"], body["notes"]


def attached_at(house: Any) -> list[float]:
    entries = house.openai.journal.entries
    return [each.at for each in entries if (each.source, each.name) == ("request", "attach")]


@pytest.mark.parametrize(("least", "is_refused"), [("0.15", True), ("0.05", False), ("0", False)])
async def test_few_tokens_stop_admission_when_the_operator_says_so(
    house: Any, tmp_path: Path, least: str, *, is_refused: bool
) -> None:
    text = (tmp_path / "controller.toml").read_text()
    policy = f"[policy]\nmin_tokens_left = {least}"
    (tmp_path / "controller.toml").write_text(text.replace("[policy]", policy))
    home = await house()
    (first,) = await live(home, 1, f"{STAYS}\ntokens_left = 0.1")

    second = await home.openai.place_call(parse(STAYS))
    await asyncio.sleep(2)

    assert second.is_over is is_refused
    if is_refused:
        ending = await second.ended
        assert (ending.by, ending.status_code) == (EndedBy.REJECTED, 503)
        assert await health(home) == (["provider_tokens"], (await health(home))[1])
    assert not first.is_over  # who talks is not sent away
    _, metrics = await home.get("/metrics")
    assert "controller_tokens_left_ratio 0.1" in metrics

    await asyncio.sleep(70)  # the limits are per minute
    assert (await health(home))[0] == []


@pytest.mark.parametrize(
    ("incident", "is_one"),
    [
        ("", False),  # three calls at least
        ("at_least = 2", True),
        ("at_least = 2\nshare = 0.9", False),
        ("at_least = 2\nshare = 0.5", True),
    ],
)
async def test_how_many_lost_calls_are_an_incident_is_the_operators_choice(
    house: Any, tmp_path: Path, incident: str, *, is_one: bool
) -> None:
    configure(tmp_path, f"[incident]\n{incident}\nlasts = 40")
    home = await house()
    calls = await live(home, 3)

    assert home.openai.cut_sidebands(0.6, refuse_for=5) == 2
    await asyncio.sleep(4)
    assert ("incident" in (await health(home))[1]) is is_one

    await asyncio.sleep(41)
    assert "incident" not in (await health(home))[1]
    assert not any(call.is_over for call in calls)


async def test_losses_further_apart_than_the_operators_window_are_no_incident(
    house: Any, tmp_path: Path
) -> None:
    configure(tmp_path, "[incident]\nat_least = 2\nwithin = 3")
    home = await house()
    first, second, _ = await live(home, 3)

    for call in (first, second):
        call.cut_sidebands()
        await asyncio.sleep(5)

    assert "incident" not in (await health(home))[1]


async def test_an_incident_lasts_as_long_as_the_operator_says(house: Any, tmp_path: Path) -> None:
    """Calls that lose the model for longer than that are given up, and not before."""
    configure(tmp_path, "[incident]\nlasts = 60")
    home = await house()
    calls = await live(home, 3)

    home.openai.cut_sidebands(1.0, refuse_for=600)
    await asyncio.sleep(55)
    assert not any(call.is_over for call in calls)
    await asyncio.sleep(30)
    assert [(await call.ended).by for call in calls] == [EndedBy.HUNG_UP] * 3


async def test_calls_attach_again_as_fast_as_the_operator_allows(
    house: Any, tmp_path: Path
) -> None:
    configure(tmp_path, "[incident]\nreattach_rate = 2")
    home = await house()
    calls = await live(home, 3)
    before = len(attached_at(home))

    home.openai.cut_sidebands(1.0)
    await asyncio.sleep(10)

    again = attached_at(home)[before:]
    assert len(again) == 3
    assert min(later - sooner for sooner, later in pairwise(again)) >= 0.499
    assert not any(call.is_over for call in calls)


@pytest.mark.parametrize(("confirm", "hangups"), [("false", 0), ("true", 1)])
async def test_a_callers_end_is_confirmed_where_the_operator_wants_it(
    house: Any, tmp_path: Path, confirm: str, hangups: int
) -> None:
    configure(tmp_path, f"[conversation]\nconfirm_end = {confirm}")
    home = await house()
    (call,) = await live(home, 1)
    with capture_logs() as entries:
        call.leave()
        await asyncio.sleep(5)

    assert home.requests().count("hangup") == hangups
    assert [entry["outcome"] for entry in entries if entry["event"] == "call"] == ["caller_hung_up"]


async def test_every_line_of_a_call_has_its_names_and_tells_how_the_line_went(
    house: Any, tmp_path: Path
) -> None:
    configure(tmp_path, f'[log]\ncaller_ref_key = "{"k" * 32}"')
    home = await house()
    with capture_logs(processors=[merge_contextvars]) as entries:
        (call,) = await live(home, 1)
        (listed,) = await home.control.calls()
        await home.control.say(listed["call_id"], "Say that we are closed.")
        call.cut_sidebands(1011)
        await asyncio.sleep(5)
        call.leave()
        await asyncio.sleep(5)

    of_call = [each for each in entries if "call_id" in each]
    names = {(each["call_id"], each["sip_call_id"], each.get("caller_ref")) for each in of_call}
    ((call_id, sip_call_id, caller_ref),) = names
    assert (call_id, sip_call_id) == (listed["call_id"], call.sip_call_id)
    assert caller_ref is not None
    assert {each["event"] for each in of_call} >= {"openai_request", "sideband", "operator", "call"}
    phases = [each["phase"] for each in of_call if each["event"] == "sideband"]
    assert phases == ["open", "closed", "open", "closed", "refused"]
    codes = [each.get("close_code") for each in of_call if each.get("phase") == "closed"]
    assert codes[0] == 1011
    (canonical,) = [each for each in of_call if each["event"] == "call"]
    assert canonical.get("close_code") == codes[-1]
