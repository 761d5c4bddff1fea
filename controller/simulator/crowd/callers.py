"""The callers: signed deliveries at a pace, and what has become of each."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, TypeAlias

import aiohttp
import msgspec

from controller.errors import SimulatorError
from controller.simulator.crowd.far_end import CrowdCall, FarEnd
from controller.simulator.crowd.timing import now
from controller.simulator.webhooks import sign, signing_key

SETTLE_LIMIT: Final = 20.0
"""Seconds after the last arrival until every call must have been greeted."""

Predicate: TypeAlias = Callable[[CrowdCall], bool]

_ANSWER_LIMIT: Final = 10.0
_POLL: Final = 0.05
_OK: Final = 200


class Callers:
    """Rings the service for a crowd of calls.

    Args:
        far_end: where the calls are accepted.
        webhook_url: where the service takes deliveries.
        secret: `whsec_…`.
        seed: makes the arrivals the same in every run.
    """

    def __init__(self, far_end: FarEnd, webhook_url: str, *, secret: str, seed: int = 2) -> None:
        self._far_end = far_end
        self._url = webhook_url
        self._key = signing_key(secret)
        self._random = random.Random(seed)
        # Kept warm as a sender keeps it; without a limit, so that no delivery waits for another.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        )
        self._count = 0
        self.held: list[CrowdCall] = []

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._http.close()

    async def place(self, count: int, per_second: float) -> list[CrowdCall]:
        """Place calls and wait until each was greeted, or should have been; they stay held.

        One call arrives in each slot of `1 / per_second`, at a random instant of it: evenly spaced
        arrivals would keep step with the service's own timers.

        Raises:
            SimulatorError: the service answered a delivery with something other than 200.
        """
        began_at = now()
        calls: list[CrowdCall] = []
        async with asyncio.TaskGroup() as deliveries:
            for number in range(count):
                due = began_at + (number + self._random.random()) / per_second
                await asyncio.sleep(max(0.0, due - now()))
                self._count += 1
                call = self._far_end.ring(f"rtc_u0_{self._count:08x}")
                calls.append(call)
                deliveries.create_task(self._deliver(call))
        self.held += calls
        await self._until_greeted(calls)
        return calls

    async def ask_tools(self, count: int, per_second: float) -> list[CrowdCall]:
        """Let callers of `count` held calls ask for what needs a tool; wait for the outputs."""
        step = max(1, len(self.held) // max(1, count))
        asked = [call for call in self.held[::step] if call.socket is not None][:count]
        for call in asked:
            await self._far_end.ask_tool(call)
            await asyncio.sleep(1 / per_second)
        await self._until(lambda call: call.instants.tool_answered_at is not None, asked)
        return asked

    async def let_go(self) -> None:
        """Let every caller hang up."""
        held, self.held = self.held, []
        for call in held:
            await self._far_end.let_go(call)

    async def _deliver(self, call: CrowdCall) -> None:
        delivery = sign(
            [self._key], f"wh_{call.call_id}", str(int(time.time())), self._event(call.call_id)
        )
        headers = {name.decode(): value.decode() for name, value in delivery.headers}
        call.instants.posted_at = now()
        async with (
            asyncio.timeout(_ANSWER_LIMIT),
            self._http.post(self._url, data=delivery.body, headers=headers) as answer,
        ):
            await answer.read()
            if answer.status != _OK:
                raise SimulatorError(f"the service answered a delivery with {answer.status}")
            call.instants.acknowledged_at = now()

    def _event(self, call_id: str) -> bytes:
        caller = f"+1202555{100 + self._count % 100:04d}"
        headers = {
            "Via": "SIP/2.0/TLS 203.0.113.7:5061;branch=z9hG4bK7d1f0c2a",
            "From": f'"Caller" <sip:{caller}@trunk.example.net>;tag=5f2c',
            "To": "<sip:+12025550100@sip.example.com>",
            "Call-ID": f"{call_id}@203.0.113.7",
            "CSeq": "4711 INVITE",
            "Contact": f"<sip:{caller}@203.0.113.7:5061;transport=tls>",
            "P-Asserted-Identity": f"<sip:{caller}@trunk.example.net>",
            "Max-Forwards": "69",
            "Allow": "INVITE, ACK, CANCEL, BYE, REFER, OPTIONS",
            "Supported": "timer, 100rel",
            "User-Agent": "SBC/9.3",
        }
        pairs = [{"name": name, "value": value} for name, value in headers.items()]
        event = {
            "object": "event",
            "id": f"evt_{call_id}",
            "type": "realtime.call.incoming",
            "created_at": int(time.time()),
            "data": {"call_id": call_id, "sip_headers": pairs, "sip_media_security": "srtp"},
        }
        return msgspec.json.encode(event)

    async def _until_greeted(self, calls: list[CrowdCall]) -> None:
        await self._until(lambda call: call.instants.heard_at is not None, calls)

    @staticmethod
    async def _until(holds: Predicate, calls: list[CrowdCall]) -> None:
        """Wait until something holds of all, but not for ever: what is missing is counted."""
        for _ in range(int(SETTLE_LIMIT / _POLL)):
            if all(holds(call) or call.is_over for call in calls):
                return
            await asyncio.sleep(_POLL)
