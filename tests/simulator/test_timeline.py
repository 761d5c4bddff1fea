"""The timeline tells a call as people would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import EndedBy, Entry, Scenario, Source, parse
from controller.simulator.ending import Ending
from controller.simulator.timeline import Timeline, summary
from controller.simulator.webhooks import Answer

if TYPE_CHECKING:
    from collections.abc import Callable


def floor(*, given: bool) -> dict[str, Any]:
    detection = {"type": "server_vad", "interrupt_response": given}
    return {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}


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
        (Source.CALL, "is answered", None, "openai connects the caller"),
        (Source.CALL, "sideband closed", None, "openai closes the sideband"),
        (Source.WEBHOOK, "live_twin", {}, "openai delivers a webhook: live twin"),
        (
            Source.ANSWER,
            "incoming",
            Answer("incoming", 200, 0.1),
            "service answers the webhook with 200",
        ),
        (
            Source.ANSWER,
            "incoming",
            Answer("incoming", None, 0.1),
            "service answers the webhook with nothing at all",
        ),
        (Source.REQUEST, "attach", None, "service attaches the sideband"),
        (Source.REQUEST, "accept", {"model": "m"}, "service accepts the call with m"),
        (Source.REQUEST, "accept", {}, "service accepts the call with the default model"),
        (Source.REQUEST, "reject", {"status_code": 486}, "service rejects the call with 486"),
        (Source.REQUEST, "refer", {"target_uri": "tel:1"}, "service refers the caller to tel:1"),
        (Source.REQUEST, "hangup", {}, "service hangs up"),
        (Source.REPLY, "accept", {"status": 200, "code": None}, ""),
        (
            Source.REPLY,
            "accept",
            {"status": 404, "code": "x"},
            "openai answers the accept with 404 x",
        ),
        (
            Source.REPLY,
            "accept",
            {"status": None, "code": None},
            "openai answers the accept with nothing at all",
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
        (
            Source.CLIENT,
            "session.update",
            {"session": floor(given=True)},
            "service gives the caller the floor",
        ),
        (
            Source.CLIENT,
            "session.update",
            {"session": floor(given=False)},
            "service keeps the floor until the words were heard",
        ),
        (
            Source.CLIENT,
            "session.update",
            {"session": floor(given=True) | {"tools": []}},
            "service updates the session: audio, tools",
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
        (Source.CALLER, "says", "Hi\n\tyou\x1b[2J", 'caller "Hi you?[2J"'),
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
        (Source.MODEL, "is given", {"tool": "a", "output": "b"}, "service answers a: b"),
        (
            Source.MODEL,
            "is approved",
            {"tool": "a", "server": "b"},
            "service approves a of b",
        ),
        (Source.MODEL, "is refused", {"tool": "a", "server": "b"}, "service refuses a of b"),
        (
            Source.HTTP,
            "slots",
            {"method": "GET", "path": "/http/slots?day=1"},
            "service asks the web service: GET /http/slots?day=1",
        ),
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
    assert line.startswith("openai the call is over: ")
    assert ("tel:1" in line) is (by is EndedBy.REFERRED)


def test_speakers_are_coloured_on_a_terminal() -> None:
    lines: list[str] = []
    Timeline(lines.append, in_colour=True)(Entry(0.0, "", Source.CALLER, "says", "Hi"))
    assert "\033[36mcaller" in lines[0]
    assert "  -  " in lines[0]


def test_a_request_of_ours_is_told_without_the_agents_own_instructions() -> None:
    lines: list[str] = []
    timeline = Timeline(lines.append)
    wanted = {"response": {"instructions": "You are kind.\n\nGreet the caller."}}
    alone = {"response": {"instructions": "You are kind."}}
    timeline(Entry(0.0, "rtc_1", Source.REQUEST, "accept", {"instructions": "You are kind."}))
    for call_id, body in (("rtc_1", wanted), ("rtc_1", alone), ("rtc_2", wanted)):
        timeline(Entry(1.0, call_id, Source.CLIENT, "response.create", body))

    assert [line.partition("asks the model: ")[2] for line in lines[1:]] == [
        "Greet the caller.",
        "You are kind.",
        "You are kind. Greet the caller.",
    ]


def item(**members: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": members}


@pytest.mark.parametrize(
    ("name", "body", "line"),
    [
        (
            "conversation.item.create",
            item(type="message", content=[{"type": "input_text", "text": "A regular."}]),
            "service tells the model: A regular.",
        ),
        ("conversation.item.create", item(type="function_call_output", output="{}"), ""),
        (
            "response.create",
            {"response": {"instructions": "Say exactly these words:\nThis is a machine: mind it."}},
            'service has the model say: "This is a machine: mind it."',
        ),
    ],
)
def test_what_the_model_is_told_and_made_to_say_is_seen(
    name: str, body: dict[str, Any], line: str
) -> None:
    assert told(Source.CLIENT, name, body) == line


def test_learning_of_the_end_is_one_line_and_no_failure() -> None:
    lines: list[str] = []
    timeline = Timeline(lines.append)
    gone = {"status": 404, "code": "call_id_not_found"}
    timeline(Entry(0.0, "rtc_1", Source.CALL, "ended", Ending(EndedBy.CALLER_HUNG_UP)))
    timeline(Entry(0.0, "rtc_1", Source.REQUEST, "attach"))
    timeline(Entry(0.0, "rtc_1", Source.REPLY, "attach", gone))

    assert [line.partition("service")[2].strip() for line in lines[1:]] == [
        "asks for the sideband again; 404: the call is over"
    ]


def test_attempts_that_fail_alike_are_one_line() -> None:
    lines: list[str] = []
    timeline = Timeline(lines.append)
    for _ in range(3):
        timeline(Entry(0.0, "rtc_1", Source.REQUEST, "attach"))
        timeline(Entry(0.0, "rtc_1", Source.REPLY, "attach", {"status": 500, "code": None}))
    timeline(Entry(0.0, "rtc_1", Source.REQUEST, "hangup"))

    assert [" ".join(line.split()[3:]) for line in lines] == [
        "service attaches the sideband",
        "openai answers the attach with 500",
        "service tries the same 2 times more",
        "service hangs up",
    ]


def test_long_words_go_on_below_their_beginning_on_a_terminal() -> None:
    lines: list[str] = []
    words = "one two three four five six seven eight nine"
    Timeline(lines.append, width=60)(Entry(0.0, "", Source.CALLER, "says", words))

    assert lines[0].endswith('caller    "one two three four five six')
    assert lines[1:] == [f'{"":28}seven eight nine"']


@pytest.mark.looptime
async def test_a_call_that_is_kept_is_told_as_a_whole_from_its_own_beginning(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    lines: list[str] = []
    timeline = Timeline(lines.append)
    service.openai.on_entry(timeline)
    kept = await service.openai.place_call(Scenario(title="Kept"))
    timeline.keep(kept, number=2)
    timeline(Entry(5.0, "rtc_x", Source.CALLER, "says", "Hello?"))
    timeline(Entry(7.0, kept.call_id, Source.CALLER, "says", "Slow"))
    timeline(Entry(9.5, kept.call_id, Source.CALLER, "says", "Slower"))
    assert not [line for line in lines if "Slow" in line]
    assert any("call 1" in line and "Hello?" in line for line in lines)

    timeline.tell(kept)

    assert "call 2: Kept" in lines
    assert any(line.startswith("    0.00  call 2") for line in lines)
    assert '"Slower"' in lines[-1]
    timeline(Entry(10.0, "rtc_y", Source.CALLER, "says", "Bye"))
    assert "call 3" in lines[-1]


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
    assert summary([other])[2:] == ["  1  ok      Another  is not over"]
    await service.drive(call, {})
    await call.settled()

    text = "\n".join(lines)
    for part in (
        "call 1: A question",
        "+12025550101 dials +12025550100",
        "delivers a webhook: incoming",
        "answers the webhook with 200",
        "accepts the call with the default model",
        "asks the model: Greet the caller.",
        '"Hello, how can I help you?"',
        '"Hi"',
        "hangs up",
        "the call is over: the caller hung up",
    ):
        assert part in text
    table = summary([call], {call.call_id: "caller_hung_up"})
    assert summary([other], {})[2].endswith("  (no call for it)")
    assert table[0] == "  #  result  call        how it ended        what the service says"
    assert table[1] == "-" * len(table[0])
    assert table[2] == "  1  FAILED  A question  the caller hung up  caller_hung_up"
    assert table[3].startswith("     expected the caller to hear 'no'")
    assert summary([]) == []
