"""The verifier against the published vectors, the two libraries, and everything that is not so."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import time
from typing import TYPE_CHECKING

import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from controller.errors import ConfigurationError, MalformedDelivery, SignatureError
from controller.sansio.webhook import (
    CallOffered,
    Secret,
    Signed,
    Unhandled,
    decode_secrets,
    is_stale,
    parse,
    staleness,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


any_text = st.text(st.characters(exclude_categories=[]), max_size=60)
any_headers = st.dictionaries(
    st.sampled_from(["webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE", "webhook-signature"])
    | any_text,
    any_text
    | st.sampled_from(["wh_1", "1750861210", "v1," + mac(b"")])
    | st.integers().map(str)
    | any_text.map("v1,".__add__),
)


@given(headers=any_headers, body=st.binary(max_size=100), now=st.floats(0, 4e9))
def test_arbitrary_input_raises_signature_error_and_nothing_else(
    headers: dict[str, str], body: bytes, now: float
) -> None:
    with contextlib.suppress(SignatureError):
        result = verify(headers, body, secrets=[SECRET], now=now)
        assert signed(body)["webhook-signature"] in headers.values()
        assert result.webhook_id == "wh_1"


@given(timestamp=any_text | st.from_regex(r"\A[0-9_+. -]{1,30}\Z"))
def test_any_signed_timestamp_gives_a_result_or_signature_error(timestamp: str) -> None:
    try:
        headers = signed(timestamp=timestamp)
    except UnicodeEncodeError:  # a surrogate that no header can carry
        headers = signed() | {"webhook-timestamp": timestamp}
    try:
        result = verify(headers, BODY, secrets=[SECRET], now=NOW)
    except SignatureError:
        return
    assert abs(result.webhook_timestamp - NOW) <= 300


# The event


def incoming(**changes: object) -> dict[str, object]:
    return {
        "object": "event",
        "id": "evt_1",
        "type": "realtime.call.incoming",
        "created_at": 1750861200,
        "data": {
            "call_id": "rtc_u0_abc-123",
            "sip_headers": [
                {"name": "From", "value": "<sip:+12025550142@trunk.example.net>"},
                {"name": "From", "value": "again"},
            ],
        },
    } | changes


def incoming_data(**changes: object) -> dict[str, object]:
    data = incoming()["data"]
    assert isinstance(data, dict)
    return incoming(data=data | changes)


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def malformed(body: bytes) -> str:
    with pytest.raises(MalformedDelivery) as refused:
        parse(body)
    return refused.value.reason


def test_incoming_call_is_read_with_order_and_repeats_of_its_headers() -> None:
    assert parse(encoded(incoming())) == CallOffered(
        event_id="evt_1",
        created_at=1750861200,
        provider_id="rtc_u0_abc-123",
        sip_headers=(("From", "<sip:+12025550142@trunk.example.net>"), ("From", "again")),
        sip_media_security=None,
    )


@pytest.mark.parametrize(
    ("found", "read"), [("rtp", "rtp"), ("srtp", "srtp"), ("dtls\n", "dtls?"), (None, None)]
)
def test_media_security_takes_words_of_the_future(found: str | None, read: str | None) -> None:
    event = parse(encoded(incoming_data(sip_media_security=found)))

    assert isinstance(event, CallOffered)
    assert event.sip_media_security == read


def test_unknown_keys_are_tolerated_at_every_level() -> None:
    headers = [{"name": "To", "value": "x", "index": 1}]
    document = incoming_data(sip_headers=headers, region="eu") | {"livemode": True}

    event = parse(encoded(document))

    assert isinstance(event, CallOffered)
    assert event.sip_headers == (("To", "x"),)


def test_call_without_any_header_is_still_a_call() -> None:
    event = parse(encoded(incoming_data(sip_headers=[])))

    assert isinstance(event, CallOffered)
    assert event.sip_headers == ()


def test_repr_of_an_offer_shows_no_header() -> None:
    assert "0142" not in repr(parse(encoded(incoming())))


@pytest.mark.parametrize(
    "event_type",
    ["live.transport.incoming", "live.call.incoming", "response.completed", "", "Realtime.Call"],
)
def test_other_types_are_never_read_further(event_type: str) -> None:
    body = encoded({"type": event_type, "id": 7, "created_at": None, "data": ["call_id", {}]})

    assert parse(body) == Unhandled(event_type)


def test_type_is_made_fit_for_logs() -> None:
    assert parse(encoded({"type": "a\nb é" + "c" * 100})) == Unhandled("a?b??" + "c" * 59)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"type":"x","y":"\xff"}', "not_utf8"),
        (b"\xff", "not_utf8"),
        (b'\xef\xbb\xbf{"type":"x"}', "not_json"),
        (b"", "not_json"),
        (b"type=x", "not_json"),
        (b'{"type":"x"', "not_json"),
        (b'{"type":"x"} {}', "not_json"),
        (b'{"type":"x","y":NaN}', "not_json"),
        (b'{"type":"x","y":"\\ud800"}', "not_json"),
        (b"[]", "not_an_event"),
        (b'[{"type":"x"}]', "not_an_event"),
        (b"null", "not_an_event"),
        (b'"realtime.call.incoming"', "not_an_event"),
        (b"{}", "not_an_event"),
        (b'{"type":null}', "not_an_event"),
        (b'{"type":1}', "not_an_event"),
        (b'{"type":["realtime.call.incoming"]}', "not_an_event"),
        (b'{"type":"x","y":' + b"[" * 60_000 + b"]" * 60_000 + b"}", "nested_too_deeply"),
        (b"[" * 60_000, "not_an_event"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    assert malformed(body) == reason


@pytest.mark.parametrize(
    "document",
    [
        incoming(id=None),
        incoming(id=""),
        incoming(id="evt 1"),
        incoming(id="e" * 257),
        incoming(created_at="1750861200"),
        incoming(created_at=1750861200.5),
        incoming(created_at=True),
        incoming(created_at=-1),
        incoming(created_at=10**30),
        incoming(created_at=None),
        incoming(data=None),
        incoming(data=[]),
        incoming_data(call_id=123),
        incoming_data(call_id=None),
        incoming_data(call_id=""),
        incoming_data(call_id="../files"),
        incoming_data(call_id="rtc_1\n"),
        incoming_data(call_id="rtc_é"),
        incoming_data(call_id="r" * 129),
        incoming_data(sip_headers=None),
        incoming_data(sip_headers={"From": "x"}),
        incoming_data(sip_headers=["From: x"]),
        incoming_data(sip_headers=[{"name": "From"}]),
        incoming_data(sip_headers=[{"value": "x"}]),
        incoming_data(sip_headers=[{"name": "From", "value": None}]),
        incoming_data(sip_headers=[{"name": 1, "value": "x"}]),
        incoming_data(sip_media_security=1),
        {"type": "realtime.call.incoming"},
    ],
)
def test_incoming_call_of_another_shape_is_refused(document: object) -> None:
    assert malformed(encoded(document)) == "unexpected_shape"


def test_cause_of_a_refused_body_names_the_place_and_no_value() -> None:
    with pytest.raises(MalformedDelivery) as refused:
        parse(encoded(incoming_data(call_id="+12025550142")))

    assert isinstance(refused.value.__cause__, msgspec.ValidationError)
    assert "$.data.call_id" in str(refused.value.__cause__)
    assert "0142" not in str(refused.value.__cause__)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


def replacements(document: object, value: object) -> Iterable[object]:
    """Yield the document with one of its parts replaced, for each part."""
    yield value
    if isinstance(document, dict):
        for key, part in document.items():
            for changed in replacements(part, value):
                yield document | {key: changed}


@given(value=json_values, body=st.binary(max_size=200))
def test_any_body_gives_an_event_or_malformed_delivery(value: object, body: bytes) -> None:
    for candidate in (body, *map(encoded, replacements(incoming(), value))):
        with contextlib.suppress(MalformedDelivery):
            assert isinstance(parse(candidate), CallOffered | Unhandled)


# The age


def test_age_is_between_openais_two_instants_plus_our_queue() -> None:
    assert staleness(1_000_050, 1_000_000, 2.5) == 52.5


def test_event_from_the_senders_future_and_a_clock_that_ran_back_count_as_no_wait() -> None:
    assert staleness(1_000_000, 1_000_900, -5.0) == 0.0
    assert staleness(1_000_000, 1_000_900, 61.0) == 61.0


@pytest.mark.parametrize(
    ("sent", "queued", "stale"),
    [(60, 0.0, False), (60, 0.5, True), (61, 0.0, True), (0, 60.0, False), (0, 60.01, True)],
)
def test_call_is_stale_after_more_than_a_minute(*, sent: int, queued: float, stale: bool) -> None:
    assert is_stale(1_000_000 + sent, 1_000_000, queued) is stale
