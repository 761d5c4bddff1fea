from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from controller import config
from controller.config import toolbox
from controller.config.prices import price_list
from controller.config.secrets import Secrets
from controller.config.targets import TransferRules, TransferTarget
from controller.errors import ConfigurationError
from controller.sansio.agent import Target
from controller.sansio.policy import Rules
from controller.settings import load_settings
from controller.tools import CallContext

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example" / "controller.toml"
AGENT = '+++\nmodel = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n{}+++\nYou answer.\n'
TOOL = (
    "from controller.tools import tool\n\n"
    '@tool(timeout=3)\ndef opening_hours() -> str:\n    """Hours."""\n    return "9 to 5"\n'
)
DESK = Target("desk", "tel:+12025550123", "The desk")


class House:
    """A folder with one agent and one tool, that a test changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents = folder / "agents"
        self.tools = folder / "tools"
        self.agents.mkdir()
        self.tools.mkdir()
        self.agent("frontdesk", 'tools = ["opening_hours"]\n')
        (self.tools / "acme.py").write_text(TOOL)

    def agent(self, name: str, front: str = "") -> None:
        (self.agents / f"{name}.md").write_text(AGENT.format(front))

    def load(
        self,
        *numbers: tuple[str, str],
        targets: tuple[Target, ...] = (),
        default_agent: str | None = "frontdesk",
        **options: Any,
    ) -> config.Generation:
        return config.load(
            config.Sources(
                agents_dir=self.agents,
                tools_dir=self.tools,
                numbers=numbers,
                targets={
                    each.name: TransferTarget(uri=each.uri, description=each.description)
                    for each in targets
                },
                rules=Rules(dict(numbers), default_agent),
                **options,
            )
        )

    def problems(self, *numbers: tuple[str, str], **options: Any) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.load(*numbers, **options)
        return [str(problem).replace(f"{self.folder}/", "") for problem in caught.value.problems]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_files_become_agents_tools_and_rules(house: House) -> None:
    house.agent("nightdesk", 'tools = ["transfer"]\ntargets = ["desk"]\n')

    found = house.load(("+12025550100", "frontdesk"), ("*", "nightdesk"), targets=(DESK,))

    assert list(found.agents) == ["frontdesk", "nightdesk"]
    assert found.agents["frontdesk"].tools == (found.tools["opening_hours"].declaration,)
    assert found.agents["nightdesk"].targets == (DESK,)
    assert found.agents["nightdesk"].can_transfer
    assert found.targets == {"desk": DESK}
    assert found.rules.numbers == {"+12025550100": "frontdesk", "*": "nightdesk"}
    assert found.warnings == ()


def test_a_generation_cannot_be_changed(house: House) -> None:
    found = house.load(("*", "frontdesk"))

    for mapping in (
        found.agents, found.tools, found.http_tools, found.targets, found.secrets,
        found.rules.numbers,
    ):  # fmt: skip
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index] # that it cannot be written is the point
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.hash = ""  # type: ignore[misc] # likewise


def test_the_hash_is_of_content_not_of_place(house: House, tmp_path: Path) -> None:
    first = house.load()
    shutil.copytree(house.folder, tmp_path / "copy" / "again")
    copy = config.Sources(
        agents_dir=tmp_path / "copy" / "again" / "agents",
        tools_dir=tmp_path / "copy" / "again" / "tools",
        rules=Rules({}, "frontdesk"),
    )

    assert config.load(copy).hash == first.hash


def test_every_change_changes_the_hash(house: House) -> None:
    hashes = [house.load().hash, house.load(("*", "frontdesk")).hash]
    hashes += [house.load(default_agent=None).hash, house.load(targets=(DESK,)).hash]
    (house.tools / "acme.py").write_text(TOOL + "\n")
    hashes.append(house.load().hash)
    (house.tools / "acme.py").rename(house.tools / "other.py")
    hashes.append(house.load().hash)
    house.agent("frontdesk", "tools = []\n")
    hashes.append(house.load().hash)

    assert len(set(hashes)) == 7


def test_what_costs_and_where_calls_go_changes_the_hash(house: House) -> None:
    def loaded(rules: TransferRules, factor: float, **keys: Any) -> str:
        sources = config.Sources(
            agents_dir=house.agents,
            tools_dir=house.tools,
            targets={"desk": TransferTarget(uri="sip:a@b.example", description="Desk", **keys)},
            transfer_rules=rules,
            prices=price_list((), factor=factor),
        )
        return config.load(sources).hash

    berlin = TransferRules(time_zone="Europe/Berlin")
    hours = {"hours": ["mon 08:00-17:00"]}
    hashes = [
        loaded(TransferRules(), 1.0),
        loaded(TransferRules(), 1.1),
        loaded(TransferRules(hosts={"b.example"}), 1.0),
        loaded(berlin, 1.0),
        loaded(berlin, 1.0, **hours),
        loaded(TransferRules(), 1.0, time_zone="Europe/Berlin", **hours),
    ]

    assert len(set(hashes)) == 6
    assert loaded(berlin, 1.0, **hours) == hashes[4]


HTTP_TOOL = (
    'tools = ["find"]\n[[http_tools]]\nname = "find"\ndescription = "Find."\n'
    'url = "https://crm.example.net/"\nheaders = { X-Key = "${CRM_KEY}" }\n'
)


def test_http_tools_belong_to_their_agent(house: House) -> None:
    house.agent("nightdesk", HTTP_TOOL)

    found = house.load(secrets=Secrets({"CRM_KEY": "hush"}))

    assert list(found.http_tools["nightdesk"]) == ["find"]
    assert found.http_tools["frontdesk"] == {}
    assert found.agents["nightdesk"].tools == (found.http_tools["nightdesk"]["find"].declaration,)
    assert "find" not in found.tools


def test_only_secrets_that_are_named_are_held_and_none_is_shown(house: House) -> None:
    house.agent("nightdesk", HTTP_TOOL)

    found = house.load(secrets=Secrets({"CRM_KEY": "hush", "OTHER": "quiet"}))

    assert found.secrets == {"CRM_KEY": "hush"}
    assert "hush" not in repr(found)
    other = house.load(secrets=Secrets({"CRM_KEY": "loud"}))
    assert other.hash == found.hash  # two nodes, each with a key of its own, are one generation


def test_a_secret_that_is_nowhere_is_a_problem_unless_secrets_are_not_asked_for(
    house: House,
) -> None:
    house.agent("nightdesk", HTTP_TOOL)

    (problem,) = house.problems()
    assert problem.startswith(
        "agents/nightdesk.md:10: http_tools[0].headers.X-Key: CRM_KEY is not set; set it, or put"
    )
    assert house.load(with_secrets=False).secrets == {}


def test_requests_that_nobody_signs_are_warned_of(house: House) -> None:
    house.agent("nightdesk", HTTP_TOOL)
    options: dict[str, Any] = {"with_secrets": False, "signs_http_tools": False}

    (warning,) = house.load(**options).warnings
    house.agent("nightdesk", f"{HTTP_TOOL}signed = false\n")

    assert "nightdesk.md: HTTP tool 'find' sends requests that nobody can trust; give" in warning
    assert house.load(**options).warnings == ()


def test_a_model_without_a_price_is_warned_of(house: House) -> None:
    house.agent("frontdesk", 'transcription = "scribe"\n')

    (warning,) = house.load(prices=price_list((), factor=1.0)).warnings

    assert "frontdesk.md:5: transcription.model: 'scribe' has no price" in warning


def test_a_colleague_whose_file_is_broken_is_not_blamed_for_its_description(house: House) -> None:
    house.agent("nightdesk", "speed = 9\n")
    house.agent("frontdesk", 'tools = ["handoff"]\nagents = ["nightdesk"]\n')

    (problem,) = house.problems()

    assert problem.startswith("agents/nightdesk.md:5: speed: ")


def test_a_forgotten_generations_modules_are_gone(house: House) -> None:
    found = house.load()
    assert toolbox.is_imported(found.hash)

    config.forget(found)

    assert not toolbox.is_imported(found.hash)


def test_nothing_is_imported_when_something_else_is_wrong(house: House) -> None:
    before = set(sys.modules)

    house.problems(("12", "frontdesk"))

    assert not [name for name in set(sys.modules) - before if name.startswith(toolbox.PREFIX)]


def test_a_failing_reload_leaves_the_running_generation_alone(house: House) -> None:
    running = house.load()
    house.agent("nightdesk", "speed = 9\n")

    house.problems()

    assert toolbox.is_imported(running.hash)


def test_two_agents_of_one_name_are_a_problem(house: House) -> None:
    house.agent("FrontDesk")

    assert house.problems(default_agent=None) == [
        "agents/frontdesk.md: there is an agent 'FrontDesk' already; rename one of them"
    ]


def test_a_voice_that_nobody_knows_is_warned_of(house: House) -> None:
    text = AGENT.format("").replace("marin", "martin")
    (house.agents / "frontdesk.md").write_text(text)

    (warning,) = house.load(("*", "frontdesk")).warnings

    assert warning.endswith(
        "frontdesk.md:3: voice: 'martin' is not known to this version; did you mean \"marin\"?"
    )


def test_what_agents_take_over_is_warned_of_once_where_it_stands(house: House) -> None:
    base = AGENT.format("abstract = true\n").replace("marin", "martin")
    (house.agents / "base.md").write_text(base)
    for name in ("frontdesk", "nightdesk"):
        (house.agents / f"{name}.md").write_text('+++\nextends = "base"\n+++\nYou answer.\n')

    (warning,) = house.load(("*", "frontdesk")).warnings

    assert warning.startswith(f"{house.agents}/base.md:3: voice: 'martin' is not known")


def test_a_tool_file_that_python_cannot_import_is_warned_of(house: House) -> None:
    (house.tools / "my-tool.py").write_text("syntax error here")
    (house.tools / ".hidden.py").write_text("syntax error here")

    (warning,) = house.load(("*", "frontdesk")).warnings

    assert warning.endswith(
        "my-tool.py: is not imported; name it with letters, digits and _ if it holds tools"
    )


@pytest.mark.parametrize("default_agent", [None, "frontdesk"])
@pytest.mark.parametrize("number", ["*", "+12025550100"])
def test_calls_that_nobody_would_take_are_warned_of(
    house: House, default_agent: str | None, number: str
) -> None:
    found = house.load((number, "frontdesk"), default_agent=default_agent)

    expected = default_agent is None and number != "*"
    assert (config.UNREADABLE_CALLS in found.warnings) is expected


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        ('tools = ["opening_hour"]', "frontdesk.md:5: tools[0]: no tool is named 'opening_hour'"),
        ('tools = ["hangup"]', 'did you mean "hang_up"?'),
        (
            'tools = ["book"]',
            "no tool is named 'book'; a function of that name needs @tool above it",
        ),
        ('tools = ["hang_up", "hang_up"]', "tools[1]: 'hang_up' is listed twice; once will do"),
        ('tools = ["transfer"]', "tools[0]: transfer has nobody to transfer to; name targets, or"),
        ('targets = ["desk"]', "targets: targets are of no use without transfer; add "),
        (
            'tools = [\n"transfer"]\ntargets = [\n"desk",\n"dask"]',
            "frontdesk.md:9: targets[1]: no t",
        ),
    ],
)
def test_what_an_agent_refers_to_must_exist(house: House, front: str, problem: str) -> None:
    house.agent("frontdesk", f"{front}\n")

    (found,) = house.problems(targets=(DESK,))

    assert problem in found


def where(path: tuple[str | int, ...]) -> str:
    return f"<{path[0]}>"


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ((("+12025550100", "frontdask"),), "<numbers>: numbers[0].agent: no agent is named"),
        ((("2025550100", "frontdesk"),), "<numbers>: numbers[0].number: '2025550100' is not a who"),
        ((("*", "frontdesk"), ("*", "frontdesk")), "numbers[1].number: * is listed twice"),
    ],
)
def test_numbers_must_be_right(
    house: House, numbers: tuple[tuple[str, str], ...], problem: str
) -> None:
    (found,) = house.problems(*numbers, where=where)

    assert problem in found


@pytest.mark.parametrize(
    ("name", "uri", "problem"),
    [
        ("desk", "sip:911@x", "<targets>: targets.desk.uri: 'sip:911@x' is an emergency"),
        ("desk", "tel:+12025550100", "'tel:+12025550100' is one of our own numbers"),
        ("desk", "sip:2025550100@pbx.example.net", "is one of our own numbers"),
        ("the desk", "tel:+12025550123", "<targets>: targets.\"the desk\": 'the desk' cannot be a"),
    ],
)
def test_targets_must_be_right(house: House, name: str, uri: str, problem: str) -> None:
    target = Target(name, uri, "The desk")

    (found,) = house.problems(("+12025550100", "frontdesk"), targets=(target,), where=where)

    assert problem in found


def test_the_default_agent_must_exist(house: House) -> None:
    assert house.problems(default_agent="nobody") == [
        "policy.default_agent: policy.default_agent: no agent is named 'nobody'; there is frontdesk"
    ]


def test_missing_folders_are_named_and_blame_nobody_else(house: House) -> None:
    shutil.rmtree(house.tools)
    (problem,) = house.problems()
    assert problem.startswith("tools_dir: tools_dir: tools: No such file or directory; must be a f")

    shutil.rmtree(house.agents)
    (house.agents).write_text("a file")
    found = house.problems(("*", "frontdesk"), default_agent="nightdesk")
    assert [problem.partition(":")[0] for problem in found] == ["agents_dir", "tools_dir"]


def test_a_path_that_is_none_is_a_problem(house: House) -> None:
    house.tools = Path("a\0b")

    (problem,) = house.problems()

    assert "embedded null byte" in problem


def test_a_folder_without_agents_is_a_problem(house: House) -> None:
    (house.agents / "frontdesk.md").rename(house.agents / ".frontdesk.md")

    (problem,) = house.problems(default_agent=None)

    assert problem == "agents_dir: agents_dir: agents holds no agent; write agents/NAME.md"


def test_a_broken_agent_file_is_not_blamed_on_those_who_name_it(house: House) -> None:
    house.agent("nightdesk", "speed = 9\n")

    (problem,) = house.problems(("*", "nightdesk"))

    assert problem.startswith("agents/nightdesk.md:5: speed: ")


@pytest.mark.parametrize("text", [b"x = y", b"\xff\xff"])
def test_a_broken_tool_file_is_not_blamed_on_those_who_use_it(house: House, text: bytes) -> None:
    (house.tools / "acme.py").write_bytes(text)

    (problem,) = house.problems()

    assert problem.startswith("tools/acme.py")


def test_a_tool_file_that_cannot_be_read_is_a_problem(house: House) -> None:
    (house.tools / "folder.py").mkdir()

    (problem,) = house.problems()

    assert problem.startswith("tools/folder.py: cannot be read")


@pytest.fixture(scope="module")
def example() -> config.Generation:
    settings = load_settings(EXAMPLE, environ={}, with_secrets=False)
    return config.load(settings.sources())


def test_the_example_is_in_order(example: config.Generation) -> None:
    assert example.warnings == ()
    assert list(example.agents) == ["appointments", "frontdesk", "nightdesk", "overflow"]
    for agent in example.agents.values():
        assert "emergency" in agent.instructions  # O9: nobody is promised help


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [
        ("opening_hours", {"day": "Friday"}, "On Friday we are open from 8 am to 2 pm."),
        ("opening_hours", {"day": "Sunday"}, "On Sunday we are closed."),
        ("opening_hours", {"day": "friday"}, "invalid_arguments"),
        ("price_of_treatment", {"treatment": "filling"}, '"price":210'),
        ("free_appointments", {"day": "Thursday"}, '["10:30","17:00","18:30"]'),
        ("free_appointments", {"day": "Monday", "treatment": "filling"}, '["15:30"]'),
        ("free_appointments", {"day": "Sunday"}, "The practice is closed on Sunday."),
        (
            "book_appointment",
            {"day": "Monday", "time": "9:00", "treatment": "checkup", "name": "Ann"},
            '"confirmation_code":"',
        ),
        (
            "book_appointment",
            {"day": "Monday", "time": "9:01", "treatment": "checkup", "name": "Ann"},
            "Monday at 9:01 is not free.",
        ),
    ],
)
async def test_the_tools_of_the_example_do_what_they_say(
    example: config.Generation, name: str, arguments: dict[str, str], output: str
) -> None:
    context = CallContext(call_id="call-1", agent="frontdesk")

    assert output in await example.tools[name].run(json.dumps(arguments), context)


def test_a_model_that_is_shut_down_is_warned_of_with_its_day(house: House) -> None:
    house.agent("old", 'transcription = "whisper-1"\n')

    warnings = house.load().warnings

    day = "transcription.model: 'whisper-1' ends on 2027-02-26; use gpt-transcribe"
    assert any(each.startswith(f"{house.agents}/old.md:5: {day}") for each in warnings)
