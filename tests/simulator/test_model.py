"""The scripted model, without a call around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulator.model import Model, Rule, Speech, ToolCall, Turn, contains


def say(turn: Turn, *rules: Rule) -> str:
    (act,) = Model(rules).respond(turn)
    assert isinstance(act, Speech)
    return act.text


GREETING = Turn(is_asked=True, is_greeting=True)


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (GREETING, "Hello, how can I help you?"),
        (Turn(instructions='Say exactly: "We record."'), "We record."),
        (Turn(instructions="Say word for word: We record."), "We record."),
        (Turn(instructions="Be verbatim"), "Be verbatim"),
        (Turn(is_asked=True, instructions="Say goodbye."), "Goodbye."),
        (Turn(instructions="Announce the transfer."), "One moment, I will connect you."),
        (Turn(instructions="Say that you connect them."), "One moment, I will connect you."),
        (Turn(outputs=(("a", "9 to 5"), ("b", '"quoted"'))), "9 to 5 quoted"),
        (Turn(heard=("My name is Ann.",)), "You said: My name is Ann."),
        (Turn(heard=("Thanks, bye!",)), "Goodbye."),
        (Turn(heard=("",)), "Sorry, I did not catch that."),
        (Turn(told=("The caller pressed 1.",)), "The caller pressed 1."),
        (Turn(), "Are you still there?"),
    ],
)
def test_model_without_rules_is_polite(turn: Turn, words: str) -> None:
    assert say(turn) == words


@pytest.mark.parametrize(
    ("rule", "turn", "holds"),
    [
        (Rule(when="greeting"), GREETING, True),
        (Rule(when="greeting"), Turn(is_asked=True), False),
        (Rule(when="asked"), Turn(is_asked=True), True),
        (Rule(when="asked"), Turn(), False),
        (Rule(heard=("open on monday",)), Turn(heard=("Open, on MONDAY?",)), True),
        (Rule(heard=("open on monday",)), Turn(heard=("Open?",)), False),
        (Rule(heard=("x", "open")), Turn(heard=("Open?",)), True),
        (Rule(told=("pressed 1",)), Turn(told=("Caller pressed 1.",)), True),
        (Rule(told=("pressed 1",)), Turn(heard=("Caller pressed 1.",)), False),
        (Rule(instructed=("sorry",)), Turn(instructions="Say sorry."), True),
        (Rule(prompted=("kind",)), Turn(prompt="Be kind."), True),
        (Rule(prompted=("kind",)), Turn(instructions="Be kind."), False),
        (Rule(has_tool=("a", "b")), Turn(tools=("b",)), True),
        (Rule(has_tool=("a",)), Turn(tools=("ab",)), False),
        (Rule(after="a"), Turn(outputs=(("a", ""),)), True),
        (Rule(after="a"), Turn(outputs=(("b", ""),)), False),
        (Rule(after="a", output=("yes",)), Turn(outputs=(("a", "no"),)), False),
        (Rule(output=("yes",)), Turn(outputs=(("a", "Yes."),)), True),
    ],
)
def test_rule_needs_all_of_its_conditions(rule: Rule, turn: Turn, *, holds: bool) -> None:
    assert rule.matches(turn) is holds


def test_first_rule_that_holds_decides() -> None:
    assert say(GREETING, Rule(heard=("x",), says="a"), Rule(says="b"), Rule(says="c")) == "b"


def test_rule_is_used_as_often_as_it_says() -> None:
    model = Model((Rule(says="a", times=1), Rule(says="b")))
    assert [model.respond(GREETING) for _ in range(2)] == [[Speech("a")], [Speech("b")]]


def test_words_are_filled_in() -> None:
    output = '{"day": {"opens": 8}, "note": "by appointment"}'
    turn = Turn(heard=("Monday?",), told=("told",), outputs=(("a", "x"), ("hours", output)))
    rule = Rule(
        after="hours",
        says="{heard} From {output.day.opens}, {output.note}{output.none.such} {told} {other}",
    )
    assert say(turn, rule) == "Monday? From 8, by appointment told {other}"
    assert say(Turn(outputs=(("a", "plain"),)), Rule(says="{output}{output.x}")) == "plain"
    assert say(Turn(outputs=(("a", '{"x": 1}'),)), Rule(says="{output}")) == '{"x": 1}'


def test_rule_without_acts_is_a_silent_response() -> None:
    assert Model((Rule(),)).respond(GREETING) == []


def test_tool_choice_is_obeyed() -> None:
    calls = (ToolCall("a", {"day": "Monday"}),)
    rules = (Rule(calls=calls), Rule(says="b", calls=calls))
    assert Model(rules).respond(Turn()) == list(calls)
    assert Model(rules).respond(Turn(tool_choice="none")) == [Speech("b")]
    assert Model().respond(Turn(tool_choice="a")) == [ToolCall("a")]
    assert Model().respond(Turn(tool_choice="required", tools=("x", "y"))) == [ToolCall("x")]
    assert Model().respond(Turn(tool_choice="required")) == [Speech("Are you still there?")]


def test_arguments_are_json_or_as_written() -> None:
    assert ToolCall("a", {"day": "Mön"}).json == '{"day": "Mön"}'
    assert ToolCall("a", "{broken").json == "{broken"


@given(st.builds(Turn, heard=st.lists(st.text()).map(tuple), instructions=st.text()))
def test_model_is_deterministic_and_always_has_words(turn: Turn) -> None:
    first, second = Model().respond(turn), Model().respond(turn)
    assert first == second
    assert len(first) == 1


@given(st.text(), st.text(), st.text())
def test_text_contains_its_own_words(before: str, part: str, after: str) -> None:
    assert contains(f"{before} {part} {after}", part.upper().lower())
