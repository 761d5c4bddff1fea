"""The scripted caller: whose turn it is, and what is done out of turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import EndedBy, Source, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.simulator import SimulatedCall

pytestmark = pytest.mark.looptime


def at(call: SimulatedCall, source: Source, name: str, nth: int = 0) -> float:
    found = [entry.at for entry in call.entries if (entry.source, entry.name) == (source, name)]
    return found[nth]


async def test_caller_lets_the_model_finish(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse('caller = ["Hi", { hangs_up = true }]'))
    await service.drive(call, {})
    assert call.heard == ["Hello, how can I help you?", "You said: Hi"]
    assert (await call.ended).by is EndedBy.CALLER_HUNG_UP
    said = at(call, Source.CALLER, "says")
    assert said - at(call, Source.MODEL, "was heard") == pytest.approx(0.4)


async def test_caller_waits_while_a_tool_runs(serve: Callable[..., Any]) -> None:
    script = """
    caller = ["Look it up", "And now?"]
    [[model]]
    heard = "look it up"
    says = "One moment."
    calls = "look"
    """
    service = await serve()
    call = await service.openai.place_call(parse(script))
    await service.drive(call, {"look": "found"})
    assert call.heard[:3] == ["Hello, how can I help you?", "One moment.", "found"]
    assert at(call, Source.CALLER, "says", 1) > at(call, Source.MODEL, "was heard", 2)


async def test_caller_loses_patience_in_silence(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse('caller = ["Hello?"]\npatience = 3'))
    await service.answer(call)
    await call.ended
    assert at(call, Source.CALLER, "says") == pytest.approx(3.02, abs=0.01)


async def test_caller_keeps_patience_while_the_model_talks(serve: Callable[..., Any]) -> None:
    script = f'caller = ["Hello?"]\npatience = 2\n[[model]]\nsays = "{"word " * 30}"'
    service = await serve()
    call = await service.openai.place_call(parse(script))
    sideband = await service.answer(call)
    await sideband.send("response.create")
    await call.ended
    assert at(call, Source.CALLER, "says") > 10


async def test_caller_waits_presses_and_hangs_up_at_once(serve: Callable[..., Any]) -> None:
    script = 'caller = [{ waits = 2 }, { presses = "12", gap = 1 }, { hangs_up = "at once" }]'
    service = await serve()
    call = await service.openai.place_call(parse(script))
    sideband = await service.answer(call)
    await sideband.send("response.create")
    await call.ended
    assert at(call, Source.CALLER, "presses") == pytest.approx(2.74, abs=0.02)
    assert at(call, Source.CALL, "ended") == pytest.approx(4.74, abs=0.02)


async def test_caller_waits_to_hear_something(serve: Callable[..., Any]) -> None:
    script = """
    caller = [{ hears = "how can I help" }, { hears = "never", limit = 5 }, { hangs_up = true }]
    """
    service = await serve()
    call = await service.openai.place_call(parse(script))
    await service.drive(call, {})
    await call.ended
    assert call.verdict() == ["the caller waited in vain to hear 'never'"]


async def test_caller_stays_for_a_while_and_then_leaves(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(parse("stays = 7"))
    await service.answer(call)
    assert (await call.ended).by is EndedBy.CALLER_HUNG_UP
    assert at(call, Source.CALL, "ended") == pytest.approx(7.02)


@pytest.mark.parametrize(
    "steps",
    [
        '"one two three four five six seven eight nine ten"',
        "{ noise = 5 }",
        '{ presses = "111111111111", over = true, gap = 1 }',
        '{ says = "x", over = true }',
        "{ waits = 60 }",
        '"Hi", "Hi"',
    ],
)
async def test_nothing_is_done_after_the_end(serve: Callable[..., Any], steps: str) -> None:
    service = await serve()
    call = await service.openai.place_call(parse(f"caller = [{steps}]\npatience = 0.1"))
    await service.answer(call)
    await call.wait_until(lambda: False, 2.0)
    await service.post(call, "hangup")
    assert (await call.ended).by is EndedBy.HUNG_UP
    count = len(call.entries)
    await service.openai.stop()
    assert len([entry for entry in call.entries[count:] if entry.source is Source.CALLER]) == 0
