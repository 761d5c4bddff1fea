from __future__ import annotations

from typing import Any

from controller.calls.ports import Claim, Message
from controller.sansio.commands import AnswerCall, AnswerForm, Outcome, RunTool
from controller.sansio.events import ToolCall
from controller.sansio.policy import Key, Share
from controller.store.counts import Spent
from controller.store.memory import MESSAGE_LIMIT, REMEMBER_LIMIT, EffectNote, MemoryLedger

ANSWER = AnswerCall("answer:1", AnswerForm.FULL)


def claim_of(call_id: str) -> Claim:
    return Claim(call_id, "openai_sip", f"rtc_{call_id}", f"wh_{call_id}", None, 0.0, b"{}")


async def end(ledger: MemoryLedger, call_id: str) -> None:
    epoch = await ledger.claim(claim_of(call_id))
    assert epoch is not None
    await ledger.finish(call_id, epoch, Outcome.CALLER_HUNG_UP, b"{}")


def test_it_says_that_records_are_not_kept(clock: Any) -> None:
    assert MemoryLedger(clock).kept is False


async def test_an_ended_call_is_forgotten_in_the_end(clock: Any) -> None:
    ledger = MemoryLedger(clock)
    await end(ledger, "a")
    clock.time += REMEMBER_LIMIT
    assert await ledger.claim(claim_of("a")) is not None


async def test_when_there_are_too_many_the_oldest_ended_calls_go_first(clock: Any) -> None:
    ledger = MemoryLedger(clock, max_remembered=2)
    await ledger.claim(claim_of("live"))
    for call_id in ("a", "b", "c"):
        await end(ledger, call_id)

    assert await ledger.claim(claim_of("live")) is None
    assert await ledger.claim(claim_of("b")) is None
    assert await ledger.claim(claim_of("c")) is None
    assert await ledger.claim(claim_of("a")) is not None


async def test_effects_and_snapshot_last_as_long_as_the_call(clock: Any) -> None:
    ledger = MemoryLedger(clock)
    epoch = await ledger.claim(claim_of("a"))
    assert epoch is not None
    await ledger.intend("a", epoch, [ANSWER], b"one")
    assert ledger.effects("a") == {"answer:1": EffectNote(ANSWER)}
    await ledger.settle("a", epoch, "answer:1", "answered")
    await ledger.intend("a", epoch, [], b"two")

    assert ledger.effects("a") == {"answer:1": EffectNote(ANSWER, "answered")}
    assert ledger.snapshot("a") == b"two"

    await ledger.finish("a", epoch, Outcome.WE_HUNG_UP, b"{}")
    assert ledger.effects("a") == {}
    assert ledger.snapshot("a") is None


async def test_a_tool_that_is_done_leaves_its_arguments_in_no_memory(clock: Any) -> None:
    ledger = MemoryLedger(clock)
    epoch = await ledger.claim(claim_of("a"))
    assert epoch is not None
    run = RunTool("tool:1", ToolCall("call_1", "find", '{"name":"Zacharias"}'), "frontdesk")
    await ledger.intend("a", epoch, [run], b"one")
    assert ledger.effects("a") == {"tool:1": EffectNote(run)}  # to be run again after a crash

    await ledger.settle("a", epoch, "tool:1", "ToolFinished")

    done = RunTool("tool:1", ToolCall("call_1", "find", ""), "frontdesk")
    assert ledger.effects("a") == {"tool:1": EffectNote(done, "ToolFinished")}


async def test_when_there_are_too_many_messages_a_new_one_is_refused_until_the_oldest_is_old(
    clock: Any,
) -> None:
    ledger = MemoryLedger(clock, max_messages=2)
    epoch = await ledger.claim(claim_of("a"))
    assert epoch is not None

    def message(name: str) -> Message:
        return Message(name, "a", clock.now(), "normal", "Eve", "+12025550142", "a tooth")

    assert await ledger.keep_message(epoch, message("1"))
    clock.time += 1
    assert await ledger.keep_message(epoch, message("2"))
    assert not await ledger.keep_message(epoch, message("3"))

    clock.time += MESSAGE_LIMIT - 1
    assert await ledger.keep_message(epoch, message("4"))
    assert [each.message_id for each in await ledger.messages(10)] == ["2", "4"]


async def test_it_tells_of_the_money_that_a_call_has_spent(clock: Any) -> None:
    told: list[Spent] = []
    ledger = MemoryLedger(clock, when_spent=told.append)
    share = Share(key=Key("spend_day"), at_most=10.0, amount=0.0, measure="usd", period="2026-11")
    for call_id, outcome in (("a", Outcome.CALLER_HUNG_UP), ("b", Outcome.REJECTED)):
        epoch = await ledger.claim(claim_of(call_id))
        assert epoch is not None
        await ledger.reserve(call_id, [share])
        await ledger.finish(call_id, epoch, outcome, b"{}", used={"usd": 2.5})

    assert told == [Spent("spend_day", 0.25, ())]
