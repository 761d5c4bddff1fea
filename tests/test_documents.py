from __future__ import annotations

import argparse
import ast
import json
import re
import shutil
import tomllib
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from controller.calls.incident import IncidentRules
from controller.calls.ports import Message
from controller.calls.record import CallRecord, Disclosure, LookedUp
from controller.calls.referrals import Return
from controller.calls.transcript import Transcript
from controller.calls.world import AlarmLimits
from controller.cli import build_parser
from controller.logs import NUMBERS, SAFE, SPEECH
from controller.metrics import Metrics
from controller.sansio.agent import Agent, Budget, Filler, Keypad, Silence
from controller.sansio.call import Limits
from controller.sansio.commands import DisclosureResult, Outcome
from controller.sansio.events import Usage
from controller.sansio.incoming import read_incoming
from controller.sansio.realtime.state import Pace
from controller.sansio.webhook import CallOffered
from controller.settings import load_all
from controller.simulator.scenario import load as load_scenario

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "controller"
DOCS = ROOT / "docs"
FOREIGN = {".git", ".venv", "dist"}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```.*?^\1```$", flags=re.DOTALL | re.MULTILINE)


def files() -> list[Path]:
    """Return the project's own files."""
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        is_foreign = parts[0] in FOREIGN or any(
            part.endswith("_cache") or part in {"__pycache__", ".hypothesis"} for part in parts
        )
        if path.is_file() and not is_foreign:
            found.append(path)
    return found


DOCUMENTS = sorted(path for path in files() if path.suffix == ".md")


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(document), flags=re.MULTILINE)
    texts = (LINK.sub("", heading).replace("`", "").lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


def names_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=names_of)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        place = (document.parent / target).resolve() if target else document
        leads = place.exists() and (not anchor or anchor in anchors(place))
        if not leads:
            broken.append(link)

    assert broken == []


def test_there_are_documents_to_check() -> None:
    assert len(DOCUMENTS) > 20


def test_every_document_is_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        document = waiting.pop()
        reached.add(document)
        links = (link.partition("#")[0] for link in LINK.findall(prose(document)))
        places = ((document.parent / link).resolve() for link in links if link.endswith(".md"))
        waiting += [place for place in places if place not in reached and place.exists()]

    assert {path for path in DOCUMENTS if path.is_relative_to(DOCS)} - reached == set()


def test_every_outcome_is_described() -> None:
    described = re.findall(
        r"^\| `(\w+)` \| .{40,}", (DOCS / "reference/outcomes.md").read_text(), flags=re.MULTILINE
    )

    assert sorted(described) == sorted(Outcome)


def test_every_metric_is_described() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    # The process's own come from the kernel, and from no other one.
    families = [each for each in registry.collect() if each.name.startswith("controller_")]
    names = {each.name + ("_total" if each.type == "counter" else "") for each in families}

    text = (DOCS / "reference/metrics.md").read_text()
    described = set(re.findall(r"^\| `(controller_\w+)` \|", text, flags=re.MULTILINE))

    assert described == names


def test_every_log_field_is_described() -> None:
    described = set(re.findall(r"`(\w+)`", (DOCS / "reference/logs.md").read_text()))

    assert (SAFE | NUMBERS | SPEECH) - described == set()


def test_every_event_in_the_log_is_described() -> None:
    # `_log.info("answered", …)`; a conditional method or a `write` in between is allowed.
    pattern = re.compile(r"(?:_log\.\w+|_log\.\w+\)|\bwrite)\(\s*\"(\w+)\"")
    written = {
        event for path in PACKAGE.rglob("*.py") for event in pattern.findall(path.read_text())
    }

    text = (DOCS / "reference/logs.md").read_text()
    cells = re.findall(r"^\| ([^|]+) \| [a-z]", text, flags=re.MULTILINE)
    described = {event for cell in cells for event in re.findall(r"`(\w+)`", cell)}

    assert {"call", "delivery", "openai_request"} <= written
    assert written - described == set()


