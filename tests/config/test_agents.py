from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.config.agents import parse_agent, read_page
from controller.config.checking import Known
from controller.config.resolving import resolve
from controller.errors import ConfigurationError
from controller.sansio.agent import Agent, Budget, Target

if TYPE_CHECKING:
    from pathlib import Path

DESK = Target("desk", "tel:+12025550123", "The desk")
DISCLOSURE = "a text that must be heard first, or false; one of the two must be given"
REQUIRED = 'model = "gpt-realtime-2.1"\nvoice = "marin"\ndisclosure = false\n'


def agent_of(front: str = REQUIRED, body: str = "You answer.\n") -> Agent:
    file = parse_agent(f"+++\n{front}+++\n{body}", name="a", file="a.md")
    found = resolve(file, Known(targets={"desk": DESK}))
    assert found.problems == ()
    return found.agent


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_agent(text, name="a", file="a.md")
    return [str(problem) for problem in caught.value.problems]


def test_the_least_file_gives_an_agent_with_the_defaults() -> None:
    expected = Agent("a", "gpt-realtime-2.1", "marin", "You answer.", budget=Budget())

    assert agent_of() == expected


def test_every_key_reaches_the_agent() -> None:
    agent = agent_of(
        'model = "m"\nvoice = "v"\ndisclosure = "This is a machine."\ngreeting = "Say hello."\n'
        'tools = ["hang_up", "transfer"]\ntargets = ["desk"]\nnoise_reduction = "far_field"\n'
        'turn_detection = { type = "semantic_vad", eagerness = "low" }\nspeed = 1\n'
        'transcription = { model = "whisper-1", language = "de", prompt = "Zahnarzt" }\n'
        'reasoning_effort = "low"\nmax_output_tokens = 500\nmax_duration = 60\n',
        "First line.\n\nLast line.\n\n",
    )

    assert agent == Agent(
        name="a",
        model="m",
        voice="v",
        instructions="First line.\n\nLast line.",
        greeting="Say hello.",
        disclosure="This is a machine.",
        built_in=frozenset({"hang_up", "transfer"}),
        targets=(DESK,),
        offered=("desk",),
        budget=Budget(),
        turn_detection={"type": "semantic_vad", "eagerness": "low"},
        noise_reduction="far_field",
        transcription={"model": "whisper-1", "language": "de", "prompt": "Zahnarzt"},
        reasoning_effort="low",
        speed=1.0,
        max_output_tokens=500,
        max_duration=60.0,
        warn_before=15.0,
    )


@pytest.mark.parametrize(
    ("line", "detection"),
    [
        ('turn_detection = "server_vad"', {"type": "server_vad"}),
        ('turn_detection = "semantic_vad"', {"type": "semantic_vad"}),
        (
            'turn_detection = { type = "server_vad", threshold = 0.6, idle_timeout_ms = 6000 }',
            {"type": "server_vad", "threshold": 0.6, "idle_timeout_ms": 6000},
        ),
    ],
)
def test_turn_detection_is_a_word_or_a_table(line: str, detection: dict[str, object]) -> None:
    assert agent_of(f"{REQUIRED}{line}\n").turn_detection == detection


