"""Deliveries, checked with the two libraries that verify real ones."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from standardwebhooks.webhooks import Webhook

from controller.errors import SimulatorError
from controller.simulator import DEFAULT_SECRET, Kind, Scenario, Source
from controller.simulator.webhooks import sign, signature, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("secret", "webhook_id", "timestamp", "body", "expected"),
    [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            b'{"email":"test@example.com","username":"test_user"}',
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ],
)
def test_signature_agrees_with_the_published_vectors(
    secret: str, webhook_id: str, timestamp: str, body: bytes, expected: str
) -> None:
    assert signature(signing_key(secret), webhook_id, timestamp, body) == expected


@pytest.mark.parametrize("secret", ["", "whsec_", "sk-1", "whsec_&&&", "c2VjcmV0"])
def test_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(SimulatorError):
        signing_key(secret)


def test_each_key_signs_during_a_rotation() -> None:
    keys = [signing_key(DEFAULT_SECRET), signing_key(SECOND_SECRET)]
    delivery = sign(keys, "wh_1", "1614265330", b"{}")
    assert len(dict(delivery.headers)[b"webhook-signature"].split(b" ")) == 2


async def test_delivery_satisfies_the_libraries(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=["caller_gives_up"])
    await call.settled()

    headers, body = service.headers[0], service.bodies[0]
    event = Webhook(DEFAULT_SECRET).verify(body, {k.lower(): v for k, v in headers.items()})
    client = openai.OpenAI(api_key="sk-none", webhook_secret=DEFAULT_SECRET)
    unwrapped = client.webhooks.unwrap(body, headers)

    assert unwrapped.type == "realtime.call.incoming"
    assert unwrapped.data.call_id == event["data"]["call_id"] == call.call_id
    assert headers["User-Agent"].startswith("OpenAI/1.0")
    client.close()


def header(event: dict[str, Any], name: str) -> str:
    lines = event["data"]["sip_headers"]
    return next((line["value"] for line in lines if line["name"] == name), "")


@pytest.mark.looptime
async def test_kinds_differ_in_what_the_documents_say(
    serve: Callable[..., Any], virtual_clock: Callable[[], float]
) -> None:
    service = await serve(clock=virtual_clock)
    scenario = Scenario(webhooks=tuple(Kind))
    call = await service.openai.place_call(scenario, faults=["caller_gives_up"])
    await call.settled()

    sent = dict(zip(Kind, service.deliveries, strict=True))
    ids = dict(zip(Kind, (one["webhook-id"] for one in service.headers), strict=True))
    assert sent[Kind.DUPLICATE] == sent[Kind.INCOMING]
    assert ids[Kind.DUPLICATE] == ids[Kind.INCOMING]
    assert sent[Kind.REDELIVERY]["data"] == sent[Kind.INCOMING]["data"]
    assert len({ids[kind] for kind in Kind}) == len(Kind) - 1
    assert sent[Kind.INCOMING]["created_at"] - sent[Kind.LATE]["created_at"] == 600
    assert sent[Kind.LIVE_TWIN]["type"] == "live.transport.incoming"
    assert sent[Kind.LIVE_TWIN]["data"]["type"] == "sip"
    assert sent[Kind.LIVE_TWIN]["data"]["session_id"] == call.live_session_id
    assert "type" not in sent[Kind.LIVE_CALL_TWIN]["data"]
    assert sent[Kind.TEST_EVENT]["data"]["call_id"] != call.call_id
    assert sent[Kind.UNKNOWN_TYPE]["type"] == "realtime.call.pondered"
    assert {header(event, "Call-ID") for event in service.deliveries} == {call.sip_call_id}


@pytest.mark.looptime
async def test_failed_delivery_is_repeated_with_the_same_id_and_a_new_timestamp(
    serve: Callable[..., Any], virtual_clock: Callable[[], float]
) -> None:
    service = await serve(clock=virtual_clock)
    service.statuses = [503, 302]
    call = await service.openai.place_call()
    await call.settled()

    assert [answer.status for answer in call.answers] == [503, 302, 200]
    assert len({one["webhook-id"] for one in service.headers}) == 1
    stamps = [int(one["webhook-timestamp"]) for one in service.headers]
    assert [stamps[1] - stamps[0], stamps[2] - stamps[1]] == [5, 300]


@pytest.mark.looptime
async def test_retries_are_bounded_and_can_be_switched_off(serve: Callable[..., Any]) -> None:
    service = await serve(retry_offsets=())
    service.statuses = [500, 500]
    call = await service.openai.place_call()
    await call.settled()
    assert [answer.status for answer in call.answers] == [500]


@pytest.mark.looptime
async def test_nobody_listening_is_an_answer_without_status(serve: Callable[..., Any]) -> None:
    service = await serve(retry_offsets=())
    service.openai.webhook_url = "http://127.0.0.1:1/openai/webhook"
    call = await service.openai.place_call()
    await call.settled()
    assert [answer.status for answer in call.answers] == [None]


@pytest.mark.looptime
async def test_service_that_does_not_answer_is_given_up(serve: Callable[..., Any]) -> None:
    service = await serve(retry_offsets=())
    open_ends: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(
        lambda _reader, writer: open_ends.append(writer), "127.0.0.1", 0
    )
    port = silent.sockets[0].getsockname()[1]
    service.openai.webhook_url = f"http://127.0.0.1:{port}/openai/webhook"
    call = await service.openai.place_call()
    await call.settled()
    assert [(answer.status, answer.seconds) for answer in call.answers] == [
        (None, pytest.approx(10.0))
    ]
    silent.close()
    for writer in open_ends:
        writer.close()
        await writer.wait_closed()


async def test_headers_of_a_scenario_add_replace_repeat_and_remove(
    serve: Callable[..., Any],
) -> None:
    service = await serve()
    headers = (("X-Tenant", "a"), ("X-Tenant", "b"), ("to", "<tel:+12025550123>"), ("CSeq", ""))
    scenario = Scenario(caller="anonymous", headers=headers)
    call = await service.openai.place_call(scenario, faults=["caller_gives_up"])
    await call.settled()

    lines = [tuple(one.values()) for one in service.deliveries[0]["data"]["sip_headers"]]
    assert lines.count(("X-Tenant", "a")) == lines.count(("X-Tenant", "b")) == 1
    assert ("to", "<tel:+12025550123>") in lines
    assert not {"To", "CSeq"} & {name for name, _ in lines}
    assert "anonymous.invalid" in dict(lines)["From"]


@pytest.mark.parametrize(("given", "sent"), [("srtp", "srtp"), ("", None)])
async def test_media_security_is_sent_where_it_is_known(
    serve: Callable[..., Any], given: str, sent: str | None
) -> None:
    service = await serve()
    scenario = Scenario(media_security=given)
    call = await service.openai.place_call(scenario, faults=["caller_gives_up"])
    await call.settled()
    assert service.deliveries[0]["data"].get("sip_media_security") == sent


async def test_journal_holds_what_was_sent_and_answered(serve: Callable[..., Any]) -> None:
    service = await serve()
    call = await service.openai.place_call(faults=["caller_gives_up"])
    await call.settled()
    (sent,) = service.openai.journal.of(call.call_id, Source.WEBHOOK)
    assert json.loads(service.bodies[0]) == sent.body
