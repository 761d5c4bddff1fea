"""Expectations say what was expected and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import parse

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

SCRIPT = """
caller = ["Look it up", { hangs_up = true }]
[[model]]
heard = "look it up"
calls = "look"
"""


async def played(serve: Callable[..., Any], expect: str) -> list[str]:
    """Play a call whose tool answers `found`, and return the verdict."""
    service = await serve()
    call = await service.openai.place_call(parse(f"{SCRIPT}\n[expect]\n{expect}"))
    await service.drive(call, {"look": "found it"}, instructions="Be kind.")
    await call.settled()
    verdict: list[str] = call.verdict()
    return verdict


async def test_all_that_holds_says_nothing(serve: Callable[..., Any]) -> None:
    expect = """
    ended = ["hung_up", "caller_hung_up"]
    accepted = true
    tools = ["look"]
    outputs = { look = "found" }
    said = ["hello", "found it"]
    never_said = ["goodbye"]
    answers = [200]
    requests = { accept = 1, attach = 1, hangup = 0 }
    events = { "response.create" = 2, "session.update" = 0 }
    said_once = "found it"
    spoke_over = false
    outcome = "idle"
    sent = "found it"
    never_sent = "lost"
    http = { slots = 0 }
    mcp = { find = 0 }
    offers = ["look"]
    prompt = "kind"
    referred_to = []
    session = { instructions = "Be kind.", audio = { output = { voice = "alloy" } } }
    """
    assert await played(serve, expect) == []


@pytest.mark.parametrize(
    ("expect", "sentence"),
    [
        ('ended = "hung_up"', "expected to end by hung_up, ended by caller_hung_up"),
        ("rejected = 486", "expected a rejection with 486, found caller_hung_up"),
        ("accepted = false", "expected a call that is not accepted"),
        ('referred_to = "tel:1"', "expected referrals to tel:1, found []"),
        ("referred_to = 'tel:1'", "expected referrals to tel:1, found []"),
        ('said_once = "lost"', "expected the caller to hear 'lost' once, heard it 0 times"),
        ("spoke_over = true", "the caller, or another response, was not spoken over"),
        ('sent = "lost"', "expected 'lost' in a client event"),
        ('never_sent = "found"', "expected 'found' in no client event"),
        ("http = { slots = 1 }", "expected 1 requests of the web service 'slots', found 0"),
        ("mcp = { find = 1 }", "expected 1 calls of the MCP tool 'find', found 0"),
        (
            'offers = ["look", "find"]',
            "expected the session to offer ['find', 'look'], found ['look']",
        ),
        ('prompt = "rude"', "expected 'rude' in the instructions of the session"),
        ("tools = []", "expected outputs of [], found those of ['look']"),
        ('outputs = { look = "lost" }', "expected look to give 'lost'"),
        (
            'said = "lost"',
            "expected the caller to hear 'lost', heard 'Hello, how can I help you? found it'",
        ),
        ('never_said = "found"', "expected the caller never to hear 'found'"),
        ("answers = [400]", "expected answers [400], found [200]"),
        ("requests = { accept = 2 }", "expected 2 requests 'accept', found 1"),
        ('events = { "x" = 1 }', "expected 1 client events 'x', found 0"),
        (
            'session = { audio = { output = { voice = "marin" } } }',
            "expected session.audio.output.voice to be 'marin', found 'alloy'",
        ),
    ],
)
async def test_what_does_not_hold_is_one_sentence(
    serve: Callable[..., Any], expect: str, sentence: str
) -> None:
    assert await played(serve, expect) == [sentence]


async def test_call_that_was_never_answered_has_a_verdict_too(serve: Callable[..., Any]) -> None:
    service = await serve()
    script = '[expect]\nended = "hung_up"\naccepted = true\nsaid = "hello"\nsession = { a = 1 }'
    call = await service.openai.place_call(parse(script))
    assert call.verdict()[0] == "expected to end by hung_up, ended by not at all"
    await call.ended
    assert call.verdict() == [
        "expected to end by hung_up, ended by unanswered",
        "expected an accepted call",
        "expected the caller to hear 'hello', heard ''",
        "expected session.a to be 1, found None",
    ]


async def test_outcome_is_checked_where_somebody_can_ask_the_service(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    script = 'caller = [{ hangs_up = "at once" }]\n[expect]\noutcome = ["idle", "no_human"]'
    call = await service.openai.place_call(parse(script))
    await service.answer(call)
    await call.settled()

    assert call.verdict() == call.verdict({call.call_id: "idle"}) == []
    assert call.verdict({call.call_id: "budget"}) == [
        "expected the outcome idle or no_human, found budget"
    ]
    assert call.verdict({}) == ["expected the outcome idle or no_human, found none"]


@pytest.mark.parametrize(
    ("asks", "verdict"),
    [
        (False, []),
        (
            True,
            [
                "after refer the model was asked for a response",
                "after refer the model said 'Hello, how can I help you?'",
            ],
        ),
    ],
)
async def test_what_is_said_after_a_referral_is_told(
    serve: Callable[..., Any], *, asks: bool, verdict: list[str]
) -> None:
    service = await serve()
    script = """
    faults = [{ name = "refer_leaves_on_answer", seconds = 20 }]
    caller = [{ silent = true }]
    expect = { silent_after = "refer" }
    """
    call = await service.openai.place_call(parse(script))
    sideband = await service.answer(call)
    await service.post(call, "refer", {"target_uri": "tel:+12025550123"})
    if asks:
        await sideband.send("response.create")
    await call.settled()

    assert call.verdict() == verdict


async def test_words_that_begin_while_the_caller_speaks_are_told(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    script = """
    caller = ["This is a long sentence that takes its time to be said", { hangs_up = "at once" }]
    patience = 1
    expect = { spoke_over = false }
    """
    call = await service.openai.place_call(parse(script))
    sideband = await service.answer(call)
    await sideband.until("input_audio_buffer.speech_started")
    await sideband.send("response.create")
    await sideband.rest()
    await call.settled()

    assert "the caller, or another response, was spoken over" in call.verdict()
