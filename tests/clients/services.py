"""Services for HTTP tools to ask, names that resolve to what a test says, and one tool's run."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from controller.calls.ports import Runnable
from controller.clients.http_tools import HttpToolClient, HttpToolRunner
from controller.sansio.agent import ToolDeclaration
from controller.sansio.http_tool import HttpTool, Method
from controller.sansio.webhook import decode_secrets
from controller.tools import CallContext

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve: TypeAlias = Callable[[Handler], Awaitable[str]]
ServeBytes: TypeAlias = Callable[[bytes], Awaitable[str]]

SIGNING = decode_secrets("whsec_" + base64.b64encode(bytes(range(32))).decode())
CONTEXT = CallContext(
    call_id="018f",
    sip_call_id="abc@trunk.example.net",
    caller_shown=None,
    called_number="+12025550100",
    agent="frontdesk",
    tool_call_id="call_1",
)
SCHEMA = {
    "type": "object",
    "properties": {"day": {"type": "string"}, "guests": {"type": "integer"}},
    "required": ["day"],
}
UNSURE = "What it did is not known."


class Clock:
    def now(self) -> float:
        return time.time()


class Names(AbstractResolver):
    """Resolves every name to these addresses, one list after the other, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in answer
        ]

    async def close(self) -> None: ...


@dataclass
class FarEnd:
    """Gives its answers one after the other, the last for ever, and remembers the requests."""

    answers: list[Any] = field(default_factory=lambda: [(200, {"free": True})])
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:  # break the connection
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, content, *headers = answer
        if isinstance(content, bytes):
            return web.Response(status=status, body=content, headers=headers[0])
        return web.json_response(content, status=status, headers=headers[0] if headers else None)


@asynccontextmanager
async def client_with(tls: ssl.SSLContext, **more: Any) -> AsyncIterator[HttpToolClient]:
    client = HttpToolClient(clock=Clock(), ssl_context=tls, **more)
    yield client
    await client.close()


def tool_at(url: str, method: Method = "GET", **more: Any) -> HttpTool:
    options = {key: more.pop(key) for key in ("timeout", "idempotent", "parameters") if key in more}
    declaration = ToolDeclaration("free", "A tool.", **{"parameters": SCHEMA, **options})
    return HttpTool(declaration, method, url, **{"allow_private": True, **more})


async def run(
    tool: HttpTool,
    client: HttpToolClient,
    arguments: str = '{"day":"friday"}',
    secrets: Mapping[str, str] | None = None,
) -> Any:
    runner: Runnable = HttpToolRunner(tool, client, secrets=secrets, jitter=lambda: 0.5)
    output = await runner.run(arguments, CONTEXT)
    try:
        return json.loads(output)
    except ValueError:
        return output


async def asked(
    tls: ssl.SSLContext, tool: HttpTool, *, secrets: Mapping[str, str] | None = None, **more: Any
) -> Any:
    async with client_with(tls, **more) as client:
        return await run(tool, client, secrets=secrets)
