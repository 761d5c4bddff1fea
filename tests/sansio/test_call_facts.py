from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import SignatureError
from controller.sansio.call_facts import FACTS_HEADER, delivery_id, signed_headers
from controller.sansio.http_tool import HttpRequest
from controller.sansio.webhook import Signed, decode_secrets, verify

NOW = 1_800_000_000.7
OLD, NEW = (
    decode_secrets("whsec_" + base64.b64encode(bytes([number]) * 32).decode())[0]
    for number in (1, 2)
)
FACTS = {
    "call_id": "018f",
    "sip_call_id": None,
    "caller_shown": "+12025550101",
    "agent": "Zo\u00eb",
    "tool_call_id": "call_1",
}
GET = HttpRequest("GET", "https://api.example.com/free?day=friday", ())
POST = HttpRequest("POST", "https://api.example.com/book", (), b'{"day":"friday"}')


def proof(request: HttpRequest, **more: Any) -> dict[str, str]:
    return dict(signed_headers(request, FACTS, **{"secrets": [NEW], "now": NOW, **more}))


def test_the_facts_and_what_was_asked_for_are_proved() -> None:
    headers = proof(GET)

    value = headers[FACTS_HEADER]
    verify(headers, value.encode(), secrets=[NEW], now=NOW)
    assert value.isascii()
    assert json.loads(value) == FACTS | {"request": "GET https://api.example.com/free?day=friday"}


def test_a_body_is_proved_as_well() -> None:
    headers = proof(POST)

    assert POST.body is not None
    verify(headers, POST.body, secrets=[NEW], now=NOW)
    verify(headers, headers[FACTS_HEADER].encode(), secrets=[NEW], now=NOW)


@pytest.mark.parametrize("body", [b"", b'{"day":"saturday"}'])
def test_another_body_is_not(body: bytes) -> None:
    for request in (GET, POST):
        with pytest.raises(SignatureError, match="mismatch"):
            verify(proof(request), body, secrets=[NEW], now=NOW)


def test_during_a_rotation_both_secrets_sign() -> None:
    headers = proof(POST, secrets=[OLD, NEW])

    assert POST.body is not None
    for payload in (POST.body, headers[FACTS_HEADER].encode()):
        for secret in (OLD, NEW):
            assert verify(headers, payload, secrets=[secret], now=NOW) == Signed(
                delivery_id("018f", "call_1"), int(NOW), 0
            )


def test_without_a_secret_no_facts_are_sent() -> None:
    assert proof(GET, secrets=[]) == {}


def test_each_attempt_has_its_time_and_the_same_id() -> None:
    first, second = proof(GET), proof(GET, now=NOW + 10)

    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) == int(first["webhook-timestamp"]) + 10
    with pytest.raises(SignatureError, match="too_old"):
        verify(first, first[FACTS_HEADER].encode(), secrets=[NEW], now=NOW + 301)


def test_an_id_belongs_to_one_tool_call() -> None:
    ids = {delivery_id(call, tool) for call in ("1", "2", "1\n2", "") for tool in ("1", "2", "\n")}

    assert len(ids) == 12
    assert all(each.startswith("tool_") and "." not in each for each in ids)


@given(st.dictionaries(st.text(), st.none() | st.text(), max_size=5))
def test_no_fact_breaks_a_header(facts: dict[str, str | None]) -> None:
    facts = {"call_id": "1", "tool_call_id": None, **facts}
    headers = dict(signed_headers(GET, facts, secrets=[NEW], now=NOW))

    assert all(" " <= character <= "~" for value in headers.values() for character in value)
    verify(headers, headers[FACTS_HEADER].encode(), secrets=[NEW], now=NOW)
