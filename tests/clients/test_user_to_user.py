from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.calls import ports
from controller.clients.user_to_user import MIN_SECRET_BYTES, Encoding, Handover
from controller.errors import ConfigurationError
from controller.sansio.sip import SipHeaders, parse_uri

SECRET = bytes(range(MIN_SECRET_BYTES))
NOW = 1_800_000_000.0
CALL = {"call_id": "018f3a52-7c1e-7d20-9f00-0123456789ab"}
ADDRESS = "sip:+12025550123@trunk.example.net"


class Clock:
    def now(self) -> float:
        return NOW


def handover(limit_bytes: int = 2048, **more: Any) -> ports.Handover:
    return Handover(SECRET, limit_bytes=limit_bytes, lifetime=300.0, clock=Clock(), **more)


def value_in(uri: str | None) -> str:
    """Return the header's value as the network would carry it."""
    assert uri is not None
    ((_, value),) = [
        pair.split("=")
        for pair in uri.partition("?")[2].split("&")
        if pair.startswith("User-to-User=")
    ]
    headers = SipHeaders.read([("User-to-User", unquote(value))])
    return headers.first("user-to-user") or ""


def claims_in(uri: str | None) -> Any:
    """Do what a receiver does."""
    content, _, encoding = value_in(uri).partition(";encoding=")
    token = bytes.fromhex(content).decode() if encoding == "hex" else content
    assert jwt.get_unverified_header(token) == {"alg": "HS256"}
    return jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})


def test_the_context_travels_in_the_address() -> None:
    uri = handover().uri(ADDRESS, CALL | {"caller": "+12025550101"})

    assert uri is not None
    assert uri.startswith(f"{ADDRESS}?User-to-User=")
    assert uri.endswith("%3Bencoding%3Dhex")
    assert claims_in(uri) == CALL | {"caller": "+12025550101", "exp": NOW + 300}


def test_the_address_is_still_the_same() -> None:
    uri = handover().uri(f"{ADDRESS};transport=tls", CALL)

    assert uri is not None
    assert parse_uri(uri) == parse_uri(f"{ADDRESS};transport=tls")


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        ("sips:reception@pbx.example.net", "sips:reception@pbx.example.net?User-to-User="),
        ("SIP:pbx.example.net", "SIP:pbx.example.net?User-to-User="),
        ("sip:a?b@pbx.example.net", "sip:a?b@pbx.example.net?User-to-User="),
        ("sip:a@b.example?", "sip:a@b.example?User-to-User="),
        ("sip:a@b.example?X-A=1&X-B=2", "sip:a@b.example?X-A=1&X-B=2&User-to-User="),
    ],
)
def test_what_the_address_had_is_kept(address: str, begins: str) -> None:
    uri = handover().uri(address, CALL)

    assert uri is not None
    assert uri.startswith(begins)


@pytest.mark.parametrize(
    "address",
    ["tel:+12025550123", "sip:a@b.example?user-to-user=x", "sip:a@b.example?X=1&User-to-User=x"],
)
def test_an_address_that_can_carry_no_context_is_left_alone(address: str) -> None:
    assert handover().uri(address, CALL) is None


@pytest.mark.parametrize(("encoding", "length"), [("hex", 323), ("jwt", 168)])
def test_the_lengths_that_the_documentation_names(encoding: Encoding, length: int) -> None:
    exact = handover(length, encodings=(encoding,))
    assert len(value_in(exact.uri(ADDRESS, CALL))) == length
    assert handover(length - 1, encodings=(encoding,)).uri(ADDRESS, CALL) is None


def test_where_hexadecimal_does_not_fit_the_token_goes_as_it_is() -> None:
    uri = handover(256).uri(ADDRESS, CALL)

    assert value_in(uri).endswith(";encoding=jwt")
    assert claims_in(uri) == CALL | {"exp": NOW + 300}


def test_what_matters_least_is_left_out_first() -> None:
    claims = CALL | {"caller": "+12025550101", "reason": "x" * 60}

    assert set(claims_in(handover(256).uri(ADDRESS, claims))) == {"call_id", "caller", "exp"}
    assert set(claims_in(handover(190).uri(ADDRESS, claims))) == {"call_id", "exp"}


def test_without_claims_there_is_nothing_to_hand_over() -> None:
    assert handover().uri(ADDRESS, {}) is None


def test_the_expiry_is_ours() -> None:
    assert claims_in(handover().uri(ADDRESS, {"exp": 1}))["exp"] == NOW + 300


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has 31 bytes"):
        Handover(SECRET[1:], limit_bytes=256, lifetime=300.0, clock=Clock())


@given(st.dictionaries(st.text(), st.text() | st.integers()), st.integers(0, 1000))
def test_any_context_fits_or_is_left_out(claims: dict[str, Any], limit: int) -> None:
    uri = handover(limit).uri(ADDRESS, claims)
    if uri is not None:
        assert uri.isascii()
        assert uri.isprintable()
        assert len(value_in(uri)) <= limit
        carried = claims_in(uri)
        assert carried.items() <= (claims | {"exp": NOW + 300}).items()
