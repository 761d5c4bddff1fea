"""Whole calls from scenario text, against a service of a few lines, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import EndedBy, parse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

HOURS = """
caller = ["Hi, when are you open on Monday?", "Thanks, goodbye."]

[[model]]
when = "greeting"
says = "Thank you for calling Acme Dental. How can I help?"

[[model]]
heard = "open on Monday"
calls = { opening_hours = { day = "Monday" } }

[[model]]
after = "opening_hours"
says = "On Monday we are open {output}."

[[model]]
heard = "goodbye"
says = "Goodbye!"
calls = "hang_up"

[expect]
ended = "hung_up"
tools = ["opening_hours"]
said = ["Acme Dental", "open from 8 to 18", "Goodbye"]
"""


async def test_a_few_lines_make_a_call_with_a_tool(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(HOURS))

    sideband = await service.drive(call, {"opening_hours": "from 8 to 18", "hang_up": None})

    assert (await call.ended).by is EndedBy.HUNG_UP
    assert call.tool_outputs == [("opening_hours", "from 8 to 18")]
    assert sideband.of("response.function_call_arguments.done")[0]["arguments"] == (
        '{"day": "Monday"}'
    )
