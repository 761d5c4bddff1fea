"""Call control at OpenAI: accept, reject, refer, hang up, by the requests of the `openai` SDK.

The SDK's comforts are not used, because each hurts here (facts: rule 3 of the design): it repeats
an accept by itself on a 5xx, waits 600 s for an answer, drops a warm connection after 5 s and
follows redirects with the key in hand. What remains is its knowledge of paths and headers
(`requests.py`).
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from controller.calls.ports import Meter
from controller.clients.replies import (
    Fault,
    Reply,
    answer_event,
    hang_up_event,
    reject_event,
    transfer_event,
)
from controller.clients.requests import RequestForms
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

_REALTIME: Final = {"type": "realtime"}
"""What every session config says first."""

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
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        ssl_context: ssl.SSLContext,
        meter: Meter,
        limits: RequestLimits | None = None,
    ) -> None:
        self._transport = BoundedTransport(ssl_context)
        self._forms = RequestForms(api_key=api_key, base_url=base_url)
        self._meter = meter
        self._limits = limits or RequestLimits()
        self._denied_until = -math.inf

    @property
    def is_denied(self) -> bool:
        """Whether our key was refused lately (401, 403), and nothing has succeeded since."""
        return time.monotonic() < self._denied_until

    async def answer(self, provider_id: str, session: Mapping[str, Any]) -> Answered | AnswerFailed:
        """Accept the call with a session config."""
        limit = self._limits.accept
        return answer_event(await self._ask("accept", provider_id, limit, {**_REALTIME, **session}))

    async def reject(self, provider_id: str, status_code: int) -> RejectSettled:
        """Refuse the call with a SIP code."""
        body = {"status_code": status_code}
        return reject_event(await self._ask("reject", provider_id, self._limits.reject, body))

    async def transfer(
        self, provider_id: str, target_uri: str
    ) -> TransferUnproven | TransferFailed:
        """Send a REFER to the caller's side; its outcome is never reported (rule 10)."""
        body = {"target_uri": target_uri}
        return transfer_event(await self._ask("refer", provider_id, self._limits.refer, body))

    async def hang_up(self, provider_id: str) -> LineEnded | HangUpFailed:
        """End the call."""
        return hang_up_event(await self._ask("hangup", provider_id, self._limits.hang_up))

    async def warm(self) -> None:
        """Run the SDK once for each verb, without a network: its first request takes 100 ms."""
        await self._forms.learn()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()
        await self._forms.close()

    async def _ask(
        self, verb: str, provider_id: str, limit: float, body: Mapping[str, Any] | None = None
    ) -> Reply:
        form = await self._forms.of(verb)
        content = None if body is None else msgspec.json.encode(body)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                reply = await self._transport.post(form.url(provider_id), form.headers, content)
        except TimeoutError:
            reply = Reply(fault=Fault.TIMEOUT)
        self._note(verb, reply, time.perf_counter() - started)
        return reply

    def _note(self, verb: str, reply: Reply, seconds: float) -> None:
        self._meter.request(verb, reply.label, seconds)
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
