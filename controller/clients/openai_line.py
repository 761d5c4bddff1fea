"""Call control at OpenAI: accept, reject, refer, hang up, through the `openai` SDK.

The SDK's comforts are switched off, because each hurts here (facts: rule 3 of the design): it
repeats an accept by itself on a 5xx, waits 600 s for an answer, drops a warm connection after 5 s
and follows redirects with the key in hand. What remains is its knowledge of paths and headers.
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx2
import openai
import structlog

from controller.calls.ports import Meter, Request, TakeRequest, no_record
from controller.clients.clock_watch import ClockWatch
from controller.clients.replies import (
    Fault,
    Reply,
    answer_event,
    hang_up_event,
    reject_event,
    transfer_event,
)
from controller.clients.transport import BoundedTransport
from controller.sansio.events import (
    Answered,
    AnswerFailed,
    HangUpFailed,
    LineEnded,
    RejectSettled,
    TransferFailed,
    TransferUnproven,
)

_log = structlog.stdlib.get_logger(__name__)

_WORD: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,128}")
"""What of an answer's words may be logged: an identifier, never a sentence or a number's plus."""


DENIED_MEMORY: Final = 300.0
"""Seconds that a refusal of our key counts, if no request succeeds before: a balancer that sends
nobody here while we are not ready would else never let us find out that the key works again."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Seconds for each verb, connecting included (design section 4, rule 3)."""

    accept: float = 8.0
    reject: float = 3.0
    refer: float = 8.0
    hang_up: float = 5.0


class _Raw(Protocol):
    """What the SDK's raw responses have in common."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> httpx2.Headers: ...


class OpenAILine:
    """The `openai_sip` line. Satisfies `Line`; to be made inside a running event loop.

    Every request is counted and logged by verb, status, latency and request id. No body, no URI
    and no telephone number is.

    Args:
        api_key: key of the project that the SIP address belongs to.
        base_url: `https://api.openai.com/v1`, or where else the API is.
        ssl_context: shared with every other client of the process.
        meter: counts and times the requests.
        limits: seconds for each verb.
        wall: the clock that deliveries are judged by, Unix seconds: it is compared with OpenAI's.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        ssl_context: ssl.SSLContext,
        meter: Meter,
        limits: RequestLimits | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall
        self._watch = ClockWatch(meter)
        self._transport = BoundedTransport(ssl_context)
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            webhook_secret="",  # else the SDK reads it from the environment; nothing here needs it
            max_retries=0,
            timeout=None,
            # trust_env off: a proxy for the web must not carry calls unless somebody says so here.
            http_client=httpx2.AsyncClient(transport=self._transport, trust_env=False),
        )
        self._calls = self._client.realtime.calls.with_raw_response
        self._meter = meter
        self._limits = limits or RequestLimits()
        self._denied_until = -math.inf

    @property
    def is_denied(self) -> bool:
        """Whether our key was refused lately (401, 403), and nothing has succeeded since."""
        return time.monotonic() < self._denied_until

    async def answer(
        self, provider_id: str, session: Mapping[str, Any], *, keep: TakeRequest = no_record
    ) -> Answered | AnswerFailed:
        """Accept the call with a session config."""
        # As extra_body, the config goes out as it is: the SDK would walk it key by key.
        request = self._calls.accept(provider_id, type="realtime", extra_body=dict(session))
        return answer_event(await self._settle("accept", request, self._limits.accept, keep))

    async def reject(
        self, provider_id: str, status_code: int, *, keep: TakeRequest = no_record
    ) -> RejectSettled:
        """Refuse the call with a SIP code."""
        request = self._calls.reject(provider_id, status_code=status_code)
        return reject_event(await self._settle("reject", request, self._limits.reject, keep))

    async def transfer(
        self, provider_id: str, target_uri: str, *, keep: TakeRequest = no_record
    ) -> TransferUnproven | TransferFailed:
        """Send a REFER to the caller's side; its outcome is never reported (rule 10)."""
        request = self._calls.refer(provider_id, target_uri=target_uri)
        return transfer_event(await self._settle("refer", request, self._limits.refer, keep))

    async def hang_up(
        self, provider_id: str, *, keep: TakeRequest = no_record
    ) -> LineEnded | HangUpFailed:
        """End the call."""
        request = self._calls.hangup(provider_id)
        return hang_up_event(await self._settle("hangup", request, self._limits.hang_up, keep))

    async def warm(self) -> None:
        """Run the SDK once without a network: its first request costs 100 ms more than the next."""
        self._transport.is_rehearsing = True
        try:
            await self._calls.accept("rtc_rehearsal", type="realtime")
        finally:
            self._transport.is_rehearsing = False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _settle(
        self, verb: str, request: Awaitable[_Raw], limit: float, keep: TakeRequest
    ) -> Reply:
        started, sent_at = time.perf_counter(), self._wall()
        reply = await _reply(request, limit)
        seconds, ended_at = time.perf_counter() - started, self._wall()
        self._watch.note(reply.date, sent_at, ended_at)
        self._meter.request(verb, reply.label, seconds)
        keep(Request(verb, reply.label, round(seconds * 1e3, 1), reply.request_id))
        if reply.is_success or reply.is_denied:
            self._denied_until = time.monotonic() + DENIED_MEMORY if reply.is_denied else -math.inf
        write = _log.info if reply.is_success else _log.warning
        write(
            "openai_request",
            verb=verb,
            status=reply.label,
            latency_ms=round(seconds * 1e3, 1),
            request_id=reply.request_id,
            error_code=reply.code,
            error_param=reply.param,
        )
        return reply


async def _reply(request: Awaitable[_Raw], limit: float) -> Reply:
    try:
        async with asyncio.timeout(limit):
            raw = await request
    except TimeoutError:
        return Reply(fault=Fault.TIMEOUT)
    except openai.APIStatusError as error:
        return Reply(
            http_status=error.status_code,
            request_id=_word(error.request_id),
            code=_word(error.code),
            param=_word(error.param),
            date=error.response.headers.get("date"),
        )
    except openai.APIConnectionError as error:
        is_unsent = isinstance(error.__cause__, httpx2.ConnectError)
        return Reply(fault=Fault.REFUSED if is_unsent else Fault.LOST)
    except (openai.OpenAIError, httpx2.HTTPError):
        # An answer that the SDK could not make sense of: it came, so the request may have landed.
        return Reply(fault=Fault.LOST)
    return Reply(
        http_status=raw.status_code,
        request_id=_word(raw.headers.get("x-request-id")),
        date=raw.headers.get("date"),
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None
