"""Transfers: to whom, after which words, and what follows if the caller stays."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from controller.sansio.agent import Keypad, MenuEntry
from controller.sansio.call import Limits, State, TargetTerms, Terms
from controller.sansio.call.referring import Obstacle, chain, obstacle, request
from controller.sansio.call.state import Transfer
from controller.sansio.call.words import (
    BACK_AGAIN,
    BACK_AGAIN_MESSAGE,
    BUDGET_SPENT,
    CONNECTING,
    CONNECTING_ELSEWHERE,
    HEARD_AGAIN,
    SPEAK_AGAIN,
    TRANSFER_FAILED,
    TRANSFER_FAILED_MESSAGE,
)
from controller.sansio.commands import (
    HangUpCall,
    HoldTurns,
    Inject,
    OpenChannel,
    Outcome,
    Priority,
    ReleaseTurns,
    ReportOutcome,
    ReportReattached,
    Say,
    StopSpeaking,
    TransferCall,
)
from controller.sansio.events import (
    AttachFailed,
    BudgetSpent,
    ChannelLost,
    ChannelOpened,
    LineEnded,
    MenuKeyPressed,
    ModelFailed,
    Ready,
    Speech,
    SpeechHeard,
    TransferDone,
    TransferFailed,
    TransferRequested,
    TransferUnproven,
)
from tests.sansio.driving import (
    RECEPTION,
    START,
    TERMS,
    TO_RECEPTION,
    CallStory,
    active,
    called,
    one,
    only,
    tool,
)

CLOSED = ((START + 3600.0, START + 7200.0),)


def target(
    name: str, *following: str, windows: tuple[tuple[float, float], ...] | None = None
) -> TargetTerms:
    return TargetTerms(name, f"tel:+1202555010{len(name)}", following, windows)


def with_targets(*targets: TargetTerms) -> Terms:
    return replace(TERMS, targets=targets, offered=frozenset(each.name for each in targets))


CHAIN = (target("a", "bb", "ccc"), target("bb", "dddd", "a"), target("ccc"), target("dddd"))


def referred(terms: Terms = TERMS, name: str = "reception") -> CallStory:
    """A referral that was relayed: the caller should leave now."""
    story = active(terms)
    story.receive(called(tool("t1", "transfer", f'{{"target": "{name}"}}'), speech=Speech.HEARD))
    story.receive(TransferUnproven())
    return story


def end_of(story: CallStory) -> tuple[Outcome, str | None]:
    assert story.is_in(State.ENDED)
    report = one(ReportOutcome, story.commands)
    return report.outcome, report.detail


def tried(story: CallStory) -> list[str]:
    return [each.target for each in only(TransferCall, story.commands)]


def heard_last(story: CallStory) -> tuple[object, ...]:
    """Let the latest words that were asked for be heard."""
    return story.receive(SpeechHeard(only(Say, story.commands)[-1].say_id, certain=True))


# --- to whom -----------------------------------------------------------------------------------


def test_the_chain_of_a_target_is_each_target_once_the_nearest_first() -> None:
    terms = with_targets(*CHAIN)
    assert [each.name for each in chain(terms, "a")] == ["a", "bb", "ccc", "dddd"]
    assert [each.name for each in chain(terms, "nobody")] == []
    assert [each.name for each in chain(terms, None)] == []


def test_a_chain_may_name_what_is_not_there() -> None:
    terms = with_targets(target("a", "gone", "ccc"), target("ccc"))
    assert [each.name for each in chain(terms, "a")] == ["a", "ccc"]


def test_a_transfer_goes_to_the_configured_uri() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    transfer = one(TransferCall, story.commands)
    assert (transfer.target, transfer.uri) == ("reception", RECEPTION)


def test_a_closed_target_gives_way_to_the_first_of_its_chain_that_is_open() -> None:
    terms = with_targets(
        target("a", "bb", "ccc", windows=CLOSED), target("bb", windows=CLOSED), target("ccc")
    )
    story = active(terms)
    story.receive(called(tool("t1", "transfer", '{"target": "a"}'), speech=Speech.HEARD))
    assert tried(story) == ["ccc"]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (TERMS, None),
        (replace(TERMS, offered=frozenset({"doctor"})), "unknown_target"),
        (replace(TERMS, targets=()), "unknown_target"),
        (with_targets(target("reception", windows=CLOSED)), "target_closed"),
        (replace(TERMS, returned_from=frozenset({"reception"})), "target_returned"),
        (
            replace(
                with_targets(target("reception", "doctor", windows=CLOSED), target("doctor")),
                returned_from=frozenset({"doctor"}),
            ),
            "transfer_just_tried",
        ),
    ],
)
def test_a_transfer_that_cannot_be_followed_has_a_reason(terms: Terms, reason: str | None) -> None:
    assert request(active(terms).call.value, TO_RECEPTION) == reason


def test_a_transfer_that_names_nobody_is_to_an_unknown_target() -> None:
    assert request(active().call.value, tool("t1", "transfer", "[")) == "unknown_target"


def test_no_second_transfer_is_tried_within_the_time_of_the_first() -> None:
    story = active()
    late = msgspec.structs.replace(story.call.value, refer_after=story.now + 1.0)
    assert request(late, TO_RECEPTION) == "transfer_just_tried"
    assert request(msgspec.structs.replace(late, now=story.now + 1.0), TO_RECEPTION) is None


# --- the announcement, and the referral ----------------------------------------------------------


def test_a_referral_waits_until_its_announcement_was_heard() -> None:
    story = active()
    story.receive(called(TO_RECEPTION))
    assert tried(story) == []
    commands = story.receive(SpeechHeard("r1", certain=True))
    assert [type(each) for each in commands] == [StopSpeaking, TransferCall]


def test_a_referral_that_nobody_announced_is_announced() -> None:
    story = active()
    words = one(Say, story.receive(called(TO_RECEPTION, speech=Speech.SILENT)))
    assert (words.text, words.priority) == (CONNECTING, Priority.LAST)
    assert isinstance(heard_last(story)[-1], TransferCall)


def test_a_referral_whose_request_never_came_back_may_be_under_way() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    assert story.wait() == ()
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.REFERRED_UNCONFIRMED, None)


def test_only_the_carriers_proof_makes_a_transfer() -> None:
    story = referred()
    story.receive(TransferDone())
    assert end_of(story) == (Outcome.TRANSFERRED, None)


def test_a_proof_without_a_referral_proves_nothing() -> None:
    story = active()
    story.receive(called(TO_RECEPTION))
    assert story.receive(TransferDone()) == ()
    assert story.is_in(State.ENDING)


def test_the_other_uri_form_is_tried_once_after_a_definite_http_error() -> None:
    story = active()
    story.receive(called(TO_RECEPTION, speech=Speech.HEARD))
    again = one(TransferCall, story.receive(TransferFailed(400)))
    assert again.uri == "tel:+12025550123"
    assert isinstance(story.receive(TransferFailed(400))[0], Inject)
    assert story.is_in(State.ACTIVE)


@pytest.mark.parametrize(("name", "status"), [("reception", None), ("doctor", 400)])
def test_without_another_form_or_a_definite_error_the_caller_is_spoken_to(
    name: str, status: int | None
) -> None:
    story = active()
    transfer = tool("t1", "transfer", f'{{"target": "{name}"}}')
    story.receive(called(transfer, speech=Speech.HEARD))
    assert isinstance(story.receive(TransferFailed(status))[0], Inject)
    assert tried(story) == [name]


def test_a_transfer_does_not_show_the_number_that_it_goes_to() -> None:
    assert "0123" not in repr(Transfer("reception", "sip:+12025550123@trunk.example.net"))


# --- the caller stayed -------------------------------------------------------------------------


def test_nothing_is_said_after_a_referral_until_the_caller_should_have_left() -> None:
    story = referred()
    assert story.receive(TransferUnproven()) == ()
    assert story.receive(TransferFailed(500)) == ()
    began = story.now
    commands = story.wait()
    assert story.now == began + 35.0
    assert commands == (
        Inject(TRANSFER_FAILED),
        Say("apology-1", BACK_AGAIN),
        ReleaseTurns(),
    )
    assert story.is_in(State.ACTIVE)


def test_an_agent_that_takes_messages_offers_to_take_one() -> None:
    story = referred(replace(TERMS, built_in=TERMS.built_in | {"take_message"}))
    assert story.wait() == (
        Inject(TRANSFER_FAILED_MESSAGE),
        Say("apology-1", BACK_AGAIN_MESSAGE),
        ReleaseTurns(),
    )


def test_a_target_that_did_not_take_the_caller_is_not_offered_again() -> None:
    story = referred()
    story.wait()
    assert request(story.call.value, TO_RECEPTION) == "transfer_just_tried"
    assert request(story.call.value, tool("t2", "transfer", '{"target": "doctor"}')) is None


def test_the_next_of_the_chain_is_announced_and_tried_when_the_first_led_nowhere() -> None:
    story = referred(with_targets(*CHAIN), "a")
    commands = story.wait()
    assert [type(each) for each in commands] == [Say, ReleaseTurns, HoldTurns]
    assert one(Say, commands).text == CONNECTING_ELSEWHERE
    assert story.is_in(State.ENDING)
    heard_last(story)
    assert tried(story) == ["a", "bb"]


def test_after_a_definite_error_the_next_of_the_chain_follows_at_once() -> None:
    story = active(with_targets(*CHAIN))
    story.receive(called(tool("t1", "transfer", '{"target": "a"}'), speech=Speech.HEARD))
    for name in ("bb", "ccc", "dddd"):
        assert one(Say, story.receive(TransferFailed(503))).text == CONNECTING_ELSEWHERE
        heard_last(story)
        assert tried(story)[-1] == name
    assert one(Say, story.receive(TransferFailed(503))).text == BACK_AGAIN
    assert story.is_in(State.ACTIVE)


def test_a_channel_that_is_being_reopened_when_a_referral_led_nowhere_goes_on() -> None:
    story = referred()
    story.receive(ChannelLost(), after=34.0)
    assert isinstance(story.receive_at_step()[0], Inject)
    assert story.is_in(State.ATTACHING)


def test_a_call_that_comes_back_after_its_longest_duration_ends_at_once() -> None:
    story = referred(replace(TERMS, max_duration=10.0))
    story.wait()
    assert story.is_in(State.ACTIVE)
    story.wait()
    assert story.is_in(State.ENDING)


def test_a_budget_that_is_spent_during_a_transfer_ends_the_call_only_if_the_caller_stays() -> None:
    story = referred()
    assert story.receive(BudgetSpent()) == ()
    assert one(Say, story.wait()).text == BUDGET_SPENT
    heard_last(story)
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.BUDGET, None)


# --- nobody can talk with the caller -------------------------------------------------------------

FALLBACK = replace(TERMS, fallback="reception")


def never_reattaches(story: CallStory) -> None:
    """Let every attempt fail, without a 404, until something else happens."""
    before = len(story.commands)
    for turn in range(200):
        if any(isinstance(each, TransferCall | HangUpCall) for each in story.commands[before:]):
            return
        if turn % 2:
            story.wait()
        else:
            story.receive(AttachFailed(gone=False))
    raise AssertionError(story.call.state)


def test_a_model_that_fails_leads_to_the_fallback_without_a_word() -> None:
    story = active(FALLBACK)
    commands = story.receive(ModelFailed("server_error"))
    assert [type(each) for each in commands] == [HoldTurns, StopSpeaking, TransferCall]
    story.receive(TransferUnproven())
    story.receive(ChannelLost())
    story.receive(AttachFailed(gone=True))
    assert end_of(story) == (Outcome.REFERRED_UNCONFIRMED, None)


def test_a_model_that_fails_where_there_is_no_fallback_ends_the_call() -> None:
    story = active()
    story.receive(ModelFailed("server_error"))
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.PROVIDER_ENDED, "model_failed")


def test_a_caller_whom_no_fallback_takes_is_hung_up() -> None:
    story = active(replace(with_targets(*CHAIN), fallback="ccc"))
    story.receive(ModelFailed("server_error"))
    assert isinstance(story.receive(TransferFailed(500))[-1], HangUpCall)
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.TRANSFER_FAILED, "model_failed")


def test_the_fallbacks_chain_is_tried_without_a_word() -> None:
    story = active(replace(with_targets(*CHAIN), fallback="a"))
    story.receive(ModelFailed("server_error"))
    for _ in range(3):
        story.receive(TransferFailed(500))
    assert tried(story) == ["a", "bb", "ccc", "dddd"]
    assert len(only(Say, story.commands)) == 1


def test_a_sideband_that_is_lost_for_good_leads_to_the_fallback() -> None:
    story = active(FALLBACK)
    story.receive(ChannelLost(1006))
    never_reattaches(story)
    assert tried(story) == ["reception"]


def test_a_caller_who_leaves_unseen_after_the_fallback_is_found_gone_by_a_probe() -> None:
    story = active(FALLBACK)
    story.receive(ChannelLost(1006))
    never_reattaches(story)
    assert story.receive(TransferUnproven()) == ()
    assert only(OpenChannel, story.wait())
    story.receive(AttachFailed(gone=True))
    assert end_of(story) == (Outcome.REFERRED_UNCONFIRMED, None)


@pytest.mark.parametrize("terms", [FALLBACK, replace(with_targets(*CHAIN), fallback="a")])
def test_a_caller_whom_a_probe_finds_still_there_is_spoken_to_again_after_the_time(
    terms: Terms,
) -> None:
    story = active(terms)
    story.receive(ChannelLost(1006))
    never_reattaches(story)
    story.receive(TransferUnproven())
    began = story.now
    story.wait()
    story.receive(ChannelOpened())
    assert story.receive(Ready()) == (ReportReattached(),)
    told, apology, release = story.wait()
    assert (told, release) == (Inject(HEARD_AGAIN), ReleaseTurns())
    assert isinstance(apology, Say)
    assert apology.text == SPEAK_AGAIN
    assert story.now == began + 35.0
    assert story.is_in(State.ACTIVE)
    assert len(tried(story)) == 1


def test_a_caller_whom_the_model_failed_is_not_given_back_to_it() -> None:
    story = active(FALLBACK)
    story.receive(ModelFailed("server_error"))
    story.receive(TransferUnproven())
    assert isinstance(story.wait()[-1], HangUpCall)


def test_a_caller_who_is_heard_again_goes_no_further_without_money() -> None:
    story = active(FALLBACK)
    story.receive(ChannelLost(1006))
    never_reattaches(story)
    story.receive(TransferUnproven())
    story.wait()
    story.receive(ChannelOpened())
    story.receive(Ready())
    story.receive(BudgetSpent())
    assert BUDGET_SPENT in [each.text for each in only(Say, story.wait())]
    assert story.is_in(State.ENDING)


def test_probes_go_on_until_the_time_is_over() -> None:
    story = active(FALLBACK)
    story.receive(ChannelLost(1006))
    never_reattaches(story)
    story.receive(TransferUnproven())
    began = story.now
    before = len(story.commands)
    while not only(HangUpCall, story.commands):
        story.receive(AttachFailed(gone=False))
        story.wait()
    assert story.now == began + 35.0
    assert len(only(OpenChannel, story.commands[before:])) > 10


def test_a_transfer_of_a_call_that_is_not_there_any_more_is_no_transfer() -> None:
    story = active(FALLBACK)
    story.receive(ChannelLost(1006))
    never_reattaches(story)
    story.receive(TransferFailed(404))
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.CALLER_HUNG_UP, None)


def test_a_caller_who_can_neither_be_reached_nor_seen_to_leave_is_hung_up() -> None:
    story = referred()
    story.receive(ChannelLost())
    never_reattaches(story)
    story.receive(LineEnded())
    assert end_of(story) == (Outcome.SIDEBAND_LOST, None)


def test_a_caller_who_came_back_and_cannot_be_reached_goes_to_the_fallback() -> None:
    story = referred(FALLBACK, "doctor")
    story.receive(ChannelLost())
    never_reattaches(story)
    assert tried(story) == ["doctor", "reception"]


def test_the_next_of_a_chain_is_not_announced_where_nobody_could_hear_it() -> None:
    story = active(with_targets(*CHAIN))
    story.receive(ChannelLost())
    story.receive(TransferRequested("a"))
    never_reattaches(story)
    story.receive(TransferFailed(None))
    assert tried(story) == ["a", "bb"]
    assert [each.text for each in only(Say, story.commands)] == ["Greet.", CONNECTING]


@pytest.mark.parametrize(
    ("name", "after", "why"),
    [
        ("nobody", 0.0, "unknown_target"),
        ("reception", 0.0, "target_tried"),
        ("reception", 35.0, "target_tried"),
        ("doctor", 34.9, "transfer_just_tried"),
        ("doctor", -5.0, "transfer_just_tried"),
        ("doctor", 35.0, None),
    ],
)
def test_what_is_against_an_operators_transfer_after_another(
    name: str, after: float, why: Obstacle | None
) -> None:
    story = referred()
    assert obstacle(story.call.value, name, story.now + after) == why


@pytest.mark.parametrize("name", ["nobody", "reception", "doctor"])
def test_an_operators_transfer_is_followed_exactly_where_nothing_is_against_it(name: str) -> None:
    story = referred()
    story.wait()
    assert story.is_in(State.ACTIVE)
    is_free = story.call.why_not_transfer(name, now=story.now) is None
    assert is_free is (name == "doctor")
    assert bool(story.receive(TransferRequested(name))) is is_free


def test_a_target_that_was_tried_gives_way_to_the_next_also_for_an_operator() -> None:
    story = referred(with_targets(target("a", "bb"), target("bb", windows=CLOSED)), "a")
    assert story.call.why_not_transfer("a", now=START + 100.0) == "target_tried"
    story = referred(with_targets(target("a", "bb"), target("bb")), "a")
    assert story.call.why_not_transfer("a", now=START + 100.0) is None


def test_nothing_follows_a_second_referral_before_the_time_of_the_first() -> None:
    terms = replace(TERMS, limits=Limits(refer=5.0), keypad=Keypad((MenuEntry("0", "hang_up"),)))
    story = referred(terms)
    story.receive(MenuKeyPressed("0"))
    story.receive(TransferRequested("doctor"))
    assert tried(story) == ["reception"]
