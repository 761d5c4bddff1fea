from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.calls.ports import Claim, Ledger, Message
from controller.errors import Fenced
from controller.sansio.commands import AnswerCall, AnswerForm, HangUpCall, Outcome

ANSWER = AnswerCall("answer:1", AnswerForm.FULL)


def claim_of(
    call_id: str, *, webhook_id: str | None = None, provider_id: str | None = None
) -> Claim:
    return Claim(
        call_id=call_id,
        line="openai_sip",
        provider_id=provider_id or f"rtc_{call_id}",
        webhook_id=webhook_id or f"wh_{call_id}",
        sip_call_id=None,
        received_at=1_800_000_000.0,
        raw_event=b"{}",
    )


async def claimed(ledger: Ledger, call_id: str) -> int:
    epoch = await ledger.claim(claim_of(call_id))
    assert epoch is not None
    return epoch


async def test_a_call_is_claimed_once(ledger: Ledger) -> None:
    assert await ledger.claim(claim_of("a")) is not None
    assert await ledger.claim(claim_of("b")) is not None


async def test_the_same_delivery_claims_nothing(ledger: Ledger) -> None:
    await claimed(ledger, "a")
    assert await ledger.claim(claim_of("b", webhook_id="wh_a")) is None


async def test_another_delivery_of_the_same_call_claims_nothing(ledger: Ledger) -> None:
    await claimed(ledger, "a")
    assert await ledger.claim(claim_of("b", provider_id="rtc_a")) is None


async def test_a_refused_claim_leaves_no_trace(ledger: Ledger) -> None:
    await claimed(ledger, "a")
    assert await ledger.claim(claim_of("b", webhook_id="wh_a")) is None
    assert await ledger.claim(claim_of("b")) is not None


async def test_of_two_claims_at_once_one_wins(ledger: Ledger) -> None:
    epochs = await asyncio.gather(
        *(ledger.claim(claim_of(f"c{n}", provider_id="rtc_same")) for n in range(10))
    )
    assert sum(epoch is not None for epoch in epochs) == 1


async def test_an_ended_call_is_not_claimed_again(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.finish("a", epoch, Outcome.CALLER_HUNG_UP, b"{}")
    assert await ledger.claim(claim_of("b", webhook_id="wh_a")) is None
    assert await ledger.claim(claim_of("b", provider_id="rtc_a")) is None


async def test_an_ended_call_is_remembered_for_72_hours(ledger: Ledger, clock: Any) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.finish("a", epoch, Outcome.CALLER_HUNG_UP, b"{}")
    clock.time += 72 * 3600 - 1
    assert await ledger.claim(claim_of("a")) is None


async def test_a_live_call_is_never_forgotten(ledger: Ledger, clock: Any) -> None:
    await claimed(ledger, "a")
    clock.time += 1000 * 3600
    assert await ledger.claim(claim_of("b", webhook_id="wh_a")) is None


async def test_the_owner_may_write(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.intend("a", epoch, [ANSWER], b"snapshot")
    await ledger.settle("a", epoch, ANSWER.effect_id, "answered")
    await ledger.finish("a", epoch, Outcome.WE_HUNG_UP, b"{}")


@pytest.mark.parametrize("wrong", [-1, 1])
async def test_a_write_under_another_epoch_is_fenced(ledger: Ledger, wrong: int) -> None:
    epoch = await claimed(ledger, "a") + wrong
    with pytest.raises(Fenced):
        await ledger.intend("a", epoch, [ANSWER], b"")
    with pytest.raises(Fenced):
        await ledger.settle("a", epoch, ANSWER.effect_id, "answered")
    with pytest.raises(Fenced):
        await ledger.finish("a", epoch, Outcome.WE_HUNG_UP, b"{}")


async def test_nothing_is_written_for_a_call_that_is_not_claimed(ledger: Ledger) -> None:
    with pytest.raises(Fenced):
        await ledger.intend("nobody", 1, [ANSWER], b"")


async def test_there_is_one_outcome(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.finish("a", epoch, Outcome.WE_HUNG_UP, b"{}")
    with pytest.raises(Fenced):
        await ledger.finish("a", epoch, Outcome.CALLER_HUNG_UP, b"{}")
    with pytest.raises(Fenced):
        await ledger.intend("a", epoch, [HangUpCall("hang_up:1")], b"")


async def test_settling_what_was_not_intended_is_no_fault(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.settle("a", epoch, "unheard-of", "ok")


async def test_what_a_tool_did_may_be_written_after_the_end(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.intend("a", epoch, [ANSWER], b"")
    await ledger.finish("a", epoch, Outcome.CALLER_HUNG_UP, b"{}")
    await ledger.settle("a", epoch, ANSWER.effect_id, "ToolFinished")
    with pytest.raises(Fenced):
        await ledger.settle("a", epoch + 1, ANSWER.effect_id, "ToolFinished")


def message(number: int, *, call_id: str = "a", at: float = 1_800_000_000.0) -> Message:
    return Message(f"m{number}", call_id, at, "normal", "Eve", "+12025550142", "a tooth")


async def test_messages_are_kept_and_the_newest_are_listed_in_their_order(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    for number in range(5):
        assert await ledger.keep_message(epoch, message(number))

    assert [each.message_id for each in await ledger.messages(3)] == ["m2", "m3", "m4"]
    assert list(await ledger.messages(100)) == [message(number) for number in range(5)]


async def test_a_message_outlives_its_call(ledger: Ledger) -> None:
    epoch = await claimed(ledger, "a")
    await ledger.keep_message(epoch, message(1))
    await ledger.finish("a", epoch, Outcome.CALLER_HUNG_UP, b"{}")

    assert await ledger.keep_message(epoch, message(2))
    assert [each.message_id for each in await ledger.messages(10)] == ["m1", "m2"]


@pytest.mark.parametrize("ended", [False, True])
async def test_a_message_of_another_owner_is_fenced(ledger: Ledger, *, ended: bool) -> None:
    epoch = await claimed(ledger, "a")
    if ended:
        await ledger.finish("a", epoch, Outcome.CALLER_HUNG_UP, b"{}")

    with pytest.raises(Fenced):
        await ledger.keep_message(epoch + 1, message(1))
    with pytest.raises(Fenced):
        await ledger.keep_message(epoch, message(1, call_id="nobody"))
    assert list(await ledger.messages(10)) == []
