from __future__ import annotations

import pytest

from controller.config.agents import parse_agent
from controller.config.checking import Known
from controller.config.resolving import resolve
from controller.sansio.agent import Target, ToolDeclaration

HEAD = 'model = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n'
HOURS = ToolDeclaration("opening_hours", "Hours.", {"type": "object", "properties": {}})
KNOWN = Known(
    tools={"opening_hours": HOURS},
    targets={"desk": Target("desk", "tel:+12025550123", "The desk")},
    agents={"a": "", "billing": "Bills", "silent": ""},
)
FIND = '[[http_tools]]\nname = "find"\ndescription = "Find."\nurl = "https://crm.example.net/"\n'
PAY = (
    '[[http_tools]]\nname = "pay"\ndescription = "Pay."\nurl = "https://pay.example.net/"\n'
    'method = "POST"\nparameters = { digits = {} }\n'
)


def problems(front: str, known: Known = KNOWN) -> list[str]:
    file = parse_agent(f"+++\n{HEAD}{front}\n+++\nYou answer.\n", name="a", file="a.md")
    return [str(each) for each in resolve(file, known).problems]


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        (
            'fallback = "dask"',
            "a.md:5: fallback: no target is named 'dask'; did you mean \"desk\"?",
        ),
        (
            'at_the_end = "transfer"',
            "a.md:5: at_the_end: there is nobody to transfer to; name a",
        ),
        ("max_duration = 60\nwarn_before = 60", "a.md:6: warn_before: comes before the call; must"),
        ('tools = ["handoff"]', "a.md:5: tools[0]: handoff has nobody to hand to; name agents, or"),
        ('agents = ["billing"]', 'agents are of no use without handoff; add "handoff" to tools'),
        ('agents = ["billing", "billing"]\ntools = ["handoff"]', "agents[1]: 'billing' is listed"),
        ('agents = ["a"]\ntools = ["handoff"]', "agents[0]: is the agent itself; name another one"),
        ('agents = ["silent"]\ntools = ["handoff"]', "'silent' has no description; give descripti"),
        (
            'agents = ["biling"]\ntools = ["handoff"]',
            "a.md:5: agents[0]: no agent is named 'biling'; did you mean \"billing\"?",
        ),
        ('keypad.menu.A = "repeat"', "a.md:5: keypad.menu.A: is no key; must be 0 to 9, * or #"),
        (
            'keypad.menu.0 = { transfer = "dask" }',
            "a.md:5: keypad.menu.0.transfer: no target is named 'dask'; did you mean \"desk\"?",
        ),
        (
            'keypad.menu.2 = { handoff = "billing" }',
            "a.md:5: keypad.menu.2.handoff: 'billing' is not in agents; name it there",
        ),
        ('tools = ["fnd"]\n[keypad]\n', "a.md:5: tools[0]: no tool is named 'fnd'"),
        (FIND, "a.md:6: http_tools[0].name: nobody uses 'find'; name it in tools"),
        (
            f'tools = ["find"]\n{FIND}{FIND}',
            "a.md:11: http_tools[1].name: 'find' is an HTTP tool already; name it otherwise",
        ),
        (
            f'tools = ["opening_hours"]\n{FIND.replace("find", "opening_hours")}',
            "http_tools[0].name: 'opening_hours' is a Python tool already; name it otherwise",
        ),
        (
            f'tools = ["hang_up"]\n{FIND.replace("find", "hang_up")}',
            "http_tools[0].name: hang_up is built in; name it otherwise",
        ),
        (
            'keypad.sensitive_tool = "pay"',
            "a.md:5: keypad.sensitive_tool: no HTTP tool is named 'pay'; there is none",
        ),
        (
            f'tools = ["pay"]\nkeypad.sensitive_tool = "pay"\n{PAY}',
            "keypad.sensitive_tool: the model may call 'pay'; take it out of tools",
        ),
        (
            f'keypad.sensitive_tool = "find"\n{FIND}',
            "keypad.sensitive_tool: 'find' takes something else; its one parameter must be digits",
        ),
        *(
            (
                f'keypad.sensitive_tool = "pay"\n{PAY.replace("POST", method)}',
                f"'pay' puts the digits into its address ({method} has no body); give it method",
            )
            for method in ("GET", "DELETE")
        ),
        (
            f'keypad.sensitive_tool = "pay"\n{PAY.replace("net/", "net/{digits}")}',
            "keypad.sensitive_tool: 'pay' puts the digits into its address; take {digits} out of",
        ),
        (
            'mcp = [{ label = "x", url = "http://mcp.example.net/" }]',
            "a.md:5: mcp[0].url: http://mcp.example.net is not encrypted; must begin with https://",
        ),
        (
            'mcp = [{ label = "x", url = "https://x.example.net", headers = { Cookie = "hush" } }]',
            "mcp[0].headers.Cookie: a secret stands in the file; name it instead",
        ),
        (
            (
                '[[mcp]]\nlabel = "x"\nurl = "https://x.example.net"\n'
                '[[mcp]]\nlabel = "x"\nurl = "https://y.example.net"\n'
            ),
            "a.md:9: mcp[1].label: 'x' is taken; name it otherwise",
        ),
        (
            'mcp = [{ label = "x", url = "https://x.example.net", approve = ["find"] }]',
            'mcp[0].approve: nothing is asked; say require_approval = "always"',
        ),
        (
            (
                'mcp = [{ label = "x", url = "https://x.example.net", require_approval = "always",'
                ' allowed_tools = ["find"], approve = ["fnd"] }]'
            ),
            "mcp[0].approve[0]: 'fnd' is not in allowed_tools; did you mean \"find\"?",
        ),
    ],
)
def test_what_does_not_go_together_names_line_key_and_cure(front: str, problem: str) -> None:
    (found,) = problems(front)

    assert problem in found


def test_nobody_is_blamed_for_tools_that_could_not_be_read() -> None:
    assert problems('tools = ["book"]', Known(all_tools=False)) == []


def test_every_mistake_is_told_at_once() -> None:
    front = 'fallback = "x"\ntools = ["y"]\ntargets = ["z"]\nagents = ["w"]\n'

    assert len(problems(front)) == 6


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_digits_that_nobody_may_keep_travel_in_a_body(method: str) -> None:
    assert problems(f'keypad.sensitive_tool = "pay"\n{PAY.replace("POST", method)}') == []
