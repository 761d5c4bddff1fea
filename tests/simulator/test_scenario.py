"""Reading scenario files, and saying what is wrong with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.errors import SimulatorError
from controller.simulator import Fault, Kind, OperatorStep, Pace, Rule, ToolCall, load, parse
from controller.simulator.http_answers import HttpAnswer
from controller.simulator.mcp import McpServer, McpTool
from controller.simulator.steps import (
    FOREVER,
    Awaits,
    HangsUp,
    Hears,
    Noise,
    Plays,
    Presses,
    Says,
    Waits,
)

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """
title = "Everything"
from = "+12025550111"
to = "+12025550122"
webhooks = ["live_twin", "incoming", "duplicate", "bad_signature"]
patience = 4
media_security = "srtp"
stays = 9.5
faults = [
    "accept_slow",
    { name = "response_failed", times = 3 },
    { name = "sideband_cut", seconds = 2 },
]
caller = [
    "Hi",
    { says = "Stop", over = true, after = 1.5, transcript = "Stoep" },
    { noise = 0.2 },
    { waits = 3 },
    { hears = "bye", limit = 5 },
    { presses = "12#", over = true, gap = 0.1 },
    { hangs_up = true },
    { hangs_up = "at once" },
]
headers = { X-Tenant = "acme", Via = ["a", "b"] }

[pace]
speed = 2
first_word = 1.0

[[model]]
when = "greeting"
says = "Hello."
times = 1

[[model]]
heard = ["a", "b"]
told = "c"
instructed = "d"
after = "tool"
output = "e"
calls = [{ one = { x = 1 }, two = {} }, "three", { four = "{broken" }]

[expect]
ended = ["hung_up", "referred"]
rejected = 486
referred_to = "tel:+12025550123"
accepted = true
tools = "one"
outputs = { one = "x" }
said = "Hello"
never_said = ["bye"]
answers = [200, 200]
requests = { accept = 1 }
events = { "response.create" = 2 }
session = { audio = { output = { voice = "marin" } } }
"""


def test_every_key_is_read() -> None:
    scenario = parse(EVERYTHING)

    assert (scenario.title, scenario.caller, scenario.to) == (
        "Everything",
        "+12025550111",
        "+12025550122",
    )
    assert scenario.webhooks == ("live_twin", "incoming", "duplicate", "bad_signature")
    assert (scenario.patience, scenario.stays) == (4.0, 9.5)
    assert scenario.media_security == "srtp"
    assert [one.fault for one in scenario.faults] == [
        Fault.ACCEPT_SLOW,
        Fault.RESPONSE_FAILED,
        Fault.SIDEBAND_CUT,
    ]
    assert scenario.faults[1].effect.times == 3
    assert scenario.faults[2].effect.seconds == 2.0
    assert scenario.steps == (
        Says(words="Hi"),
        Says(words="Stop", over=True, after=1.5, transcript="Stoep"),
        Noise(seconds=0.2),
        Waits(seconds=3.0),
        Hears(text="bye", limit=5.0),
        Presses(keys="12#", over=True, gap=0.1),
        HangsUp(),
        HangsUp(at_once=True),
    )
    assert scenario.headers == (("X-Tenant", "acme"), ("Via", "a"), ("Via", "b"))
    assert scenario.pace is not None
    assert scenario.pace.word == Pace().word / 2
    assert scenario.pace.first_word == 1.0
    assert scenario.rules[0] == Rule(when="greeting", says="Hello.", times=1)
    assert scenario.rules[1].heard == ("a", "b")
    assert scenario.rules[1].calls == (
        ToolCall("one", {"x": 1}),
        ToolCall("two", {}),
        ToolCall("three"),
        ToolCall("four", "{broken"),
    )
    assert scenario.expect.tools == ("one",)
    assert scenario.expect.answers == (200, 200)


DRIVEN = """
session_limit = 60
tokens_left = 0.1
caller = [
    { says = "All lines are busy.", times = 3 },
    { plays = "music", seconds = 20, transcript = "la la" },
    { plays = "fax" },
    { awaits = "refer", limit = 9 },
    { presses = "0", over = true, after = 1 },
    { silent = true },
]

[[model]]
prompted = "kind"
has_tool = ["one", "two"]

[[mcp]]
label = "orders"
list_takes = 2
tools = { find = "It left.", refund = { error = "http_error", takes = 1 } }

[[mcp]]
label = "broken"
list_fails = true

[[http]]
name = "slots"
status = 503
delay = 2
times = 1
headers = { Retry-After = "1" }

[[http]]
name = "slots"
body = { free = ["10:00"] }

[[operator]]
hears = "hello"
after = 2
says = "One moment."

[[operator]]
hangs_up = true

[expect]
outcome = ["idle", "no_human"]
referred_to = ["tel:1", "tel:2"]
said_once = "Hello"
spoke_over = false
silent_after = "refer"
http = { slots = 2 }
mcp = { find = 1 }
sent = "x"
never_sent = ["y"]
offers = ["one"]
prompt = "kind"

[[then]]
pause = 20
from = "anonymous"
caller = ["Hello again."]

