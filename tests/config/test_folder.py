"""What a folder of agents holds: agents, those that extend others, and parts that they include."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.config.agents import AgentFile
from controller.config.folder import MAX_DEPTH, SHIPPED, Agents, read_folder
from controller.settings import load_all

REQUIRED = 'model = "m"\nvoice = "v"\ndisclosure = false\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, name: str, front: str = "", body: str = "Body.\n") -> None:
    path = folder / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"+++\n{front}+++\n{body}")


def agent(found: Agents, name: str) -> AgentFile:
    assert found.problems == []
    return next(file for file in found.files if file.name == name)


def problems(folder: Path) -> list[str]:
    return [str(each).replace(f"{folder}/", "") for each in read_folder(folder).problems]


def test_every_markdown_file_is_an_agent(folder: Path) -> None:
    write(folder, "b", REQUIRED)
    write(folder, "a", REQUIRED)
    (folder / "notes.txt").write_text("Not an agent.")
    (folder / ".hidden.md").write_text("Not an agent.")

    found = read_folder(folder)

    assert [file.name for file in found.files] == found.names == ["a", "b"]
    assert list(found.contents) == ["agent a", "agent b"]


def test_keys_are_taken_over_one_by_one_and_instructions_follow(folder: Path) -> None:
    write(folder, "base", f"{REQUIRED}speed = 0.9\nsilence = {{ idle_end = 60 }}\n", "First.\n")
    write(folder, "child", 'extends = "base"\nvoice = "w"\nsilence = { repeats = 3 }\n', "Then.\n")

    child = agent(read_folder(folder), "child")

    assert (child.front.model, child.front.voice, child.front.speed) == ("m", "w", 0.9)
    assert child.front.silence.repeats == 3
    assert child.front.silence.idle_end == 45.0  # a table is replaced as a whole
    assert child.instructions == "First.\n\nThen."


def test_a_key_is_found_in_the_file_that_says_it(folder: Path) -> None:
    write(folder, "base", f"abstract = true\n{REQUIRED}[budget]\nusd = 1\n")
    write(folder, "middle", 'extends = "base"\nabstract = true\nvoice = "w"\n')
    write(folder, "leaf", 'extends = "middle"\nspeed = 1.0\n')

    where = agent(read_folder(folder), "leaf").source.where

    assert where(("speed",)) == f"{folder}/leaf.md:3"
    assert where(("voice",)) == f"{folder}/middle.md:4"
    assert where(("budget", "usd")) == f"{folder}/base.md:7"
    assert where(("tools",)) == f"{folder}/leaf.md:1"
    assert where(("abstract",)) == f"{folder}/leaf.md:1"
    assert where(()) == f"{folder}/leaf.md:1"


def test_an_abstract_file_is_no_agent_and_may_lack_keys(folder: Path) -> None:
    write(folder, "base", 'abstract = true\nvoice = "v"\n', "")
    write(folder, "child", 'extends = "base"\nmodel = "m"\ndisclosure = false\n')

    found = read_folder(folder)

    assert agent(found, "child").front.abstract is False
    assert (found.names, found.abstract) == (["child"], ["base"])
    assert "agent base" in found.contents


def test_an_abstract_file_is_checked_for_what_it_says(folder: Path) -> None:
    write(folder, "base", 'abstract = true\nspeed = 9\nbudget = { usd = "x" }\nmcp = [{}]\n')

    label, url, *others = problems(folder)

    assert label.startswith("base.md:5: mcp[0].label: is missing; must be given: what it is")
    assert url.startswith("base.md:5: mcp[0].url: is missing; must be given: its address")
    assert others == [
        "base.md:3: speed: found 9; must be at most 1.5",
        "base.md:4: budget.usd: found 'x'; must be a number, without quotes",
    ]


def test_an_inherited_mistake_is_told_once(folder: Path) -> None:
    write(folder, "base", f"{REQUIRED}speed = 9\n")
    write(folder, "one", 'extends = "base"\n')
    write(folder, "two", 'extends = "base"\n')

    assert problems(folder) == ["base.md:5: speed: found 9; must be at most 1.5"]


def test_nobody_is_blamed_for_extending_a_file_that_is_broken(folder: Path) -> None:
    (folder / "base.md").write_text("no front matter")
    write(folder, "child", 'extends = "base"\n')

    assert problems(folder) == ["base.md:1: has no front matter; the first line must be +++"]


def test_extends_that_is_no_text_is_told_as_such(folder: Path) -> None:
    write(folder, "a", f"{REQUIRED}extends = 5\n")

    assert problems(folder) == ['a.md:5: extends: found 5; must be text in quotes, "like this"']


def test_a_ring_is_told_once_however_it_is_entered(folder: Path) -> None:
    write(folder, "a", 'extends = "b"\n')
    write(folder, "b", 'extends = "c"\n')
    write(folder, "c", 'extends = "b"\n')

    assert problems(folder) == ["c.md:2: extends: b -> c -> b goes round; leave one of them out"]


def test_files_build_upon_each_other_up_to_a_depth(folder: Path) -> None:
    write(folder, "a0", REQUIRED, "0\n")
    for n in range(1, MAX_DEPTH):
        write(folder, f"a{n}", f'extends = "a{n - 1}"\n', f"{n}\n")

    deepest = agent(read_folder(folder), f"a{MAX_DEPTH - 1}")
    assert deepest.instructions == "\n\n".join(map(str, range(MAX_DEPTH)))

    write(folder, "b", f'extends = "a{MAX_DEPTH - 1}"\n')
    assert problems(folder) == ["a1.md:2: extends: is the 9th file; at most 8 in a row"]


def test_parts_stand_last_each_once(folder: Path) -> None:
    write(folder, "base", f'{REQUIRED}include = ["parts/a.md"]\n', "Base.\n")
    write(folder, "child", 'extends = "base"\ninclude = ["parts/b.md", "./parts/a.md"]\n', "Own.")
    write(folder, "parts/a", 'include = ["parts/c.md"]\n', "A.")
    (folder / "parts/b.md").write_text("\n\nB.\n")
    (folder / "parts/c.md").write_text("C.")

    found = read_folder(folder)

    child = agent(found, "child")
    assert child.instructions == "Base.\n\nOwn.\n\nA.\n\nC.\n\nB."
    assert [each.where(0).replace(f"{folder}/", "") for each in child.passages] == [
        "base.md:7", "child.md:5", "parts/a.md:4", "parts/c.md:1", "parts/b.md:3",
    ]  # fmt: skip
    assert {"part parts/a.md", "part parts/b.md", "part parts/c.md"} < found.contents.keys()


def test_a_part_beside_the_agents_is_no_agent(folder: Path) -> None:
    (folder / "house rules.md").write_text("Be kind.")
    write(folder, "a", f'{REQUIRED}include = ["house rules.md"]\n')

    found = read_folder(folder)

    assert agent(found, "a").instructions == "Body.\n\nBe kind."
    assert found.names == ["a"]


def test_the_folders_own_part_goes_before_the_shipped_one(folder: Path) -> None:
    write(folder, "a", f'{REQUIRED}include = ["house-rules.md"]\n')
    assert agent(read_folder(folder), "a").passages[1].file == str(SHIPPED / "house-rules.md")

    (folder / "house-rules.md").write_text("Ours.")
    assert agent(read_folder(folder), "a").instructions == "Body.\n\nOurs."


def test_the_shipped_house_rules_tell_what_to_do_in_an_emergency() -> None:
    rules = (SHIPPED / "house-rules.md").read_text(encoding="utf-8")

    assert "hang\nup now and dial your emergency number" in rules
    assert "Never promise to call anybody" in rules


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("include = 5", "a.md:5: include: found 5; must be a list, like"),
        ("include = [5]", "a.md:5: include[0]: found 5; must be text in quotes"),
        ('include = ["x.md"]', "a.md:5: include[0]: there is no file 'x.md'; "),
        ('include = ["/etc/passwd"]', "a.md:5: include[0]: '/etc/passwd' is elsewhere; must be"),
        ('include = ["p/../../x"]', "a.md:5: include[0]: 'p/../../x' is elsewhere; must be a path"),
        ('include = ["\\u0000"]', "a.md:5: include[0]: '\\x00' is elsewhere; must be a path"),
    ],
)
def test_an_include_of_nothing_is_told(folder: Path, line: str, message: str) -> None:
    write(folder, "a", f"{REQUIRED}{line}\n")

    (problem,) = problems(folder)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+++\nx = \n+++\n", "p.md:2:5: is not TOML; Invalid value"),
        ("+++\nx = 1\n", "p.md:1: its front matter has no end; close it with a line of +++"),
        ("+++\ninclude = 5\n+++\n", "p.md:2: include: found 5; must be a list, like"),
        ('+++\nmodel = "m"\n+++\n', "p.md:2: model: has no place in a file that others include; "),
        ('+++\ninclude = ["q.md"]\n+++\n', "p.md:2: include[0]: there is no file 'q.md'; "),
        ('+++\ninclude = ["p.md"]\n+++\n', "p.md:2: include[0]: p.md -> p.md goes round; leave"),
    ],
)
def test_a_part_that_is_wrong_is_told_once(folder: Path, text: str, message: str) -> None:
    (folder / "p.md").write_text(text)
    for name in ("a", "b"):
        write(folder, name, f'{REQUIRED}include = ["p.md"]\n')

    (problem,) = problems(folder)
    assert problem.startswith(message)


def test_parts_that_cannot_be_read_are_told(folder: Path) -> None:
    (folder / "p.md").write_bytes(b"\xff")
    write(folder, "a", f'{REQUIRED}include = ["p.md"]\n')

    assert problems(folder) == ["p.md:1: byte 0xff is not UTF-8; save the file as UTF-8"]


def test_parts_nest_up_to_a_depth(folder: Path) -> None:
    for n in range(MAX_DEPTH + 1):
        write(folder, f"p/{n}", f'include = ["p/{n + 1}.md"]\n')
    (folder / f"p/{MAX_DEPTH + 1}.md").write_text("End.")
    write(folder, "a", f'{REQUIRED}include = ["p/0.md"]\n')

    assert problems(folder) == ["p/7.md:2: include[0]: is nested too deeply; at most 8 in a row"]


def test_two_names_that_differ_in_case_alone_are_refused(folder: Path) -> None:
    write(folder, "a", REQUIRED)
    write(folder, "A", REQUIRED)

    assert problems(folder) == ["a.md: there is an agent 'A' already; rename one of them"]


def test_the_files_of_the_how_to_load_as_they_stand(folder: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "agent-files.md"
    base, desk = re.findall(r"^```markdown\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    (folder / "agents").mkdir()
    (folder / "agents/base.md").write_text(base)
    (folder / "agents/desk.md").write_text(desk)
    settings = folder / "controller.toml"
    settings.write_text(f"{toml}\n[policy]\ndefault_agent = 'desk'\n")

    _, generation = load_all(settings, environ={}, with_secrets=False)

    assert list(generation.agents) == list(generation.prompts) == ["desk"]
    told = generation.agents["desk"].instructions
    assert told.startswith("You answer the telephone of Acme Dental in Washington, DC.\nIt is {{")
    assert "# House rules" in told
    assert generation.warnings == ()