@pytest.mark.parametrize(
    ("value", "transcription"),
    [("false", None), ('"whisper-1"', {"model": "whisper-1"}), ("{}", {"model": "gpt-transcribe"})],
)
def test_transcription_is_off_or_a_model_or_a_table(
    value: str, transcription: dict[str, str] | None
) -> None:
    assert agent_of(f"{REQUIRED}transcription = {value}\n").transcription == transcription


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "disclosure = true",
            "disclosure: found true; must be a text that must be heard first, or",
        ),
        ('disclosure = " "', "one of the two must be given"),
        ('vioce = "marin"', 'vioce: unknown key; did you mean "voice"?'),
        ("model = 5", "model: found 5; must be text in quotes"),
        ('voice = ""', "voice: found ''; "),
        ("tools = [1]", "tools[0]: found 1; must be text in quotes"),
        ("transcription = true", "transcription: found true; must be false, the name of a model"),
        ('transcription = { language = "german" }', "transcription.language: found 'german'"),
        ("turn_detection = false", 'must be "server_vad", "semantic_vad", or a table'),
        ("turn_detection = { threshold = 0.5 }", 'must be "server_vad", "semantic_vad"'),
        (
            'turn_detection = { type = "server_vad", create_response = false }',
            "must not set create_response: the controller does",
        ),
        (
            'turn_detection = { type = "server_vad", treshold = 0.5 }',
            'turn_detection.treshold: unknown key; did you mean "threshold"?',
        ),
        (
            'turn_detection = { type = "semantic_vad", eagerness = "very" }',
            "turn_detection.eagerness: found 'very'; must be 'low', 'medium', 'high' or 'auto'",
        ),
        ("speed = 2.0", "speed: found 2.0; must be at most 1.5"),
        ("max_duration = 4000", "max_duration: found 4000; must be at most 3480"),
        ("max_output_tokens = 5000", "must be at most 4096"),
        ("greeting = 5", "greeting: found 5; must be an instruction in quotes, or { verbatim = "),
        (
            'greeting = { verbatim = "x", voice = "y" }',
            "greeting.voice: unknown key; there is verb",
        ),
        ('greeting = { verbatim = "" }', "greeting.verbatim: found ''"),
        ('transcript = "sometimes"', "must be 'always', 'after_disclosure' or 'never'"),
        ("filler = true", "filler: found true; must be false, or a table such as { first = 1.8"),
        ("filler = { first = 9 }", "filler: found {'first': 9}; must have second above first"),
        ("budget = true", "budget: found true; must be false, US dollars, or a table such as"),
        ("budget = 0", "budget: found 0; must be more than 0"),
        ("budget = { warn_at = [2] }", "budget.warn_at[0]: found 2; must be at most"),
        ("silence = { ghost_end = 39 }", "silence.ghost_end: found 39; must be at least"),
        ("silence = { idle_end = 39 }", "silence.idle_end: found 39; must be at least"),
        (
            "silence = { idle_prompts = [25, 10] }",
            "must have idle_prompts that rise and lie below idle_end",
        ),
        (
            "silence = { ghost_prompts = [12, 40] }",
            "must have ghost_prompts that rise and lie below ghost_end",
        ),
        ("keypad = { max_digits = 65 }", "keypad.max_digits: found 65; must be at most"),
        ('keypad = { terminator = "A" }', "keypad.terminator: found 'A'; must be '#', '*' or ''"),
        (
            'keypad = { menu = { 1 = "sing" } }',
            'keypad.menu.1: found \'sing\'; must be "repeat", "hang_up", or a table such as',
        ),
        (
            'keypad = { menu = { 1 = { transfr = "x" } } }',
            'keypad.menu.1.transfr: unknown key; did you mean "transfer"?',
        ),
        (
            'keypad = { menu = { 1 = { transfer = "x", say = "y" } } }',
            "must hold one of transfer, say and handoff",
        ),
        ("keypad = { menu = { 1 = {} } }", "must hold one of transfer, say and handoff"),
        ('at_the_end = "beep"', "at_the_end: found 'beep'; must be 'goodbye' or 'transfer'"),
        ("warn_before = -1", "warn_before: found -1; must be at least 0"),
        ('fallback = ["desk"]', "fallback: found ['desk']; must be text in quotes"),
        ("agents = 5", "agents: found 5; must be a list"),
        ('mcp = [{ label = "x" }]', "mcp[0].url: is missing; must be given: its address"),
        ('noise_reduction = "on"', "must be 'near_field' or 'far_field'"),
    ],
)
def test_a_mistake_names_line_key_value_and_cure(line: str, message: str) -> None:
    key = line.partition(" ")[0]
    kept = "".join(f"{each}\n" for each in REQUIRED.splitlines() if not each.startswith(key))

    (problem,) = problems_of(f"+++\n{kept}# a comment\n{line}\n+++\nYou answer.\n")

    assert problem.startswith(f"a.md:{len(kept.splitlines()) + 3}: ")
    assert message in problem


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    assert problems_of("+++\nvoice = 1\nspeeed = 1\n+++\n \n") == [
        "a.md:1: model: is missing; must be given: name of the Realtime model",
        'a.md:2: voice: found 1; must be text in quotes, "like this"',
        f"a.md:1: disclosure: is missing; must be given: {DISCLOSURE}",
        'a.md:3: speeed: unknown key; did you mean "speed"?',
        "a.md: has no instructions; write them below the second +++ line",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("You answer.", "a.md:1: has no front matter; the first line must be +++"),
        ("", "a.md:1: has no front matter"),
        ("---\nmodel: x\n---\n", "a.md:1: begins as YAML does; write TOML between +++ lines"),
        (f"+++\n{REQUIRED}", "a.md:1: its front matter has no end; close it with a line of +++"),
        ("+++\nmodel = \n+++\nx", "a.md:2:9: is not TOML"),
        (f"+++\n{REQUIRED}x = [\n+++\nx", "a.md:5: is not TOML"),
    ],
)
def test_a_file_of_another_shape_is_told_the_right_one(text: str, message: str) -> None:
    (problem,) = problems_of(text)

    assert problem.startswith(message)


def test_windows_line_ends_are_read() -> None:
    text = f"+++\n{REQUIRED}+++\nYou answer.\n".replace("\n", "\r\n")

    assert parse_agent(text, name="a", file="a.md").front.voice == "marin"


def test_the_files_name_is_the_agents(tmp_path: Path) -> None:
    file = tmp_path / "night-desk_2.md"
    file.write_text(f"+++\n{REQUIRED}+++\nYou answer.\n")

    assert read_page(file).name == "night-desk_2"


def test_a_file_name_that_cannot_be_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be an agent's"):
        read_page(tmp_path / "front desk.md")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100))
def test_any_bytes_are_an_agent_or_a_problem(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.md"
    for each in (content, b"+++\n" + content + b"\n+++\n", REQUIRED.encode() + content):
        file.write_bytes(each)
        with suppress(ConfigurationError):
            assert read_page(file).name == "a"


@given(st.text(max_size=100), st.text(max_size=50))
def test_any_text_is_an_agent_or_a_problem(front: str, body: str) -> None:
    for text in (front, f"+++\n{front}\n+++\n{body}", f"+++\n{REQUIRED}{front}\n+++\n{body}"):
        with suppress(ConfigurationError):
            assert parse_agent(text, name="a", file="a.md").instructions
