"""What the `openai` SDK would send for each verb, learnt from the SDK itself, once.

The SDK knows OpenAI's paths, headers and authentication; building a request with it takes 2 ms of
processor time in a service whose whole call takes 6. So it builds the first request of each verb,
for a call that does not exist, into a transport that sends nothing; every later request is a copy
with another call id and another body (docs/decisions/0011).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx2
import openai
from yarl import URL

REHEARSED_ID: Final = "rtc_rehearsal"
"""Stands where a call's id goes."""

_BY_CONNECTION: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "transfer-encoding"}
)
"""Headers that belong to one connection or one body; whoever sends the request sets them."""


@dataclass(frozen=True, slots=True)
class RequestForm:
    """A request without its call and its body."""

    before: str
    """The address up to the call's id."""
    after: str
    """The address after it."""
    headers: Mapping[str, str]

    def url(self, provider_id: str) -> URL:
        """Return the address for one call; the id cannot leave its place in the path."""
        if not provider_id.strip("."):
            provider_id = "-"  # a dot segment would lead elsewhere; no call has such an id
        return URL(f"{self.before}{quote(provider_id, safe='')}{self.after}", encoded=True)


class RequestForms:
    """The forms of the four verbs.

    Args:
        api_key: key of the project that the calls belong to.
        base_url: where the API is.
    """

    def __init__(self, *, api_key: str, base_url: str) -> None:
        self._recorder = _Recorder()
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            webhook_secret="",  # else the SDK reads it from the environment; nothing here needs it
            max_retries=0,
            timeout=None,
            http_client=httpx2.AsyncClient(transport=self._recorder, trust_env=False),
        )
        calls = self._client.realtime.calls
        self._rehearsals: Mapping[str, Callable[[], Awaitable[Any]]] = {
            "accept": lambda: calls.accept(REHEARSED_ID, type="realtime"),
            "reject": lambda: calls.reject(REHEARSED_ID, status_code=603),
            "refer": lambda: calls.refer(REHEARSED_ID, target_uri="sip:nobody@example.invalid"),
            "hangup": lambda: calls.hangup(REHEARSED_ID),
        }
        self._forms: dict[str, RequestForm] = {}

    async def learn(self) -> None:
        """Learn all of them; afterwards `of` costs nothing."""
        for verb in self._rehearsals:
            await self.of(verb)

    async def of(self, verb: str) -> RequestForm:
        """Return the form of `accept`, `reject`, `refer` or `hangup`."""
        form = self._forms.get(verb)
        if form is None:
            await self._rehearsals[verb]()
            form = self._forms[verb] = _form(self._recorder.request)
        return form

    async def close(self) -> None:
        """Close the SDK's client."""
        await self._client.close()


class _Recorder(httpx2.AsyncBaseTransport):
    """Keeps the request that it was given last, and sends nothing."""

    request: httpx2.Request

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return httpx2.Response(200, request=request)


def _form(request: httpx2.Request) -> RequestForm:
    before, _, after = str(request.url).rpartition(REHEARSED_ID)
    headers = {
        name: value
        for name, value in request.headers.multi_items()
        if name.lower() not in _BY_CONNECTION
    }
    return RequestForm(before, after, headers)
