"""What a verified body says, and whether it still matters."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import MalformedDelivery
from controller.sansio.webhook import CallOffered, Unhandled, parse, staleness

if TYPE_CHECKING:
    from collections.abc import Iterable


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
