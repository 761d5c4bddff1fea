"""Each forgery differs from a right delivery in what its name says, and in nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook

from controller.simulator import DEFAULT_SECRET, EXPECTED_STATUS, Forgery, Scenario
from controller.simulator.forgeries import forge
from controller.simulator.webhooks import post_raw, sign, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.simulator.webhooks import Delivery

NOW = 1_800_000_000
KEY = signing_key(DEFAULT_SECRET)
EVENT = {
    "object": "event",
    "id": "evt_1",
    "type": "realtime.call.incoming",
    "created_at": NOW,
    "data": {"call_id": "rtc_u0_1", "sip_headers": [{"name": "From", "value": "<sip:a@b>"}]},
}

RIGHTLY_SIGNED = {forgery for forgery in Forgery if forgery.name.startswith("BODY_")} | {
    Forgery.NO_TYPE,
    Forgery.NO_CALL_ID,
    Forgery.CALL_ID_NUMBER,
    Forgery.CALL_ID_ENDLESS,
    Forgery.HEADERS_NULL,
    Forgery.HEADERS_STRANGE,
}
RIGHTLY_SIGNED -= {
    Forgery.BODY_CHANGED,
    Forgery.BODY_COMPRESSED,
    Forgery.BODY_COMPRESSED_BROKEN,
}


def forged(forgery: Forgery) -> Delivery:
    return forge(forgery, EVENT, keys=[KEY], webhook_id="wh_1", now=NOW)


def is_signed_by(key: bytes, delivery: Delivery) -> bool:
    """Say whether a plain check of the MAC alone would pass."""
    lines = dict(delivery.headers)
    try:
        webhook_id = lines[b"webhook-id"].decode()
        stamp = lines[b"webhook-timestamp"].decode()
    except (KeyError, UnicodeDecodeError):
        return False
    right = dict(sign([key], webhook_id, stamp, delivery.body).headers)[b"webhook-signature"]
    return lines.get(b"webhook-signature") == right


@pytest.mark.parametrize("forgery", Forgery)
def test_signature_is_right_only_where_the_content_is_what_is_wrong(forgery: Forgery) -> None:
    stamped = forgery.name.startswith("TIMESTAMP_")
    assert is_signed_by(KEY, forged(forgery)) == (forgery in RIGHTLY_SIGNED or stamped)


@pytest.mark.parametrize("forgery", sorted(set(Forgery) - RIGHTLY_SIGNED))
def test_library_refuses_what_is_not_signed_now(forgery: Forgery) -> None:
    delivery = forged(forgery)
    headers = {name.decode(): value.decode("latin-1") for name, value in delivery.headers}
    with pytest.raises(Exception, match=r".*"):
        Webhook(DEFAULT_SECRET).verify(delivery.body, headers)


def test_every_forgery_differs_from_every_other() -> None:
    assert len({(one.headers, one.body) for one in map(forged, Forgery)}) == len(Forgery)


def test_empty_key_is_what_signs_the_forgery_of_that_name() -> None:
    assert is_signed_by(b"", forged(Forgery.EMPTY_KEY))


async def test_forgeries_arrive_byte_for_byte(serve: Callable[..., Any]) -> None:
    service = await serve()
    for forgery in Forgery:
        answer = await service.openai.forge(forgery)
        assert answer.kind == forgery
        # The plain service does not look; aiohttp itself refuses what is no header.
        assert answer.status in {200, 400}, forgery
    assert len(service.bodies) >= len(Forgery) - 2
    assert not service.openai.calls


async def test_forged_call_rings_until_the_caller_gives_up(serve: Callable[..., Any]) -> None:
    service = await serve()
    scenario = Scenario(webhooks=("wrong_secret",))
    call = await service.openai.place_call(scenario, faults=["caller_gives_up"])
    await call.settled()
    assert [one.kind for one in call.answers] == ["wrong_secret"]
    assert json.loads(service.bodies[0])["data"]["call_id"] == call.call_id
    assert not call.was_accepted


async def test_connection_that_closes_without_an_answer_is_an_error(
    serve: Callable[..., Any],
) -> None:
    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectionError):
        await post_raw(f"http://127.0.0.1:{port}/x", forged(Forgery.BODY_EMPTY))
    server.close()
    await server.wait_closed()


def test_only_the_large_body_is_too_large() -> None:
    assert {EXPECTED_STATUS[one] for one in Forgery} == {400, 413}
    assert len(forged(Forgery.BODY_TOO_LARGE).body) > 256 * 1024
