"""An agent is told of its caller in one marked block, and of nothing that an earlier one sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sansio import templating
from controller.sansio.quoting import CLOSING, OPENING
from controller.sansio.templating import Prompts
from controller.simulator import Scenario
from tests.calls.house import House, Open

pytestmark = pytest.mark.looptime


def fill_in(house: House, text: str, **facts: str) -> None:
    prompts = {"frontdesk": Prompts(instructions=templating.read(text)[0])}
    changed = replace(house.generations.current, prompts=prompts, facts=facts)
    house.generations.activate(changed)


async def test_the_accept_body_holds_the_texts_of_this_call(open_house: Open) -> None:
    house = await open_house()
    fill_in(house, "Greet {{ caller_name }}, a {{ lookup.tier }} customer.", tier="new")

    call = await house.play(Scenario(caller="+12025550142", stays=5.0))

    assert call.accept_body is not None
    told = call.accept_body["instructions"]
    assert told.startswith(
        'Greet "caller_name" (the caller data), a "lookup.tier" (the caller data) customer.\n\n'
        f"{OPENING}\n"
    )
    assert told.endswith(f"{CLOSING}")
    assert '"lookup.tier": "new"' in told


async def test_each_call_has_its_own(open_house: Open) -> None:
    house = await open_house()
    fill_in(house, "{{ caller_shown }}")

    calls = [
        await house.play(Scenario(caller=number, stays=5.0))
        for number in ("+12025550142", "+12025550143")
    ]

    for call, number in zip(calls, ("+12025550142", "+12025550143"), strict=True):
        assert call.accept_body is not None
        assert f'"caller_shown": "{number}"' in call.accept_body["instructions"]
        assert number not in house.generations.current.agents["frontdesk"].instructions


async def test_what_a_caller_sent_is_in_no_log_line(open_house: Open) -> None:
    house = await open_house()
    fill_in(house, "{{ caller }}")

    await house.play(Scenario(caller="+12025550142", stays=5.0))

    assert house.lines
    assert not any(OPENING in repr(entry) for entry in house.log)
