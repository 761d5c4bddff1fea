"""Messages: validated, kept once, and said to be kept only when they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.calls.messages import MESSAGES_LIMIT, TakeMessage
from controller.calls.ports import Message
from controller.calls.record import CallRecord
from controller.calls.world import World
from controller.errors import Fenced
from controller.sansio.agent import Agent
from controller.sansio.incoming import read_incoming
from controller.sansio.webhook import CallOffered
from controller.tools import CallContext
from tests.calls.house import Gauges, Open

GIVEN = {"name": "Eve Example", "number": "+1 202 555 0142", "reason": "A tooth hurts."}


class Clock:
    def now(self) -> float:
        return 1_800_000_000.0


class Ledger:
    """Keeps messages, or does not."""

    def __init__(self, answer: bool | Exception = True) -> None:  # noqa: FBT001, FBT002 - what it answers
        self.kept: list[tuple[int, Message]] = []
        self._answer = answer

    async def keep_message(self, epoch: int, message: Message) -> bool:
        if isinstance(self._answer, Exception):
            raise self._answer
        if self._answer:
            self.kept.append((epoch, message))
        return self._answer


def taking(ledger: Any) -> tuple[TakeMessage, CallRecord, Gauges]:
    headers = (("From", "<sip:+12025550101@trunk.example.net>"),)
    offered = CallOffered("evt_1", 1, "rtc_1", headers)
    record = CallRecord(
        call_id="018f",
        epoch=7,
        incoming=read_incoming(offered, webhook_id="wh_1", region="US"),
        agent=Agent(name="a", model="m", voice="v", instructions=""),
        received_at=0.0,
        rule="number",
        generation="abc",
    )
    nobody: Any = None
    meter = Gauges()
    world = World(ledger, nobody, nobody, Clock(), meter)
    return TakeMessage(record, world), record, meter


async def take(tool: TakeMessage, *, shown: str | None = None, **given: Any) -> dict[str, Any]:
    context = CallContext(call_id="018f", caller_shown=shown)
    answer: dict[str, Any] = json.loads(await tool.run(json.dumps(given), context))
    return answer


async def test_a_message_is_kept_with_all_that_was_said_and_counted() -> None:
    ledger = Ledger()
    tool, record, _ = taking(ledger)

    assert await take(tool, **GIVEN, urgency="urgent") == {"ok": True}

    ((epoch, message),) = ledger.kept
    assert (epoch, message.call_id, message.received_at) == (7, "018f", 1_800_000_000.0)
    assert (message.name, message.number) == ("Eve Example", "+1 202 555 0142")
    assert (message.reason, message.urgency) == ("A tooth hurts.", "urgent")
    assert record.messages == [message]
    assert "Eve" not in repr(message)


async def test_the_same_message_again_is_kept_once() -> None:
    ledger = Ledger()
    tool, record, _ = taking(ledger)

    assert [await take(tool, **GIVEN) for _ in range(3)] == [{"ok": True}] * 3

    assert len(ledger.kept) == len(record.messages) == 1


@pytest.mark.parametrize(("answer", "alarms"), [(False, 1), (Fenced("gone"), 0)])
async def test_what_is_not_in_the_ledger_does_not_count(
    answer: bool | Exception,  # noqa: FBT001 - Pytest calls it
    alarms: int,
) -> None:
    tool, record, meter = taking(Ledger(answer))

    assert (await take(tool, **GIVEN))["error"] == "not_kept"

    assert record.messages == []
    assert meter.alarms.total() == alarms


@pytest.mark.parametrize(
    "given",
    [
        {"name": "Eve", "number": "+12025550142"},
        {"name": "Eve", "number": "+12025550142", "reason": ""},
        {"name": 5, "number": "+12025550142", "reason": "x"},
        {"name": "Eve", "number": "+12025550142", "reason": "x", "urgency": "very"},
        {"name": "Eve", "number": "+12025550142", "reason": "x", "more": 1},
        {"name": "Eve", "number": "none", "reason": "x"},
        {"name": "Eve", "number": "12", "reason": "x"},
        {"name": "Eve", "number": "4111111111111111", "reason": "x"},
        {"name": "Eve", "number": "+12025550142\n", "reason": "x\n", "urgency": None},
        {"name": "Eve", "number": "", "reason": "x"},
    ],
)
async def test_a_message_that_is_not_complete_is_not_taken(given: dict[str, Any]) -> None:
    ledger = Ledger()
    tool, _, _ = taking(ledger)

    answer = await take(tool, **given)

    assert answer["error"] == "invalid_arguments"
    assert answer["problems"][0]["problem"]
    assert "Eve" not in json.dumps(answer)
    assert ledger.kept == []


@pytest.mark.parametrize("arguments", ["", "[]", "{", '"x"', "\ud800"])
async def test_arguments_that_are_no_object_are_no_message(arguments: str) -> None:
    tool, _, _ = taking(Ledger())

    answer = json.loads(await tool.run(arguments, CallContext(call_id="018f")))

    assert answer["error"] == "invalid_arguments"


async def test_without_a_number_it_is_the_callers_own_if_that_is_shown() -> None:
    ledger = Ledger()
    tool, _, _ = taking(ledger)

    given = {"name": "", "reason": "Please call back."}
    assert await take(tool, shown="+12025550101", **given) == {"ok": True}

    assert ledger.kept[0][1].number == "+12025550101"


async def test_the_number_of_a_card_is_not_kept() -> None:
    ledger = Ledger()
    tool, _, _ = taking(ledger)

    await take(tool, **(GIVEN | {"reason": "My card 4111 1111 1111 1111 is lost."}))

    assert "4111" not in ledger.kept[0][1].reason


async def test_a_model_in_a_loop_does_not_fill_the_ledger() -> None:
    ledger = Ledger()
    tool, _, _ = taking(ledger)

    answers = [await take(tool, **(GIVEN | {"name": f"Eve {n}"})) for n in range(25)]

    assert len(ledger.kept) == MESSAGES_LIMIT
    assert [answer.get("error") for answer in answers[MESSAGES_LIMIT:]] == ["too_many"] * 5


LEAVES_A_MESSAGE = """
caller = ["Please tell the doctor to call me.", { waits = 3 }, { hangs_up = true }]

[[model]]
heard = "tell the doctor"
calls = { take_message = { name = "Zacharias", number = "+12025550142", reason = "Call me.", urgency = "normal" } }

[[model]]
after = "take_message"
says = "The doctor will call you."
"""  # noqa: E501 - a scenario


@pytest.mark.looptime
async def test_a_caller_leaves_a_message_with_the_agent(open_house: Open) -> None:
    house = await open_house(agent={"built_in": frozenset({"take_message"})})

    call = await house.play(LEAVES_A_MESSAGE)

    assert call.tool_outputs == [("take_message", '{"ok":true}')]
    (message,) = await house.registry.messages(10)
    assert (message.name, message.number, message.reason) == (
        "Zacharias", "+12025550142", "Call me.",
    )  # fmt: skip
    (line,) = house.lines
    assert (line["messages"], line["tools"]) == (1, 1)
    assert line["call_id"] == message.call_id
    assert "Zacharias" not in str(house.log)


@pytest.mark.looptime
async def test_an_agent_that_takes_no_messages_takes_none(open_house: Open) -> None:
    house = await open_house()

    call = await house.play(LEAVES_A_MESSAGE)

    assert "no such tool" in call.tool_outputs[0][1]
    assert await house.registry.messages(10) == []
