from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import httpx2
import openai
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from controller.clients.openai_line import OpenAILine
from controller.clients.requests import RequestForm, RequestForms

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve: TypeAlias = Callable[[Handler], Awaitable[str]]

SESSION = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Grüße den Anrufer."}
OF_THE_CONNECTION = {"Host", "Content-Length", "Accept-Encoding", "Connection"}


@pytest.fixture
async def forms() -> AsyncIterator[RequestForms]:
    forms = RequestForms(api_key="sk-test", base_url="https://api.example.com/v1")
    yield forms
    await forms.close()


class Listener:
    """Remembers requests as they came."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str, dict[str, str], Any]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.title() not in OF_THE_CONNECTION
        }
        titled = {name.title(): value for name, value in headers.items()}
        parsed = json.loads(body) if body else None
        self.came.append((request.method, request.raw_path, titled, parsed))
        return web.Response()


async def test_every_request_is_the_one_that_the_sdk_sends(
    serve: Serve, tls: Any, meter: Any
) -> None:
    listener = Listener()
    url = await serve(listener)
    async with openai.AsyncOpenAI(
        api_key="sk-test",
        base_url=url,
        webhook_secret="",
        timeout=None,
        http_client=httpx2.AsyncClient(trust_env=False),
    ) as sdk:
        calls = sdk.realtime.calls
        await calls.accept("rtc_a-1", type="realtime", extra_body=dict(SESSION))
        await calls.reject("rtc_a-1", status_code=486)
        await calls.refer("rtc_a-1", target_uri="tel:+12025550123")
        await calls.hangup("rtc_a-1")
    theirs, listener.came = listener.came, []

    line = OpenAILine(api_key="sk-test", base_url=url, ssl_context=tls, meter=meter)
    await line.answer("rtc_a-1", SESSION)
    await line.reject("rtc_a-1", 486)
    await line.transfer("rtc_a-1", "tel:+12025550123")
    await line.hang_up("rtc_a-1")
    await line.close()

    assert listener.came == theirs


async def test_a_form_is_learnt_once(forms: RequestForms) -> None:
    await forms.learn()

    assert await forms.of("accept") is await forms.of("accept")
    assert (await forms.of("hangup")).url("rtc_1").path == "/v1/realtime/calls/rtc_1/hangup"


async def test_a_form_holds_nothing_of_the_rehearsed_body(forms: RequestForms) -> None:
    form = await forms.of("refer")

    assert not OF_THE_CONNECTION & {name.title() for name in form.headers}
    assert form.headers["authorization"] == "Bearer sk-test"


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=0, max_size=40))
def test_no_call_id_leaves_its_place_in_the_path(provider_id: str) -> None:
    form = RequestForm("https://api.example.com/v1/realtime/calls/", "/hangup", {})

    url = form.url(provider_id)

    assert url.host == "api.example.com"
    assert url.raw_path.count("/") == 5
    assert url.raw_parts[-1] == "hangup"
    assert url.raw_parts[-2] not in {"", ".", ".."}
    assert not url.raw_query_string
