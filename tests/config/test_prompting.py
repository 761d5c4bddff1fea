"""Names in templates are known when they are loaded, each in the file and line where it stands."""

from __future__ import annotations

import pytest

from controller.config.agents import parse_agent
from controller.config.checking import Known
from controller.config.prompting import SPOKEN, Vocabulary
from controller.config.resolving import Resolved, resolve
from controller.sansio.templating import Place

REQUIRED = 'model = "m"\nvoice = "v"\n'
SILENT = "disclosure = false\n"
WORDS = Vocabulary(values={"practice": "Acme"}, facts=("customer",), time_zone="Europe/Berlin")


def resolved(body: str, front: str = SILENT, words: Vocabulary = WORDS) -> Resolved:
    file = parse_agent(f"+++\n{REQUIRED}{front}+++\n{body}", name="a", file="a.md")
    return resolve(file, Known(vocabulary=words))


def problems(
    body: str, front: str = "disclosure = false\n", words: Vocabulary = WORDS
) -> list[str]:
    return [str(problem) for problem in resolved(body, front, words).problems]


def test_values_are_in_the_text_and_nothing_is_left_to_fill_in() -> None:
    found = resolved(
        "You work for {{ values.practice }}. \\{{ x }}",
        'disclosure = "{{ values.practice }} uses a machine."\ngreeting = "{{values.practice}}!"\n',
    )

    assert found.agent.instructions == "You work for Acme. {{ x }}"
    assert found.agent.disclosure == "Acme uses a machine."
    assert found.agent.greeting == "Acme!"
    assert found.prompts is None


def test_what_changes_from_call_to_call_stays_a_place() -> None:
    found = resolved("{{ values.practice }}: {{ caller_name }} {{ lookup.customer }}")

    assert found.problems == ()
    assert found.prompts is not None
    assert found.prompts.instructions == (
        "Acme: ", Place("caller_name", 0), " ", Place("lookup.customer", 0),
    )  # fmt: skip
    assert found.agent.instructions == "Acme: {{ caller_name }} {{ lookup.customer }}"


def test_a_verbatim_greeting_is_a_template_too() -> None:
    found = resolved("x", 'disclosure = false\ngreeting = { verbatim = "It is {{ weekday }}." }\n')

    assert found.agent.greeting_is_verbatim
    assert found.prompts is not None
    assert found.prompts.greeting == ("It is ", Place("weekday", 0), ".")


@pytest.mark.parametrize(
    ("front", "words", "zone"),
    [
        ("", WORDS, "Europe/Berlin"),
        ('time_zone = "Asia/Tokyo"\n', WORDS, "Asia/Tokyo"),
        ('time_zone = "Asia/Tokyo"\n', Vocabulary(), "Asia/Tokyo"),
    ],
)
def test_the_zone_is_the_agents_or_the_houses(front: str, words: Vocabulary, zone: str) -> None:
    found = resolved("{{ time }}", f"disclosure = false\n{front}", words)

    assert found.prompts is not None
    assert str(found.prompts.zone) == found.prompts.zone_name == zone


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a\nb {{ caler }}", 'a.md:7: {{ caler }} is not known; did you mean "caller"?'),
        (
            "{{ values.practise }}",
            'a.md:6: {{ values.practise }} is not known; did you mean "values.practice"?',
        ),
        (
            "{{ lookup.custommer }}",
            'a.md:6: {{ lookup.custommer }} is not known; did you mean "lookup.customer"?',
        ),
        ("\n\n{{ a b }}", "a.md:8: {{ is followed by no name and }}; must be {{ name }}; write"),
        ("{{ header.via }}", "a.md:6: {{ header.via }} is not kept of a call; must begin with"),
    ],
)
def test_an_unknown_name_is_told_with_its_line(body: str, message: str) -> None:
    (problem,) = problems(body)

    assert problem.startswith(message)


def test_time_without_a_zone_is_told() -> None:
    assert problems("{{ date }}", words=Vocabulary()) == [
        "a.md:6: {{ date }} has no time zone; give time_zone here or in [policy]"
    ]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('disclosure = "{{ caller }}"', "a.md:4: disclosure: {{ caller }}"),
        (
            'disclosure = false\ngreeting = { verbatim = "{{ header.x-name }}" }',
            "a.md:5: greeting.verbatim: {{ header.x-name }}",
        ),
        (
            'disclosure = false\ngreeting = { verbatim = "{{ lookup.customer }}" }',
            "a.md:5: greeting.verbatim: {{ lookup.customer }}",
        ),
    ],
)
def test_words_that_are_spoken_as_they_are_hold_nobody_elses(line: str, place: str) -> None:
    assert problems("x", f"{line}\n") == [f"{place} is what somebody else wrote; {SPOKEN}"]


def test_headers_are_named_in_any_case() -> None:
    assert problems("{{ header.X-Tenant }} {{ Header.User-To-User }}") == []


@pytest.mark.parametrize(
    ("front", "language"),
    [
        ('language = "de-AT"\n', "de"),
        ('language = "de"\ntranscription = { language = "en" }\n', "en"),
        ('transcription = { language = "en" }\n', "en"),
        ("", None),
    ],
)
def test_the_language_is_what_transcription_expects(front: str, language: str | None) -> None:
    transcription = resolved("x", f"disclosure = false\n{front}").agent.transcription

    assert transcription is not None
    assert transcription.get("language") == language


def test_the_language_is_told_after_the_instructions() -> None:
    agent = resolved("You answer.", 'disclosure = false\nlanguage = "de"\n').agent

    assert agent.instructions.startswith('You answer.\n\nSpeak the language with the code "de"')


def test_no_transcription_stays_none_in_any_language() -> None:
    found = resolved("x", 'disclosure = false\nlanguage = "de"\ntranscription = false\n')

    assert found.agent.transcription is None
