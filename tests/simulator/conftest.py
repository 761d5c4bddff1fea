"""A service of a few lines, so that the simulator is tested without ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from controller.simulator import DEFAULT_API_KEY, DEFAULT_SECRET, OpenAISimulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from controller.simulator import SimulatedCall

VIRTUAL_START = 1_800_000_000.0


@dataclass
class Attached:
    """A sideband as a client sees it: everything that came, and a way to wait for more."""

    socket: aiohttp.ClientWebSocketResponse
    events: list[dict[str, Any]] = field(default_factory=list)
    junk: list[Any] = field(default_factory=list)

    async def send(self, event_type: str, **fields: Any) -> None:
        await self.socket.send_str(json.dumps({"type": event_type, **fields}))

    async def next(self) -> dict[str, Any] | None:
        """Return the next event; None when the sideband is closed."""
        message = await self.socket.receive()
        if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
            return None
        if message.type in {aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR}:
            return None
        try:
            event = json.loads(message.data)
        except (ValueError, RecursionError):
            self.junk.append(message.data)
            return {}
        if not isinstance(event, dict):
            self.junk.append(event)
            return {}
        self.events.append(event)
        return event

    async def until(self, event_type: str, count: int = 1) -> dict[str, Any]:
        """Read until an event of this type came `count` times, and return it."""
        while True:
            event = await self.next()
            assert event is not None, f"closed before {event_type}: {self.types}"
            if event.get("type") == event_type:
                count -= 1
                if not count:
                    return event

    async def rest(self) -> list[dict[str, Any]]:
        """Read to the end of the sideband and return all events."""
        while await self.next() is not None:
            pass
        return self.events

    @property
    def types(self) -> list[str]:
        return [str(event.get("type")) for event in self.events]

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("type") == event_type]


class Service:
    """Takes deliveries, and does with a call what the test says."""

    def __init__(self, openai: OpenAISimulator) -> None:
        self.openai = openai
        self.deliveries: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self.http: aiohttp.ClientSession | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        with contextlib.suppress(Exception):
            self.bodies.append(await request.read())
            self.deliveries.append(json.loads(self.bodies[-1]))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def post(
        self, call: SimulatedCall | str, verb: str, body: Any = None, *, key: str = DEFAULT_API_KEY
    ) -> tuple[int, dict[str, Any]]:
        """Return status and body of a REST request; status 0 if the connection was lost."""
        call_id = call if isinstance(call, str) else call.call_id
        url = f"{self.openai.base_url}/realtime/calls/{call_id}/{verb}"
        assert self.http is not None
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            async with self.http.post(
                url,
                data=None if body is None else raw,
                headers={"Authorization": f"Bearer {key}"},
            ) as answer:
                text = await answer.text()
                return answer.status, json.loads(text) if text else {}
        except aiohttp.ClientConnectionError:
            return 0, {}

    async def accept(self, call: SimulatedCall, **session: Any) -> tuple[int, dict[str, Any]]:
        return await self.post(call, "accept", {"type": "realtime", **session})

    async def attach(self, call: SimulatedCall | str, *, key: str = DEFAULT_API_KEY) -> Attached:
        call_id = call if isinstance(call, str) else call.call_id
        assert self.http is not None
        return Attached(
            await self.http.ws_connect(
                f"{self.openai.base_url}/realtime?call_id={call_id}",
                headers={"Authorization": f"Bearer {key}"},
                max_msg_size=16 * 1024 * 1024,
            )
        )

    async def attach_status(self, call: SimulatedCall | str, *, key: str = DEFAULT_API_KEY) -> int:
        """Return the HTTP status of an attach; 101 if it opens."""
        try:
            sideband = await self.attach(call, key=key)
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        await sideband.socket.close()
        return 101

    async def answer(self, call: SimulatedCall, **session: Any) -> Attached:
        """Accept, attach and read `session.created`."""
        status, body = await self.accept(call, **session)
        assert status == 200, body
        sideband = await self.attach(call)
        await sideband.until("session.created")
        return sideband

    async def drive(
        self, call: SimulatedCall, tools: dict[str, str | None], **session: Any
    ) -> Attached:
        """Be a plain controller: greet, answer tool calls from `tools`, until the end.

        A tool whose output is None hangs up once the words before it were heard.
        """
        offered = [{"type": "function", "name": name} for name in tools]
        sideband = await self.answer(call, tools=offered, **session)
        await sideband.send("response.create", response={"instructions": "Greet the caller."})
        while (event := await sideband.next()) is not None:
            if event.get("type") == "response.done":
                await self._act(call, sideband, event["response"], tools)
        return sideband

    async def _act(
        self,
        call: SimulatedCall,
        sideband: Attached,
        response: dict[str, Any],
        tools: dict[str, str | None],
    ) -> None:
        wanted = [item for item in response["output"] if item["type"] == "function_call"]
        if response["status"] != "completed" or not wanted:
            return
        for item in wanted:
            output = tools[item["name"]]
            if output is None:
                await self.post(call, "hangup")
                return
            given = {"type": "function_call_output", "call_id": item["call_id"], "output": output}
            await sideband.send("conversation.item.create", item=given)
        await sideband.send("response.create")


@pytest.fixture
def virtual_clock() -> Callable[[], float]:
    """Unix seconds that move with the event loop's clock."""
    return lambda: VIRTUAL_START + asyncio.get_running_loop().time()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    """Start a simulator with the given arguments, and a service for it."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**arguments: Any) -> Service:
            openai = OpenAISimulator(secrets=[DEFAULT_SECRET], **arguments)
            service = Service(openai)
            app = web.Application(client_max_size=1024 * 1024)
            app.router.add_post("/openai/webhook", service.take)
            runner = web.AppRunner(app, auto_decompress=False, access_log=None)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            stack.push_async_callback(runner.cleanup)
            service.http = await stack.enter_async_context(aiohttp.ClientSession())
            port = runner.addresses[0][1]
            openai.webhook_url = f"http://127.0.0.1:{port}/openai/webhook"
            await stack.enter_async_context(openai)
            return service

        yield start
