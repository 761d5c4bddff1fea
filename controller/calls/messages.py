"""Messages that callers leave, and the tool that takes them (operations, O12).

The model calls `take_message` once it has read the number back. A message counts when it is in the
ledger, and only then is the model told so. What is in it was said by a caller: it is never logged.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from controller.calls.ids import new_call_id
from controller.calls.ports import Message, Urgency
from controller.calls.record import CallRecord
from controller.calls.world import World
from controller.errors import Fenced
from controller.sansio.agent import TAKE_MESSAGE, ToolDeclaration
from controller.sansio.masking import mask_cards
from controller.tools import CallContext

MESSAGES_LIMIT: Final = 20
"""Of one call: a model in a loop must not fill the ledger."""
FEWEST_DIGITS: Final = 3
MOST_DIGITS: Final = 15
"""Of a number to call back (ITU-T E.164)."""

KEPT: Final = '{"ok":true}'
NOT_KEPT: Final = (
    '{"error":"not_kept","message":"the message could not be kept; tell the caller so"}'
)
TOO_MANY: Final = '{"error":"too_many","message":"no further message can be taken in this call"}'
NO_NUMBER: Final = (
    '{"error":"invalid_arguments","problems":[{"field":"number","problem":'
    '"must be the telephone number, 3 to 15 digits; ask the caller again"}]}'
)


class _Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """What the model gives; its declaration in the session config says the same."""

    name: Annotated[str, msgspec.Meta(max_length=200)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    number: Annotated[str, msgspec.Meta(max_length=40)] = ""
    urgency: Urgency = "normal"


class TakeMessage:
    """The built-in tool, for one call.

    Args:
        record: of the call.
        world: the ledger and the clock.
    """

    declaration = ToolDeclaration(TAKE_MESSAGE, "Take a message.", {"type": "object"})

    def __init__(self, record: CallRecord, world: World) -> None:
        self._record = record
        self._world = world

    async def run(self, arguments_json: str, context: CallContext, *, in_thread: Any = None) -> str:
        """Keep a message; return the output for the model.

        The same message again, which a model may send after a lost output, is kept once.

        Args:
            arguments_json: name, number, reason, urgency.
            context: the call; without a number the caller's own is taken, if it is shown.
            in_thread: not needed.
        """
        del in_thread
        try:
            given = msgspec.json.decode(arguments_json, type=_Arguments)
        except (msgspec.DecodeError, UnicodeError) as error:
            return _invalid(error)
        number = given.number.strip() or context.caller_shown or ""
        if not _is_number(number):
            return NO_NUMBER
        message = self._message(given, number)
        kept = self._record.messages
        if any(_content(each) == _content(message) for each in kept):
            return KEPT
        if len(kept) >= MESSAGES_LIMIT:
            return TOO_MANY
        return await self._keep(message)

    def _message(self, given: _Arguments, number: str) -> Message:
        now = self._world.clock.now()
        return Message(
            message_id=new_call_id(now),
            call_id=self._record.call_id,
            received_at=now,
            urgency=given.urgency,
            name=mask_cards(given.name.strip()),
            number=number,
            reason=mask_cards(given.reason.strip()),
        )

    async def _keep(self, message: Message) -> str:
        record = self._record
        try:
            is_kept = await self._world.ledger.keep_message(record.epoch, message)
        except Fenced:
            return NOT_KEPT
        if not is_kept:
            self._world.raise_alarm("messages_full")
            return NOT_KEPT
        record.messages.append(message)
        return KEPT


def _content(message: Message) -> tuple[str, str, str, str]:
    return message.name, message.number, message.reason, message.urgency


def _is_number(text: str) -> bool:
    digits = sum(char.isdecimal() for char in text)
    return text.isprintable() and FEWEST_DIGITS <= digits <= MOST_DIGITS


def _invalid(error: Exception) -> str:
    """Say what is wrong; msgspec names the field and the type, and never the value."""
    problem = str(error) if isinstance(error, msgspec.ValidationError) else "this is no JSON object"
    answer = {"error": "invalid_arguments", "problems": [{"field": "", "problem": problem}]}
    return msgspec.json.encode(answer).decode()
