"""The control socket: what `controller calls`, `pause`, `resume` and `drain` talk to.

It is a Unix socket that only the service's own user may open, so whoever reaches it may do all of
this; there is no other authentication. Answers are JSON and hold no whole telephone number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from aiohttp import web


class Switchboard(Protocol):
    """The live calls, and whether there may be more."""

    @property
    def admitting(self) -> bool:
        """Whether new calls are taken."""

    @property
    def live_count(self) -> int:
        """Calls that are driven now."""

    def calls(self) -> Sequence[Any]:
        """Return a summary of each live call; a dataclass of plain values."""

    def hang_up(self, call_id: str) -> bool:
        """Ask for the end of a call. Returns False when there is no such call."""

    def pause(self) -> None:
        """Take no new calls until `resume`."""

    def resume(self) -> None:
        """Take new calls again, unless draining."""


class ControlHandler:
    """Answers on the control socket.

    Args:
        switchboard: the calls.
        state: returns `running`, `paused` or `draining`.
        drain: begins to drain, as SIGTERM does.
    """

    def __init__(
        self,
        *,
        switchboard: Switchboard,
        state: Callable[[], str],
        drain: Callable[[], None],
    ) -> None:
        self._switchboard = switchboard
        self._state = state
        self._drain = drain

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/status", self.status)
        app.router.add_get("/calls", self.calls)
        app.router.add_post("/calls/{call_id}/hangup", self.hang_up)
        app.router.add_post("/pause", self.pause)
        app.router.add_post("/resume", self.resume)
        app.router.add_post("/drain", self.drain)

    async def status(self, _request: web.Request) -> web.Response:
        """Say what the service does, and how many calls live."""
        return self._answer()

    async def calls(self, _request: web.Request) -> web.Response:
        """List the live calls."""
        return web.json_response(
            {"calls": [msgspec.to_builtins(call) for call in self._switchboard.calls()]}
        )

    async def hang_up(self, request: web.Request) -> web.Response:
        """End one call: 202, or 404 when it is not live."""
        if not self._switchboard.hang_up(request.match_info["call_id"]):
            return web.json_response({"error": "no such live call"}, status=HTTPStatus.NOT_FOUND)
        return self._answer(HTTPStatus.ACCEPTED)

    async def pause(self, _request: web.Request) -> web.Response:
        """Reject new calls until `resume`."""
        self._switchboard.pause()
        return self._answer()

    async def resume(self, _request: web.Request) -> web.Response:
        """Take new calls again: 200, or 409 when draining, from which there is no way back."""
        self._switchboard.resume()
        if self._state() == "draining":
            return web.json_response(
                {"error": "the service is draining and will stop"}, status=HTTPStatus.CONFLICT
            )
        return self._answer()

    async def drain(self, _request: web.Request) -> web.Response:
        """Begin to drain: 202."""
        self._drain()
        return self._answer(HTTPStatus.ACCEPTED)

    def _answer(self, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
        body = {"state": self._state(), "live_calls": self._switchboard.live_count}
        return web.json_response(body, status=status)
