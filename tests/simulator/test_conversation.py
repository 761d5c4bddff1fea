"""Responses, items and interruptions, event by event."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from controller.simulator import EndedBy, Fault, Rule, Scenario, Switches, ToolCall, parse, plan

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime

SPEECH = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "output_audio_buffer.started",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
    "output_audio_buffer.stopped",
]

TOOL_CALL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


def now() -> float:
    return asyncio.get_running_loop().time()


async def answered(serve: Callable[..., Any], *, faults: Any = (), **scenario: Any) -> Any:
    """Return an answered call and its sideband; the caller stays for a long time."""
    service = await serve()
    call = await service.openai.place_call(Scenario(stays=1000, **scenario), faults=faults)
    return call, await service.answer(call)


async def test_spoken_response_has_the_documented_order(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve)
    await sideband.send("response.create", response={"metadata": {"purpose": "greeting"}})
    await sideband.until("output_audio_buffer.stopped")
    assert sideband.types[1:] == SPEECH
    done = sideband.of("response.done")[0]["response"]
    assert done["status"] == "completed"
    assert done["metadata"] == {"purpose": "greeting"}
    assert done["output"][0]["content"][0]["transcript"] == "Hello, how can I help you?"
    assert done["usage"]["total_tokens"] == (
        done["usage"]["input_tokens"] + done["usage"]["output_tokens"]
    )
    ids = [event["event_id"] for event in sideband.events]
    assert len(set(ids)) == len(ids)


async def test_playback_takes_as_long_as_the_words(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve)
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.started")
    began_at = now()
    await sideband.until("response.done")
    generated_at = now()
    await sideband.until("output_audio_buffer.stopped")
    assert generated_at - began_at < 0.6
    assert now() - began_at == pytest.approx(6 * 0.34, abs=0.01)


async def test_tool_calls_come_after_the_words_in_one_response(serve: Callable[..., Any]) -> None:
    rule = Rule(says="Let me look.", calls=(ToolCall("a", {"x": 1}), ToolCall("b", "{broken")))
    call, sideband = await answered(serve, rules=(rule,))
    await sideband.send("response.create")
    done = await sideband.until("response.done")
    assert sideband.types[-7:] == TOOL_CALL
    kinds = [item["type"] for item in done["response"]["output"]]
    assert kinds == ["message", "function_call", "function_call"]
    assert [item.get("arguments") for item in done["response"]["output"]] == [
        None,
        '{"x": 1}',
        "{broken",
    ]
    assert call.tools_called == ["a", "b"]
    assert len(call.notes) == 2  # neither was offered


async def test_second_response_is_refused_while_one_is_active(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve)
    await sideband.send("response.create")
    await sideband.send("response.create", event_id="second")
    error = await sideband.until("error")
    assert error["error"]["code"] == "conversation_already_has_active_response"
    assert error["error"]["event_id"] == "second"


async def test_response_beside_the_conversation_may_run_in_parallel(
    serve: Callable[..., Any],
) -> None:
    _, sideband = await answered(serve)
    await sideband.send("response.create")
    await sideband.send(
        "response.create",
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "metadata": {"purpose": "summary"},
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "All is well."}],
                }
            ],
            "instructions": "Say exactly: done",
        },
    )
    await sideband.until("response.done", 2)
    beside = next(
        event["response"] for event in sideband.of("response.done") if event["response"]["metadata"]
    )
    assert beside["output"][0]["content"] == [{"type": "output_text", "text": "done"}]
    assert beside["conversation_id"] is None
    assert len(sideband.of("output_audio_buffer.started")) == 1


async def test_cancel_stops_generating_but_what_was_generated_is_heard(
    serve: Callable[..., Any],
) -> None:
    rule = Rule(says=" ".join(["word"] * 40))
    call, sideband = await answered(serve, rules=(rule,))
    await sideband.send("response.create")
    await sideband.until("response.output_audio_transcript.delta", 2)
    await sideband.send("response.cancel")
    done = await sideband.until("response.done")
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"]["reason"] == "client_cancelled"
    assert done["response"]["output"][0]["status"] == "incomplete"
    await sideband.until("output_audio_buffer.stopped")
    assert call.heard == [" ".join(["word"] * 10)]
    await sideband.send("response.cancel")
    assert (await sideband.until("error"))["error"]["code"] == "response_cancel_not_active"
    await sideband.send("response.cancel", response_id="resp_x")
    assert (await sideband.until("error"))["error"]["code"] == "response_cancel_not_active"


async def test_cancel_by_id_reaches_a_response_beside(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve)
    await sideband.send("response.create", response={"conversation": "none"})
    created = await sideband.until("response.created")
    await sideband.send("response.cancel", response_id=created["response"]["id"])
    done = await sideband.until("response.done")
    assert done["response"]["status"] == "cancelled"


async def test_playback_can_be_cleared(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve, rules=(Rule(says=" ".join(["word"] * 20)),))
    await sideband.send("response.create")
    await sideband.until("response.done")
    await asyncio.sleep(1.0)
    await sideband.send("output_audio_buffer.clear")
    await sideband.until("output_audio_buffer.cleared")
    truncated = await sideband.until("conversation.item.truncated")
    assert truncated["audio_end_ms"] == pytest.approx(2380, abs=340)
    assert len(call.heard[0].split()) == 7
    await sideband.send("output_audio_buffer.clear")
    await sideband.send("response.create")
    assert (await sideband.next())["type"] == "response.created"


async def test_responses_are_heard_one_after_the_other(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve)
    for text in ("one two three four", "five six"):
        await sideband.send("response.create", response={"instructions": f"Say exactly: {text}"})
        await sideband.until("response.done")
    await sideband.until("output_audio_buffer.stopped", 2)
    assert call.heard == ["one two three four", "five six"]
    order = [kind for kind in sideband.types if kind.startswith("output_audio_buffer")]
    assert order == ["output_audio_buffer.started", "output_audio_buffer.stopped"] * 2


async def test_barge_in_interrupts_in_the_documented_order(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(
        parse(
            """
            caller = [{ says = "Stop please", over = true, after = 1.0 }]
            [[model]]
            when = "greeting"
            says = "one two three four five six seven eight nine ten eleven twelve"
            """
        )
    )
    sideband = await service.answer(call)
    await sideband.send("response.create")
    await sideband.until("input_audio_buffer.speech_started")
    await sideband.until("conversation.item.truncated")
    assert sideband.types[-3:] == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert call.heard == ["one two"]
    await sideband.until("response.done")
    assert sideband.of("response.done")[0]["response"]["status_details"] == {
        "type": "cancelled",
        "reason": "turn_detected",
    }


async def test_words_that_nobody_may_interrupt_are_heard_to_the_end(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    call = await service.openai.place_call(
        parse('caller = [{ says = "Stop", over = true }]\n[[model]]\nsays = "one two three four"')
    )
    vad = {"type": "server_vad", "interrupt_response": False}
    sideband = await service.answer(call, audio={"input": {"turn_detection": vad}})
    await sideband.send("response.create")
    await sideband.until("response.done")
    await sideband.until("output_audio_buffer.stopped")
    assert call.heard == ["one two three four"]


async def test_failed_response_leaves_the_turn_to_the_next(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve, faults=[Fault.RESPONSE_FAILED])
    await sideband.send("response.create")
    done = await sideband.until("response.done")
    assert done["response"]["status_details"]["error"]["code"] == "server_error"
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.stopped")
    assert call.heard == ["Hello, how can I help you?"]


@pytest.mark.parametrize(
    ("fault", "status", "detail"),
    [
        (Fault.RESPONSE_RATE_LIMITED, "failed", "rate_limit_exceeded"),
        (Fault.RESPONSE_FAILED_ALWAYS, "failed", "server_error"),
        (Fault.RESPONSE_INCOMPLETE, "incomplete", "max_output_tokens"),
    ],
)
async def test_responses_fail_as_named(
    serve: Callable[..., Any], fault: Fault, status: str, detail: str
) -> None:
    _, sideband = await answered(serve, faults=[fault])
    await sideband.send("response.create")
    done = await sideband.until("response.done")
    assert done["response"]["status"] == status
    assert detail in str(done["response"]["status_details"])


async def test_stuck_response_can_be_cancelled(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[Fault.RESPONSE_STUCK])
    await sideband.send("response.create")
    await asyncio.sleep(100)
    assert not sideband.of("response.done")
    await sideband.send("response.cancel")
    assert (await sideband.until("response.done"))["response"]["status"] == "cancelled"


async def test_tool_call_of_a_cancelled_response_is_incomplete(serve: Callable[..., Any]) -> None:
    rule = Rule(calls=(ToolCall("a"),))
    _, sideband = await answered(serve, rules=(rule,), faults=[Fault.TOOL_CALL_CANCELLED])
    await sideband.send("response.create")
    done = await sideband.until("response.done")
    assert sideband.of("response.function_call_arguments.done")
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["output"][0]["status"] == "incomplete"


async def test_response_create_may_be_ignored_once(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[Fault.RESPONSE_IGNORED])
    await sideband.send("response.create")
    await asyncio.sleep(10)
    await sideband.send("response.create")
    await sideband.until("response.done")
    assert len(sideband.of("response.created")) == 1


async def test_vad_can_win_the_race_for_a_response(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[Fault.RESPONSE_CONFLICT])
    await sideband.send("response.create")
    assert (await sideband.until("error"))["error"]["code"] == (
        "conversation_already_has_active_response"
    )
    await sideband.until("response.done")
    await sideband.send("response.create")
    await sideband.until("response.done")


async def test_response_done_can_come_twice(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[Fault.RESPONSE_DONE_TWICE])
    await sideband.send("response.create")
    first = await sideband.until("response.done")
    second = await sideband.until("response.done")
    assert first["response"] == second["response"]


async def test_end_of_playback_can_go_unreported(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve, faults=[Fault.PLAYBACK_NEVER_STOPS])
    await sideband.send("response.create")
    await sideband.until("response.done")
    await asyncio.sleep(30)
    assert call.heard == ["Hello, how can I help you?"]
    call.leave()
    assert not [event for event in await sideband.rest() if "stopped" in event["type"]]


async def test_audio_deltas_are_a_switch(serve: Callable[..., Any]) -> None:
    service = await serve(switches=Switches(audio_deltas=True, transcript_deltas=False))
    call = await service.openai.place_call()
    sideband = await service.answer(call)
    await sideband.send("response.create")
    await sideband.until("response.done")
    assert len(sideband.of("response.output_audio.delta")) == 1
    assert len(sideband.of("response.output_audio_transcript.delta")) == 1


async def test_items_can_be_placed_read_and_deleted(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve)

    async def create(item_id: str, **fields: Any) -> None:
        item = {
            "id": item_id,
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": item_id}],
        }
        await sideband.send("conversation.item.create", item=item, **fields)

    await create("a")
    await create("b")
    await create("c", previous_item_id="root")
    await create("d", previous_item_id="a")
    await sideband.until("conversation.item.done", 4)
    assert [one["previous_item_id"] for one in sideband.of("conversation.item.added")] == [
        None,
        "a",
        None,
        "a",
    ]
    await sideband.send("conversation.item.retrieve", item_id="d")
    assert (await sideband.until("conversation.item.retrieved"))["item"]["id"] == "d"
    await sideband.send("conversation.item.delete", item_id="d")
    assert (await sideband.until("conversation.item.deleted"))["item_id"] == "d"
    for event_type in ("conversation.item.retrieve", "conversation.item.delete"):
        await sideband.send(event_type, item_id="d")
        assert (await sideband.until("error"))["error"]["code"] == "item_not_found"
    await create("a")
    assert (await sideband.until("error"))["error"]["param"] == "item.id"
    await create("e", previous_item_id="nowhere")
    assert (await sideband.until("error"))["error"]["param"] == "previous_item_id"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "thought"}, "item.type"),
        ({"type": "message", "role": "user"}, "item.content"),
        (
            {
                "type": "message",
                "role": "system",
                "content": [{"type": "input_audio", "audio": ""}],
            },
            "item.content[0].type",
        ),
        ({"type": "function_call_output", "call_id": "call_x"}, "item.output"),
        ({"type": "function_call_output", "call_id": "call_x", "output": "1"}, "item.call_id"),
        ({"type": "function_call_output", "call_id": "call_x", "output": {}}, "item.output"),
    ],
)
async def test_bad_item_is_refused(
    serve: Callable[..., Any], item: dict[str, Any], param: str
) -> None:
    _, sideband = await answered(serve)
    await sideband.send("conversation.item.create", item=item, event_id="mine")
    error = await sideband.until("error")
    assert (error["error"]["param"], error["error"]["event_id"]) == (param, "mine")


async def test_truncate_is_tolerated_and_noted(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve)
    await sideband.send("response.create")
    done = await sideband.until("response.done")
    place = {"content_index": 0, "audio_end_ms": 100}
    item_id = done["response"]["output"][0]["id"]
    await sideband.send("conversation.item.truncate", item_id=item_id, **place)
    await sideband.until("conversation.item.truncated")
    item = {"id": "a", "type": "message", "role": "user", "content": []}
    await sideband.send("conversation.item.create", item=item)
    await sideband.send("conversation.item.truncate", item_id="a", **place)
    assert (await sideband.until("error"))["error"]["param"] == "item_id"
    assert any("truncate" in note for note in call.notes)


async def test_metadata_has_limits(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve)
    for metadata in ({"a": 1}, {"a" * 65: "b"}, {str(key): "x" for key in range(17)}):
        await sideband.send("response.create", response={"metadata": metadata})
        assert (await sideband.until("error"))["error"]["param"] == "response.metadata"


async def test_tool_choice_none_keeps_the_model_from_calling(serve: Callable[..., Any]) -> None:
    rules = (Rule(calls=(ToolCall("a"),)), Rule(says="Only words.", calls=(ToolCall("a"),)))
    call, sideband = await answered(serve, rules=rules)
    await sideband.send("response.create", response={"tool_choice": "none"})
    done = await sideband.until("response.done")
    assert [item["type"] for item in done["response"]["output"]] == ["message"]
    assert call.tools_called == []


async def test_tool_can_be_forced(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve)
    tool = {"type": "function", "name": "a"}
    await sideband.send("session.update", session={"type": "realtime", "tools": [tool]})
    await sideband.send("response.create", response={"tool_choice": tool})
    await sideband.until("response.done")
    await sideband.send("response.create", response={"tool_choice": "required"})
    await sideband.until("response.done")
    assert call.tools_called == ["a", "a"]
    assert call.notes == []


async def test_end_of_the_call_ends_the_response(serve: Callable[..., Any]) -> None:
    call, sideband = await answered(serve)
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.started")
    call.leave()
    events = await sideband.rest()
    assert events[-1]["type"] != "response.done"
    assert (await call.ended).by is EndedBy.CALLER_HUNG_UP
    assert call.heard == [""]


async def test_context_is_billed_again_and_cached(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve)
    for _ in range(2):
        await sideband.send("response.create", response={"instructions": "Say exactly: yes"})
        await sideband.until("response.done")
    first, second = (event["response"]["usage"] for event in sideband.of("response.done"))
    assert second["input_tokens"] > first["input_tokens"]
    assert first["input_token_details"]["cached_tokens"] == 0
    assert second["input_token_details"]["cached_tokens"] > 0


@pytest.mark.parametrize(
    ("fault", "status", "detail"),
    [
        (Fault.RESPONSE_FILTERED, "incomplete", {"reason": "content_filter"}),
        (
            Fault.RESPONSE_FAILED_MIDWAY,
            "failed",
            {
                "error": {
                    "type": "server_error",
                    "code": "server_error",
                    "message": "The server had an error.",
                }
            },
        ),
    ],
)
async def test_response_breaks_off_after_its_first_words(
    serve: Callable[..., Any], fault: Fault, status: str, detail: dict[str, Any]
) -> None:
    call, sideband = await answered(serve, faults=[fault])
    await sideband.send("response.create")
    done = (await sideband.until("response.done"))["response"]
    await sideband.until("output_audio_buffer.stopped")

    assert done["status"] == status
    assert done["status_details"] == {"type": status} | detail
    assert done["usage"]["total_tokens"]
    assert call.heard == ["Hello, how can"]


async def test_every_response_may_meet_the_rate_limit(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[Fault.RESPONSE_RATE_LIMITED_ALWAYS])
    for _ in range(3):
        await sideband.send("response.create")
        done = (await sideband.until("response.done"))["response"]
        error = done["status_details"]["error"]
        assert (error["type"], error["code"]) == ("rate_limit_exceeded", "rate_limit_exceeded")


async def test_late_response_starts_as_if_it_were_asked_for_then(
    serve: Callable[..., Any],
) -> None:
    _, sideband = await answered(serve, faults=[Fault.RESPONSE_CREATED_LATE])
    asked_at = now()
    await sideband.send("response.create")
    await sideband.until("response.created")
    assert now() - asked_at == pytest.approx(3, abs=0.01)


async def test_late_response_is_refused_beside_another(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[plan(Fault.RESPONSE_CREATED_LATE, seconds=0.1)])
    await sideband.send("response.create", event_id="late")
    await sideband.send("response.create")
    error = (await sideband.until("error"))["error"]
    assert (error["code"], error["event_id"]) == (
        "conversation_already_has_active_response",
        "late",
    )


async def test_late_response_that_the_end_of_the_call_overtakes_is_not_made(
    serve: Callable[..., Any],
) -> None:
    call, sideband = await answered(serve, faults=[Fault.RESPONSE_CREATED_LATE])
    await sideband.send("response.create")
    await asyncio.sleep(0.1)
    call.leave()
    await asyncio.sleep(5)
    assert call.heard == []


async def test_cancel_that_comes_too_late_finds_a_completed_response(
    serve: Callable[..., Any],
) -> None:
    call, sideband = await answered(serve, faults=[Fault.CANCEL_TOO_LATE])
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.started")
    await sideband.send("response.cancel")
    done = (await sideband.until("response.done"))["response"]
    error = (await sideband.until("error"))["error"]
    await sideband.until("output_audio_buffer.stopped")

    assert done["status"] == "completed"
    assert error["code"] == "response_cancel_not_active"
    assert call.heard == ["Hello, how can I help you?"]


async def test_ignored_cancel_leaves_the_response_alone(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[Fault.CANCEL_IGNORED])
    await sideband.send("response.create")
    await sideband.until("response.created")
    await sideband.send("response.cancel")
    assert (await sideband.until("response.done"))["response"]["status"] == "completed"


async def test_cancelled_response_is_billed_and_its_audio_can_be_cleared(
    serve: Callable[..., Any],
) -> None:
    call, sideband = await answered(serve)
    await sideband.send("response.create")
    await sideband.until("output_audio_buffer.started")
    await sideband.send("response.cancel")
    await sideband.send("output_audio_buffer.clear")
    done = (await sideband.until("response.done"))["response"]
    await sideband.until("output_audio_buffer.cleared")
    await sideband.until("conversation.item.truncated")

    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "client_cancelled")
    assert done["usage"]["output_tokens"]
    assert call.heard == [""]


async def test_tool_call_is_repeated_under_its_id_by_the_next_response(
    serve: Callable[..., Any],
) -> None:
    rule = Rule(calls=(ToolCall("a"),), times=1)
    call, sideband = await answered(serve, rules=(rule,), faults=[Fault.TOOL_CALL_REPEATED])
    ids = []
    for _ in range(3):
        await sideband.send("response.create")
        done = (await sideband.until("response.done"))["response"]
        ids.append([one["call_id"] for one in done["output"] if one["type"] == "function_call"])

    assert ids[0] == ids[1]
    assert ids[2] == []
    assert call.tools_called == ["a"]


async def test_usage_may_be_missing_and_tokens_may_run_low(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[Fault.USAGE_MISSING, Fault.TOKENS_LOW])
    await sideband.send("response.create")
    done = (await sideband.until("response.done"))["response"]
    (limits,) = sideband.of("rate_limits.updated")[0]["rate_limits"]

    assert done["usage"] is None
    assert limits["remaining"] / limits["limit"] == 0.05


async def test_instructions_of_a_response_count_without_those_of_the_session(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    call = await service.openai.place_call(Scenario(stays=1000))
    sideband = await service.answer(call, instructions="Say goodbye at the end.")
    wanted = "Say goodbye at the end.\n\nGreet."
    await sideband.send("response.create", response={"instructions": wanted})
    await sideband.until("output_audio_buffer.stopped")

    assert call.heard == ["Hello, how can I help you?"]


async def test_fault_may_spare_the_greeting(serve: Callable[..., Any]) -> None:
    _, sideband = await answered(serve, faults=[plan(Fault.RESPONSE_FAILED, skips=1)])
    statuses = []
    for _ in range(3):
        await sideband.send("response.create")
        statuses.append((await sideband.until("response.done"))["response"]["status"])
    assert statuses == ["completed", "failed", "completed"]
