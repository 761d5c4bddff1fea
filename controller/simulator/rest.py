"""OpenAI's REST side for calls: accept, reject, refer, hang up, and the sideband's upgrade.

All four verbs answer 200 with an empty body; a refusal has OpenAI's error envelope. Every answer
carries `x-request-id`.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from controller.simulator import schema
from controller.simulator.faults import Planned, Point
from controller.simulator.http_answers import HttpDesk
from controller.simulator.journal import Source
from controller.simulator.session import check_session
from controller.simulator.sideband import Sideband
from controller.simulator.wire import JsonObject, RefusedError, call_not_found, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.simulator.call import SimulatedCall
    from controller.simulator.server import OpenAISimulator

_POINTS = {
    "accept": Point.ACCEPT,
    "reject": Point.REJECT,
    "refer": Point.REFER,
    "hangup": Point.HANGUP,
}
_DECLINE = 603  # the default of reject
_UNAVAILABLE = 503
_BODY_LIMIT = 4 * 1024 * 1024
_STATUS_KINDS = {
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    409: "conflict_error",
    429: "rate_limit_error",
}

_REJECT = schema.members({"status_code": schema.nullable(schema.whole(0, 999))})
_REFER = schema.members({"target_uri": schema.text}, required=("target_uri",))


def refusal_answer(refusal: RefusedError) -> web.Response:
    """Return OpenAI's error envelope with the refusal's status."""
    return web.Response(
        status=refusal.status,
        text=encode({"error": refusal.error()}),
        content_type="application/json",
    )


class Rest:
    """The handlers of one stand-in."""

    def __init__(self, simulator: OpenAISimulator) -> None:
        self._simulator = simulator
        self._http = HttpDesk(simulator)

    def application(self) -> web.Application:
        """Return the application that serves `/v1`."""
        app = web.Application(client_max_size=_BODY_LIMIT, middlewares=[self._watch])
        app.router.add_post("/v1/realtime/calls/{call_id}/{verb}", self._control)
        app.router.add_get("/v1/realtime", self._attach)
        app.router.add_post("/v1/realtime/client_secrets", self._check_session)
        app.router.add_get("/v1/models", self._models)
        app.router.add_route("*", "/http/{name:[^/]+}{rest:.*}", self._http.answer)
        app.router.add_post("/simulator/cut", self._cut)
        app.router.add_route("*", "/{rest:.*}", self._elsewhere)
        app.on_response_prepare.append(self._stamp)
        return app

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let no mistake of the stand-in pass for a fault that was asked for."""
        try:
            return await handler(request)
        except (ConnectionError, web.HTTPException):
            raise
        except Exception as error:
            self._simulator.failed(error)
            raise

    async def _stamp(self, _request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["x-request-id"] = self._simulator.ids.new("req")

    def _authorize(self, request: web.Request) -> None:
        expected = f"Bearer {self._simulator.api_key}".encode()
        found = request.headers.get("Authorization", "").encode(errors="replace")
        if not hmac.compare_digest(expected, found):
            raise RefusedError("Incorrect API key provided.", code="invalid_api_key", status=401)

    async def _guard(
        self, request: web.Request, body: JsonObject | None, call_id: str, verb: str
    ) -> SimulatedCall:
        self._simulator.journal.record(call_id, Source.REQUEST, verb, body)
        self._authorize(request)
        call = self._simulator.calls.get(call_id)
        if call is None:
            raise call_not_found()
        return call

    async def _control(self, request: web.Request) -> web.StreamResponse:
        call_id, verb = request.match_info["call_id"], request.match_info["verb"]
        if verb not in _POINTS:
            return await self._elsewhere(request)
        try:
            answer = await self._obey(request, call_id, verb)
        except RefusedError as refusal:
            answer = refusal_answer(refusal)
            self._reply(call_id, verb, refusal.status, refusal.code)
        return answer

    async def _obey(self, request: web.Request, call_id: str, verb: str) -> web.Response:
        body = await _body_of(request)
        call = await self._guard(request, body, call_id, verb)
        act = _ACTS[verb]
        fault = call.faults.take(_POINTS[verb], body)
        if fault is None:
            act(call, body)
            self._reply(call_id, verb, 200, None)
            return web.Response()
        call.record(Source.FAULT, fault.fault)
        if fault.effect.lands:
            act(call, body)
        return await self._misbehave(request, call_id, verb, fault)

    async def _misbehave(
        self, request: web.Request, call_id: str, verb: str, fault: Planned
    ) -> web.Response:
        effect = fault.effect
        # A stopped simulator answers at once, however slow the fault is.
        await self._simulator.pause(effect.seconds)
        if effect.drops:
            self._reply(call_id, verb, None, "dropped")
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if effect.status != 200:  # noqa: PLR2004 - HTTP OK
            raise _failure(effect.status, effect.code, effect.param)
        self._reply(call_id, verb, 200, None)
        return web.Response()

    def _reply(self, call_id: str, verb: str, status: int | None, code: str | None) -> None:
        reply = {"status": status, "code": code}
        self._simulator.journal.record(call_id, Source.REPLY, verb, reply)

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        call_id = request.query.get("call_id", "")
        try:
            call = await self._guard(request, None, call_id, "attach")
            await self._admit(call)
        except RefusedError as refusal:
            self._reply(call_id, "attach", refusal.status, refusal.code)
            return refusal_answer(refusal)
        self._reply(call_id, "attach", 101, None)
        socket = web.WebSocketResponse(
            max_msg_size=self._simulator.switches.frame_limit, compress=False, timeout=1.0
        )
        await socket.prepare(request)
        await Sideband(call, socket, request).serve()
        return socket

    async def _admit(self, call: SimulatedCall) -> None:
        call.admit_sideband()
        if self._simulator.refuses_sidebands:
            raise _failure(_UNAVAILABLE, None, None)
        fault = call.faults.take(Point.ATTACH)
        if fault is not None:
            call.record(Source.FAULT, fault.fault)
            await self._simulator.pause(fault.effect.seconds)
            raise _failure(fault.effect.status, fault.effect.code, None)

    async def _check_session(self, request: web.Request) -> web.Response:
        """`POST /realtime/client_secrets` takes the same session: a way to check a body."""
        try:
            self._authorize(request)
            session = (await _body_of(request)).get("session", {"type": "realtime"})
            check_session(session, self._simulator.switches)
        except RefusedError as refusal:
            return refusal_answer(refusal)
        expires_at = int(self._simulator.clock()) + 600
        secret = {"value": self._simulator.ids.new("ek"), "expires_at": expires_at}
        return web.json_response(secret | {"session": session})

    async def _models(self, request: web.Request) -> web.Response:
        try:
            self._authorize(request)
        except RefusedError as refusal:
            return refusal_answer(refusal)
        models = [{"id": name, "object": "model"} for name in ("gpt-realtime-2.1", "gpt-realtime")]
        return web.json_response({"object": "list", "data": models})

    async def _cut(self, request: web.Request) -> web.Response:
        """`POST /simulator/cut?share=0.5&refuse=10`: an incident, by hand."""
        try:
            share = float(request.query.get("share", "1"))
            refuse = float(request.query.get("refuse", "0"))
        except ValueError:
            return web.Response(status=400, text="share and refuse are numbers")
        count = self._simulator.cut_sidebands(share, refuse_for=refuse)
        return web.json_response({"cut": count})

    async def _elsewhere(self, request: web.Request) -> web.Response:
        """Note requests that we do not know, so that a test can say that there were none."""
        self._simulator.journal.record("", Source.REQUEST, f"{request.method} {request.path}")
        return refusal_answer(
            RefusedError(f"Invalid URL ({request.method} {request.path})", code=None, status=404)
        )


def _failure(status: int, code: str | None, param: str | None) -> RefusedError:
    kind = _STATUS_KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004 - HTTP
    message = f"Unknown parameter: '{param}'." if param else "The request could not be served."
    return RefusedError(message, code=code, param=param, status=status, kind=kind)


async def _body_of(request: web.Request) -> JsonObject:
    raw = await request.read()
    return decode(raw) if raw else {}


def _accept(call: SimulatedCall, body: JsonObject) -> None:
    switches = call.switches
    try:
        for remark in check_session(body, switches):
            call.record(Source.NOTE, remark)
        if switches.model_required and "model" not in body:
            raise schema.missing("session.model")
    except RefusedError as refusal:
        if switches.bad_session == "refuse":
            raise
        call.record(Source.NOTE, f"a bad body was accepted: {refusal.message}")
        call.accept(body, is_valid=False)
    else:
        call.accept(body)


def _reject(call: SimulatedCall, body: JsonObject) -> None:
    _REJECT(body, "")
    code = body.get("status_code")
    low, high = call.switches.reject_codes
    if code is not None and not low <= code <= high:
        raise schema.invalid("status_code", f"Invalid 'status_code': expected {low} to {high}.")
    call.reject(_DECLINE if code is None else code)


def _refer(call: SimulatedCall, body: JsonObject) -> None:
    _REFER(body, "")
    target = body["target_uri"]
    if not target.startswith(("tel:", "sip:", "sips:")) or any(ord(one) < 33 for one in target):  # noqa: PLR2004 - control characters and blanks
        raise schema.invalid("target_uri", "Invalid 'target_uri': expected a tel: or sip: URI.")
    call.refer(target)


def _hang_up(call: SimulatedCall, _body: JsonObject) -> None:
    call.hang_up()


_ACTS: dict[str, Callable[[SimulatedCall, JsonObject], None]] = {
    "accept": _accept,
    "reject": _reject,
    "refer": _refer,
    "hangup": _hang_up,
}
