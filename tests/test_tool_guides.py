"""What the guides for tools show is run as it stands."""

from __future__ import annotations

import json
import re
import ssl
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import WebhookVerificationError

from controller.calls.clock import SystemClock
from controller.clients.http_tools import HttpToolClient, HttpToolRunner
from controller.sansio.agent import ToolDeclaration
from controller.sansio.arguments import Arguments
from controller.sansio.http_tool import HttpTool, Method
from controller.sansio.webhook import decode_secrets
from controller.tools import CallContext, Tool

GUIDES = Path(__file__).parents[1] / "docs/how-to"
SECRET = "whsec_" + "QUJD" * 8
CONTEXT = CallContext(call_id="018f", agent="frontdesk", tool_call_id="call_1")


def blocks(guide: str, language: str) -> list[str]:
    text = (GUIDES / guide).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def run_block(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(code, "guide.py", "exec"), names)
    return names


def receiver() -> Callable[..., Any]:
    facts_of: Callable[..., Any] = run_block(blocks("http-tools.md", "python")[0])["facts_of"]
    return facts_of


def is_proved(*arguments: Any, **more: Any) -> bool:
    check: Callable[..., bool] = run_block(blocks("http-tools.md", "python")[1])["is_proved"]
    return check(*arguments, **more)


async def received(method: Method) -> tuple[web.Request, bytes, str]:
    """Send one request of a tool to a server; return it, its body and its address."""
    kept: list[tuple[web.Request, bytes]] = []

    async def keep(request: web.Request) -> web.Response:
        kept.append((request, await request.read()))
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    server = TestServer(app)
    await server.start_server()
    client = HttpToolClient(
        clock=SystemClock(),
        ssl_context=ssl.create_default_context(),
        signing=decode_secrets(SECRET),
    )
    schema = {"properties": {"day": {"type": "string"}}}
    url = str(server.make_url("/tables"))
    tool = HttpTool(ToolDeclaration("t", "T.", schema), method, url, allow_private=True)
    try:
        await HttpToolRunner(tool, client).run('{"day":"friday"}', CONTEXT)
    finally:
        await client.close()
        await server.close()
    ((request, body),) = kept
    return request, body, url


async def test_the_receiver_of_the_guide_believes_a_get() -> None:
    request, body, url = await received("GET")

    facts = receiver()(f"GET {url}?day=friday", request.headers, body, secret=SECRET)

    assert facts["call_id"] == "018f"
    assert facts["caller_shown"] is None
    assert is_proved(request.headers["Controller-Call"].encode(), request.headers, secret=SECRET)


async def test_the_receiver_of_the_guide_believes_a_post() -> None:
    request, body, url = await received("POST")

    facts = receiver()(f"POST {url}", request.headers, body, secret=SECRET)

    assert facts["tool_call_id"] == "call_1"
    assert json.loads(body) == {"day": "friday"}
    assert is_proved(body, request.headers, secret=SECRET)


async def test_the_receiver_of_the_guide_believes_nobody_else() -> None:
    request, body, url = await received("POST")
    right = f"POST {url}"

    with pytest.raises(WebhookVerificationError):
        receiver()(right, request.headers, body + b" ", secret=SECRET)
    with pytest.raises(WebhookVerificationError):
        receiver()(right, request.headers, body, secret="whsec_" + "QUJE" * 8)
    with pytest.raises(ValueError, match="another request"):
        receiver()(f"POST {url}?day=saturday", request.headers, body, secret=SECRET)
    forged = dict(request.headers)
    forged["Controller-Call"] = forged["Controller-Call"].replace("018f", "018e")
    with pytest.raises(WebhookVerificationError):
        receiver()(right, forged, body, secret=SECRET)
    old = {**request.headers, "webhook-timestamp": "1700000000"}
    assert not is_proved(body, old, secret=SECRET)
    assert not is_proved(b"{}", request.headers, secret=SECRET)


def test_the_declared_tools_of_the_guide_have_schemas() -> None:
    (front,) = blocks("http-tools.md", "toml")
    first, second = tomllib.loads(front)["http_tools"]

    assert set(first["parameters"]) == {"day", "guests"}
    book = Arguments(second["parameters"])
    assert isinstance(book.read('{"day":"friday","name":"Ann"}'), dict)
    assert not isinstance(book.read('{"day":"monday","name":"Ann"}'), dict)


@pytest.fixture(scope="module")
def python_tools() -> dict[str, Tool]:
    (code,) = blocks("python-tools.md", "python")
    return {name: value for name, value in run_block(code).items() if isinstance(value, Tool)}


async def run(tool: Tool, **arguments: Any) -> str:
    return await tool.run(json.dumps(arguments), CONTEXT)


async def test_the_python_tools_of_the_guide_do_what_it_says(
    python_tools: dict[str, Tool],
) -> None:
    free, book = python_tools["table_free"], python_tools["book_table"]

    assert await run(free, day="friday") == '{"free":true}'
    assert await run(book, day="friday") == "Booked for friday by frontdesk."
    full = '{"error":"full","message":"That day is full.","free":["friday"]}'
    assert await run(book, day="saturday") == full
    assert f"`{full}`" in (GUIDES / "python-tools.md").read_text()


def test_the_options_of_the_guide_reach_the_tools(python_tools: dict[str, Tool]) -> None:
    assert python_tools["table_free"].declaration.idempotent
    assert python_tools["book_table"].declaration.on_duplicate == "refuse"
