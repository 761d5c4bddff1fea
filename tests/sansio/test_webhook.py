"""The verifier against the published vectors, the two libraries, and everything that is not so."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from controller.errors import ConfigurationError, SignatureError
from controller.sansio.webhook import (
    Secret,
    Signed,
    decode_secrets,
    verify,
)

if TYPE_CHECKING:
    pass

NOW = 1_750_861_210.0
SECRET_TEXT = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_TEXT = "whsec_" + base64.b64encode(bytes(range(100, 140))).decode()
(SECRET,) = decode_secrets(SECRET_TEXT)
(OTHER,) = decode_secrets(OTHER_TEXT)
BODY = b'{"type":"x"}'


def mac(
    body: bytes = BODY,
    *,
    secret: Secret = SECRET,
    webhook_id: str = "wh_1",
    timestamp: str = "1750861210",
) -> str:
    """Sign as the specification says, without any code of ours."""
    content = f"{webhook_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body
    return base64.b64encode(hmac.digest(secret.key, content, "sha256")).decode()


def signed(
    body: bytes = BODY,
    *,
    secret: Secret = SECRET,
    webhook_id: str = "wh_1",
    timestamp: str = "1750861210",
) -> dict[str, str]:
    code = mac(body, secret=secret, webhook_id=webhook_id, timestamp=timestamp)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{code}",
    }


def refusal(headers: dict[str, str], body: bytes = BODY, *, now: float = NOW) -> str:
    with pytest.raises(SignatureError) as refused:
        verify(headers, body, secrets=[SECRET], now=now)
    return refused.value.reason


# Published vectors

VECTORS = {
    "standard-webhooks libraries": (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    "standard-webhooks rust": (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        b'{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
    "openai": (
        "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=",
        "wh_685c059ae39c8190af8c71ed1022a24d",
        1750861210,
        (
            b'{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", '
            b'"created_at": 1750861210, "type": "response.completed", "data": {"id": "resp_123"}}'
        ),
        "v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY=",
    ),
}
WRONG_SIGNATURES = {
    "last character changed": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=",
    "wrong key": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
    "not base64": "v1,dawfeoifkpqwoekfpqoekf",
    "nothing after the version": "v1,",
    "another version": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "the asymmetric version": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "no version": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "an empty version": ",g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "padding lost": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",
    "a second comma": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=,",
}


@pytest.mark.parametrize("name", VECTORS)
def test_published_vector_verifies(name: str) -> None:
    secret, webhook_id, timestamp, body, signature = VECTORS[name]
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }

    result = verify(headers, body, secrets=decode_secrets(secret), now=timestamp)

    assert result == Signed(webhook_id, timestamp, 0)


@pytest.mark.parametrize("name", WRONG_SIGNATURES)
def test_wrong_signature_of_a_published_vector_is_refused(name: str) -> None:
    secret, webhook_id, timestamp, body, _ = VECTORS["standard-webhooks libraries"]
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": WRONG_SIGNATURES[name],
    }

    with pytest.raises(SignatureError) as refused:
        verify(headers, body, secrets=decode_secrets(secret), now=timestamp)

    assert refused.value.reason == "signature_mismatch"


# Rows of the table of bad input


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_header_is_refused(name: str) -> None:
    headers = signed()
    del headers[name]

    assert refusal(headers) == name.replace("-", "_") + "_missing"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_empty_header_is_missing(name: str) -> None:
    assert refusal(signed() | {name: ""}) == name.replace("-", "_") + "_missing"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_repeated_header_is_refused_even_when_the_values_agree(name: str) -> None:
    headers = CIMultiDict(signed())
    headers.add(name.upper(), headers[name])

    with pytest.raises(SignatureError) as refused:
        verify(CIMultiDictProxy(headers), BODY, secrets=[SECRET], now=NOW)

    assert refused.value.reason == name.replace("-", "_") + "_repeated"


def test_header_names_are_read_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed().items()} | {"Host": "example.net"}

    assert verify(headers, BODY, secrets=[SECRET], now=NOW).webhook_id == "wh_1"


def test_non_ascii_signature_is_a_mismatch() -> None:
    assert refusal(signed() | {"webhook-signature": "v1,é"}) == "signature_mismatch"


def test_lone_surrogate_in_the_signature_is_a_mismatch() -> None:
    assert refusal(signed() | {"webhook-signature": "v1,\udcff"}) == "signature_mismatch"


@pytest.mark.parametrize("webhook_id", ["wh_\udcff", "wh_é", "wh 1", "wh\x00", "w" * 257])
def test_webhook_id_that_is_not_short_visible_ascii_is_refused_though_signed(
    webhook_id: str,
) -> None:
    assert refusal(signed(webhook_id=webhook_id)) == "webhook_id_malformed"


def test_longest_webhook_id_is_accepted() -> None:
    headers = signed(webhook_id="w" * 256)

    assert verify(headers, BODY, secrets=[SECRET], now=NOW).webhook_id == "w" * 256


@pytest.mark.parametrize(
    "timestamp",
    [
        "1750861210.9",
        "17_50861210",
        "+1750861210",
        " 1750861210",
        "1750861210 ",
        "-1750861210",
        "nan",
        "inf",
        "1e9",
        "٠١٢٣",
        "1750861210²",
        "0" * 5000 + "1750861210",
        "0" * 6 + "1750861210",
    ],
)
def test_timestamp_other_than_few_digits_is_refused_though_signed(timestamp: str) -> None:
    assert refusal(signed(timestamp=timestamp)) == "webhook_timestamp_malformed"


def test_text_of_the_timestamp_is_what_is_signed() -> None:
    headers = signed(timestamp="01750861210")

    assert verify(headers, BODY, secrets=[SECRET], now=NOW).webhook_timestamp == 1750861210
    assert refusal(headers | {"webhook-timestamp": "1750861210"}) == "signature_mismatch"


@pytest.mark.parametrize("offset", [-300.0, 300.0, 300.9])
def test_timestamp_at_the_tolerance_is_accepted(offset: float) -> None:
    verify(signed(), BODY, secrets=[SECRET], now=NOW + offset)


def test_timestamp_beyond_the_tolerance_is_refused() -> None:
    assert refusal(signed(), now=NOW + 301) == "timestamp_too_old"
    assert refusal(signed(), now=NOW - 301) == "timestamp_too_new"
    assert refusal(signed(), now=NOW - 300.5) == "timestamp_too_new"


def test_tolerance_is_the_callers_choice() -> None:
    verify(signed(), BODY, secrets=[SECRET], now=NOW + 1000, tolerance=1000)


@pytest.mark.parametrize(
    "junk",
    ["v1,a", "v1", "v1,,", "junk", "v1,é", "v1,\udcff", "v2,abc", "v1a,abc", ",", "v1,AAAA"],
)
@pytest.mark.parametrize("separator", [" ", "\t", " \t "])
def test_malformed_entry_hides_no_good_one(junk: str, separator: str) -> None:
    good = "v1," + mac()
    for entries in ([junk, good], [good, junk], [junk, good, junk]):
        headers = signed() | {"webhook-signature": separator.join(entries)}

        verify(headers, BODY, secrets=[SECRET], now=NOW)


def test_over_long_signature_header_is_refused_though_it_holds_a_good_one() -> None:
    headers = signed() | {"webhook-signature": "v1," + mac() + " x" * 1024}

    assert refusal(headers) == "webhook_signature_malformed"


def test_body_is_signed_as_bytes_whatever_they_are() -> None:
    for body in (b"", b"\xff\xfe\x00", '{"synthetic": "café"}'.encode()):
        verify(signed(body), body, secrets=[SECRET], now=NOW)


def test_another_body_is_refused() -> None:
    assert refusal(signed(), BODY + b" ") == "signature_mismatch"


def test_another_webhook_id_is_refused() -> None:
    assert refusal(signed() | {"webhook-id": "wh_2"}) == "signature_mismatch"


def test_every_secret_is_tried_and_the_one_that_signed_is_named() -> None:
    result = verify(signed(secret=OTHER), BODY, secrets=[SECRET, OTHER], now=NOW)

    assert result.secret_index == 1


def test_during_a_rotation_the_sender_signs_twice_and_one_known_secret_suffices() -> None:
    both = f"v1,{mac(secret=OTHER)} v1,{mac()}"

    verify(signed() | {"webhook-signature": both}, BODY, secrets=[SECRET], now=NOW)


def test_without_a_secret_nothing_verifies() -> None:
    headers = signed(secret=Secret(b""))

    with pytest.raises(SignatureError):
        verify(headers, BODY, secrets=[], now=NOW)


def test_errors_tell_nothing_of_secret_payload_or_signature() -> None:
    body = b'{"private": "words"}'
    with pytest.raises(SignatureError) as refused:
        verify(signed(body, secret=OTHER), body, secrets=[SECRET], now=NOW)

    assert str(refused.value) == "signature_mismatch"
    assert refused.value.__cause__ is None


# Secrets


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n", "\t ,,"])
def test_secrets_are_separated_by_white_space_or_commas(separator: str) -> None:
    assert decode_secrets(separator.join((SECRET_TEXT, OTHER_TEXT))) == (SECRET, OTHER)


def test_white_space_round_the_secrets_is_ignored() -> None:
    assert decode_secrets(f"\n{SECRET_TEXT}\n") == (SECRET,)


@pytest.mark.parametrize("size", [24, 25, 26, 64])
def test_secret_decodes_with_and_without_padding(size: int) -> None:
    key = bytes(range(size))
    text = "whsec_" + base64.b64encode(key).decode()

    assert decode_secrets(text) == decode_secrets(text.rstrip("=")) == (Secret(key),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there is no secret"),
        (" , ", "there is no secret"),
        ("whsec_", "fewer than 24 bytes"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "fewer than 24 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "more than 64 bytes"),
        (SECRET_TEXT.removeprefix("whsec_"), "does not start with whsec_"),
        ("WHSEC_" + SECRET_TEXT.removeprefix("whsec_"), "does not start with whsec_"),
        ("whsec_" + "A" * 33, "is not base64"),
        ("whsec_" + "-_" * 20, "is not base64"),
        ("whsec_" + "é" * 40, "is not base64"),
        (SECRET_TEXT + SECRET_TEXT, "is not base64"),
    ],
)
def test_unusable_secret_stops_the_start(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        decode_secrets(text)


def test_every_unusable_secret_is_named_by_position_and_none_is_shown() -> None:
    with pytest.raises(ConfigurationError) as stopped:
        decode_secrets(f"whsec_QUJD {SECRET_TEXT} swordfish")

    message = str(stopped.value)
    assert len(stopped.value.problems) == 2
    assert "secret 1 of 3" in message
    assert "secret 3 of 3" in message
    assert "QUJD" not in message
    assert "swordfish" not in message


def test_repr_of_a_secret_hides_it() -> None:
    assert repr(SECRET) == "Secret()"


def test_a_secret_of_another_place_is_named_after_it() -> None:
    with pytest.raises(ConfigurationError, match=r"^signing_secret: there is no secret in it"):
        decode_secrets("", variable="signing_secret")
    with pytest.raises(ConfigurationError, match=r"^signing_secret: secret 1 of 1"):
        decode_secrets("x", variable="signing_secret")
