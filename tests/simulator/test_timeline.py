"""The timeline tells a call as people would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import EndedBy, Entry, Scenario, Source, parse
from controller.simulator.ending import Ending
from controller.simulator.timeline import Timeline, summary

if TYPE_CHECKING:
    from collections.abc import Callable


def told(source: Source, name: str, body: Any = None) -> str:
    """Return what the timeline writes of one entry, without its time; empty for nothing."""
    lines: list[str] = []
    Timeline(lines.append)(Entry(5.0, "rtc_1", source, name, body))
    assert len(lines) <= 1
    return " ".join(lines[0].split()[3:]) if lines else ""


@pytest.mark.parametrize(
    ("source", "name", "body", "line"),
    [
        (Source.CALL, "rings", {"from": "a", "to": "b"}, "caller a dials b"),
        (Source.CALL, "is accepted", {}, ""),
        (Source.CALL, "is answered", None, "openai is answered"),
        (Source.WEBHOOK, "live_twin", {}, "openai webhook live twin"),
        (Source.REQUEST, "attach", None, "service attaches the sideband"),
        (Source.REQUEST, "accept", {"model": "m"}, "service accept with m"),
        (Source.REQUEST, "accept", {}, "service accept with the default model"),
        (Source.REQUEST, "reject", {"status_code": 486}, "service reject with 486"),
        (Source.REQUEST, "refer", {"target_uri": "tel:1"}, "service refer tel:1"),
        (Source.REQUEST, "hangup", {}, "service hangup"),
        (Source.REPLY, "accept", {"status": 200, "code": None}, ""),
        (Source.REPLY, "accept", {"status": 404, "code": "x"}, "openai answers accept 404 x"),
        (
            Source.REPLY,
            "accept",
            {"status": None, "code": None},
            "openai answers accept not at all",
        ),
        (Source.CLIENT, "response.cancel", {}, "service cancels the response"),
        (Source.CLIENT, "response.create", {}, ""),
        (Source.CLIENT, "response.create", {"response": "x"}, ""),
        (
            Source.CLIENT,
            "response.create",
            {"response": {"instructions": "x" * 100}},
            "service asks the model: " + "x" * 69 + "…",
        ),
        (
            Source.CLIENT,
            "session.update",
            {"session": {"type": "realtime", "tools": []}},
            "service updates the session: tools",
        ),
        (Source.CLIENT, "conversation.item.create", {}, ""),
        (Source.SERVER, "session.created", {}, ""),
        (Source.SERVER, "error", {"error": {"code": "x"}}, "openai error x"),
        (Source.SERVER, "response.done", {"response": {"status": "completed"}}, ""),
        (
            Source.SERVER,
            "response.done",
            {"response": {"status": "failed"}},
            "openai response failed",
        ),
        (Source.LOST, "response.done", {}, ""),
        (Source.CALLER, "says", "Hi", 'caller "Hi"'),
        (Source.CALLER, "presses", "12", "caller presses 12"),
        (Source.CALLER, "hangs up", None, "caller hangs up"),
        (Source.MODEL, "says", {"text": "Hi"}, 'model "Hi"'),
        (Source.MODEL, "was heard", {"text": "Hi"}, ""),
        (Source.MODEL, "was cut off", {"text": "Hi"}, 'model is cut off after "Hi"'),
        (
            Source.MODEL,
            "calls",
            {"tool": "a", "arguments": '{"day": "Mon", "n": 1}'},
            'model calls a(day="Mon", n=1)',
        ),
        (Source.MODEL, "calls", {"tool": "a", "arguments": "{x"}, "model calls a({x)"),
        (Source.MODEL, "calls", {"tool": "a", "arguments": "[]"}, "model calls a([])"),
        (Source.MODEL, "is given", {"tool": "a", "output": "b"}, "service a gives b"),
        (Source.FAULT, "accept_slow", None, "fault accept slow"),
        (Source.NOTE, "something is odd", None, "openai notes that something is odd"),
    ],
)
def test_entry_becomes_a_line_if_it_matters(
    source: Source, name: str, body: Any, line: str
) -> None:
    assert told(source, name, body) == line


@pytest.mark.parametrize("by", EndedBy)
def test_every_ending_has_a_sentence(by: EndedBy) -> None:
    line = told(Source.CALL, "ended", Ending(by, status_code=486, target_uri="tel:1"))
    assert line.startswith("openai ended: ")


def test_speakers_are_coloured_on_a_terminal() -> None:
    lines: list[str] = []
    Timeline(lines.append, in_colour=True)(Entry(0.0, "", Source.CALLER, "says", "Hi"))
    assert "\033[36mcaller" in lines[0]
    assert "  -  " in lines[0]


@pytest.mark.looptime
async def test_whole_call_can_be_followed(serve: Callable[..., Any]) -> None:
    service = await serve()
    lines: list[str] = []
    timeline = Timeline(lines.append)
    service.openai.on_entry(timeline)
    script = 'title = "A question"\ncaller = ["Hi", { hangs_up = true }]\n[expect]\nsaid = "no"'
    call = await service.openai.place_call(parse(script))
    timeline.name(call)
    other = await service.openai.place_call(Scenario(title="Another"))
    assert summary([other]) == ["ok      Another  is not over"]
    await service.drive(call, {})
    await call.settled()

    text = "\n".join(lines)
    for part in (
        "call 1 is 'A question'",
        "+12025550101 dials +12025550100",
        "webhook incoming",
        "answers incoming 200",
        "accept with the default model",
        "asks the model: Greet the caller.",
        '"Hello, how can I help you?"',
        '"Hi"',
        "hangs up",
        "ended: the caller hung up",
    ):
        assert part in text
    assert summary([call])[0] == "FAILED  A question  ended: the caller hung up"
    assert summary([]) == []
