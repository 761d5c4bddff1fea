"""The verifier beside the two libraries that exist, and against input that no sender makes."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import time
from typing import TYPE_CHECKING

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from controller.errors import SignatureError
from controller.sansio.webhook import decode_secrets, sign, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_750_861_210.0
SECRET_TEXT = "whsec_" + base64.b64encode(bytes(range(32))).decode()
(SECRET,) = decode_secrets(SECRET_TEXT)
BODY = b'{"type":"x"}'


def mac(body: bytes, *, webhook_id: str, timestamp: str) -> str:
    """Sign as the specification says, without any code of ours."""
    content = f"{webhook_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body
    return base64.b64encode(hmac.digest(SECRET.key, content, "sha256")).decode()


def signed(timestamp: str = "1750861210") -> dict[str, str]:
    return {
        "webhook-id": "wh_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + mac(BODY, webhook_id="wh_1", timestamp=timestamp),
    }


# Against the two libraries


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="unused") as client:
        yield client


def openai_accepts(sdk: openai.OpenAI, headers: dict[str, str], body: bytes) -> bool:
    try:
        sdk.webhooks.verify_signature(body, headers, secret=SECRET_TEXT)
    except openai.InvalidWebhookSignatureError:
        return False
    return True


def standardwebhooks_accepts(headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(SECRET_TEXT).verify(body, headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def we_accept(headers: dict[str, str], body: bytes) -> bool:
    try:
        verify(headers, body, secrets=[SECRET], now=time.time())
    except SignatureError:
        return False
    return True


webhook_ids = st.from_regex(r"\A(wh|msg)_[0-9A-Za-z]{1,32}\Z")
bodies = st.text(max_size=200).map(lambda text: json.dumps({"text": text}).encode())
# Clear of the limit by ten seconds: the libraries read the clock themselves, a moment later.
offsets = st.integers(-290, 290) | st.sampled_from([-100_000, -310, 310, 100_000])
well_formed_macs = st.binary(min_size=32, max_size=32).map(
    lambda code: base64.b64encode(code).decode()
)


@given(
    webhook_id=webhook_ids,
    body=bodies,
    offset=offsets,
    before=st.lists(well_formed_macs, max_size=2),
    genuine=st.booleans(),
    after=st.lists(well_formed_macs, max_size=2),
)
def test_well_formed_deliveries_are_accepted_iff_both_libraries_accept_them(
    *,
    sdk: openai.OpenAI,
    webhook_id: str,
    body: bytes,
    offset: int,
    before: list[str],
    genuine: bool,
    after: list[str],
) -> None:
    timestamp = str(int(time.time()) + offset)
    right = [mac(body, webhook_id=webhook_id, timestamp=timestamp)] if genuine else []
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{code}" for code in [*before, *right, *after])
        or "v2,AAAA",
    }

    accepted = we_accept(headers, body)

    assert accepted == (genuine and abs(offset) <= 300)
    assert accepted == openai_accepts(sdk, headers, body)
    assert accepted == standardwebhooks_accepts(headers, body)


# Whatever comes

any_text = st.text(st.characters(exclude_categories=[]), max_size=60)
around = any_text | st.sampled_from(["", " ", "\t", ",", "v1,", " v1,a ", "0", "\udcff"])
changed_headers = st.fixed_dictionaries(
    {},
    optional={
        name: any_text | st.builds("{}{}{}".format, around, st.just(value), around)
        for name, value in signed().items()
    },
)


@given(
    changes=changed_headers,
    others=st.dictionaries(any_text, any_text, max_size=2),
    body=st.just(BODY) | st.binary(max_size=40),
    now=st.just(NOW) | st.floats(0, 4e9),
)
def test_any_delivery_is_either_signed_by_us_or_signature_error_and_nothing_else(
    changes: dict[str, str], others: dict[str, str], body: bytes, now: float
) -> None:
    headers = others | signed() | changes
    with contextlib.suppress(SignatureError):
        result = verify(headers, body, secrets=[SECRET], now=now)
        right = mac(body, webhook_id=result.webhook_id, timestamp=headers["webhook-timestamp"])
        assert f"v1,{right}" in headers["webhook-signature"].split()
        assert abs(now - result.webhook_timestamp) <= 301


@given(timestamp=any_text | st.from_regex(r"\A[0-9_+. -]{1,30}\Z"))
def test_any_signed_timestamp_gives_a_result_or_signature_error(timestamp: str) -> None:
    try:
        headers = signed(timestamp)
    except UnicodeEncodeError:  # a surrogate that no header can carry
        headers = signed() | {"webhook-timestamp": timestamp}
    try:
        result = verify(headers, BODY, secrets=[SECRET], now=NOW)
    except SignatureError:
        return
    assert abs(result.webhook_timestamp - NOW) <= 300


@given(st.text(), st.lists(st.binary(max_size=20), min_size=1, max_size=3))
def test_what_we_sign_is_what_the_specification_says(
    webhook_id: str, payloads: list[bytes]
) -> None:
    headers = dict(sign([SECRET], *payloads, webhook_id=webhook_id, timestamp=1750861210))

    assert headers["webhook-id"] == webhook_id
    assert headers["webhook-signature"].split(" ") == [
        "v1," + mac(payload, webhook_id=webhook_id, timestamp="1750861210") for payload in payloads
    ]


def test_the_library_believes_what_we_sign() -> None:
    headers = dict(sign([SECRET], b"{}", BODY, webhook_id="tool_1", timestamp=int(time.time())))

    assert Webhook(SECRET_TEXT).verify(BODY, headers) == {"type": "x"}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET_TEXT).verify(BODY + b" ", headers)
