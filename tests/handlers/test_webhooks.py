from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient

from controller.errors import MalformedDelivery
from controller.handlers.webhooks import MAX_BODY_BYTES, WebhookHandler
from controller.sansio.webhook import MAX_LOGGED, Signed, decode_secrets

KEY = bytes(range(32))
SECRETS = decode_secrets("whsec_" + base64.b64encode(KEY).decode())
PATH = "/openai/webhook"

Client = TestClient[web.Request, web.Application]
Serve = Callable[[web.Application], Awaitable[Client]]


@dataclass
class FakeReception:
    result: str = "accepted"
    received: list[tuple[Signed, bytes, float]] = field(default_factory=list)

    async def receive(self, signed: Signed, body: bytes, received_at: float) -> str:
        self.received.append((signed, body, received_at))
        if self.result == "malformed":
            raise MalformedDelivery("unexpected_shape")
        return self.result


def signed_headers(body: bytes, *, webhook_id: str = "wh_1") -> dict[str, str]:
    timestamp = str(int(time.time()))
    digest = hmac.digest(KEY, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


class StoppedClock:
    def now(self) -> float:
        return 1_000_000.0


@pytest.fixture
def reception() -> FakeReception:
    return FakeReception()


@pytest.fixture
async def client(serve: Serve, reception: FakeReception, clock: Any, meter: Any) -> Client:
    app = web.Application()
    WebhookHandler(
        reception=reception, secrets=SECRETS, clock=clock, meter=meter, body_timeout=0.2
    ).add_to(app)
    return await serve(app)


async def reason_of(answer: Any) -> str:
    assert answer.content_type == "application/json"
    body = await answer.json()
    assert list(body) == ["error"]
    return str(body["error"])


async def test_a_signed_delivery_is_handed_on_as_it_came(
    client: Client, reception: FakeReception, meter: Any
) -> None:
    body = '{"type": "café"}'.encode()
    before = time.time()
    answer = await client.post(PATH, data=body, headers=signed_headers(body))

    assert answer.status == 200
    assert await answer.read() == b""
    ((signed, received, received_at),) = reception.received
    assert signed.webhook_id == "wh_1"
    assert received == body
    assert before <= received_at <= time.time()
    assert meter.deliveries == ["accepted"]
    assert len(meter.acknowledgements) == 1


@pytest.mark.parametrize("result", ["rejected", "duplicate", "stale", "unhandled", "ignored"])
async def test_whatever_becomes_of_a_verified_delivery_it_is_answered_200(
    client: Client, reception: FakeReception, meter: Any, result: str
) -> None:
    reception.result = result
    answer = await client.post(PATH, data=b"{}", headers=signed_headers(b"{}"))

    assert answer.status == 200
    assert meter.deliveries == [result]


async def test_a_forged_delivery_is_refused_and_goes_nowhere(
    client: Client, reception: FakeReception, meter: Any
) -> None:
    headers = signed_headers(b"{}") | {"webhook-signature": "v1,AAAA"}
    answer = await client.post(PATH, data=b"{}", headers=headers)

    assert answer.status == 400
    assert await reason_of(answer) == "signature_mismatch"
    assert reception.received == []
    assert meter.deliveries == ["forged"]
    assert meter.acknowledgements == []


async def test_a_delivery_without_headers_is_refused(client: Client) -> None:
    answer = await client.post(PATH, data=b"{}")

    assert answer.status == 400
    assert await reason_of(answer) == "webhook_id_missing"


async def test_a_signed_delivery_of_another_shape_is_refused(
    client: Client, reception: FakeReception, meter: Any
) -> None:
    reception.result = "malformed"
    answer = await client.post(PATH, data=b"[]", headers=signed_headers(b"[]"))

    assert answer.status == 400
    assert await reason_of(answer) == "unexpected_shape"
    assert meter.deliveries == ["malformed"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity", "nonsense", ""])
async def test_any_content_encoding_is_refused(
    client: Client, reception: FakeReception, coding: str
) -> None:
    body = gzip.compress(b"{}")
    headers = signed_headers(body) | {"Content-Encoding": coding}
    answer = await client.post(PATH, data=body, headers=headers)

    assert answer.status == 400
    assert reception.received == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_exactly_the_limit_passes(client: Client, *, chunked: bool) -> None:
    body = b"x" * MAX_BODY_BYTES
    answer = await client.post(
        PATH, data=_parts(body) if chunked else body, headers=signed_headers(body)
    )
    assert answer.status == 200


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(
    client: Client, reception: FakeReception, *, chunked: bool
) -> None:
    body = b"x" * (MAX_BODY_BYTES + 1)
    answer = await client.post(
        PATH, data=_parts(body) if chunked else body, headers=signed_headers(body)
    )
    assert answer.status == 413
    assert await reason_of(answer) == "body_too_large"
    assert reception.received == []


async def test_a_body_that_is_announced_too_long_is_not_waited_for(client: Client) -> None:
    length = f"Content-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
    answer = await exchange(client, HEAD + length.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")  # and not 408


async def _parts(body: bytes) -> Any:
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_another_method_is_answered_405(client: Client, method: str) -> None:
    answer = await client.request(method, PATH)
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


async def exchange(client: Client, *parts: bytes) -> bytes:
    """Send raw bytes, wait for the answer to end or the server to close, return it."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


HEAD = b"POST /openai/webhook HTTP/1.1\r\nHost: x\r\n"


async def test_a_body_that_does_not_come_is_given_up(client: Client, meter: Any) -> None:
    answer = await exchange(client, HEAD + b"Content-Length: 10\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert meter.deliveries == ["refused"]


@pytest.mark.parametrize(
    "raw",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X: " + b"y" * 9000 + b"\r\n\r\n",
        b"X\x00: y\r\n\r\n",
    ],
)
async def test_broken_http_is_answered_400(client: Client, raw: bytes) -> None:
    assert (await exchange(client, HEAD + raw)).split()[1] == b"400"


async def test_raw_bytes_in_a_header_are_no_error_of_ours(client: Client) -> None:
    raw = b"webhook-id: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}"
    assert (await exchange(client, HEAD + raw)).split()[1] == b"400"


async def test_a_sender_that_hangs_up_in_mid_body_is_counted(
    reception: FakeReception, clock: Any, meter: Any
) -> None:
    app = web.Application()
    WebhookHandler(reception=reception, secrets=SECRETS, clock=clock, meter=meter).add_to(app)
    # aiohttp's TestServer cancels a handler whose client has gone; a real server does not.
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(HEAD + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await runner.cleanup()
    assert meter.deliveries == ["refused"]


@pytest.mark.parametrize(("wall", "status"), [(time.time, 200), (lambda: 0.0, 400)])
async def test_a_timestamp_is_judged_by_the_wall_clock(
    serve: Serve, reception: FakeReception, meter: Any, wall: Callable[[], float], status: int
) -> None:
    """A clock that only goes on is hours behind after a machine has slept."""
    app = web.Application()
    WebhookHandler(
        reception=reception, secrets=SECRETS, clock=StoppedClock(), meter=meter, wall=wall
    ).add_to(app)
    client = await serve(app)

    body = b'{"type": "x"}'
    answer = await client.post(PATH, data=body, headers=signed_headers(body))
    assert answer.status == status


async def test_a_forged_delivery_is_logged_with_its_source_and_nothing_of_its_content(
    client: Client,
) -> None:
    headers = {"webhook-id": "wh_\t" + "x" * 100, "X-Forwarded-For": "1.2.3.4, 198.51.100.7"}
    with structlog.testing.capture_logs() as logs:
        await client.post(PATH, data=b'{"said": "+12025550123"}', headers=headers)

    (entry,) = logs
    assert entry == {
        "event": "delivery",
        "log_level": "warning",
        "result": "forged",
        "reason": "webhook_timestamp_missing",
        "source": "198.51.100.7",
        "content_length": 24,
        "webhook_id": ("wh_?" + "x" * 100)[:MAX_LOGGED],
    }


@pytest.mark.parametrize(
    ("result", "levels"),
    [("stale", ["warning"]), ("duplicate", ["info"]), ("accepted", []), ("rejected", [])],
)
async def test_a_delivery_has_one_line_unless_its_call_has(
    client: Client, reception: FakeReception, result: str, levels: list[str]
) -> None:
    reception.result = result
    with structlog.testing.capture_logs() as logs:
        await client.post(PATH, data=b"{}", headers=signed_headers(b"{}"))

    assert [entry["log_level"] for entry in logs] == levels
