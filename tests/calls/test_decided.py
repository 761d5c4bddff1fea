from __future__ import annotations

from dataclasses import replace
from datetime import UTC

from controller.calls.decided import as_decided
from controller.sansio.agent import HANG_UP, TRANSFER, Agent, Target
from controller.sansio.hours import Hours
from controller.sansio.policy import Accept

NIGHT = Target("night", "tel:+12025550124", "The night service", hours=Hours(UTC, ()))
DESK = Target("desk", "tel:+12025550123", "The desk")
AGENT = Agent(
    name="frontdesk",
    model="gpt-realtime-2.1",
    voice="marin",
    instructions="You answer.",
    greeting="Greet the caller.",
    disclosure="This call is recorded.",
    built_in=frozenset({HANG_UP, TRANSFER}),
    targets=(DESK,),
    offered=("desk",),
)


def test_an_agent_is_what_it_is_when_nothing_else_was_decided() -> None:
    assert as_decided(AGENT, Accept("frontdesk"), [DESK]) is AGENT


def test_the_sentence_takes_the_place_of_the_greeting_word_by_word() -> None:
    agent = as_decided(AGENT, Accept("frontdesk", say="We are closed."), [DESK])

    assert (agent.greeting, agent.greeting_is_verbatim) == ("We are closed.", True)
    assert agent.built_in == AGENT.built_in


def test_who_is_referred_hears_the_disclosure_and_the_sentence_and_can_ask_for_nothing() -> None:
    agent = as_decided(
        AGENT, Accept("frontdesk", say="One moment.", refer_to="night"), [DESK, NIGHT]
    )

    assert agent.disclosure == "This call is recorded."
    assert (agent.greeting, agent.greeting_is_verbatim) == ("One moment.", True)
    assert (agent.fallback, agent.hands_on, agent.at_the_end) == ("night", True, "transfer")
    assert not agent.can_transfer
    assert not agent.can_hang_up
    assert agent.tools == ()


def test_the_target_is_reached_at_any_hour_and_is_there_once() -> None:
    agent = as_decided(AGENT, Accept("frontdesk", refer_to="night"), [NIGHT, NIGHT])
    again = as_decided(agent, Accept("frontdesk", refer_to="night"), [NIGHT])

    assert [each.name for each in again.targets] == ["desk", "night"]
    night = again.target("night")
    assert night is not None
    assert night.hours is None


def test_who_is_referred_without_a_sentence_is_told_that_somebody_else_is_coming() -> None:
    spoken = replace(AGENT, greeting_is_verbatim=True)
    agent = as_decided(spoken, Accept("frontdesk", refer_to="night"), [NIGHT])

    assert agent.greeting is not None
    assert "connecting" in agent.greeting
    assert not agent.greeting_is_verbatim


def test_a_target_that_is_not_there_changes_nothing() -> None:
    assert as_decided(AGENT, Accept("frontdesk", refer_to="nobody"), [DESK]) is AGENT
