"""The floor: the least that an aiohttp program must do with a call, for `controller bench`.

It verifies a delivery, remembers its call, answers 200, accepts, attaches, greets, and answers the
tool call of a completed `response.done`. It has no policy, no states, no deadlines, no limits, no
ledger, no log: nobody should answer a telephone with it. What our service costs beyond it is the
price of all that.

Environment: `OPENAI_API_KEY`, `OPENAI_WEBHOOK_SECRET`, `OPENAI_BASE_URL`. Argument: the port.
"""

from __future__ import annotations

import asyncio
import base64
import bisect
import hashlib
import hmac
import json
import os
import ssl
import sys
import time
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

HEARTBEAT = 20.0
"""Seconds between pings on a sideband: as ours."""
LAG_INTERVAL = 0.25
"""Seconds between two probes of the event loop: as ours."""
LAG_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.25, 1.0)
"""Seconds: as ours, so that both read alike."""
TOLERANCE = 300

SESSION = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "instructions": "You are the receptionist of Acme Dental.",
    "audio": {"output": {"voice": "marin"}},
    "tools": [
        {
            "type": "function",
            "name": "opening_hours",
            "description": "Opening hours for a day of the week.",
            "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
        }
    ],
}
GREETING = {
    "type": "response.create",
    "response": {"instructions": "Thank the caller for calling."},
}


class Floor:
    """The whole program."""

    def __init__(self, base_url: str, api_key: str, secret: str) -> None:
        self.key = base64.b64decode(secret.removeprefix("whsec_"))
        self.base_url = base_url
        tls = ssl.create_default_context()
        headers = {"Authorization": f"Bearer {api_key}"}
        # Two sessions: a sideband would take the warm connection away from the next accept.
        self.rest, self.sockets = (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=300),
                headers=headers,
            )
            for _ in range(2)
        )
        self.seen: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.lags = [0] * (len(LAG_BUCKETS) + 1)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/openai/webhook", self.receive)
        app.router.add_get("/livez", self.live)
        app.router.add_get("/metrics", self.metrics)
        return app

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self.is_signed(request, body):
            return web.Response(status=400)
        event = json.loads(body)
        if event["type"] != "realtime.call.incoming":
            return web.Response()
        call_id = event["data"]["call_id"]
        if call_id not in self.seen:
            self.seen.add(call_id)
            task = asyncio.create_task(self.drive(call_id))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return web.Response()

    def is_signed(self, request: web.Request, body: bytes) -> bool:
        timestamp = request.headers["webhook-timestamp"]
        if abs(time.time() - int(timestamp)) > TOLERANCE:
            return False
        signed = f"{request.headers['webhook-id']}.{timestamp}.".encode() + body
        right = base64.b64encode(hmac.digest(self.key, signed, hashlib.sha256)).decode()
        entries = request.headers["webhook-signature"].split(" ")
        return any(hmac.compare_digest(entry, f"v1,{right}") for entry in entries)

    async def drive(self, call_id: str) -> None:
        url = f"{self.base_url}/realtime/calls/{call_id}/accept"
        async with self.rest.post(url, json=SESSION) as answer:
            await answer.read()
            if answer.status != 200:
                return
        async with self.sockets.ws_connect(
            f"{self.base_url.replace('http', 'ws', 1)}/realtime?call_id={call_id}",
            heartbeat=HEARTBEAT,
            compress=0,
        ) as socket:
            async for message in socket:
                event = json.loads(message.data)
                if event["type"] == "session.created":
                    await socket.send_json(GREETING)
                elif event["type"] == "response.done":
                    await self.give_outputs(socket, event["response"])

    async def give_outputs(
        self, socket: aiohttp.ClientWebSocketResponse[Any], response: dict[str, Any]
    ) -> None:
        calls = [item for item in response["output"] if item["type"] == "function_call"]
        if response["status"] != "completed" or not calls:
            return
        for call in calls:
            item = {
                "type": "function_call_output",
                "call_id": call["call_id"],
                "output": "nine to five",
            }
            await socket.send_json({"type": "conversation.item.create", "item": item})
        await socket.send_json({"type": "response.create"})

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.rest.close()
        await self.sockets.close()

    async def live(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def metrics(self, _request: web.Request) -> web.Response:
        lines, total = [], 0
        for bound, count in zip((*map(str, LAG_BUCKETS), "+Inf"), self.lags, strict=True):
            total += count
            lines.append(f'controller_event_loop_lag_seconds_bucket{{le="{bound}"}} {total}')
        return web.Response(text="\n".join(lines))

    async def probe(self) -> None:
        while True:
            due = time.perf_counter() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            self.lags[bisect.bisect_left(LAG_BUCKETS, time.perf_counter() - due)] += 1


async def main(port: int) -> None:
    floor = Floor(
        os.environ["OPENAI_BASE_URL"],
        os.environ["OPENAI_API_KEY"],
        os.environ["OPENAI_WEBHOOK_SECRET"],
    )
    runner = web.AppRunner(floor.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)  # noqa: T201 - awaited by the bench
    await floor.probe()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
