from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.config.agents import AgentFile, Passage, parse_agent
from controller.config.checking import Known
from controller.config.document import Document
from controller.config.front_matter import FrontMatter, McpEntry
from controller.config.http_tools import HttpToolEntry
from controller.config.keypad import KeypadSection
from controller.config.problems import problems_of
from controller.config.resolving import Resolved, resolve
from controller.sansio.agent import (
    Budget,
    Colleague,
    Filler,
    Keypad,
    McpServer,
    MenuEntry,
    Silence,
    Target,
    ToolDeclaration,
)

HEAD = 'model = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n'
HOURS = ToolDeclaration("opening_hours", "Hours.", {"type": "object", "properties": {}})
DESK = Target("desk", "tel:+12025550123", "The desk", next=("night",))
NIGHT = Target("night", "tel:+12025550124", "At night", next=("owner",))
OWNER = Target("owner", "tel:+12025550125", "The owner")
KNOWN = Known(
    tools={"opening_hours": HOURS},
    targets={each.name: each for each in (DESK, NIGHT, OWNER)},
    agents={"a": "", "billing": "Bills", "silent": "", "broken": None},
)
FIND = '[[http_tools]]\nname = "find"\ndescription = "Find."\nurl = "https://crm.example.net/"\n'
PAY = (
    '[[http_tools]]\nname = "pay"\ndescription = "Pay."\nurl = "https://pay.example.net/"\n'
    'method = "POST"\nparameters = { digits = {} }\n'
)


def parsed(front: str = "") -> AgentFile:
    return parse_agent(f"+++\n{HEAD}{front}\n+++\nYou answer.\n", name="a", file="a.md")


def resolved(front: str = "", known: Known = KNOWN) -> Resolved:
    found = resolve(parsed(front), known)
    assert found.problems == ()
    return found


def problems(front: str, known: Known = KNOWN) -> list[str]:
    return [str(each) for each in resolve(parsed(front), known).problems]


def test_a_silent_file_gets_the_operators_defaults() -> None:
    agent = resolved().agent

    assert agent.silence == Silence((12.0, 24.0), 40.0, (10.0, 25.0), 45.0, 90.0, 120.0, 6, 300.0)
    assert agent.keypad == Keypad((), 10.0, 4.0, "#", 32, None)
    assert agent.filler == Filler(1.8, 6.5)
    assert agent.budget == Budget(5.0, (0.5, 0.8))
    assert (agent.max_duration, agent.warn_before, agent.at_the_end) == (1800.0, 120.0, "goodbye")


def test_every_key_about_driving_reaches_the_agent() -> None:
    agent = resolved(
        'description = "The desk"\ngreeting = { verbatim = "Hello." }\ntranscript = "never"\n'
        'fallback = "owner"\nat_the_end = "transfer"\nmax_duration = 600\nwarn_before = 30\n'
        "filler = { first = 1, second = 2 }\nbudget = { usd = 2, warn_at = [0.9] }\n"
        "silence = { ghost_prompts = [], ghost_end = 60, idle_prompts = [20], idle_end = 50,"
        " awaited = 30, wordless = 100, repeats = 3, ringing_out = 200 }\n"
        '[keypad]\nfirst_digit_timeout = 5\ninter_digit_timeout = 2\nterminator = "*"\n'
        "max_digits = 4\n"
    ).agent

    assert agent.description == "The desk"
    assert (agent.greeting, agent.greeting_is_verbatim) == ("Hello.", True)
    assert agent.transcript == "never"
    assert (agent.fallback, agent.at_the_end) == ("owner", "transfer")
    assert (agent.max_duration, agent.warn_before) == (600.0, 30.0)
    assert agent.filler == Filler(1.0, 2.0)
    assert agent.budget == Budget(2.0, (0.9,))
    assert agent.silence == Silence((), 60.0, (20.0,), 50.0, 30.0, 100.0, 3, 200.0)
    assert agent.keypad == Keypad((), 5.0, 2.0, "*", 4)


def test_patience_doubles_the_times_of_silence_and_of_keys_and_no_count() -> None:
    agent = resolved("patient = true").agent

    assert agent.silence == Silence((24.0, 48.0), 80.0, (20.0, 50.0), 90.0, 180.0, 240.0, 6, 600.0)
    assert agent.keypad == Keypad((), 20.0, 8.0, "#", 32, None)


@pytest.mark.parametrize(
    ("front", "budget"),
    [("budget = false", None), ("budget = 2.5", Budget(2.5)), ("budget = {}", Budget())],
)
def test_a_budget_is_none_or_dollars_or_a_table(front: str, budget: Budget | None) -> None:
    assert resolved(front).agent.budget == budget


def test_nothing_need_be_said_while_a_tool_runs() -> None:
    assert resolved("filler = false").agent.filler is None


@pytest.mark.parametrize(
    ("front", "seconds"),
    [
        ("max_duration = 480", 120.0),
        ("max_duration = 60", 15.0),
        ("max_duration = 60\nwarn_before = 0", 0.0),
        ("max_duration = 60\nwarn_before = 59", 59.0),
    ],
)
def test_a_short_call_is_warned_of_its_end_later(front: str, seconds: float) -> None:
    assert resolved(front).agent.warn_before == seconds


def test_the_menu_becomes_what_each_key_does() -> None:
    agent = resolved(
        'agents = ["billing"]\n[keypad.menu]\n"0" = { transfer = "night" }\n"9" = "repeat"\n'
        '"#" = "hang_up"\n"1" = { say = "Tell the hours." }\n"2" = { handoff = "billing" }\n'
    ).agent

    assert agent.keypad.menu == (
        MenuEntry("0", "transfer", "night"),
        MenuEntry("9", "repeat"),
        MenuEntry("#", "hang_up"),
        MenuEntry("1", "say", "Tell the hours."),
        MenuEntry("2", "handoff", "billing"),
    )