def ended_call() -> CallRecord:
    """Return the record of a call in which everything happened."""
    headers = (("From", "<sip:+12025550101@trunk.example.net>"), ("To", "<tel:+12025550100>"))
    offered = CallOffered("evt_1", 0, "rtc_1", headers)
    return CallRecord(
        call_id="018f",
        epoch=1,
        incoming=read_incoming(offered, webhook_id="wh_1", region="US"),
        agent=Agent(name="frontdesk", model="model", voice="voice", instructions=""),
        received_at=1.0,
        rule="number",
        generation="abc",
        answered_at=2.0,
        ended_at=3.0,
        outcome=Outcome.REJECTED,
        detail="undecided",
        reject_code=503,
        usage=Usage(**{each.name: 1 for each in fields(Usage)}),
        faults={"response_failed": 1},
        returned=Return(frozenset({"reception"}), 1),
        hand_offs=["billing"],
        disclosure=Disclosure(DisclosureResult.HEARD, 1, "00", 2.5),
        cost_usd=0.1,
        is_estimate=True,
        heard=1,
        mcp_tools=1,
        menu_keys=1,
        messages=[Message("1", "018f", 2.5, "normal", "", "", "")],
        operator_acts={"say": 1},
        transcript=Transcript(is_refused=True),
        looked_up=LookedUp("late", 1.5, "billing", "frontdesk"),
    )


def test_every_field_of_the_canonical_line_is_described() -> None:
    text = (DOCS / "reference/logs.md").read_text()
    section = text.partition("### The canonical line")[2].partition("\n## ")[0]

    described = set(re.findall(r"`(\w+)`", section))

    assert set(ended_call().canonical()) - described == set()


def test_every_command_is_described() -> None:
    described = set(re.findall(r"`controller (\w+)", (DOCS / "reference/commands.md").read_text()))
    (commands,) = (
        action.choices
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )

    assert set(commands) - described == set()


LIMITS = (Limits, Pace, Silence, Keypad, Filler, Budget, IncidentRules, AlarmLimits)
NO_LIMITS = {"Keypad.menu", "Keypad.terminator", "Keypad.sensitive_tool"}


def limits() -> dict[str, tuple[float, ...]]:
    """Return what the page of limits says, by the name of the constant."""
    text = (DOCS / "reference/behaviour/limits.md").read_text()
    rows = re.findall(r"^\|.+\| ([\d., ]+) \| `([\w.]+)` \|", text, flags=re.MULTILINE)
    return {name: tuple(map(float, value.split(","))) for value, name in rows}


def test_every_limit_is_described_with_its_value() -> None:
    defaults = {
        f"{kind.__name__}.{name}": value if isinstance(value, tuple) else (value,)
        for kind in LIMITS
        for name, value in asdict(kind()).items()
    }

    described = {name: value for name, value in limits().items() if name.count(".") == 1}
    assert described == {key: value for key, value in defaults.items() if key not in NO_LIMITS}


def test_every_bound_is_described_with_its_value() -> None:
    bounds = {name: value for name, value in limits().items() if name.count(".") > 1}

    assert len(bounds) > 20
    for path, described in bounds.items():
        module, _, name = path.rpartition(".")
        assert (path, getattr(import_module(module), name)) == (path, *described)


PROBLEM = re.compile(r"^\| (\d+) \| .+ \| (.+) \| (.+) \|$", flags=re.MULTILINE)
"""Number, settings and tests of a row of the tables of problems."""


def problems() -> list[tuple[str, str, str]]:
    return PROBLEM.findall((DOCS / "reference/behaviour.md").read_text())


def test_every_known_problem_has_its_row() -> None:
    numbers = [int(number) for number, _, _ in problems()]

    assert numbers[:23] == list(range(1, 24))
    assert numbers[23:49] == list(range(1, 27))
    assert set(numbers[49:]) == set(range(1, 29)) - {15, 20, 21, 25, 27}


def is_a_test(name: str) -> bool:
    path, _, function = name.partition("::")
    file = ROOT / path
    if not file.is_file():
        return False
    if not function:
        return file.parent == ROOT / "tests/acceptance/scenarios"
    defined = rf"^(?:async def|def) {function}\(|^{function} = "
    return re.search(defined, file.read_text(), flags=re.MULTILINE) is not None


def test_every_problem_names_tests_that_exist() -> None:
    rows = [re.findall(r"`([^`]+)`", tests) for _, _, tests in problems()]

    assert all(rows)
    assert [name for names in rows for name in names if not is_a_test(name)] == []


def keys_of_the_reference() -> dict[str, set[str]]:
    """Return the keys by the heading of their table; those of agent files under ""."""
    text = (DOCS / "reference/settings.md").read_text()
    found: dict[str, set[str]] = {}
    for part in re.split(r"^##+ ", text, flags=re.MULTILINE)[1:]:
        heading = part.partition("\n")[0].removesuffix(" of an agent")
        name = "" if heading == "Agent files" else heading
        found.setdefault(name, set()).update(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE))
    return found


