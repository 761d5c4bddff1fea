"""Client events: what may stand in them, and what each one does.

One row a type in `ClientEvents.EVENTS`: the check of its members and the method that obeys it.
What is refused becomes an `error` event that carries the client's `event_id`; the socket stays
open.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from controller.simulator import schema
from controller.simulator.faults import Point
from controller.simulator.generation import Ask
from controller.simulator.journal import Source
from controller.simulator.schema import anything, members, nullable, one_of, text, whole
from controller.simulator.session import (
    MAX_OUTPUT_TOKENS,
    MODALITIES,
    REASONING,
    TOOL_CHOICE,
    TOOLS,
    check_session,
    update_session,
)
from controller.simulator.wire import JsonObject, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.simulator.conversation import Conversation
    from controller.simulator.hearing import Hearing

_PARTS = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio"),
}

_COMMON = {"id": text, "object": text, "type": text, "status": text}


_CONTENT = schema.array(
    schema.tagged(
        "type",
        {
            "input_text": members({"type": text, "text": text}, required=("text",)),
            "output_text": members({"type": text, "text": text}, required=("text",)),
            "input_audio": members({"type": text, "audio": text, "transcript": text}),
            "output_audio": members({"type": text, "audio": text, "transcript": text}),
            "input_image": members({"type": text, "image_url": text, "detail": text}),
        },
    )
)

_MESSAGE = members(
    _COMMON | {"role": one_of(*_PARTS), "content": _CONTENT, "phase": text},
    required=("role", "content"),
)


def _message(value: Any, path: str) -> None:
    _MESSAGE(value, path)
    for position, part in enumerate(value["content"]):
        allowed = one_of(*_PARTS[value["role"]])
        allowed(part["type"], f"{path}.content[{position}].type")


_ITEM = schema.tagged(
    "type",
    {
        "message": _message,
        "function_call": members(
            _COMMON | {"call_id": text, "name": text, "arguments": text},
            required=("name", "arguments"),
        ),
        "function_call_output": members(
            _COMMON | {"call_id": text, "output": text}, required=("call_id", "output")
        ),
        "mcp_approval_response": members(
            _COMMON
            | {"approval_request_id": text, "approve": schema.boolean, "reason": nullable(text)},
            required=("approval_request_id", "approve"),
        ),
    },
)


def _metadata(value: Any, path: str) -> None:
    """At most 16 pairs of strings, keys of 64 and values of 512 characters."""
    members({}, open_ended=True)(value, path)
    if len(value) > 16 or any(  # noqa: PLR2004 - the documented limits, said in the docstring
        not isinstance(held, str) or len(key) > 64 or len(held) > 512  # noqa: PLR2004
        for key, held in value.items()
    ):
        raise schema.invalid(path, f"Invalid '{path}': at most 16 pairs of short strings.")


_RESPONSE = members(
    {
        "instructions": text,
        "input": schema.array(members({"content": _CONTENT}, open_ended=True)),
        "conversation": one_of("auto", "none"),
        "metadata": nullable(_metadata),
        "tools": TOOLS,
        "tool_choice": TOOL_CHOICE,
        "output_modalities": MODALITIES,
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "audio": members({"output": members({"voice": anything, "format": anything})}),
        "reasoning": REASONING,
        "parallel_tool_calls": schema.boolean,
        "prompt": anything,
    }
)


_Row: TypeAlias = "tuple[schema.Check, Callable[[ClientEvents, JsonObject], None]]"


def _row(
    act: Callable[[ClientEvents, JsonObject], None],
    required: dict[str, schema.Check] | None = None,
    **optional: schema.Check,
) -> _Row:
    required = required or {}
    known = {"type": text, "event_id": text} | required | optional
    return members(known, required=tuple(required)), act


class ClientEvents:
    """Obeys the client events of one call."""

    def __init__(self, conversation: Conversation, hearing: Hearing) -> None:
        self._conversation = conversation
        self._hearing = hearing
        self._host = conversation.host

    def obey(self, event: JsonObject) -> None:
        """Check an event and do what it asks.

        Raises:
            RefusedError: it is refused; nothing was done.
        """
        if "type" not in event:
            raise schema.missing("type")
        event_type = event["type"]
        if not isinstance(event_type, str) or event_type not in self.EVENTS:
            raise schema.invalid(
                "type",
                f"Invalid value: '{event_type}'. Supported values are: "
                + ", ".join(f"'{name}'" for name in self.EVENTS)
                + ".",
            )
        check, act = self.EVENTS[event_type]
        check(event, "")
        act(self, event)

    def _session_update(self, event: JsonObject) -> None:
        fault = self._host.faults.take(Point.UPDATE)
        if fault is not None:
            self._host.record(Source.FAULT, fault.fault)
            if fault.effect.variant == "ignored":
                return
            raise RefusedError("Invalid session.", code=fault.effect.code, param=fault.effect.param)
        change, conversation = event["session"], self._conversation
        for remark in check_session(change, self._host.switches):
            self._host.record(Source.NOTE, remark)
        update_session(conversation.session, change, audio_was_sent=conversation.has_spoken)
        self._host.emit("session.updated", session=conversation.session)
        conversation.mcp.declare(conversation.session["tools"])

    def _response_create(self, event: JsonObject) -> None:
        fault = self._host.faults.take(Point.CREATE)
        if fault is None:
            self._respond(event)
            return
        self._host.record(Source.FAULT, fault.fault)
        if fault.effect.variant == "conflict":
            self._conversation.start_by_vad()
            self._respond(event)
        elif fault.effect.variant == "late":
            loop = asyncio.get_running_loop()
            loop.call_later(fault.effect.seconds, self._respond_late, event)

    def _respond_late(self, event: JsonObject) -> None:
        """Start a response whose request lay about; what was refused at once is refused now."""
        if self._conversation.is_closed:
            return
        try:
            self._respond(event)
        except RefusedError as refusal:
            error = refusal.error() | {"event_id": event.get("event_id")}
            self._host.emit("error", error=error)

    def _respond(self, event: JsonObject) -> None:
        request = event.get("response", {})
        turn = self._conversation.turn(request)
        self._conversation.start(
            Ask(
                turn=turn,
                metadata=request.get("metadata"),
                is_in_conversation=request.get("conversation") != "none",
                modality=self._conversation.modality(request),
            )
        )

    def _response_cancel(self, event: JsonObject) -> None:
        response = self._conversation.response(event.get("response_id"))
        fault = None if response is None else self._host.faults.take(Point.CANCEL)
        if fault is not None:
            self._host.record(Source.FAULT, fault.fault)
            if fault.effect.variant == "ignored":
                return
        if response is not None and fault is not None:
            response.complete_now()
            response = None
        if response is None:
            raise RefusedError(
                "Cancellation failed: no active response found",
                code="response_cancel_not_active",
            )
        response.stop("client_cancelled")

    def _item_create(self, event: JsonObject) -> None:
        given = event["item"]
        item = {
            "id": given.get("id") or self._host.ids.new("item"),
            "object": "realtime.item",
            "status": "completed",
        } | given
        if item["id"] in self._conversation.items:
            raise schema.invalid("item.id", "An item with this id exists already.")
        if item["type"] == "function_call_output":
            self._conversation.check_tool_call(item["call_id"])
        elif item["type"] == "mcp_approval_response":
            self._conversation.mcp.check_request(item["approval_request_id"])
        self._conversation.items.add(item, event.get("previous_item_id"))
        self._conversation.items.finish(item)
        self._read(item)

    def _read(self, item: JsonObject) -> None:
        """Let the model see an item that the service put into the conversation."""
        if item["type"] == "function_call_output":
            name = self._conversation.give_output(item["call_id"], item["output"])
            self._host.record(Source.MODEL, "is given", {"tool": name, "output": item["output"]})
        elif item["type"] == "mcp_approval_response":
            self._conversation.answer_approval(
                item["approval_request_id"],
                approve=item["approve"],
                reason=item.get("reason") or "",
            )
        elif item["type"] == "message" and item["role"] != "assistant":
            self._conversation.tell(" ".join(part.get("text", "") for part in item["content"]))

    def _item_delete(self, event: JsonObject) -> None:
        self._conversation.items.delete(event["item_id"])
        self._host.emit("conversation.item.deleted", item_id=event["item_id"])

    def _item_retrieve(self, event: JsonObject) -> None:
        item = self._conversation.items.get(event["item_id"])
        self._host.emit("conversation.item.retrieved", item=item)

    def _item_truncate(self, event: JsonObject) -> None:
        # On SIP the server truncates by itself; a client that does it too is worth a look.
        self._host.record(Source.NOTE, "conversation.item.truncate was sent, although on SIP")
        item = self._conversation.items.get(event["item_id"])
        if item.get("role") != "assistant":
            raise schema.invalid("item_id", "Only model output audio messages can be truncated.")
        place = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self._host.emit("conversation.item.truncated", **place)

    def _input_append(self, _event: JsonObject) -> None:
        self._host.record(Source.NOTE, "input_audio_buffer.append was sent, although on SIP")

    def _input_commit(self, _event: JsonObject) -> None:
        self._hearing.commit()

    def _input_clear(self, _event: JsonObject) -> None:
        self._hearing.clear()

    def _output_clear(self, _event: JsonObject) -> None:
        self._conversation.silence()

    EVENTS: ClassVar[Mapping[str, _Row]] = {
        "session.update": _row(_session_update, {"session": anything}),
        "response.create": _row(_response_create, response=_RESPONSE),
        "response.cancel": _row(_response_cancel, response_id=text),
        "conversation.item.create": _row(
            _item_create, {"item": _ITEM}, previous_item_id=nullable(text)
        ),
        "conversation.item.delete": _row(_item_delete, {"item_id": text}),
        "conversation.item.retrieve": _row(_item_retrieve, {"item_id": text}),
        "conversation.item.truncate": _row(
            _item_truncate,
            {"item_id": text, "content_index": whole(0, 0), "audio_end_ms": whole(0, 3_600_000)},
        ),
        "input_audio_buffer.append": _row(_input_append, {"audio": text}),
        "input_audio_buffer.commit": _row(_input_commit),
        "input_audio_buffer.clear": _row(_input_clear),
        "output_audio_buffer.clear": _row(_output_clear),
    }
    """Every type: the check of its members, and what obeys it."""
