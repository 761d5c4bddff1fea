"""A stand-in for the web services that the service's HTTP tools ask: `/http/NAME`.

Which answer is given is decided by the scenario of the newest call that has one for the name:
nothing in a request says for certain to which call it belongs. What came is in the journal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from controller.simulator.journal import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.simulator.call import SimulatedCall
    from controller.simulator.server import OpenAISimulator


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a web service answers."""

    name: str = ""
    """Part of its path, `/http/NAME`; what follows the name in a request's path is free."""
    status: int = 200
    body: str = ""
    """A text; a table of the file is sent as JSON."""
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    """Seconds before the answer."""
    times: int | None = None
    """How often, before the next answer of the same name is given; None is without end."""


class HttpAnswers:
    """The answers of one call, and how often each may still be given."""

    __slots__ = ("_left",)

    def __init__(self, answers: Sequence[HttpAnswer]) -> None:
        self._left: list[tuple[HttpAnswer, int | None]] = [(one, one.times) for one in answers]

    def knows(self, name: str) -> bool:
        """Tell whether an answer of this name is left."""
        return any(one.name == name for one, _ in self._left)

    def take(self, name: str) -> HttpAnswer | None:
        """Return the answer that is next for a name, and count it."""
        for position, (one, left) in enumerate(self._left):
            if one.name == name:
                if left is not None and left <= 1:
                    del self._left[position]
                elif left is not None:
                    self._left[position] = (one, left - 1)
                return one
        return None


class HttpDesk:
    """The handler of `/http/…` of one stand-in."""

    def __init__(self, simulator: OpenAISimulator) -> None:
        self._simulator = simulator

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request of an HTTP tool as the scenario says; 404 if none does."""
        name = request.match_info["name"]
        call = self._call_for(name)
        body = await request.text()
        self._simulator.journal.record(
            "" if call is None else call.call_id,
            Source.HTTP,
            name,
            {
                "method": request.method,
                "path": request.path_qs,
                "headers": dict(request.headers),
                "body": _value_of(body),
            },
        )
        answer = None if call is None else call.http.take(name)
        if answer is None:
            return web.Response(status=404, text="No scenario answers here.")
        # A stopped simulator answers at once, however slow the answer is.
        await self._simulator.pause(answer.delay)
        return _response(answer)

    def _call_for(self, name: str) -> SimulatedCall | None:
        newest_first = reversed(self._simulator.calls.values())
        return next((call for call in newest_first if call.http.knows(name)), None)


def _value_of(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _response(answer: HttpAnswer) -> web.Response:
    response = web.Response(status=answer.status, text=answer.body)
    if answer.body[:1] in {"{", "["}:
        response.content_type = "application/json"
    for name, value in answer.headers:
        response.headers[name] = value
    return response
