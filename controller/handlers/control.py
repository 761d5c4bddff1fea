"""The control socket: what `controller calls`, `pause`, `resume` and `drain` talk to.

It is a Unix socket that only the service's own user may open, so whoever reaches it may do all of
this; there is no other authentication. Answers are JSON and hold no whole telephone number, but for
the messages that callers left: whoever asks for those wants to call back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec
from aiohttp import web

BODY_LIMIT: Final = 8 * 1024
"""Bytes of a request's body."""
TEXT_LIMIT: Final = 4000
"""Characters that an operator may have said or told."""
MESSAGES_LIMIT: Final = 1000
"""Messages that are listed at once."""
_DEFAULT_MESSAGES: Final = 100

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LIMIT, pattern=r"\S")]


class _Say(msgspec.Struct, forbid_unknown_fields=True):
    text: _Text
    verbatim: bool = False


class _Inject(msgspec.Struct, forbid_unknown_fields=True):
    text: _Text


class _Transfer(msgspec.Struct, forbid_unknown_fields=True):
    target: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


_Body = TypeVar("_Body", _Say, _Inject, _Transfer)


class Refusal(Protocol):
    """Why an operator's wish is not passed on."""

    @property
    def reason(self) -> str:
        """A word, such as `no_call`: those of `controller.calls.operators`."""

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the targets that there are."""


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

    def say(self, call_id: str, text: str, *, verbatim: bool) -> Refusal | None:
        """Have the agent say something. Returns why not, if it cannot."""

    def inject(self, call_id: str, text: str) -> Refusal | None:
        """Tell the model something. Returns why not, if that cannot be."""

    def transfer(self, call_id: str, target: str) -> Refusal | None:
        """Send the caller to a target. Returns why not, if that cannot be."""

    async def messages(self, limit: int) -> Sequence[Any]:
        """Return the newest messages of callers, the oldest first; dataclasses."""

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
        app.router.add_get("/messages", self.messages)
        app.router.add_post("/calls/{call_id}/hangup", self.hang_up)
        app.router.add_post("/calls/{call_id}/say", self.say)
        app.router.add_post("/calls/{call_id}/inject", self.inject)
        app.router.add_post("/calls/{call_id}/transfer", self.transfer)
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

    async def messages(self, request: web.Request) -> web.Response:
        """List the newest messages of callers, at most `?limit=`."""
        given = request.query.get("limit", str(_DEFAULT_MESSAGES))
        limit = int(given) if given.isascii() and given.isdecimal() and len(given) <= 4 else 0  # noqa: PLR2004 - of MESSAGES_LIMIT
        if not 1 <= limit <= MESSAGES_LIMIT:
            return _refuse(HTTPStatus.BAD_REQUEST, f"limit must be 1 to {MESSAGES_LIMIT}")
        found = await self._switchboard.messages(limit)
        return web.json_response({"messages": [msgspec.to_builtins(each) for each in found]})

    async def hang_up(self, request: web.Request) -> web.Response:
        """End one call: 202, or 404 when it is not live."""
        if not self._switchboard.hang_up(request.match_info["call_id"]):
            return _refuse(HTTPStatus.NOT_FOUND, "no such live call")
        return self._answer(HTTPStatus.ACCEPTED)

    async def say(self, request: web.Request) -> web.Response:
        """Have the agent say something: `{"text": …, "verbatim": false}`."""
        body = await _read(request, _Say)
        call_id = request.match_info["call_id"]
        return self._settled(self._switchboard.say(call_id, body.text, verbatim=body.verbatim))

    async def inject(self, request: web.Request) -> web.Response:
        """Tell the model something that the caller does not hear: `{"text": …}`."""
        body = await _read(request, _Inject)
        return self._settled(self._switchboard.inject(request.match_info["call_id"], body.text))

    async def transfer(self, request: web.Request) -> web.Response:
        """Send the caller to a target, by its name: `{"target": …}`."""
        body = await _read(request, _Transfer)
        return self._settled(self._switchboard.transfer(request.match_info["call_id"], body.target))

    async def pause(self, _request: web.Request) -> web.Response:
        """Reject new calls until `resume`."""
        self._switchboard.pause()
        return self._answer()

    async def resume(self, _request: web.Request) -> web.Response:
        """Take new calls again: 200, or 409 when draining, from which there is no way back."""
        self._switchboard.resume()
        if self._state() == "draining":
            return _refuse(HTTPStatus.CONFLICT, "the service is draining and will stop")
        return self._answer()

    async def drain(self, _request: web.Request) -> web.Response:
        """Begin to drain: 202."""
        self._drain()
        return self._answer(HTTPStatus.ACCEPTED)

    def _answer(self, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
        body = {"state": self._state(), "live_calls": self._switchboard.live_count}
        return web.json_response(body, status=status)

    def _settled(self, refusal: Refusal | None) -> web.Response:
        """Answer 202, or why it cannot be."""
        if refusal is None:
            return self._answer(HTTPStatus.ACCEPTED)
        match refusal.reason:
            case "no_call":
                return _refuse(HTTPStatus.NOT_FOUND, "no such live call")
            case "unknown_target":
                return _refuse_target(refusal.known)
            case "too_many":
                why = "the call has too much to do already; try again later"
                return _refuse(HTTPStatus.TOO_MANY_REQUESTS, why)
            case "target_tried":
                why = "that target was tried in this call already, and nobody else of its chain"
                return _refuse(HTTPStatus.CONFLICT, f"{why} can be tried")
            case "transfer_just_tried":
                return _refuse(HTTPStatus.CONFLICT, "a transfer was just tried; try again later")
            case _:
                why = "caller and agent do not talk: the call is not answered yet, or is ending"
                return _refuse(HTTPStatus.CONFLICT, why)


async def _read(request: web.Request, shape: type[_Body]) -> _Body:
    """Return the body. Raises an HTTP error where it is too long or not of its shape."""
    content = await request.content.read(BODY_LIMIT + 1)
    while len(content) <= BODY_LIMIT and not request.content.at_eof():
        content += await request.content.read(BODY_LIMIT + 1 - len(content))
    if len(content) > BODY_LIMIT:
        raise web.HTTPRequestEntityTooLarge(
            max_size=BODY_LIMIT,
            actual_size=len(content),
            text=_error(f"the body has more than {BODY_LIMIT} bytes"),
            content_type="application/json",
        )
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec names the place and what it expected there, and quotes nothing.
        raise web.HTTPBadRequest(
            text=_error(f"the body is not what it should be: {error}"),
            content_type="application/json",
        ) from None


def _error(text: str) -> str:
    return msgspec.json.encode({"error": text}).decode()


def _refuse(status: HTTPStatus, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _refuse_target(known: tuple[str, ...]) -> web.Response:
    names = ", ".join(known) or "it has none"
    body = {"error": f"the agent has no such target; its targets: {names}", "targets": known}
    return web.json_response(body, status=HTTPStatus.UNPROCESSABLE_ENTITY)