def test_targets_are_those_offered_and_those_that_anything_leads_to() -> None:
    offered = resolved('tools = ["transfer"]\ntargets = ["desk"]').agent
    by_key = resolved('[keypad.menu]\n"0" = { transfer = "night" }').agent
    fallback = resolved('fallback = "owner"').agent

    assert offered.targets == (DESK, NIGHT, OWNER)
    assert offered.offered == ("desk",)
    assert by_key.targets == (NIGHT, OWNER)
    assert by_key.offered == ()
    assert fallback.targets == (OWNER,)
    assert not fallback.can_transfer


def test_built_in_tools_are_those_that_the_file_names() -> None:
    names = (
        "collect_digits",
        "handoff",
        "hang_up",
        "no_transcript",
        "take_message",
        "transfer",
        "wait_for_caller",
    )
    agent = resolved(
        f'tools = {list(names)}\ntargets = ["desk"]\nagents = ["billing", "broken"]'
    ).agent

    assert agent.built_in == frozenset(names)
    assert agent.colleagues == (Colleague("billing", "Bills"), Colleague("broken", ""))


def test_tools_stand_in_the_order_of_the_file() -> None:
    found = resolved(f'tools = ["find", "hang_up", "opening_hours"]\n{FIND}')

    assert [each.name for each in found.agent.tools] == ["find", "opening_hours"]
    assert found.agent.tools[0] is found.http_tools["find"].declaration


def test_the_tool_for_sensitive_digits_is_there_and_not_offered() -> None:
    found = resolved(f'keypad = {{ sensitive_tool = "pay" }}\n{PAY}')

    assert found.agent.keypad.sensitive_tool == "pay"
    assert found.agent.tools == ()
    assert list(found.http_tools) == ["pay"]


def test_an_mcp_server_keeps_the_names_of_its_secrets() -> None:
    found = resolved(
        '[[mcp]]\nlabel = "crm"\nurl = "https://mcp.example.net/"\ndescription = "Customers"\n'
        'authorization = "CRM_TOKEN"\nheaders = { X-Key = "${CRM_KEY}" }\n'
        'allowed_tools = ["find", "note"]\nrequire_approval = "always"\napprove = ["find"]\n'
        '[[mcp]]\nlabel = "open"\nurl = "https://open.example.net/"\n'
    )

    assert found.agent.mcp == (
        McpServer(
            label="crm",
            url="https://mcp.example.net/",
            description="Customers",
            authorization="CRM_TOKEN",
            headers=(("X-Key", "${CRM_KEY}"),),
            allowed_tools=("find", "note"),
            require_approval="always",
            approved_tools=("find",),
        ),
        McpServer("open", "https://open.example.net/"),
    )
    assert found.secrets == (
        (("mcp", 0, "authorization"), "CRM_TOKEN"),
        (("mcp", 0, "headers", "X-Key"), "CRM_KEY"),
    )


def test_secrets_of_http_tools_are_told_with_their_place() -> None:
    found = resolved(f'tools = ["find"]\n{FIND}headers = {{ X-Key = "${{FIND_KEY}}" }}\n')

    assert found.secrets == ((("http_tools", 0, "headers", "X-Key"), "FIND_KEY"),)


@pytest.mark.parametrize(
    ("hosts", "count"), [((), 1), (("crm.example.net",), 0), (("other.example.net",), 1)]
)
def test_private_hosts_are_those_of_the_house(hosts: tuple[str, ...], count: int) -> None:
    front = f'tools = ["find"]\n{FIND.replace("https://", "http://")}'

    assert len(problems(front, Known(private_hosts=hosts))) == count


def test_nothing_in_an_agent_can_be_a_value_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIND_KEY", "hush")
    found: Any = resolved(f'tools = ["find"]\n{FIND}headers = {{ X-Key = "${{FIND_KEY}}" }}\n')

    assert "hush" not in repr(found)


WORDS = st.sampled_from(
    ["find", "desk", "night", "billing", "a", "hang_up", "transfer", "handoff", "always", "0", "#",
     "https://x.example/{a}", "${A}", "${", "object", "type", "properties", "required"]
) | st.text(max_size=8)  # fmt: skip
KEYS = sorted(
    {"transfer", "say", "verbatim", "usd", "warn_at", "type", "properties", "required", "0", "A"}
    | {key for each in (FrontMatter, HttpToolEntry, McpEntry, KeypadSection) for key in
       each.model_fields}
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 100) | st.floats() | WORDS | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | WORDS, inner, max_size=4)
    ),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {"name": WORDS, "description": WORDS, "url": WORDS}, optional={"parameters": VALUES}
)


@given(
    st.dictionaries(st.sampled_from(sorted(FrontMatter.model_fields)), VALUES, max_size=5),
    st.lists(ENTRY, max_size=2),
)
def test_any_values_are_an_agent_or_problems(
    drawn: dict[str, Any], entries: list[dict[str, Any]]
) -> None:
    values = {"model": "m", "voice": "v", "disclosure": False, "http_tools": entries, **drawn}
    source = Document("a.md", values)
    try:
        front = FrontMatter.model_validate(values)
    except ValidationError as error:
        found = problems_of(error, model=FrontMatter, raw=values, where=source.where)
        assert all(str(problem).startswith("a.md:1: ") for _, problem in found)
        assert found
        return

    resolved_file = resolve(
        AgentFile("a", front, (Passage("a.md", 1, "You answer."),), source), KNOWN
    )

    assert all(str(problem).startswith("a.md:1: ") for problem in resolved_file.problems)
    assert resolved_file.agent.name == "a"
