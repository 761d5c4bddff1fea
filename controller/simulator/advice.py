"""What to look at when a call went wrong because the two sides were started differently.

A service and a stand-in that do not know each other fail in a few ways that say little by
themselves: a refused delivery, a refused key, silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controller.simulator.ending import EndedBy
from controller.simulator.journal import Source
from controller.simulator.webhooks import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from controller.simulator.call import SimulatedCall

_REFUSED: Final = (
    "The service refused the delivery with 400: start it and this stand-in with the same "
    "OPENAI_WEBHOOK_SECRET."
)
_NOT_THERE: Final = (
    "The delivery was answered with {status}: is --webhook-url the service's, with the path "
    "/openai/webhook?"
)
_OTHER_KEY: Final = (
    "The service has another key: start it and this stand-in with the same OPENAI_API_KEY."
)
_ELSEWHERE: Final = (
    "The service took the delivery and asked nothing here: was it started with the OPENAI_BASE_URL "
    "that stands above?"
)

_OK, _BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND, _NOT_ALLOWED = 200, 400, 401, 404, 405


def advice(calls: Iterable[SimulatedCall]) -> list[str]:
    """Return a sentence for each likely mistake behind the calls that failed; often none."""
    found = [sentence for call in calls if call.verdict() for sentence in _of(call)]
    return list(dict.fromkeys(found))


def knows_the_end(call: SimulatedCall) -> bool:
    """Tell whether the service knows that a call is over, or has nothing to learn of it.

    It ended the call itself, or it asked for the sideband again and was told that there is none.
    """
    if not call.was_accepted or call.outcome is None or call.outcome.by is EndedBy.HUNG_UP:
        return True
    return _was_answered(call, "attach", _NOT_FOUND)


def _of(call: SimulatedCall) -> Iterator[str]:
    status = next((one.status for one in call.answers if one.kind == Kind.INCOMING), None)
    if status == _BAD_REQUEST:
        yield _REFUSED
    if status in {_NOT_FOUND, _NOT_ALLOWED}:
        yield _NOT_THERE.format(status=status)
    if any(_was_answered(call, verb, _UNAUTHORIZED) for verb in ("accept", "reject")):
        yield _OTHER_KEY
    is_unanswered = call.outcome is not None and call.outcome.by is EndedBy.UNANSWERED
    if status == _OK and is_unanswered and not call.requests:
        yield _ELSEWHERE


def _was_answered(call: SimulatedCall, verb: str, status: int) -> bool:
    return any(
        entry.source is Source.REPLY and entry.name == verb and entry.body["status"] == status
        for entry in call.entries
    )
