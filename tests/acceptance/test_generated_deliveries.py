"""Ten thousand deliveries that nobody should have sent, over real sockets.

None is answered with a 5xx, and none that is not OpenAI's own reaches OpenAI. The dice are seeded:
a failure names the delivery, and comes back.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from controller.simulator import DEFAULT_SECRET

KEY = base64.b64decode(DEFAULT_SECRET.removeprefix("whsec_"))
CONNECTIONS = 10
PER_CONNECTION = 1_000

Delivery = tuple[list[tuple[bytes, bytes]], bytes]


class Dice(random.Random):
    """Seeded dice, and the time that a delivery is signed for."""

    now = 0


def dice_of(home: Any, seed: int) -> Dice:
    dice = Dice(seed)
    dice.now = int(home.clock.now())
    return dice


def event(dice: Dice) -> dict[str, Any]:
    """Return a right event, of a call that does not exist."""
    return {
        "id": f"evt_{dice.getrandbits(64):x}",
        "object": "event",
        "created_at": dice.now,
        "type": "realtime.call.incoming",
        "data": {
            "call_id": f"rtc_{dice.getrandbits(64):x}",
            "sip_headers": [{"name": "From", "value": "<sip:+12025550101@example.net>"}],
        },
    }


def signed(body: bytes, dice: Dice) -> list[tuple[bytes, bytes]]:
    webhook_id = f"wh_{dice.getrandbits(64):x}".encode()
    timestamp = str(dice.now).encode()
    digest = hmac.digest(KEY, webhook_id + b"." + timestamp + b"." + body, "sha256")
    return [
        (b"webhook-id", webhook_id),
        (b"webhook-timestamp", timestamp),
        (b"webhook-signature", b"v1," + base64.b64encode(digest)),
    ]


def text(dice: Dice, longest: int = 40) -> bytes:
    """Return bytes that may stand in a header, visible or not."""
    allowed = bytes(set(range(256)) - {0, 10, 13})
    return bytes(dice.choices(allowed, k=dice.randrange(longest)))


def junk(dice: Dice) -> Any:
    return dice.choice(
        [None, True, -1, 1e308, "", "x" * 300, "\u202e", [], {}, [[]], {"a": {}}, "1" * 50]
    )


def with_a_broken_header(dice: Dice) -> Delivery:
    body = json.dumps(event(dice)).encode()
    headers = signed(body, dice)
    at = dice.randrange(3)
    name, value = headers[at]
    match dice.randrange(5):
        case 0:
            headers[at] = (name, text(dice))
        case 1:
            del headers[at]
        case 2:
            headers.append((name, value))
        case 3:
            headers[at] = (name, value[:-1] + bytes([value[-1] ^ 1]))
        case _:
            headers[at] = (name, value * 40)
    return headers, body


def with_a_changed_body(dice: Dice) -> Delivery:
    body = bytearray(json.dumps(event(dice)).encode())
    headers = signed(bytes(body), dice)
    body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return headers, bytes(body)


def with_a_signed_body_that_is_no_event(dice: Dice) -> Delivery:
    whole = json.dumps(event(dice)).encode()
    body = dice.choice([
        text(dice, 2000),
        whole[: dice.randrange(len(whole))],
        json.dumps(junk(dice)).encode(),
        b"[" * dice.randrange(50_000),
        b"\xef\xbb\xbf" + whole,
        whole.decode().encode("utf-16"),
    ])  # fmt: skip
    return signed(body, dice), body


def with_a_signed_event_of_another_shape(dice: Dice) -> Delivery:
    changed = event(dice)
    place = dice.choice([changed, changed["data"]])
    key = dice.choice(["id", "created_at", "type"] if place is changed else list(place))
    if dice.random() < 0.3:
        del place[key]
    else:
        place[key] = junk(dice)
    if place is changed and key == "type" and isinstance(changed.get("type"), str):
        changed["type"] = f"unheard.of.{dice.randrange(9)}"
    # An empty list of headers, or a real-looking id, makes a call of it; that is another test.
    if place is not changed and key == "sip_headers" and changed["data"].get(key) == []:
        changed["data"][key] = None
    if place is not changed and key == "call_id" and str(place.get(key, "")).isalnum():
        place[key] = "not/an id"
    if place is changed and key == "id" and str(changed.get("id", "")).isalnum():
        changed["id"] = ""
    body = json.dumps(changed).encode()
    return signed(body, dice), body


def with_an_encoding(dice: Dice) -> Delivery:
    body = json.dumps(event(dice)).encode()
    coding = dice.choice([b"gzip", b"br", b"identity", b"", b"zstd, gzip", text(dice)])
    return [*signed(body, dice), (b"Content-Encoding", coding)], body


def with_a_size(dice: Dice) -> Delivery:
    body = b"x" * dice.choice([0, 1, 262_143, 262_144, 262_145, 300_000])
    return signed(body, dice), body


def with_a_list_of_headers(dice: Dice) -> Delivery:
    body = json.dumps(event(dice)).encode()
    names = [b"X-" + str(number).encode() for number in range(dice.randrange(100))]
    return [(name, text(dice)) for name in names], body


KINDS: list[tuple[int, Callable[[Dice], Delivery]]] = [
    (30, with_a_broken_header),
    (15, with_a_changed_body),
    (20, with_a_signed_body_that_is_no_event),
    (20, with_a_signed_event_of_another_shape),
    (5, with_an_encoding),
    (1, with_a_size),
    (9, with_a_list_of_headers),
]


class Sender:
    """One connection, opened again whenever the service closes it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, delivery: Delivery) -> int:
        headers, body = delivery
        head = b"POST /openai/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(body)
        head += b"".join(b"%b: %b\r\n" % header for header in headers)
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(head + b"\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in answer.split(b"\r\n")[1:-2])
        await reader.readexactly(int(lines.get(b"Content-Length", b"0")))
        status = int(answer.split()[1])
        if (
            not answer.startswith(b"HTTP/1.1")
            or lines.get(b"Connection") == b"close"
            or status == 413
        ):
            await self.close()
        return status

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@asynccontextmanager
async def connected(home: Any) -> AsyncIterator[Sender]:
    host, _, port = home.service.url.removeprefix("http://").partition(":")
    sender = Sender(host, int(port))
    try:
        yield sender
    finally:
        await sender.close()


@pytest.mark.no_cover  # other tests reach every line; tracing would double its time
async def test_none_of_ten_thousand_bad_deliveries_is_a_5xx_or_reaches_openai(house: Any) -> None:
    home = await house()
    statuses: Counter[int] = Counter()

    async def send_many(seed: int) -> None:
        dice = dice_of(home, seed)
        weights = [weight for weight, _ in KINDS]
        async with connected(home) as sender:
            for number in range(PER_CONNECTION):
                ((_, make),) = dice.choices(KINDS, weights)
                status = await sender.send(make(dice))
                assert status < 500, f"{make.__name__}, seed {seed}, number {number}: {status}"
                statuses[status] += 1

    await asyncio.gather(*(send_many(seed) for seed in range(CONNECTIONS)))

    assert statuses.total() == CONNECTIONS * PER_CONNECTION
    assert statuses[400] > statuses.total() / 2
    assert statuses[413] > 0
    assert set(statuses) == {200, 400, 413}  # 200: signed, and of a type that we do not handle
    assert home.requests() == []


@pytest.mark.parametrize("seed", range(4))
async def test_no_list_of_sip_headers_is_an_error_of_ours(house: Any, seed: int) -> None:
    home = await house()
    dice = dice_of(home, seed)
    names = ["From", "To", "Diversion", "P-Asserted-Identity", "Privacy", "Call-ID", "X-Any", "\n"]
    async with connected(home) as sender:
        for _ in range(100):
            offered = event(dice)
            offered["data"]["sip_headers"] = [
                {"name": dice.choice(names), "value": text(dice, 200).decode("latin-1")}
                for _ in range(dice.randrange(30))
            ]
            body = json.dumps(offered).encode()
            assert await sender.send((signed(body, dice), body)) == 200
    # Each of them was a call, and each was told that nobody is there: accepted or rejected.
    assert len(home.requests()) > 0
