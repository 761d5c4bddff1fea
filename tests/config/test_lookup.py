"""`[lookup]` and `[values]` are read, checked, and part of the generation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.config import Generation
from controller.errors import ConfigurationError
from controller.sansio.lookup import Lookup
from controller.settings import load_all

AGENT = '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n+++\n{}\n'
BASE = '[policy]\ndefault_agent = "a"\n'
TOOL = (
    "from controller.tools import CallContext, tool\n\n\n"
    '@tool\ndef caller_of(*, context: CallContext) -> str:\n    """Who calls."""\n    return ""\n'
    '\n\n@tool\ndef hours(day: str) -> str:\n    """Hours."""\n    return day\n'
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "acme.py").write_text(TOOL)
    for name in ("a", "vip"):
        (tmp_path / "agents" / f"{name}.md").write_text(AGENT.format("You answer."))
    return tmp_path


def load(house: Path, toml: str, **environ: str) -> Generation:
    path = house / "controller.toml"
    path.write_text(BASE + toml)
    return load_all(path, environ=environ, with_secrets=False)[1]


def problems(house: Path, toml: str, **options: Any) -> list[str]:
    path = house / "controller.toml"
    path.write_text(BASE + toml)
    with pytest.raises(ConfigurationError) as caught:
        load_all(path, environ={}, with_secrets=options.get("with_secrets", False))
    return [str(each).replace(f"{house}/", "") for each in caught.value.problems]


def test_without_the_table_nobody_is_asked(house: Path) -> None:
    assert load(house, "").lookup is None


def test_a_python_tool_is_asked(house: Path) -> None:
    found = load(
        house, '[lookup]\ntool = "caller_of"\nfacts = { customer = "nobody" }\nagents = ["vip"]\n'
    )

    assert found.lookup == Lookup(tool="caller_of", facts={"customer": "nobody"}, agents=("vip",))
    assert found.lookup.timeout == 1.0


def test_an_address_is_asked_with_a_secret(house: Path) -> None:
    found = load(
        house,
        '[lookup]\ntimeout = 0.5\n[lookup.http]\nurl = "https://crm.example.net/callers"\n'
        'headers = { X-Key = "${CRM_KEY}" }\n',
        CRM_KEY="hush",
    )

    assert found.lookup is not None
    tool = found.lookup.http
    assert tool is not None
    assert (tool.url, tool.method, tool.retries) == ("https://crm.example.net/callers", "GET", 0)
    assert tool.declaration.timeout == found.lookup.timeout == 0.5
    assert found.secrets == {"CRM_KEY": "hush"}
    assert "hush" not in repr(found.lookup)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[lookup]\n", "controller.toml:3: lookup: found {}; must hold one of tool and http"),
        (
            '[lookup]\ntool = "x"\nhttp = { url = "https://x.example" }\n',
            "controller.toml:3: lookup: found {'tool': 'x', 'http': {'url': 'https://x.example'}}",
        ),
        ('[lookup]\ntool = "caler_of"\n', "controller.toml:4: lookup.tool: no tool is named"),
        (
            '[lookup]\ntool = "hours"\n',
            "controller.toml:4: lookup.tool: 'hours' takes day; must need no argument but the Call",
        ),
        (
            '[lookup]\ntool = "caller_of"\nagents = ["vpi"]\n',
            "controller.toml:5: lookup.agents[0]: no agent is named 'vpi'; did you mean \"vip\"?",
        ),
        (
            '[lookup]\nhttp = { url = "http://x.example" }\n',
            "controller.toml:4: lookup.http.url: http://x.example is not encrypted; must begin",
        ),
        (
            '[lookup]\nhttp = { url = "https://x.example", retries = 2 }\n',
            "controller.toml:4: lookup.http.retries: unknown key; there is allow_private, headers",
        ),
        (
            '[lookup]\ntool = "caller_of"\nfacts = { "a b" = "x" }\n',
            'controller.toml:5: lookup.facts."a b": cannot be a name; use letters',
        ),
        (
            '[lookup]\ntool = "caller_of"\ntimeout = 6\n',
            "controller.toml:5: lookup.timeout: found 6; must be at most 5",
        ),
    ],
)
def test_a_mistake_in_the_look_up_is_told(house: Path, toml: str, message: str) -> None:
    (problem,) = problems(house, toml)

    assert problem.startswith(message)


def test_a_secret_of_the_look_up_is_asked_for(house: Path) -> None:
    toml = '[lookup]\nhttp = { url = "https://x.example", headers = { X-Key = "${CRM_KEY}" } }\n'

    assert (
        "controller.toml:4: lookup.http.headers.X-Key: CRM_KEY is not set; set it, or put it into"
        " the file crm_key of $CREDENTIALS_DIRECTORY"
    ) in problems(house, toml, with_secrets=True)


def test_no_name_is_blamed_where_the_folders_cannot_be_read(house: Path) -> None:
    told = problems(
        house,
        '[lookup]\ntool = "x"\nagents = ["y"]\n',
    )
    assert len(told) == 2

    path = house / "controller.toml"
    text = path.read_text()
    path.write_text(f'agents_dir = "nowhere"\ntools_dir = "nowhere"\n{text}')
    with pytest.raises(ConfigurationError) as caught:
        load_all(path, environ={}, with_secrets=False)
    assert [each.key for each in caught.value.problems] == ["agents_dir", "tools_dir"]


def test_the_look_up_and_the_values_are_in_the_hash(house: Path) -> None:
    hashes = {
        load(house, toml).hash
        for toml in (
            "",
            '[lookup]\ntool = "caller_of"\n',
            '[lookup]\ntool = "caller_of"\ntimeout = 0.5\n',
            '[values]\npractice = "Acme"\n',
            '[values]\npractice = "Acme Dental"\n',
        )
    }

    assert len(hashes) == 5


def test_values_and_facts_stand_in_texts(house: Path) -> None:
    text = "{{ values.practice }}, floor {{ values.floor }}, {{ lookup.customer }}."
    (house / "agents" / "vip.md").write_text(AGENT.format(text))

    found = load(
        house,
        '[values]\npractice = "Acme"\nfloor = 3\n'
        '[lookup]\ntool = "caller_of"\nfacts = { customer = "" }\n',
    )

    assert found.agents["vip"].instructions == "Acme, floor 3, {{ lookup.customer }}."
    assert list(found.prompts) == ["vip"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x = true", "controller.toml:4: values.x: found true; must be text or a number"),
        ("x = [1]", "controller.toml:4: values.x: found [1]; must be text or a number"),
        (
            '"a b" = 1',
            'controller.toml:4: values."a b": cannot be a name; use letters, digits, - and _',
        ),
    ],
)
def test_a_value_is_text_or_a_number(house: Path, line: str, message: str) -> None:
    (problem,) = problems(house, f"[values]\n{line}\n")

    assert problem.startswith(message)


def test_a_value_that_is_too_long_belongs_in_a_part(house: Path) -> None:
    (problem,) = problems(house, f'[values]\nx = "{"y" * 4001}"\n')

    assert problem.endswith("; must have at most 4000 characters")


def test_a_wrong_value_is_not_blamed_on_the_text_that_names_it(house: Path) -> None:
    (house / "agents" / "vip.md").write_text(AGENT.format("{{ values.x }}"))

    assert problems(house, "[values]\nx = true\n") == [
        "controller.toml:4: values.x: found true; must be text or a number"
    ]
