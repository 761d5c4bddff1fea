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
tools = ["opening_hours", "hang_up"]
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


async def test_words_that_are_cut_by_the_hang_up_were_not_heard(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(HOURS))
    await service.drive(call, {"opening_hours": "from 8 to 18", "hang_up": None})
    await call.settled()
    assert call.heard[-1] == ""
    assert call.verdict() == [
        "expected outputs of ['opening_hours', 'hang_up'], found those of ['opening_hours']",
        f"expected the caller to hear 'Goodbye', heard {' '.join(call.heard)!r}",
    ]


async def test_model_talks_on_while_no_sideband_is_attached(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse('caller = ["Hi", { hangs_up = true }]'))
    await service.accept(call)
    await call.ended
    assert call.heard == ["You said: Hi"]
    assert call.server_events == []


async def test_transfer_is_announced_and_referred(serve: Callable[..., Any]) -> None:
    script = """
    caller = ["A human, please."]
    [[model]]
    heard = "a human"
    says = "I will connect you."
    calls = { transfer = { target = "reception" } }
    [expect]
    ended = "referred"
    referred_to = "tel:+12025550123"
    said = "I will connect you"
    """
    service = await serve()
    call = await service.openai.place_call(parse(script))
    sideband = await service.answer(call)
    done = await sideband.until("response.done")
    assert done["response"]["output"][1]["name"] == "transfer"
    await sideband.until("output_audio_buffer.stopped")
    await service.post(call, "refer", {"target_uri": "tel:+12025550123"})
    assert (await call.ended).by is EndedBy.REFERRED
    assert call.verdict() == []


async def test_longest_session_ends_with_an_error_and_a_close_code(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    call = await service.openai.place_call(
        parse("session_limit = 20\ncaller = [{ silent = true }]")
    )
    sideband = await service.answer(call)
    await sideband.rest()

    assert sideband.events[-1]["error"]["code"] == "session_expired"
    assert sideband.socket.close_code == 1001
    assert call.outcome.by is EndedBy.EXPIRED


async def test_leg_may_drop_in_the_middle(serve: Callable[..., Any]) -> None:
    service = await serve()
    script = 'faults = ["call_drops"]\ncaller = [{ silent = true }]'
    call = await service.openai.place_call(parse(script))
    await (await service.answer(call)).rest()

    assert call.outcome.by is EndedBy.DIED


async def test_caller_may_give_up_between_accept_and_answer(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse('faults = ["caller_gives_up_after_accept"]'))
    await (await service.answer(call)).rest()

    assert call.outcome.by is EndedBy.CALLER_GAVE_UP
    assert call.was_accepted