[[then]]
caller = ["And again."]
"""


def test_every_key_of_a_driven_call_is_read() -> None:
    scenario = parse(DRIVEN, title="driven")

    assert (scenario.session_limit, scenario.tokens_left) == (60.0, 0.1)
    assert scenario.steps == (
        Says(words="All lines are busy.", times=3),
        Plays(sound="music", seconds=20.0, transcript="la la"),
        Plays(sound="fax"),
        Awaits(what="refer", limit=9.0),
        Presses(keys="0", over=True, after=1.0),
        Waits(seconds=FOREVER),
    )
    assert scenario.rules == (Rule(prompted=("kind",), has_tool=("one", "two")),)
    assert scenario.mcp == (
        McpServer(
            label="orders",
            list_takes=2.0,
            tools={
                "find": McpTool(output="It left."),
                "refund": McpTool(error="http_error", takes=1.0),
            },
        ),
        McpServer(label="broken", list_fails=True),
    )
    assert scenario.http == (
        HttpAnswer(name="slots", status=503, delay=2.0, times=1, headers=(("Retry-After", "1"),)),
        HttpAnswer(name="slots", body='{"free": ["10:00"]}'),
    )
    assert scenario.operator == (
        OperatorStep(hears="hello", after=2.0, says="One moment."),
        OperatorStep(hangs_up=True),
    )
    assert scenario.expect.referred_to == ("tel:1", "tel:2")
    assert [(one.title, one.caller, one.pause) for one in scenario.then] == [
        ("driven", "anonymous", 20.0),
        ("driven", "+12025550101", 1.0),
    ]


def test_empty_file_is_a_call_without_a_script() -> None:
    scenario = parse("")
    assert (scenario.steps, scenario.rules, scenario.webhooks) == ((), (), (Kind.INCOMING,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("caller = [", "is no TOML"),
        ("titel = 'x'", "titel: no such key; did you mean 'title'?"),
        ("zzz = 1", "zzz: no such key; known are caller, expect"),
        ("title = 5", "title: 5 is not a text"),
        ("patience = true", "patience: True is not a number of seconds"),
        ("stays = -1", "stays: -1 is negative"),
        ("caller = 'Hi'", "caller: 'Hi' is not a list"),
        (
            "[expect]\nended = 'hangup'",
            "expect.ended: 'hangup' is unknown; did you mean 'hung_up'?",
        ),
        ("[expect]\nended = ['zzz']", "expect.ended: 'zzz' is unknown; known are "),
        ("caller = [5]", "caller[0]: 5 is not a text or a table"),
        ("caller = [{ over = true }]", "caller[0]: needs one of says, noise"),
        ("caller = [{ says = 'a', waits = 1 }]", "caller[0]: needs one of"),
        ("caller = [{ says = 'a', loud = 1 }]", "caller[0].loud: no such key"),
        ("caller = [{ hangs_up = 'soon' }]", "caller[0].hangs_up: 'soon' is unknown"),
        ("model = [{ when = 'greting' }]", "model[0].when: 'greting' is unknown; did you mean"),
        ("model = [{ calls = 5 }]", "model[0].calls: 5 is not a tool's name"),
        ("model = [{ calls = { a = 5 } }]", "model[0].calls.a: 5 is not a table of arguments"),
        ("faults = ['accept_405']", "faults[0]: no fault is called 'accept_405'"),
        ("faults = [{ times = 2 }]", "faults[0]: no fault is called ''"),
        ("faults = [5]", "faults[0]: 5 is not a table"),
        ("webhooks = ['incomming']", "webhooks[0]: 'incomming' is unknown; did you mean 'incom"),
        ("expect = { answers = ['a'] }", "expect.answers: 'a' is not a whole number"),
        ("expect = { session = 5 }", "expect.session: 5 is not a table"),
        ("pace = { speed = 0 }", "pace.speed: must be more than 0"),
        ("tokens_left = 2", "tokens_left: 2 is not from 0 to 1"),
        ("pause = 1", "pause: no such key"),
        ("then = [{ titel = 'x' }]", "then[0].titel: no such key"),
        ("then = [5]", "then[0]: 5 is not a table"),
        ("caller = [{ silent = false }]", "caller[0].silent: False is not true"),
        ("caller = [{ plays = 'jazz' }]", "caller[0].plays: 'jazz' is unknown; known are"),
        ("mcp = [{ tools = {} }]", "mcp[0]: needs a label"),
        ("mcp = [{ label = 'a', tools = { x = 5 } }]", "mcp[0].tools.x: 5 is not a table"),
        ("http = [{ status = 200 }]", "http[0]: needs a name"),
        ("http = [{ name = 'a/b' }]", "http[0]: needs a name without a slash"),
        ("operator = [{ after = 2 }]", "operator[0]: needs one of says"),
        ("operator = [{ says = 'a', tells = 'b' }]", "operator[0]: needs one of says"),
    ],
)
def test_mistake_is_named_with_its_place_and_cure(text: str, message: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_file_is_named_in_its_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "hours.toml"
    path.write_text("title = 5")
    with pytest.raises(SimulatorError, match=r"hours\.toml: title: 5"):
        load(path)
    with pytest.raises(SimulatorError, match="cannot be read"):
        load(tmp_path / "missing.toml")
    path.write_text("")
    assert load(path).title == "hours"


def test_file_may_begin_with_a_byte_order_mark_and_end_its_lines_as_windows_does(
    tmp_path: Path,
) -> None:
    path = tmp_path / "call.toml"
    path.write_bytes(b"\xef\xbb\xbftitle = 'Windows'\r\nstays = 1\r\n")

    assert load(path).title == "Windows"


def test_file_in_another_encoding_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "call.toml"
    path.write_bytes(b"title = '\xfc'")

    with pytest.raises(SimulatorError, match=r"call\.toml: is not UTF-8; save the file as UTF-8"):
        load(path)