def test_every_problem_names_settings_that_exist() -> None:
    known = keys_of_the_reference()
    missing = []
    for _, settings, _ in problems():
        for setting in re.findall(r"`([^`]+)`", settings):
            table, _, key = setting.rpartition(" ")
            if key not in known.get(table, set()):
                missing.append(setting)

    assert missing == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[>=; ]", requirement)[0] for requirement in required}

    rows = re.findall(
        r"^\| ([^|]+) \| [^|]{10,}",
        (DOCS / "explanation/dependencies.md").read_text(),
        re.MULTILINE,
    )
    explained = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}

    assert names - explained == set()


def test_every_decision_is_listed() -> None:
    records = {path.name for path in (DOCS / "decisions").glob("0*.md")}

    assert records == set(LINK.findall((DOCS / "decisions/index.md").read_text()))


def does_something(module: Path) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(ast.parse(module.read_text()))
    )


def test_every_module_of_the_core_has_its_tests() -> None:
    core, tests = PACKAGE / "sansio", ROOT / "tests/sansio"
    untested = []
    for module in core.rglob("*.py"):
        if module.name == "__init__.py" or not does_something(module):
            continue
        place = module.relative_to(core)
        # A package that is one machine may be tested as one: test_call.py, or call/test_….py.
        owner = place.parts[0] if len(place.parts) > 1 else place.stem
        if not [*tests.glob(f"test_{owner}*.py"), *tests.glob(f"{owner}/test_*.py")]:
            untested.append(str(place))

    assert untested == []


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", document.read_text(), flags=re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=names_of)
def test_every_toml_example_is_toml(document: Path) -> None:
    for block in blocks(document, "toml"):
        tomllib.loads(block)


GUIDES = ("agents-that-talk-well", "transfers", "keypad", "mcp", "money")
LEAST = 'model = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n'
NAMED = {
    name: {"uri": "tel:+12025550123", "description": name} for name in ("reception", "payments")
}


@pytest.mark.parametrize("name", GUIDES)
def test_what_a_guide_writes_into_configuration_and_agents_loads(name: str, tmp_path: Path) -> None:
    guide = DOCS / f"how-to/{name}.md"
    written = blocks(guide, "toml")
    ours = [block for block in written if block.startswith("# controller.toml")]
    agents = [f"+++\n{LEAST}{block}+++\nHelp." for block in written if block not in ours]
    agents += blocks(guide, "markdown")
    shutil.copytree(ROOT / "deploy/example/tools", tmp_path / "tools")
    (tmp_path / "agents").mkdir()
    for number, agent in enumerate(agents):
        (tmp_path / f"agents/guide{number}.md").write_text(agent)
    config = tmp_path / "controller.toml"
    config.write_text("\n".join(ours))
    environ = {
        "CONTROLLER_NUMBERS": json.dumps([{"number": "*", "agent": "guide0"}]),
        "CONTROLLER_TARGETS": json.dumps(NAMED),
    }

    _, generation = load_all(config, environ=environ, with_secrets=False)

    assert len(generation.agents) == len(agents) > 0


@pytest.mark.parametrize("number", [0, 1])
def test_the_scenarios_of_their_guide_can_be_played(number: int, tmp_path: Path) -> None:
    file = tmp_path / "person.toml"
    file.write_text(blocks(DOCS / "how-to/scenario-files.md", "toml")[number])

    assert load_scenario(file).rules


# The patterns are written so that they do not match themselves.
INDEX_HOST = re.compile(r"[p]ypi\.org|[p]ythonhosted|[a]rtifactory|[d]evpi")
MACHINE_PATH = re.compile(r"(?<![\w.})])/(?:home|Users|root|work|workspace)/\w")


def test_no_file_names_a_package_index_or_a_path_of_somebodys_machine() -> None:
    found = []
    for path in files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{names_of(path)}: {match[0]}"
            for pattern in (INDEX_HOST, MACHINE_PATH)
            for match in pattern.finditer(text)
        ]

    assert found == []


def test_telephone_numbers_in_documents_and_examples_belong_to_nobody() -> None:
    texts = [*DOCUMENTS, *(path for path in files() if path.is_relative_to(ROOT / "deploy"))]
    numbers = {
        number for path in texts for number in re.findall(r"\+1[ -]?\d[\d -]{8,}", path.read_text())
    }

    # 555-0100 to 555-0199 are reserved for fiction in the North American Numbering Plan.
    digits = {re.sub(r"\D", "", number) for number in numbers}
    assert {number for number in digits if not re.match(r"120255501\d\d", number)} == set()
